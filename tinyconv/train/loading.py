"""A finished run, back in memory: the model with its weights, and how to feed it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.devices import CPU, Device
from tinyconv.core.errors import RunError, TinyconvError
from tinyconv.models import registry, weights
from tinyconv.models.graph import Graph, GraphModule
from tinyconv.nn import functional
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.run_folder import FORMAT, FORMAT_VERSION, RunFolder
from tinyconv.train.run_writer import IDENTITY

BATCH = 64
LONGEST_VALUE = 40


@dataclass
class LoadedRun:
    """A trained ``model`` in evaluation mode, the names of its ``classes``, and its ``preprocessing``.

    ``record``: the contents of ``run.json``. ``checkpoint``: the file the weights came from; ``epoch``: after which.

    Raises: nothing of its own.

    >>> from tinyconv.train import LoadedRun
    >>> sorted(LoadedRun.__dataclass_fields__)
    ['checkpoint', 'classes', 'epoch', 'model', 'path', 'preprocessing', 'record']
    """

    path: Path
    model: Module
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    record: dict[str, Any]
    checkpoint: Path
    epoch: int

    @property
    def checkpoint_sha256(self) -> str:
        """A digest of the checkpoint's bytes: which weights exactly a result came from."""
        return hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()

    def logits(self, images: Array) -> FloatArray:
        """What the model gives for images (N, C, H, W) in [0, 1]: (N, classes)."""
        parts = []
        with no_grad():
            for start in range(0, len(images), BATCH):
                inputs = Tensor(self.preprocessing.normalize(images[start : start + BATCH])).to(device_of(self.model))
                parts.append(self.model(inputs).cpu().array)
        return np.concatenate(parts) if parts else np.empty((0, len(self.classes)), np.float32)

    def probabilities(self, images: Array) -> FloatArray:
        """Class probabilities (N, classes) of images (N, C, H, W) in [0, 1]: the softmax of the logits."""
        with no_grad():
            return functional.softmax(Tensor(self.logits(images)), dim=1).array


def load_run(path: str | Path, checkpoint: str = "last", device: Device = CPU) -> LoadedRun:
    """The run in folder ``path``, with the weights of ``checkpoint``: "last" or "best". Its model is on ``device``.

    Raises: ``RunError``, naming the file, if the folder is no run, damaged or made by a newer tinyconv, or if the
        checkpoint is missing or belongs to another model.

    >>> from tinyconv.train import load_run
    >>> try:
    ...     load_run("runs/0001")
    ... except RuntimeError as error:
    ...     "runs/0001" in str(error)
    True
    """
    folder = RunFolder(path)
    record = read_record(folder)
    model, classes, preprocessing = _build(folder, record)
    file = folder.checkpoint(checkpoint)
    if not file.is_file():
        others = ", ".join(sorted(found.name for found in folder.path.glob("*.safetensors"))) or "none"
        raise RunError(f"run {folder.path} has no checkpoint {file.name} (it has: {others}; see --checkpoint)")
    metadata = weights.load_metadata(file)
    for name in IDENTITY:
        held, wanted = metadata.get(name), record[name]
        if name == "model":
            held = _of_today(held)
        if held != wanted:
            entry, theirs, ours = _first_difference(name, held, wanted)
            raise RunError(
                f"checkpoint {file} does not belong to {folder.run_file}: {entry} is {_short(theirs)} in the "
                f"checkpoint and {_short(ours)} in the run"
            )
    try:
        model.load_state_dict(weights.load(file))
    except TinyconvError as error:
        raise RunError(f"checkpoint {file} does not fit its model: {' '.join(str(error).split())}") from None
    model.to(device).eval()
    return LoadedRun(folder.path, model, classes, preprocessing, record, file, int(metadata["epoch"]))


def read_record(folder: RunFolder) -> dict[str, Any]:
    """The contents of a run's ``run.json``, its model by the name of today.

    Raises ``RunError`` where it is missing, damaged, or of a newer format.
    """
    file = folder.run_file
    if not folder.path.is_dir():
        what = "is a file, not a run folder" if folder.path.exists() else "does not exist"
        raise RunError(f"run {folder.path} {what}; give the folder that tinyconv train printed")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder.path} is not a run folder: it has no {file.name}") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{file} is damaged: {error}") from None
    except OSError as error:
        raise RunError(f"{file} cannot be read ({error.strerror})") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise RunError(f"{file} is not the record of a run: its format is not {FORMAT!r}")
    version = record.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise RunError(f"{file} is damaged: format_version is {version!r}")
    if version > FORMAT_VERSION:
        raise RunError(
            f"{file} has format version {version}, and this tinyconv reads up to {FORMAT_VERSION}; upgrade tinyconv"
        )
    described, recipe = record.get("model"), record.get("recipe")
    today = _of_today(described)
    if today != described:
        record["model"] = today
        if isinstance(recipe, dict):
            record["recipe"] = recipe | {"model": today["name"], "model_options": today["options"]}
    return record


def _of_today(description: Any) -> Any:
    """The entry ``model`` of a run's record or checkpoint by the names that models have today."""
    try:
        name, options = registry.renamed(description["name"], description["options"])
    except (TypeError, KeyError, AttributeError):
        return description  # damaged: what reads it says so
    return {**description, "name": name, "options": options}


def _build(folder: RunFolder, record: dict[str, Any]) -> tuple[Module, tuple[str, ...], Preprocessing]:
    """The untrained model, the classes and the preprocessing that ``record`` describes."""
    try:
        description = record["model"]
        classes = tuple(str(name) for name in record["classes"])
        preprocessing = Preprocessing.from_json(record["preprocessing"])
        height, width = (int(side) for side in description["image_size"])
        if "graph" in description:
            model: Module = _imported(folder)
        else:
            model = registry.build(
                description["name"],
                int(description["in_channels"]),
                int(description["num_classes"]),
                (height, width),
                **description["options"],
            )
    except KeyError as error:
        raise RunError(f"{folder.run_file} is damaged: it has no entry {error.args[0]!r}") from None
    except (TypeError, ValueError, AttributeError, TinyconvError) as error:
        raise RunError(f"{folder.run_file} is damaged: {error}") from None
    if len(classes) != int(description["num_classes"]):
        raise RunError(
            f"{folder.run_file} is damaged: {len(classes)} classes, but a model of {description['num_classes']}"
        )
    return model, classes, preprocessing


def _imported(folder: RunFolder) -> GraphModule:
    """The model that a run keeps as a graph."""
    try:
        return GraphModule(Graph.from_json(json.loads(folder.graph.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError, TinyconvError) as error:
        raise RunError(f"{folder.graph} is missing or damaged: {error}") from None


def _first_difference(name: str, first: Any, second: Any) -> tuple[str, Any, Any]:
    """The innermost entry, as in "model.options.widths", at which two JSON values differ first; and both values."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first | second:
            if first.get(key) != second.get(key):
                return _first_difference(f"{name}.{key}", first.get(key), second.get(key))
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            if one != other:
                return _first_difference(f"{name}[{number}]", one, other)
    return name, first, second


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
