"""MNIST, Fashion-MNIST and CIFAR-10 from local files, written here in their formats, and from OpenML."""

import gzip
import io
import struct
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest

from tinyconv.core.errors import DataError
from tinyconv.data import cifar
from tinyconv.data.sources import load

RANDOM = np.random.default_rng(0)
DIGITS = RANDOM.integers(0, 256, (12, 28, 28), np.uint8)
DIGIT_LABELS = (np.arange(12) % 10).astype(np.uint8)
PHOTOGRAPHS = RANDOM.integers(0, 256, (12, 3, 32, 32), np.uint8)
PHOTOGRAPH_LABELS = (np.arange(12) % 10).astype(np.uint8)


@pytest.fixture(autouse=True)
def without_a_network(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.getaddrinfo", refused)
    monkeypatch.setattr("socket.socket.connect", refused)


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_mnist(folder, suffix="", separator="-"):
    folder.mkdir(parents=True, exist_ok=True)
    pack = gzip.compress if suffix else bytes
    for part, chosen in (("train", slice(0, 10)), ("t10k", slice(10, 12))):
        (folder / f"{part}-images{separator}idx3-ubyte{suffix}").write_bytes(pack(idx(DIGITS[chosen])))
        (folder / f"{part}-labels{separator}idx1-ubyte{suffix}").write_bytes(pack(idx(DIGIT_LABELS[chosen])))


def check_digits(data, classes=tuple("0123456789")):
    np.testing.assert_allclose(data.images[:, 0], DIGITS / np.float32(255))
    assert data.images.dtype == np.float32
    assert data.labels.tolist() == DIGIT_LABELS.tolist()
    assert data.classes == classes
    assert data.held_out.tolist() == [10, 11]


@pytest.mark.parametrize(
    ("inner", "suffix", "separator"), [("", "", "-"), ("", ".gz", "-"), ("", "", "."), ("MNIST/raw", ".gz", "-")]
)
def test_mnist_is_read_from_its_four_files(tmp_path, inner, suffix, separator):
    write_mnist(tmp_path / inner, suffix, separator)
    data = load(f"mnist:{tmp_path}")
    check_digits(data)
    assert (data.name, data.mirror) == ("mnist", False)


def test_fashion_mnist_is_found_where_debian_puts_it(tmp_path, monkeypatch):
    write_mnist(tmp_path, ".gz")
    monkeypatch.setattr("tinyconv.data.classics.DEBIAN_FASHION_MNIST", tmp_path)
    data = load("fashion-mnist")
    assert data.classes[9] == "ankle boot"
    assert (data.name, data.mirror) == ("fashion-mnist", True)
    check_digits(data, data.classes)


def test_mnist_is_read_from_an_npz_file_of_keras(tmp_path):
    path = tmp_path / "mnist.npz"
    parts = {"train": slice(0, 10), "test": slice(10, 12)}
    np.savez(
        path,
        **{f"x_{part}": DIGITS[chosen] for part, chosen in parts.items()},
        **{f"y_{part}": DIGIT_LABELS[chosen] for part, chosen in parts.items()},
    )
    check_digits(load(f"mnist:{path}"))
    check_digits(load(f"npz:{path}"))
    assert load(f"fashion-mnist:{path}").classes[0] == "T-shirt/top"


def test_images_are_resized_on_request(tmp_path):
    write_mnist(tmp_path)
    assert load(f"mnist:{tmp_path}", (14, 16)).images.shape == (12, 1, 14, 16)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda content: content[:-1], "damaged: it should hold 10x28x28 bytes and holds 7839"),
        (lambda content: content + b"0", "holds 7841"),
        (lambda content: b"\0\0\x0d" + content[3:], "no IDX file of uint8"),
        (lambda content: content[:9], "no IDX file"),
        (lambda content: gzip.compress(content)[:-9], "cannot be read"),
    ],
    ids=["short", "long", "another type", "cut in its head", "cut when gzipped"],
)
def test_a_damaged_file_is_named(tmp_path, damage, complaint):
    write_mnist(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=complaint) as caught:
        load(f"mnist:{tmp_path}")
    assert str(file) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="has no file t10k-labels-idx1-ubyte, gzipped"):
        load(f"mnist:{tmp_path}")


def test_a_label_beyond_the_classes_is_refused(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.array([1, 10], np.uint8)))
    with pytest.raises(DataError, match="a label 10"):
        load(f"mnist:{tmp_path}")


def cifar_files():
    records = np.concatenate([PHOTOGRAPH_LABELS[:, None], PHOTOGRAPHS.reshape(12, -1)], axis=1)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    return {name: records[2 * number : 2 * number + 2].tobytes() for number, name in enumerate(names)}


def check_photographs(data):
    np.testing.assert_allclose(data.images, PHOTOGRAPHS / np.float32(255))
    assert data.labels.tolist() == PHOTOGRAPH_LABELS.tolist()
    assert data.held_out.tolist() == [10, 11]
    assert data.classes[6] == "frog"
    assert data.mirror


@pytest.mark.parametrize("inner", ["", cifar.FOLDER])
def test_cifar10_is_read_from_a_folder(tmp_path, inner):
    (tmp_path / inner).mkdir(exist_ok=True)
    for name, content in cifar_files().items():
        (tmp_path / inner / name).write_bytes(content)
    check_photographs(load(f"cifar10:{tmp_path}"))


def archive(path, files, folder=cifar.FOLDER):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_cifar10_is_read_from_its_archive(tmp_path):
    check_photographs(load(f"cifar10:{archive(tmp_path / 'cifar-10-binary.tar.gz', cifar_files())}"))


def test_the_pickles_of_cifar10_are_not_read(tmp_path):
    path = archive(tmp_path / "cifar-10-python.tar.gz", {"test_batch": b""}, "cifar-10-batches-py")
    (tmp_path / "test_batch").write_bytes(b"")
    for where in (path, tmp_path):
        with pytest.raises(DataError, match=r"pickles .* not read; get the binary version, cifar-10-binary\.tar\.gz"):
            load(f"cifar10:{where}")


def test_what_is_wrong_with_cifar10s_files_is_said(tmp_path):
    with pytest.raises(DataError, match=r"has no test_batch\.bin"):
        load(f"cifar10:{tmp_path}")
    with pytest.raises(DataError, match="does not exist"):
        load(f"cifar10:{tmp_path / 'nowhere'}")
    (tmp_path / "text.tar").write_text("text")
    with pytest.raises(DataError, match=r"text\.tar cannot be read"):
        load(f"cifar10:{tmp_path / 'text.tar'}")
    files = cifar_files()
    damages = {"no whole number of records": files[cifar.TEST_FILE][:-1], "label 255": b"\xff" * (1 + cifar.PIXELS)}
    for complaint, content in damages.items():
        with pytest.raises(DataError, match=f"test_batch.bin is damaged.*{complaint}"):
            load(f"cifar10:{archive(tmp_path / 'broken.tar.gz', files | {cifar.TEST_FILE: content})}")


def test_openmls_rows_become_images(monkeypatch, tmp_path):
    asked = []

    def fetch_openml(name, **options):
        asked.append((name, options["data_home"]))
        rows = {"mnist_784": DIGITS, "CIFAR_10": PHOTOGRAPHS}[name].reshape(12, -1).astype(np.float64)
        return SimpleNamespace(data=rows, target=np.array([str(number % 10) for number in range(12)], object))

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    digits = load("mnist", data_home=tmp_path)
    np.testing.assert_allclose(digits.images[:, 0], DIGITS / np.float32(255))
    assert digits.held_out.tolist() == [11], "the last seventh, as 10,000 of 70,000 are"
    photographs = load("cifar10", data_home=tmp_path)
    np.testing.assert_allclose(photographs.images, PHOTOGRAPHS / np.float32(255))
    assert photographs.held_out is None
    assert asked == [("mnist_784", str(tmp_path)), ("CIFAR_10", str(tmp_path))]
