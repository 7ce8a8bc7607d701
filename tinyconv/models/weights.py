"""Weights on disk: a flat dictionary of named tensors as a safetensors file.

Nothing here can run code that a file contains, which is what loading a pickle does.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError, DTypeError, RunError, UnsupportedError
from tinyconv.ops.tensor import Tensor
from tinyconv.utils.files import write_atomically

METADATA_KEY = "tinyconv"
"""All metadata is one JSON text under this key: safetensors writes several keys in an order that changes by the run."""


def save(state_dict: Any, path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Write ``state_dict`` (names to tensors, as ``module.state_dict()`` gives it) to the safetensors file ``path``.

    The file appears whole or not at all; equal contents make equal bytes. ``metadata``: anything that JSON expresses.
    Raises ``UnsupportedError`` for what would need pickle, ``RunError`` where the file cannot be written.
    """
    from safetensors.numpy import save as serialize

    target = _path(path, "save")
    if not isinstance(state_dict, Mapping):
        hint = "; save module.state_dict()" if hasattr(state_dict, "state_dict") else ""
        raise UnsupportedError(f"save takes a state dict, got {type(state_dict).__name__}{hint} (nothing is pickled)")
    arrays = {}
    for name, value in state_dict.items():
        if not isinstance(name, str):
            raise UnsupportedError(f"save: names of tensors are strings, got {name!r}")
        arrays[name] = _contiguous(name, value)
    try:
        text = json.dumps(dict(metadata or {}), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"save: the metadata cannot be expressed in JSON ({error})") from None
    write_atomically(target, serialize(arrays, metadata={METADATA_KEY: text}))


def load(path: str | Path, map_location: str | Device | None = None, *, weights_only: bool = True) -> dict[str, Tensor]:
    """The named tensors in the safetensors file ``path``; hand them to ``module.load_state_dict``.

    ``map_location``: the device to put them on, by default the CPU. ``weights_only=False`` would mean pickle, and
    raises ``UnsupportedError``. Raises ``RunError`` if the file is missing, damaged or of another format.
    """
    if not weights_only:
        raise UnsupportedError("load: weights_only=False would run code from the file, which tinyconv never does")
    if callable(map_location) or isinstance(map_location, Mapping):
        raise UnsupportedError("load: map_location is a device, such as 'cpu'; functions and mappings are not offered")
    device = Device(map_location or "cpu")
    arrays, _ = _read(_path(path, "load"))
    return {name: Tensor(layout.ordered(array), device) for name, array in arrays.items()}


def load_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata that ``save`` wrote into the file ``path``; another writer's as a dictionary of strings."""
    _, metadata = _read(_path(path, "load"))
    if METADATA_KEY not in metadata:
        return metadata
    try:
        return dict(json.loads(metadata[METADATA_KEY]))
    except (TypeError, ValueError) as error:
        raise RunError(f"weights file {path} is damaged: its metadata is no JSON object ({error})") from None


def _path(path: Any, verb: str) -> Path:
    if not isinstance(path, str | Path):
        raise UnsupportedError(f"{verb} takes the path of a file, not {type(path).__name__}: files are written whole")
    return Path(path)


def _contiguous(name: str, value: Any) -> Array:
    """The array to be written for ``value``: C-contiguous, for safetensors writes memory as it lies.

    Weights are stored channels-last, and it would write their bytes in that order under the other's name.
    """
    if not isinstance(value, Tensor | np.ndarray | np.generic):
        raise UnsupportedError(
            f"save: entry {name!r} is a {type(value).__name__}; a weights file is a flat dictionary of tensors. Put "
            "numbers and settings into metadata={...}, nested state dicts into files of their own (nothing is pickled)"
        )
    array = value.array if isinstance(value, Tensor) else np.asarray(value)
    dtypes.from_numpy(array.dtype)  # refuses what could not be loaded again
    # Unlike ascontiguousarray, this keeps arrays without dimensions as they are.
    return np.array(array, order="C", copy=True)


def _read(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays (fresh and writable) and raw metadata of a safetensors file."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise RunError(f"weights file {path} does not exist")
    if path.is_dir():
        raise RunError(f"{path} is a folder; give the path of a .safetensors file")
    if zipfile.is_zipfile(path):
        raise RunError(f"{path} is a zip archive (a PyTorch pickle?); convert it with safetensors.torch.save_file")
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118  # not a mapping
                _check_type(path, name, file.get_slice(name).get_dtype())
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
            return arrays, file.metadata() or {}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"weights file {path} is damaged or not a safetensors file ({reason})") from None


_TYPES = ("BOOL", "U8", "I32", "I64", "F32", "F64")


def _check_type(path: Path, name: str, dtype: str) -> None:
    if dtype not in _TYPES:
        raise DTypeError(f"{path}: tensor {name!r} has type {dtype}; tinyconv has {', '.join(_TYPES)}; convert it")
