"""What ``tinyconv train`` says of a training: before it, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyconv.core.communication import world

if TYPE_CHECKING:
    from tinyconv.core.arrays import Array
    from tinyconv.train import Evaluation, Experiment

LARGEST_TABLE, LONGEST_NAME, MISTAKES_LISTED, DAMAGED_LISTED = 10, 12, 10, 10


def introduction(experiment: Experiment) -> str:
    """What is about to be trained on what."""
    data, recipe = experiment.data, experiment.recipe
    height, width = data.image_size
    colour = "gray" if data.channels == 1 else "RGB"
    skipped = f"; {counted(data.skipped, 'other file')} passed over" if data.skipped else ""
    if data.damaged:
        rest = len(data.damaged) - DAMAGED_LISTED
        listed = ", ".join(data.damaged[:DAMAGED_LISTED]) + (f" and {rest} more (splits.json)" if rest > 0 else "")
        skipped += f"\n{counted(len(data.damaged), 'image')} left out that cannot be read: {listed}"
    steps = -(-len(experiment.train_batches()) // recipe.accumulate)
    return (
        f"{data.name}: {len(experiment.train_indices)} images to learn from, {len(experiment.test_indices)} held out, "
        f"{len(data.classes)} classes, {height}x{width} {colour}{skipped}\n"
        f"{recipe.model}: {sum(p.numel() for p in experiment.model.parameters()):,} parameters, {recipe.optimizer}, "
        f"{counted(recipe.epochs, 'epoch')} of {counted(steps, 'step')}, "
        f"seed {experiment.seed}"
        + (f"\n{experiment.start}" if experiment.start else "")
        + (f"\n{world().ranks} processes, each with its part of every batch" if world().ranks > 1 else "")
    )


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def report(evaluation: Evaluation, classes: tuple[str, ...], epoch: int) -> str:
    """Held-out accuracy, and which classes were taken for which."""
    return (
        f"held out   {100 * evaluation.accuracy:.2f}% ({evaluation.correct} of {evaluation.samples} images) "
        f"after epoch {epoch}\n\n" + confusion_table(evaluation.confusion, classes)
    )


def confusion_table(confusion: Array, classes: tuple[str, ...]) -> str:
    """The whole confusion matrix of a few classes; of many, the most frequent mistakes."""
    from tinyconv.train.metrics import recall_per_class, worst_confusions

    names = [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in classes]
    if len(names) <= LARGEST_TABLE:
        first = max(len("true \\ taken for"), *map(len, names))
        widths = [max(len(name), len(str(column.max()))) for name, column in zip(names, confusion.T, strict=True)]
        lines = [
            "  ".join(["true \\ taken for".ljust(first), *(n.rjust(w) for n, w in zip(names, widths, strict=True))])
        ]
        for name, row in zip(names, confusion, strict=True):
            lines.append("  ".join([name.ljust(first), *(str(n).rjust(w) for n, w in zip(row, widths, strict=True))]))
        return "\n".join(lines)
    faultless = int((recall_per_class(confusion) == 1).sum())
    lines = [f"{faultless} of {len(names)} classes without a mistake"]
    mistakes = worst_confusions(confusion, MISTAKES_LISTED)
    first = max((len(names[mistake.true]) for mistake in mistakes), default=0)
    for mistake in mistakes:
        held_out = int(confusion[mistake.true].sum())
        share = f"{mistake.times} of {held_out}"
        lines.append(f"{names[mistake.true].ljust(first)}  {share.rjust(9)} taken for {names[mistake.predicted]}")
    rest = len(worst_confusions(confusion, confusion.size)) - len(mistakes)
    return "\n".join([*lines, f"and {rest} other confusions"] if rest else lines)
