"""The run folder of an imported network: its graph, its weights, and the record that says where it comes from."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from tinyconv.data.images import ImageData
from tinyconv.models import weights
from tinyconv.models.graph import GraphModule
from tinyconv.train import environment
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.run_folder import FORMAT, FORMAT_VERSION, RunFolder
from tinyconv.train.run_writer import IDENTITY
from tinyconv.utils.files import write_atomically


def write_imported_run(
    folder: RunFolder,
    source: Path,
    model: GraphModule,
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    images: ImageData | None,
    data: str | None,
) -> None:
    """Write the run of ``model``, read from the file ``source``; all ``images``, named ``data``, count as held out."""
    record: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": environment.command_line(),
        "classes": list(classes),
        "model": {
            "name": source.name,
            "graph": folder.graph.name,
            "options": {},
            "in_channels": preprocessing.channels,
            "num_classes": len(classes),
            "image_size": list(preprocessing.image_size),
        },
        "preprocessing": preprocessing.to_json(),
        "versions": environment.versions(),
        "machine": environment.machine(),
        "status": "imported",
        "result": {"epochs": 0, "steps": 0},
    }
    if images is not None:
        everything = list(range(len(images)))
        record["data"] = {
            "source": images.name,
            "spec": data,
            "options": {"image_size": list(preprocessing.image_size)},
            "credit": images.credit,
            "images": len(images),
            "training": 0,
            "held_out": len(images),
            "held_out_indices": everything,
            "mirror": images.mirror,
            "damaged": len(images.damaged),
        }
        parts = {"training": {"indices": []}, "held_out": {"indices": everything}}
        write_atomically(folder.splits, (json.dumps({"source": images.name, **parts}) + "\n").encode())
    text = json.dumps(model.graph.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(folder.graph, (text + "\n").encode())
    facts = {"format_version": FORMAT_VERSION, "checkpoint": "last", "epoch": 0, "step": 0}
    facts |= {name: record[name] for name in IDENTITY}
    weights.save(model.state_dict(), folder.checkpoint("last"), facts)
    write_atomically(folder.run_file, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
