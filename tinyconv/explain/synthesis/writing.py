"""Results in a run's folder: a sheet as PNG, and the arrays behind it as npz with all that they were made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.explain.synthesis.result import Bounds
from tinyconv.explain.synthesis.tiles import Sheet
from tinyconv.features.archive import META, npz_bytes
from tinyconv.features.folders import file_name, make_folder
from tinyconv.train.environment import versions
from tinyconv.train.loading import LoadedRun
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.utils.files import write_atomically

FORMAT, FORMAT_VERSION = "tinyconv synthesis", 1
ARCHIVE = "synthesis.npz"


def bounds_of(preprocessing: Preprocessing) -> Bounds:
    """Black and white as the model takes them: one number for each channel."""
    black, white = (np.full((1, preprocessing.channels, 1, 1), shade, np.float32) for shade in (0, 1))
    return preprocessing.normalize(black).ravel(), preprocessing.normalize(white).ravel()


def save_synthesis(
    folder: Path, sheets: Mapping[str, Sheet], arrays: Mapping[str, Array], run: LoadedRun, meta: Mapping[str, Any]
) -> list[Path]:
    """Write a PNG for each of ``sheets``, called by its name, and synthesis.npz into ``folder``. Returns the paths.

    The pictures name the run, its checkpoint and epoch. The npz loads with ``allow_pickle=False``; its ``__meta__`` is
    JSON: ``meta``, the run and checkpoint, preprocessing, versions. Equal contents make equal bytes.
    """
    source = f"{run.path.name} ({run.record['model']['name']}), {run.checkpoint.name}, epoch {run.epoch}"
    record = {
        **meta,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "run": str(run.path),
        "checkpoint": run.checkpoint.name,
        "checkpoint_sha256": run.checkpoint_sha256,
        "epoch": run.epoch,
        "classes": list(run.classes),
        "preprocessing": run.preprocessing.to_json(),
        "versions": versions(),
    }
    make_folder(folder)
    paths = []
    for name, sheet in sheets.items():
        paths.append(folder / f"{file_name(name)}.png")
        write_atomically(paths[-1], replace(sheet, notes=(*sheet.notes, f"Network: {source}.")).png())
    paths.append(folder / ARCHIVE)
    write_atomically(paths[-1], npz_bytes({**arrays, META: np.array(json.dumps(record, sort_keys=True))}))
    return paths
