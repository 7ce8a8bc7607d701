"""MNIST and what comes in its format, IDX: four bytes that name type and dimensions, the lengths, then the numbers.

[0, 0, 8 (uint8), number of dimensions] [length of each, 32 bits, most significant byte first] [uint8 ...]
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import DataError

UNSIGNED_BYTE = 8
GZIP_MARK = b"\x1f\x8b"
SUBFOLDERS = (".", "raw", "MNIST/raw", "FashionMNIST/raw")  # the latter as torchvision leaves them


def read_idx(path: Path, dimensions: int) -> Array:
    """The uint8 array in the IDX file ``path``, gzipped or not. Raises ``DataError``, naming the file."""
    try:
        content = path.read_bytes()
        if content.startswith(GZIP_MARK):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({' '.join(str(error).split())})") from None
    head = 4 + 4 * dimensions
    if len(content) < head or content[:4] != bytes((0, 0, UNSIGNED_BYTE, dimensions)):
        raise DataError(f"{path} is no IDX file of uint8 numbers in {dimensions} dimensions: its first bytes differ")
    shape = struct.unpack(f">{dimensions}I", content[4:head])
    held = len(content) - head
    if held != np.prod(shape, dtype=object):
        raise DataError(f"{path} is damaged: it should hold {'x'.join(map(str, shape))} bytes and holds {held}")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def read_mnist(folder: Path) -> tuple[Array, Array, int]:
    """Images (N, H, W), labels (N,), and how many of them, at the end, are the test images; from the four files."""
    parts = {}
    for part in ("train", "t10k"):
        images = read_idx(_file(folder, part, "images", 3), 3)
        labels = read_idx(_file(folder, part, "labels", 1), 1)
        if len(images) != len(labels):
            raise DataError(f"{folder}: {part} has {len(images)} images but {len(labels)} labels")
        parts[part] = images, labels
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts.values(), strict=True))
    return images, labels, len(parts["t10k"][1])


def _file(folder: Path, part: str, what: str, dimensions: int) -> Path:
    for inner in SUBFOLDERS:
        for separator in "-.":
            for suffix in ("", ".gz"):
                path = folder / inner / f"{part}-{what}{separator}idx{dimensions}-ubyte{suffix}"
                if path.is_file():
                    return path
    raise DataError(f"{folder} has no file {part}-{what}-idx{dimensions}-ubyte, gzipped (.gz) or not")
