import json
import zipfile

import numpy as np
import pytest
from PIL import Image

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError, RunError, ShapeError
from tinyconv.features import Layer, capture, dump_features, load_features, parse_channels, save_features
from tinyconv.features.folders import file_name
from tinyconv.models.receptive_field import ReceptiveField


@pytest.fixture
def model():
    tc.manual_seed(1)
    layers = [
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 3),
        nn.Flatten(),
        nn.Linear(16, 2),
    ]
    return nn.Sequential(*layers)


@pytest.fixture
def image():
    return np.random.default_rng(2).standard_normal((1, 8, 8)).astype(np.float32)


def test_what_is_archived_comes_back(tmp_path):
    arrays = {
        "conv1": np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32),
        "file": np.full((2, 7), np.nan),
    }
    layers = {
        "conv1": Layer(
            "conv1", "features.0", "conv", "Convolution2d", (3, 3), (1, 1), (0, 0), (1, 1), ReceptiveField((3, 3))
        )
    }
    images = np.ones((2, 1, 6, 7), np.float32)
    path = save_features(tmp_path / "new" / "maps.npz", arrays, layers, images, {"seed": 4, "epochs": [0, 1]})
    found = load_features(path)
    assert list(found.arrays) == ["conv1", "file"]
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    np.testing.assert_array_equal(found.images, images)
    assert (found.meta["seed"], found.meta["epochs"], found.meta["format_version"]) == (4, [0, 1], 1)
    described = found.meta["layers"]["conv1"]
    assert (described["kind"], described["kernel_size"], described["path"]) == ("conv", [3, 3], "features.0")
    assert described["receptive_field"] == {"size": [3, 3], "jump": [1.0, 1.0], "start": [0.0, 0.0]}


def test_numpy_alone_reads_an_archive_without_pickle(tmp_path):
    path = save_features(tmp_path / "maps.npz", {"conv1": np.eye(3)}, {}, meta={"note": "größer"})
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["conv1"], np.eye(3))
        assert json.loads(str(archive["__meta__"]))["note"] == "größer"


def test_equal_contents_make_equal_archives(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.zeros(1000)}
    paths = [save_features(tmp_path / f"{n}.npz", arrays, {}, meta={"x": 1}) for n in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with zipfile.ZipFile(paths[0]) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.npz", "1.npz"]


def test_archives_that_cannot_be_written_or_read_are_one_sentence(tmp_path):
    good = save_features(tmp_path / "good.npz", {"conv1": np.zeros(9)}, {})
    content = good.read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "foreign.npz", conv1=np.zeros(3))
    pickled = {"conv1": np.array([{}], dtype=object), "__meta__": np.array(json.dumps({"format_version": 1}))}
    np.savez(tmp_path / "pickled.npz", **pickled)
    newer = {"__meta__": np.array(json.dumps({"format_version": 99}))}
    np.savez(tmp_path / "newer.npz", **newer)
    expected = {
        "missing": "does not exist", "cut": "damaged", "text": "damaged", "foreign": "lacks '__meta__'",
        "pickled": "damaged", "newer": "format version 99",
    }  # fmt: skip
    for name, words in expected.items():
        with pytest.raises(RunError, match=words) as caught:
            load_features(tmp_path / f"{name}.npz")
        assert f"{name}.npz" in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ArgumentError, match="JSON"):
        save_features(tmp_path / "x.npz", {}, {}, meta={"seed": np.float32(1)})
    with pytest.raises(ArgumentError, match="__meta__"):
        save_features(tmp_path / "x.npz", {"__meta__": np.zeros(1)}, {})
    with pytest.raises(RunError, match=r"good\.npz"):
        save_features(good / "x.npz", {}, {})


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("7", [7]), ("0-3,8", [0, 1, 2, 3, 8]), (" 4 , 1 - 2 ", [4, 1, 2]), ("3,3,2-3", [3, 2]), ("5-5", [5])],
)
def test_channels_are_numbers_and_ranges(text, numbers):
    assert parse_channels(text) == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is not a number or a range"),
        ("1,,2", "'' is not a number or a range"),
        ("a-3", "'a-3' is not a number or a range; write for example 0-31,40"),
        ("-3", "'-3' is not"),
        ("5-2", "runs backwards; write 2-5"),
        ("0-99999999999", "larger than any layer"),
    ],
)
def test_channels_that_cannot_be_read_say_what_is_wrong(text, words):
    with pytest.raises(ArgumentError, match=words):
        parse_channels(text)


def test_a_dump_writes_a_picture_per_layer_and_all_arrays(model, image, tmp_path):
    paths = dump_features(model, image, tmp_path / "maps", epoch=3, subject="me.png", meta={"seed": 0})
    names = ["conv1", "relu1", "pool1", "conv2", "linear1"]
    assert [path.name for path in paths] == [*(f"{name}.png" for name in names), "features.npz"]
    assert all(path.is_file() for path in paths)
    with Image.open(paths[0]) as picture:
        assert picture.mode == "RGB"
    found = load_features(paths[-1])
    with tc.no_grad(), capture(model) as expected:
        model(tc.tensor(image[None]))
    assert list(found.arrays) == names
    for name in names:
        np.testing.assert_array_equal(found.arrays[name], expected[name])
    np.testing.assert_array_equal(found.images, image[None])
    assert (found.meta["epoch"], found.meta["seed"], found.meta["channels"]) == (3, 0, None)


def test_a_dump_takes_layers_channels_and_formats(model, image, tmp_path):
    paths = dump_features(model, image, tmp_path, patterns="conv*", channels="3,0-1", formats="npz")
    assert [path.name for path in paths] == ["features.npz"]
    found = load_features(paths[0])
    assert {name: array.shape[1] for name, array in found.arrays.items()} == {"conv1": 3, "conv2": 3}
    with capture(model, "conv1") as expected:
        model(tc.tensor(image[None]))
    np.testing.assert_array_equal(found.arrays["conv1"], expected["conv1"][:, [3, 0, 1]])
    assert found.meta["channels"] == [3, 0, 1]


def test_a_dump_that_cannot_be_made_writes_nothing(model, image, tmp_path):
    with pytest.raises(DimensionError, match="layer conv2 has 4 channels, numbered 0 to 3; there is no channel 4"):
        dump_features(model, image, tmp_path, channels="0-5", patterns=["conv1", "conv2"])
    with pytest.raises(DimensionError, match=r"layer conv1 has 6 channels.* no channel 6"):
        dump_features(model, image, tmp_path, channels="0-6", patterns="conv*")
    with pytest.raises(ArgumentError, match="no layer matches 'kern1'"):
        dump_features(model, image, tmp_path, patterns="kern1")
    with pytest.raises(ArgumentError, match="format 'gif' does not exist: choose png, npz, or png,npz"):
        dump_features(model, image, tmp_path, formats="png,gif")
    with pytest.raises(ArgumentError, match="choose layer, channel or standard"):
        dump_features(model, image, tmp_path, scale="shared")
    with pytest.raises(ShapeError, match=r"got \(1, 1, 8, 8\)"):
        dump_features(model, image[None], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_names_become_file_names_that_any_system_takes():
    assert file_name("features.conv1_2") == "features.conv1_2"
    assert file_name("a/b: c*?") == "a-b-c"
    assert file_name("..") == "unnamed"
    assert file_name("Zoë") == "Zoë"
