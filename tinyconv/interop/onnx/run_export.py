"""A trained run as an ONNX file that carries what a reader must know: the classes, and how images are fed."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import numpy as np

from tinyconv.interop.onnx.exporting import BATCH, Exported, export
from tinyconv.nn.conversion import device_of
from tinyconv.ops.tensor import Tensor
from tinyconv.train.loading import LoadedRun


def notes_of(run: LoadedRun) -> dict[str, str]:
    """The file's metadata, texts by key; what is no text is JSON.

    ``classes``: their names, in the order of the logits. ``preprocessing``: ``channels``, ``image_size`` (height,
    width), ``mean`` and ``std`` for each channel; what is fed is (image - mean) / std, of an image in [0, 1].

    Raises: nothing of its own.
    """
    return {
        "classes": json.dumps(list(run.classes), ensure_ascii=False),
        "preprocessing": json.dumps(run.preprocessing.to_json()),
        "model": str(run.record["model"]["name"]),
        "epoch": str(run.epoch),
        "checkpoint_sha256": run.checkpoint_sha256,
        "tinyconv": importlib.metadata.version("tinyconv"),
    }


def export_run(
    run: LoadedRun, path: str | Path, *, opset_version: int | None = None, batch_size: int | None = None
) -> Exported:
    """Write the model of ``run`` as the ONNX file ``path``; its input is called images, its output logits.

    ``batch_size``: of the file's input; by default it stays open. The classes and the preprocessing stand in the file's
    metadata, under ``classes`` and ``preprocessing``.

    Raises: as ``export``.

    >>> from tinyconv.interop.onnx import export_run
    >>> export_run.__name__  # export_run(load_run("runs/0001"), "model.onnx")
    'export_run'
    """
    preprocessing = run.preprocessing
    shape = (batch_size or 2, preprocessing.channels, *preprocessing.image_size)
    noise = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    return export(
        run.model,
        Tensor(noise).to(device_of(run.model)),
        path,
        dynamic_axes={} if batch_size else {"images": {0: BATCH}},
        opset_version=opset_version,
        notes=notes_of(run),
    )
