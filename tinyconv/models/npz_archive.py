"""Weights as NumPy's ``.npz``: a zip archive with one ``.npy`` file for each array, and the metadata as another.

Written here and not by ``numpy.savez``, which takes the name ``file`` for an argument of its own, and whose bytes may
depend on the clock. Read by NumPy, which is told to open no pickles.
"""

from __future__ import annotations

import io
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from tinyconv.core import dtypes
from tinyconv.core.arrays import Array
from tinyconv.core.errors import DTypeError, RunError

METADATA = "__metadata__"
"""The entry that holds the metadata, a JSON text as NumPy's string without dimensions."""

MAGIC = b"PK\x03\x04"

# What reading a damaged archive raises; a header of an array is read before its checksum.
_DAMAGE = (
    *(OSError, EOFError, KeyError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error),
    *(MemoryError, OverflowError, SyntaxError, tokenize.TokenError),
)


def written(arrays: dict[str, Array], metadata: str) -> bytes:
    """The archive of ``arrays`` and of the text ``metadata``, in the order of names: of equal ones equal bytes."""
    content = io.BytesIO()
    entries = {**arrays, METADATA: np.array(metadata)}
    with zipfile.ZipFile(content, "w") as archive:
        for name in sorted(entries):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, entries[name], allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())  # dated 1980, whatever the clock says
    return content.getvalue()


def is_one(content: bytes) -> bool:
    """Whether ``content`` is a zip archive of NumPy's arrays alone; PyTorch's files are such archives of others."""
    if not content.startswith(MAGIC) or content[8:9] == b"{":  # a header of safetensors whose length looks like one
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return b".npy" in content[:256]  # a damaged one, of which ``read`` says so


def read(content: bytes, file: str) -> tuple[dict[str, Array], str | None]:
    """The arrays, fresh and writable, of the archive ``content``, and its metadata if it has any.

    ``file``: for errors. Raises ``RunError`` where it is damaged or holds pickles, ``DTypeError`` for other types.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            found = {name: archive[name] for name in archive.files}
    except ValueError as error:
        if "Object arrays" in str(error):
            raise RunError(f"{file} holds Python objects, a pickle, which may hold code and is not read") from None
        raise RunError(_damaged(file, error)) from None
    except _DAMAGE as error:
        raise RunError(_damaged(file, error)) from None
    text = found.pop(METADATA, None)
    arrays = {name: _usual(array, name, file) for name, array in sorted(found.items())}
    return arrays, None if text is None else str(text)


def _usual(array: Array, name: str, file: str) -> Array:
    """``array`` in this machine's byte order."""
    try:
        dtypes.from_numpy(array.dtype.newbyteorder("="))
    except DTypeError as error:
        raise DTypeError(f"{file}: array {name!r}: {error}") from None
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _damaged(file: str, error: Exception) -> str:
    return f"weights file {file} is damaged or not a NumPy .npz file ({' '.join(str(error).split())})"
