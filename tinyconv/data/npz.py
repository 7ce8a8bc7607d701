"""The user's own arrays, in a NumPy ``.npz`` file."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data.duplicates import near_duplicates
from tinyconv.data.images import ImageData

IMAGE_NAMES = ("images", "x", "X", "data")
LABEL_NAMES = ("labels", "y", "Y", "target")
PERSON_NAMES, NUMBER_NAMES = "names", "numbers"
CLASS_NAMES = ("classes", "class_names", "target_names")


def npz(path: Path, image_size: Pair | None = None) -> ImageData:
    """The images and labels in the file ``path``.

    Images (``images``, ``x``, ``X`` or ``data``): (N, H, W) gray, (N, C, H, W), or (N, H, W, C), with C = 1 or 3; where
    both readings of four dimensions fit, the first counts. uint8 and uint16 are divided by their largest value, bool
    counts as 0 and 1, floating point must lie in [0, 1].
    Labels (``labels``, ``y``, ``Y`` or ``target``): (N,), integers or strings. Class names (``classes``,
    ``class_names`` or ``target_names``), if given, are indexed by the labels; without them the distinct labels in
    sorted order are the classes. ``mirror`` is false, because nobody can know.
    Photographs of people may have ``names`` instead of labels, one string per image, and the ``numbers`` of each
    person's photographs: near duplicates are looked for among those. ``x_train``, ``y_train``, ``x_test`` and
    ``y_test`` (Keras's layout) are joined, and the test images held out.
    Raises ``DataError`` with the array's name and what is wrong with it.
    """
    arrays = read(path)
    if "x_train" in arrays:
        return _train_and_test(arrays, path, image_size)
    images = images_in(arrays, path)
    people = PERSON_NAMES in arrays and not any(name in arrays for name in LABEL_NAMES)
    label_key = PERSON_NAMES if people else _key(arrays, LABEL_NAMES, path, "labels")
    names = next((arrays[key] for key in CLASS_NAMES if key in arrays), None)
    labels, classes = _labels(arrays[label_key], names, f"{path}: {label_key}")
    if len(images) != len(labels):
        raise DataError(f"{path}: {len(images)} images but {len(labels)} labels; there must be one label per image")
    if len(classes) < 2:
        raise DataError(f"{path}: one class only ({', '.join(classes)}); telling classes apart takes at least two")
    data = ImageData(str(path), images, labels, classes, f"arrays in {path}", False)
    if people:
        numbers = arrays.get(NUMBER_NAMES, np.arange(len(labels)))
        if len(numbers) == len(labels):
            data.names = tuple(f"{classes[label]} {number}" for label, number in zip(labels, numbers, strict=True))
        data.groups = near_duplicates(images, labels)
    return data.resized(image_size)


def _train_and_test(arrays: dict[str, Array], path: Path, image_size: Pair | None) -> ImageData:
    wanted = ("x_train", "y_train", "x_test", "y_test")
    if missing := [name for name in wanted if name not in arrays]:
        raise DataError(f"{path} has x_train but no {missing[0]}; it needs {', '.join(wanted)}")
    parts = []
    for part in ("train", "test"):
        images, labels = nchw(arrays[f"x_{part}"], f"{path}: x_{part}"), arrays[f"y_{part}"]
        if len(images) != len(labels):
            raise DataError(f"{path}: {len(images)} images but {len(labels)} labels in x_{part} and y_{part}")
        parts.append((unit_range(images, f"{path}: x_{part}"), labels.reshape(len(labels), -1)))
    if parts[0][0].shape[1:] != parts[1][0].shape[1:]:
        raise DataError(f"{path}: images of x_train and x_test differ in shape")
    images, columns = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    labels, classes = _labels(columns[:, 0] if columns.shape[1] == 1 else columns, None, f"{path}: y_train and y_test")
    held_out = np.arange(len(parts[0][0]), len(images))
    data = ImageData(str(path), images, labels, classes, f"arrays in {path}", False, held_out=held_out)
    return data.resized(image_size)


def read(path: Path) -> dict[str, Array]:
    """The arrays in the file ``path``. Raises ``DataError`` where it is missing, damaged, or holds no plain arrays."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; write folder:{path} if it holds images")
    try:
        # Opened here, because NumPy leaves a file open that turns out to be no archive.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.lib.npyio.NpzFile):
                return {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        raise DataError(f"file {path} does not exist") from None
    except ValueError as error:
        if "Object arrays" in str(error):
            raise DataError(f"{path} holds Python objects, which are not read for safety; save plain arrays") from None
        raise DataError(f"{path} is not a NumPy .npz file") from None
    except (OSError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or not a NumPy .npz file ({' '.join(str(error).split())})") from None
    raise DataError(f"{path} holds a single array (.npy); save images and labels together with numpy.savez")


def images_in(arrays: dict[str, Array], path: Path) -> Array:
    """The images among ``arrays``, float32 (N, C, H, W) in [0, 1]. Raises ``DataError``, which names ``path``."""
    key = _key(arrays, IMAGE_NAMES, path, "images")
    return unit_range(nchw(arrays[key], f"{path}: {key}"), f"{path}: {key}")


def _key(arrays: dict[str, Array], names: tuple[str, ...], path: Path, what: str) -> str:
    for name in names:
        if name in arrays:
            return name
    held = ", ".join(arrays) or "nothing"
    raise DataError(f"{path} has no array of {what}: name it {' or '.join(names)} (the file holds: {held})")


def nchw(images: Array, what: str) -> Array:
    """Images (N, H, W), (N, C, H, W) or (N, H, W, C) as (N, C, H, W). Raises ``DataError``, which names ``what``."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim != 4:
        raise DataError(f"{what} has shape {images.shape}; images are (N, H, W), (N, C, H, W) or (N, H, W, C)")
    if images.shape[1] not in (1, 3):
        if images.shape[3] not in (1, 3):
            raise DataError(f"{what} has shape {images.shape}: neither dimension 1 nor 3 is a channel count (1 or 3)")
        images = images.transpose(0, 3, 1, 2)
    if images.size == 0:
        raise DataError(f"{what} is empty: shape {images.shape}")
    return images


def unit_range(images: Array, what: str) -> Array:
    """Images of bytes, 16 bits, truth values or fractions as float32 in [0, 1]. Raises ``DataError`` for others."""
    if images.dtype in (np.uint8, np.uint16):
        return images.astype(np.float32) / np.float32(np.iinfo(images.dtype).max)
    if images.dtype == np.bool_:
        return images.astype(np.float32)
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"{what} has type {images.dtype}; use uint8, or floating point in [0, 1]")
    low, high = images.min(), images.max()
    if np.isnan(low):
        raise DataError(f"{what} contain NaN; replace it by a value in [0, 1]")
    if low < 0 or high > 1:
        raise DataError(f"{what} runs from {low:g} to {high:g}; floating-point images lie in [0, 1] (divide by 255?)")
    return images.astype(np.float32)


def _labels(labels: Array, names: Array | None, what: str) -> tuple[Array, tuple[str, ...]]:
    """Labels as int64 indices, and the names they stand for."""
    if labels.ndim != 1:
        raise DataError(f"{what} has shape {labels.shape}; labels are one number or string per image: (N,)")
    if labels.dtype.kind not in "iuUb":
        way_out = "; convert with .astype(int)" if labels.dtype.kind == "f" else ""
        raise DataError(f"{what} has type {labels.dtype}; labels are integers or strings{way_out}")
    if names is None:
        distinct, indices = np.unique(labels, return_inverse=True)
        return indices.astype(np.int64), tuple(str(value) for value in distinct)
    classes = tuple(str(name) for name in np.atleast_1d(names))
    allowed: Array = np.array(classes) if labels.dtype.kind == "U" else np.arange(len(classes))
    strangers = np.setdiff1d(labels, allowed)
    if strangers.size:
        raise DataError(
            f"{what} contains {strangers[0]}, which is none of the {len(classes)} classes; with class names, labels "
            f"are those names or 0 to {len(classes) - 1}"
        )
    if labels.dtype.kind == "U":
        index = {name: position for position, name in enumerate(classes)}
        return np.array([index[str(label)] for label in labels], np.int64), classes
    return labels.astype(np.int64), classes
