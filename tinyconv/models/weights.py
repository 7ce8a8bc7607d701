"""``tc.save`` and ``tc.load``: state dicts and checkpoints as safetensors files, or as NumPy's ``.npz``.

A flat dictionary of tensors is a plain safetensors file, which every reader of that format opens. Anything nested is
one too, with its structure as JSON in the file's metadata. A path that ends in ``.npz`` is an archive of the same
arrays, which NumPy alone reads. Nothing here can run code that a file contains, which is what loading a pickle does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError, DTypeError, MissingFileError, RunError, UnsupportedError
from tinyconv.core.transfer import placed, to_host
from tinyconv.models import npz_archive
from tinyconv.models.structure import Writer, restore
from tinyconv.ops.tensor import Tensor
from tinyconv.utils.files import write_atomically

METADATA_KEY = "tinyconv"
"""All metadata is one JSON text under this key: safetensors writes several keys in an order that changes by the run."""

STRUCTURE_KEY = "structure of the saved object"
"""The entry of that JSON in which a nested object's structure is kept."""

File = str | os.PathLike[str] | IO[bytes]

CONVERT = (
    "in PyTorch, write it anew with safetensors.torch.save_file(torch.load(path, map_location='cpu'), "
    "'weights.safetensors'), for a state dict"
)


def save(obj: Any, f: File, metadata: Mapping[str, Any] | None = None) -> None:
    """Write ``obj`` to the file ``f``, a path or an open binary file, without pickle.

    ``obj``: a state dict, as ``module.state_dict()`` gives it, becomes an ordinary safetensors file; with a path that
    ends in ``.npz``, an archive for ``numpy.load``, an array for each name. Dictionaries,
    lists and tuples of tensors, NumPy arrays, numbers, strings, True, False and None, nested as they may be, come back
    exactly as they were; so ``{"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}`` is a
    checkpoint. Tensors are written without their gradients and graph, one that is there twice two times.
    ``metadata``: anything that JSON expresses, which ``tinyconv.models.weights.load_metadata`` reads.

    A file appears whole or not at all; equal contents make equal bytes.

    Shape: any.
    Dtype: any; tensors keep theirs.
    Raises: ``UnsupportedError``, with the key path, for what would need pickle; ``RunError`` where the file cannot be
        written; ``ArgumentError`` for metadata that JSON does not express.

    >>> import io
    >>> file = io.BytesIO()
    >>> tc.save({"weights": [tc.ones(2)], "epoch": 3, "best": float("inf")}, file)
    >>> _ = file.seek(0)
    >>> tc.load(file)["best"]
    inf
    """
    from safetensors.numpy import save as serialize

    if not isinstance(f, str | os.PathLike) and not callable(getattr(f, "write", None)):
        raise UnsupportedError(f"save: f is a {type(f).__name__}; give a path, or a file opened in mode 'wb'")
    noted: dict[str, Any] = dict(metadata or {})
    if STRUCTURE_KEY in noted:
        raise ArgumentError(f"save: metadata may not have the key {STRUCTURE_KEY!r}, which nested objects use")
    if _is_flat(obj):
        entries = dict(obj)
    else:
        writer = Writer()
        noted[STRUCTURE_KEY] = writer.tree(obj)
        entries = writer.arrays
    arrays = {name: _contiguous(name, value) for name, value in entries.items()}
    try:
        text = json.dumps(noted, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"save: the metadata cannot be expressed in JSON ({error})") from None
    if isinstance(f, str | os.PathLike) and Path(f).suffix.lower() == ".npz":
        content = npz_archive.written(arrays, text)
    else:
        content = serialize(arrays, metadata={METADATA_KEY: text})
    if isinstance(f, str | os.PathLike):
        write_atomically(Path(f), content)
    else:
        f.write(content)


def load(f: File, map_location: str | Device | None = None, *, weights_only: bool = True) -> Any:
    """What ``tc.save`` wrote to ``f``, a path or an open binary file.

    From another writer's safetensors or ``.npz`` file, the dictionary of its tensors. What kind of file it is shows in
    its first bytes, not in its name.

    ``map_location``: the device to put tensors on, by default the CPU. ``weights_only=True`` is PyTorch's promise that
    no code of the file's runs, which always holds here.

    Shape: any.
    Dtype: any; tensors keep theirs.
    Raises: ``MissingFileError`` if the file is not there, ``RunError`` if it is damaged or of another format, such as
        PyTorch's own, with the way to convert it; ``DTypeError`` for tensors of a type that tinyconv lacks;
        ``UnsupportedError`` for ``weights_only=False``, and a ``map_location`` that is no device.

    >>> import io
    >>> file = io.BytesIO()
    >>> tc.save(nn.Linear(2, 1).state_dict(), file)
    >>> _ = file.seek(0)
    >>> sorted(tc.load(file))
    ['bias', 'weight']
    """
    if not weights_only:
        raise UnsupportedError("load: weights_only=False would run code from the file, which tinyconv never does")
    if callable(map_location) or isinstance(map_location, Mapping):
        raise UnsupportedError("load: map_location is a device, such as 'cpu'; functions and mappings are not offered")
    device = Device(map_location or "cpu")
    arrays, raw = _read(f)
    metadata = _own_metadata(f, raw)

    def tensor(array: Array) -> Tensor:
        return Tensor(placed(layout.ordered(array), device), device)

    if STRUCTURE_KEY not in metadata:
        return {name: tensor(array) for name, array in arrays.items()}
    try:
        return restore(metadata[STRUCTURE_KEY], arrays, tensor)
    except RunError as error:
        raise RunError(f"weights file {_name(f)} is damaged: {error}") from None


def load_metadata(f: File) -> dict[str, Any]:
    """The metadata that ``save`` wrote into the file ``f``; another writer's as a dictionary of strings.

    Raises: ``RunError`` where the file is missing, damaged or of another format.

    >>> from tinyconv.models.weights import load_metadata
    >>> tc.save(nn.Linear(2, 1).state_dict(), "layer.safetensors", metadata={"epoch": 3})
    >>> load_metadata("layer.safetensors")["epoch"]
    3
    """
    _, raw = _read(f)
    metadata = _own_metadata(f, raw) if METADATA_KEY in raw else dict(raw)
    metadata.pop(STRUCTURE_KEY, None)
    return metadata


def _own_metadata(f: File, raw: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(raw.get(METADATA_KEY, "{}")))
    except (TypeError, ValueError, RecursionError) as error:
        raise RunError(f"weights file {_name(f)} is damaged: its metadata is no JSON object ({error})") from None


def _is_flat(obj: Any) -> bool:
    """Whether ``obj`` is a dictionary of named tensors, which is a safetensors file as it stands."""
    return isinstance(obj, Mapping) and all(
        isinstance(name, str) and name != "__metadata__" and name.isprintable() and _is_array(value)
        for name, value in obj.items()
    )


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray | np.generic)


def _contiguous(name: str, value: Any) -> Array:
    """The array to be written for ``value``: C-contiguous, for safetensors writes memory as it lies.

    Weights are stored channels-last, and it would write their bytes in that order under the other's name.
    """
    array = to_host(value.array) if isinstance(value, Tensor) else np.asarray(value)
    try:
        dtypes.from_numpy(array.dtype)  # refuses what could not be loaded again
    except DTypeError as error:
        raise DTypeError(f"save: entry {name!r}: {error}") from None
    # Unlike ascontiguousarray, this keeps arrays without dimensions as they are.
    return np.array(array, order="C", copy=True)


def _name(f: File) -> str:
    return str(f) if isinstance(f, str | os.PathLike) else str(getattr(f, "name", None) or type(f).__name__)


def _content(f: File) -> bytes:
    if not isinstance(f, str | os.PathLike):
        if not callable(getattr(f, "read", None)):
            raise UnsupportedError(f"load: f is a {type(f).__name__}; give a path, or a file opened in mode 'rb'")
        content = f.read()
        if not isinstance(content, bytes):
            raise ArgumentError(f"load: {_name(f)} gives {type(content).__name__}; open it in mode 'rb'")
        return content
    path = Path(f)
    if not path.exists():
        raise MissingFileError(f"weights file {path} does not exist")
    if path.is_dir():
        raise RunError(f"{path} is a folder; give the path of a .safetensors or .npz file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"weights file {path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def _read(f: File) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays (fresh and writable) and raw metadata of a file."""
    from safetensors import SafetensorError, deserialize

    content = _content(f)
    if npz_archive.is_one(content):
        arrays, text = npz_archive.read(content, _name(f))
        return arrays, {} if text is None else {METADATA_KEY: text}
    if content.startswith((b"PK\x03\x04", b"\x80")) and content[8:9] != b"{":  # where a header of JSON begins
        raise RunError(
            f"{_name(f)} is a pickle, as PyTorch's save makes, which may hold code and is not read; {CONVERT}"
        )
    try:
        entries = deserialize(content)  # type: ignore[no-untyped-call]
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        arrays = {name: _array(f, name, entry) for name, entry in sorted(entries, key=lambda item: item[0])}
        metadata: dict[str, Any] = header.get("__metadata__") or {}
    except (SafetensorError, UnicodeDecodeError, ValueError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"weights file {_name(f)} is damaged, or no safetensors or npz file ({reason})") from None
    return arrays, metadata


_TYPES = {"BOOL": np.bool_, "U8": np.uint8, "I32": np.int32, "I64": np.int64, "F32": np.float32, "F64": np.float64}


def _array(f: File, name: str, entry: dict[str, Any]) -> Array:
    if entry["dtype"] not in _TYPES:
        raise DTypeError(
            f"{_name(f)}: tensor {name!r} has type {entry['dtype']}; tinyconv has {', '.join(_TYPES)}; convert it"
        )
    # A bytearray of the entry's own: the array may be written to, and outlives the file.
    return np.frombuffer(entry["data"], _TYPES[entry["dtype"]]).reshape(entry["shape"])
