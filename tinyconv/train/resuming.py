"""A run that was interrupted or killed, made ready to go on: everything comes from its folder."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.devices import Device
from tinyconv.core.errors import RunError, TinyconvError
from tinyconv.core.precision import set_float32_precision
from tinyconv.data import sources
from tinyconv.train import environment
from tinyconv.train.checkpoint import load_checkpoint
from tinyconv.train.experiment import Experiment
from tinyconv.train.loading import read_record
from tinyconv.train.recipes import Recipe
from tinyconv.train.run_folder import RunFolder

SAMPLED_IMAGES = 64
# Schedules whose rate at a step does not depend on how many epochs there will be.
OPEN_ENDED = ("constant", "step")


class FinishedRunError(RunError):
    """A run that has nothing left to go on with."""


@dataclass
class Resumption:
    """A run in ``folder``, ready to go on: its ``record`` (``run.json``), and an ``experiment`` made as at its start.

    ``state``: for ``Trainer.load_state_dict``; None where the run ended before its first checkpoint, and starts again
    from the beginning, with the same result. ``epochs_left``: to train yet, one that was begun among them; 0 where
    only the end is to be written. ``differences``: versions that are others now, so that bits may differ.

    Raises: nothing of its own.

    >>> from tinyconv.train import Resumption
    >>> sorted(Resumption.__dataclass_fields__)
    ['differences', 'epochs_left', 'experiment', 'folder', 'record', 'state']
    """

    folder: RunFolder
    record: dict[str, Any]
    experiment: Experiment
    state: dict[str, Any] | None
    epochs_left: int
    differences: list[str]


def resume_run(path: str | Path, epochs: int | None = None, claim: bool = True) -> Resumption:
    """Make the run in folder ``path`` ready to go on, with the data, recipe, seed, device and precision it records.

    ``epochs``: more than it was begun with, for a schedule that does not depend on their number: then the run goes on
    as if it had been begun so. Of the others, one cycle and cosine, the end was laid out for the first number.

    Claims the folder for this process (``RunFolder.claim``), unless ``claim`` says that another one, which trains
    together with it, does.

    Raises: ``RunError`` where the folder is no run, was made by another version of the format, is being trained by
        another process, or is finished; where its data have changed; where ``epochs`` are fewer or would bend the
        schedule. ``DataError`` where the data are no longer there.

    >>> from tinyconv.train import resume_run
    >>> try:
    ...     resume_run("runs/0001")
    ... except RuntimeError as error:
    ...     "runs/0001" in str(error)
    True
    """
    folder = RunFolder(path)
    record = read_record(folder)
    if record.get("status") == "imported":
        raise RunError(
            f"run {folder.path} was imported, so it has no training to go on with; in a script, "
            "load_run(...).model trains like any other module"
        )
    try:
        spec, options, digest = (record["data"][name] for name in ("spec", "options", "digest"))
        recipe = Recipe(**record["recipe"])
        seed, device, precision = int(record["seed"]), Device(record["device"]), record["float32_precision"]
    except KeyError as error:
        raise RunError(
            f"run {folder.path} cannot go on: {folder.run_file} has no entry {error.args[0]!r}, as runs of an older "
            "tinyconv; train anew"
        ) from None
    except (TypeError, ValueError, TinyconvError) as error:
        raise RunError(f"{folder.run_file} is damaged: {error}") from None
    recipe = _extended(folder, record, recipe, epochs)
    if claim:
        folder.claim()
    set_float32_precision(precision)
    data = sources.load(spec, **options)
    experiment = Experiment.prepare(data, recipe, seed, device, begins=not folder.state.exists())
    if data_digest(experiment) != digest:
        raise RunError(
            f"run {folder.path} cannot go on: the images of {spec}, their classes or their order are not those that it "
            "was begun with; restore them, or train anew"
        )
    state, left = None, recipe.epochs
    if folder.state.exists():
        checkpoint = load_checkpoint(folder.state)
        state = checkpoint["trainer"]
        left = 0 if checkpoint["stopped"] else recipe.epochs - int(state["epoch"])
    return Resumption(folder, record, experiment, state, left, _differences(record))


def lasting(spec: str) -> str:
    """The dataset's name with a path that does not depend on the folder in which the command is given."""
    name, colon, path = spec.partition(":")
    # "lfw:20" has a number there.
    return f"{name}:{Path(path).expanduser().absolute()}" if colon and not path.isdecimal() else spec


def data_digest(experiment: Experiment) -> str:
    """SHA-256 of what decides which image is learnt from when: classes, labels, split, and a sample of the pixels."""
    data = experiment.data
    digest = hashlib.sha256(json.dumps([data.classes, len(data), *data.images.shape[1:]]).encode())
    for numbers in (data.labels, experiment.train_indices, experiment.test_indices):
        digest.update(np.asarray(numbers, np.int64).tobytes())
    sample = np.unique(np.linspace(0, len(data) - 1, SAMPLED_IMAGES).astype(np.int64))
    digest.update(np.ascontiguousarray(data.images[sample], np.float32).tobytes())
    return digest.hexdigest()


def _extended(folder: RunFolder, record: dict[str, Any], recipe: Recipe, epochs: int | None) -> Recipe:
    """``recipe`` with the ``epochs`` that the user asks for. Raises ``RunError`` where that cannot be."""
    done = int((record.get("result") or {}).get("epochs", 0))
    finished = record.get("status") == "finished"
    if finished and done < recipe.epochs:
        raise FinishedRunError(f"run {folder.path} is finished: it was stopped early, after epoch {done}")
    if finished and epochs in (None, recipe.epochs):
        raise FinishedRunError(
            f"run {folder.path} is finished: all {recipe.epochs} epochs are trained; for more, train anew (--epochs)"
        )
    if epochs is None or epochs == recipe.epochs:
        return recipe
    if epochs < recipe.epochs:
        raise RunError(
            f"run {folder.path} was begun with {recipe.epochs} epochs and goes on with as many or more, not with "
            f"{epochs} (--epochs); to end it early, press Ctrl-C"
        )
    if recipe.schedule not in OPEN_ENDED:
        raise RunError(
            f"run {folder.path} cannot go on to {epochs} epochs (--epochs): its {recipe.schedule} schedule was laid "
            f"out for {recipe.epochs}, and would have had other learning rates from the first step on; train anew with "
            f"--epochs {epochs}"
        )
    return replace(recipe, epochs=epochs)


def _differences(record: dict[str, Any]) -> list[str]:
    """Versions and processor that are others than when the run began, as "numpy 2.4.1 is now 2.5.0"."""
    machine = environment.machine()
    then = {**record.get("versions", {}), "processor": record.get("machine", {}).get("processor")}
    now = {**environment.versions(), "processor": machine["processor"]}
    return [f"{name} {was} is now {now[name]}" for name, was in then.items() if name in now and now[name] != was]
