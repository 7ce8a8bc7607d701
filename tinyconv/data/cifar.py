"""The binary version of CIFAR-10: records of a label and the red, green and blue planes of 32x32 pixels."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import DataError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE, PIXELS = 32, 3 * 32 * 32
TRAIN_FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST_FILE = "test_batch.bin"
FOLDER = "cifar-10-batches-bin"


def read_cifar10(path: Path) -> tuple[Array, Array, int]:
    """Images (N, 3, 32, 32), labels (N,), and how many, at the end, are the test images; of a folder, or its archive.

    The version for Python is not read: its files are pickles, and opening one may run any program.
    """
    read = _from_folder(path) if path.is_dir() else _from_archive(path)
    parts = [_records(name, read(name), path) for name in (*TRAIN_FILES, TEST_FILE)]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels, len(parts[-1][1])


def _records(name: str, content: bytes, where: Path) -> tuple[Array, Array]:
    if not content or len(content) % (1 + PIXELS):
        raise DataError(
            f"{where}: {name} is damaged: {len(content)} bytes are no whole number of records of {1 + PIXELS}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    if records[:, 0].max() >= len(CLASSES):
        raise DataError(f"{where}: {name} is damaged: it has a label {records[:, 0].max()}; labels are 0 to 9")
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0]


def _from_folder(path: Path) -> Callable[[str], bytes]:
    folder = next((place for place in (path, path / FOLDER) if (place / TEST_FILE).is_file()), None)
    if folder is None:
        raise _missing(path, (path / "test_batch").is_file() or (path / "cifar-10-batches-py").is_dir())

    def read(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{folder / name} cannot be read ({error.strerror})") from None

    return read


def _from_archive(path: Path) -> Callable[[str], bytes]:
    contents: dict[str, bytes] = {}
    python_version = False
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                python_version |= name == "test_batch"
                if name in (*TRAIN_FILES, TEST_FILE) and (file := archive.extractfile(member)) is not None:
                    contents[name] = file.read()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a tar archive ({' '.join(str(error).split())})") from None
    if missing := [name for name in (*TRAIN_FILES, TEST_FILE) if name not in contents]:
        raise _missing(path, python_version, missing[0])
    return contents.__getitem__


def _missing(path: Path, python_version: bool, name: str = TEST_FILE) -> DataError:
    if python_version:
        return DataError(
            f"{path} is CIFAR-10's Python version, whose pickles may run any program and are not read; get the binary "
            "version, cifar-10-binary.tar.gz"
        )
    return DataError(
        f"{path} has no {name}; give CIFAR-10's binary version (cifar-10-binary.tar.gz, or the folder {FOLDER} in "
        "it), an .npz file, or folder:PATH for class folders of images"
    )
