"""What differs between runs: their recipes, what came of them, and what makes a comparison unfair."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.train.comparison.history import read_history
from tinyconv.train.loading import read_record
from tinyconv.train.records import EpochRecord
from tinyconv.train.run_folder import RunFolder

ABSENT = "-"


@dataclass(frozen=True)
class RunSummary:
    """What a run folder tells without its weights. ``name``: its path, as short as tells it from the others.

    ``recipe``: what was chosen, by the names of the options. ``status``: "finished", "interrupted", "failed" or
    "running", which a killed run stays. ``history``: its finished epochs.

    Raises: nothing of its own.

    >>> from pathlib import Path
    >>> from tinyconv.train import EpochRecord, RunSummary
    >>> epochs = [EpochRecord(n, n, 0.1, 1.0, 0.5, 1 / n, n / 10, 200.0, 1.0) for n in (1, 2)]
    >>> summary = RunSummary(Path("runs/0001"), "0001", {"epochs": 2}, "finished", epochs, {})
    >>> summary.best_loss, summary.last_accuracy, summary.images_per_second
    (0.5, 0.2, 200.0)
    """

    path: Path
    name: str
    recipe: dict[str, Any]
    status: str
    history: list[EpochRecord]
    record: dict[str, Any]

    @property
    def epochs(self) -> int:
        """How many epochs are finished."""
        return self.history[-1].epoch if self.history else 0

    @property
    def last_loss(self) -> float | None:
        """The held-out loss after the last finished epoch."""
        return self.history[-1].test_loss if self.history else None

    @property
    def last_accuracy(self) -> float | None:
        """The held-out accuracy after the last finished epoch."""
        return self.history[-1].test_accuracy if self.history else None

    @property
    def best_loss(self) -> float | None:
        """The lowest held-out loss of an epoch."""
        return min((epoch.test_loss for epoch in self.history if epoch.test_loss is not None), default=None)

    @property
    def best_accuracy(self) -> float | None:
        """The highest held-out accuracy of an epoch."""
        return max((epoch.test_accuracy for epoch in self.history if epoch.test_accuracy is not None), default=None)

    @property
    def images_per_second(self) -> float | None:
        """In the middle one of the epochs: the first one may have waited for the compiler."""
        return statistics.median(epoch.images_per_second for epoch in self.history) if self.history else None


@dataclass(frozen=True)
class Comparison:
    """Several ``runs``; ``differing``: the names of what was chosen differently; ``warnings``: what is not alike.

    Raises: nothing of its own.

    >>> from pathlib import Path
    >>> from tinyconv.train import Comparison, RunSummary
    >>> runs = [RunSummary(Path(str(lr)), str(lr), {"lr": lr, "seed": 0}, "running", [], {}) for lr in (0.1, 0.2)]
    >>> Comparison(runs, ("lr",), ()).difference(runs[0])
    'lr 0.1'
    """

    runs: Sequence[RunSummary]
    differing: tuple[str, ...]
    warnings: tuple[str, ...]

    def difference(self, run: RunSummary) -> str:
        """What was chosen for ``run`` and not for all others, in words."""
        return ", ".join(f"{name} {shown(run.recipe.get(name, ABSENT))}" for name in self.differing)


def compare(paths: Iterable[str | Path]) -> Comparison:
    """The runs in the folders ``paths`` beside each other, finished or not.

    Raises: ``ArgumentError`` for fewer than two, or one twice; ``RunError`` for a folder that is no run.

    >>> from tinyconv.train import compare
    >>> try:
    ...     compare(["runs/0001"])
    ... except ValueError as error:
    ...     print(error)
    a comparison takes at least two runs, got 1
    """
    folders = [Path(path) for path in paths]
    if len(folders) < 2:
        raise ArgumentError(f"a comparison takes at least two runs, got {len(folders)}")
    places = [folder.resolve() for folder in folders]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise ArgumentError(f"run {folders[number]} is given twice; a comparison takes every run once")
    runs = [_summary(path, name) for path, name in zip(folders, _short_names(places), strict=True)]
    names = list(dict.fromkeys(name for run in runs for name in run.recipe))
    differing = tuple(name for name in names if not _alike(run.recipe.get(name, ABSENT) for run in runs))
    return Comparison(runs, differing, tuple(_warnings(runs)))


def shown(value: Any) -> str:
    """A choice as the table and the legend have it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "-".join(map(shown, value)) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else str(value)


def _summary(path: Path, name: str) -> RunSummary:
    folder = RunFolder(path)
    record = read_record(folder)
    history = read_history(folder.metrics)
    return RunSummary(path, name, _recipe(record), str(record.get("status", "unknown")), history, record)


def _recipe(record: dict[str, Any]) -> dict[str, Any]:
    """Everything that a user chose, in one flat dictionary, by the names of the command's options where there are."""
    model, recipe = record.get("model", {}), record.get("recipe", {})
    chosen = {
        "data": record.get("data", {}).get("source"),
        "seed": record.get("seed"),
        "model": model.get("name"),
        "image_size": "x".join(map(str, model.get("image_size", []))),
        **model.get("options", {}),
    }
    chosen |= {name: value for name, value in recipe.items() if name not in ("model", "model_options")}
    return chosen | {"device": record.get("device"), "precision": record.get("float32_precision")}


def _alike(values: Iterable[Any]) -> bool:
    first, *others = values
    return all(value == first for value in others)


def _short_names(places: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many as it takes to tell them apart."""
    longest = max(len(place.parts) for place in places)
    for length in range(1, longest):
        names = ["/".join(place.parts[-length:]) for place in places]
        if len(set(names)) == len(names):
            return names
    return [str(place) for place in places]


def _warnings(runs: Sequence[RunSummary]) -> Iterable[str]:
    def differ(of: Callable[[RunSummary], Any]) -> bool:
        return not _alike(of(run) for run in runs)

    data = [run.record.get("data", {}) for run in runs]
    facts = [
        (one.get("source"), one.get("images"), run.record.get("classes")) for one, run in zip(data, runs, strict=True)
    ]
    if not _alike(facts):
        yield "the runs were trained on different data: neither their losses nor their accuracies compare"
    elif not _alike(one.get("held_out_indices") for one in data):
        yield (
            "the runs held out different images (the seed draws them): a part of what differs between their "
            "accuracies is chance"
        )
    if differ(lambda run: run.recipe.get("label_smoothing")):
        yield "the runs smooth their labels differently, which their losses contain: compare the accuracies"
    if differ(lambda run: _machine(run.record)):
        yield "the runs were made on different processors, devices or numbers of threads: images/s do not compare"
    for run in runs:
        if not run.history:
            yield f"run {run.name} has not finished an epoch"
        elif run.status == "running":
            yield f"run {run.name} is still going on, or was killed"


def _machine(record: dict[str, Any]) -> tuple[Any, ...]:
    machine = record.get("machine", {})
    return machine.get("processor"), machine.get("threads"), record.get("device")
