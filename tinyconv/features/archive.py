"""Feature maps in one ``.npz`` file that NumPy alone can read, with everything needed to interpret them.

Entries: one array per layer under the layer's name, ``__input__`` (the images), and ``__meta__`` (a JSON text):

    with np.load("features.npz", allow_pickle=False) as archive:
        maps, meta = archive["conv1"], json.loads(str(archive["__meta__"]))

A file of one moment has arrays (images, C, H, W); a recording along a training has (epochs, images, C, H, W), and
``meta["epochs"]`` names the first axis.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.features.folders import make_folder
from tinyconv.features.layers import Layer
from tinyconv.utils.files import write_atomically

FORMAT_VERSION = 1
META, INPUT = "__meta__", "__input__"
# Maps of a ReLU compress well at any level; the lowest costs a fifth of the default's time.
COMPRESSION_LEVEL = 1


@dataclass(frozen=True)
class Features:
    """What ``load_features`` returns.

    ``arrays``: layer name -> (images, C, H, W), or (epochs, images, C, H, W) for a recording. ``images``: the inputs,
    or ``None``. ``meta``: format version, tinyconv version, the layers' kinds, windows and receptive fields, and what
    was given when the file was written (seed, checkpoint hash, preprocessing, epochs, labels, ...).

    Raises: nothing of its own.

    >>> from tinyconv.features import Features
    >>> Features({"conv1": np.zeros((1, 4, 6, 6))}, None, {}).arrays["conv1"].shape
    (1, 4, 6, 6)
    """

    arrays: dict[str, Array]
    images: Array | None
    meta: dict[str, Any]


def save_features(
    path: str | Path,
    arrays: Mapping[str, Array],
    layers: Mapping[str, Layer],
    images: Array | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``arrays`` (layer name -> maps) to the npz file ``path``, whole or not at all. Returns its path.

    ``layers``: what is known of each (``capture(...).layers``). ``images``: the inputs. ``meta``: anything that JSON
    expresses. Equal contents make equal bytes.

    Raises: ``ArgumentError`` for metadata that JSON cannot express and for layer names that the format uses itself,
        ``RunError`` where the file cannot be written.

    >>> from tinyconv.features import Layer, load_features, save_features
    >>> path = save_features("maps.npz", {"conv1": np.ones((1, 4, 6, 6))}, {"conv1": Layer("conv1", kind="conv")})
    >>> load_features(path).arrays["conv1"].shape
    (1, 4, 6, 6)
    """
    path = Path(path)
    entries: dict[str, Array] = {}
    for name, array in arrays.items():
        if name in (META, INPUT):
            raise ArgumentError(f"save_features: a layer cannot be called {name}; the file uses that name itself")
        entries[name] = np.ascontiguousarray(array)
    if images is not None:
        entries[INPUT] = np.ascontiguousarray(images)
    record = {
        **(meta or {}),
        "format": "tinyconv features",
        "format_version": FORMAT_VERSION,
        "tinyconv_version": tinyconv_version(),
        "layers": {name: layers[name].as_json() for name in arrays if name in layers},
    }
    try:
        entries[META] = np.array(json.dumps(record, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"save_features: the metadata cannot be expressed in JSON ({error})") from None
    make_folder(path.parent)
    write_atomically(path, npz_bytes(entries))
    return path


def load_features(path: str | Path) -> Features:
    """Read a file of ``save_features``.

    Raises: ``RunError`` if it is missing, damaged, or not one of these files.

    >>> from tinyconv.features import load_features
    >>> try:
    ...     load_features("nowhere.npz")
    ... except RuntimeError as error:
    ...     "nowhere.npz" in str(error)
    True
    """
    path = Path(path)
    arrays = read_npz(path, "feature file")
    try:
        meta = json.loads(str(arrays.pop(META)))
        format_version = int(meta["format_version"])
    except KeyError as error:
        raise RunError(f"{path} is not a feature file of tinyconv: it lacks {error}") from None
    except (ValueError, TypeError) as error:
        raise _damaged("feature file", path, error) from None
    if format_version > FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {format_version}, this tinyconv reads up to {FORMAT_VERSION}; upgrade tinyconv"
        )
    images = arrays.pop(INPUT, None)
    return Features(arrays, images, meta)


def read_npz(path: Path, what: str) -> dict[str, Array]:
    """The arrays in a npz file. Raises ``RunError``, which calls it ``what``, if it is missing or damaged."""
    if not path.is_file():
        raise RunError(f"{what} {path} does not exist")
    try:
        # Opened here, because NumPy leaves a file that it cannot make sense of open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(what, path, error) from None


def _damaged(what: str, path: Path, error: Exception) -> RunError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return RunError(f"{what} {path} is damaged or not an npz file ({reason})")


def npz_bytes(entries: Mapping[str, Array]) -> bytes:
    """The bytes of an npz file. Unlike ``np.savez_compressed`` it takes any layer name ("file" too)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
        for name, array in entries.items():
            # A ZipInfo made by hand has a fixed date.
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return stream.getvalue()


def tinyconv_version() -> str:
    try:
        return version("tinyconv")
    except PackageNotFoundError:
        return "unknown"
