"""Explanations in one ``.npz`` file that NumPy alone can read: the maps of each method, and what they are of.

    with np.load("explanations.npz", allow_pickle=False) as archive:
        maps, meta = archive["grad-cam"], json.loads(str(archive["__meta__"]))

``archive["__input__"]`` are the images as the model takes them. Maps are (N, C, H, W), signed: positive is for a class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.attribution import Attribution
from tinyconv.features.archive import INPUT, META, npz_bytes, tinyconv_version
from tinyconv.features.folders import make_folder
from tinyconv.utils.files import write_atomically

FORMAT_VERSION = 1


def save_explanations(
    path: str | Path, attributions: Sequence[Attribution], images: Array, meta: Mapping[str, Any] | None = None
) -> Path:
    """Write the maps of several methods to the npz file ``path``, whole or not at all. Returns its path.

    ``images``: (N, C, H, W), those explained. ``meta``: anything that JSON expresses. Equal contents make equal bytes.

    Raises: ``ArgumentError`` for two attributions of one method, or metadata that JSON cannot express; ``RunError``
        where the file cannot be written.

    >>> import json
    >>> from tinyconv.explain import gradient, save_explanations
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((1, 1, 2, 2), np.float32)
    >>> path = save_explanations("why.npz", [gradient(model, image, target=1)], image)
    >>> with np.load(path, allow_pickle=False) as archive:
    ...     archive["gradient"].shape, json.loads(str(archive["__meta__"]))["methods"]["gradient"]["targets"]
    ((1, 1, 2, 2), [1])
    """
    entries = {one.method: np.ascontiguousarray(one.values) for one in attributions}
    if len(entries) != len(attributions):
        raise ArgumentError("save_explanations: two of the attributions are of the same method; give each file one")
    entries[INPUT] = np.ascontiguousarray(images)
    record = {
        **(meta or {}),
        "format": "tinyconv explanations",
        "format_version": FORMAT_VERSION,
        "tinyconv_version": tinyconv_version(),
        "methods": {
            one.method: {
                "targets": one.targets.tolist(),
                "scores": one.scores.tolist(),
                "options": one.options,
                "measures": {name: np.asarray(values).tolist() for name, values in one.measures.items()},
                "notes": list(one.notes),
            }
            for one in attributions
        },
    }
    try:
        entries[META] = np.array(json.dumps(record, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"save_explanations: the metadata cannot be expressed in JSON ({error})") from None
    path = Path(path)
    make_folder(path.parent)
    write_atomically(path, npz_bytes(entries))
    return path
