"""``tinyconv train``: from a dataset's name to a run folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    ImageSize,
    Number,
    Numbers,
    WholeNumber,
    apply_precision,
    apply_threads,
    device,
    precision,
    say,
    threads,
)

if TYPE_CHECKING:
    from tinyconv.core.arrays import Array
    from tinyconv.features.recorder import Probes
    from tinyconv.train import Evaluation, Experiment

PROBES = 4
LARGEST_TABLE, LONGEST_NAME, MISTAKES_LISTED, DAMAGED_LISTED = 10, 12, 10, 10


@click.command("train")
@click.option(
    "--data",
    default="lfw-subset",
    show_default=True,
    metavar="NAME",
    help="lfw-subset, digits, orl, lfw, lfw:FACES (fewest photographs of a person), olivetti, mnist, fashion-mnist, "
    "cifar10 (lfw and the last three also as NAME:PATH), folder:PATH (one subfolder of images per class) or npz:PATH.",
)
@click.option(
    "--min-per-class", type=WholeNumber(min=1), metavar="N", help="Leave out classes with fewer than N images."
)
@click.option("--model", metavar="NAME", help="facenet, lenet, vgg11 or resnet18; by default what suits the dataset.")
@click.option("--epochs", type=WholeNumber(min=1), metavar="N", help="How often to go through the images.")
@click.option("--batch-size", type=WholeNumber(min=1), metavar="N", help="Images per optimiser step.")
@click.option(
    "--lr",
    type=Number(min=0, min_open=True),
    metavar="RATE",
    help="Highest learning rate of the one-cycle schedule.",
)
@click.option("--optimizer", metavar="NAME", help="sgd, adam or adamw.")
@click.option("--seed", type=WholeNumber(min=0, max=2**63 - 1), default=0, show_default=True, metavar="N")
@click.option("--image-size", type=ImageSize(), help="Resize the images, as in 56x46 (height, width) or 64.")
@click.option(
    "--test-fraction",
    type=Number(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Share of every class that is held out, 0 to 1.",
)
@click.option("--train-per-class", type=WholeNumber(min=1), metavar="N", help="Or: learn from N images a class.")
@click.option("--augment/--no-augment", default=None, help="Random shifts, turns and (faces) flips; on by default.")
@click.option(
    "--feature-epochs", type=Numbers(), help="Epochs after which feature maps are dumped, 0 is before the first."
)
@click.option(
    "--probes",
    type=WholeNumber(min=1, max=64),
    default=PROBES,
    show_default=True,
    metavar="N",
    help="Held-out images whose maps are dumped.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Run folder; by default runs/0001, ...")
@click.option(
    "--force",
    is_flag=True,
    help="With --out: replace the run that is in the folder. All that tinyconv wrote into it is deleted, below "
    "features/ too (every features.npz, and the PNG files drawn by tinyconv); other files stay.",
)
@threads
@precision
@device
def command(**options: Any) -> None:
    """Train a CNN on images; without options, on real faces that are already installed.

    A part of every class is held out and measured after each epoch. The run folder gets the configuration, metrics,
    curves, checkpoints, and the feature maps of a few held-out images at several epochs. The accuracy reported is that
    of the last epoch; best.safetensors is the epoch with the lowest held-out loss, and nothing is reported of it,
    because the held-out images chose it.

    \b
    Examples:
      tinyconv train
      tinyconv train --data orl --epochs 60 --seed 1
      tinyconv train --data folder:photos --image-size 64 --out runs/photos
    """
    run(**options)


def run(
    *, data: str, min_per_class: int | None, seed: int, image_size: tuple[int, int] | None, out: Path | None,
    force: bool, probes: int, feature_epochs: tuple[int, ...] | None, threads: int | None, precision: str | None,
    device: str, **choices: Any,
) -> None:  # fmt: skip
    """Check everything that can be checked before the data are read, then train and report."""
    if choices["test_fraction"] is not None and choices["train_per_class"] is not None:
        raise click.UsageError("--test-fraction and --train-per-class exclude each other; give one", _context())
    if force and out is None:
        raise click.UsageError("--force needs --out, the folder whose run it replaces", _context())
    from tinyconv.core.devices import Device
    from tinyconv.data import sources
    from tinyconv.features.recorder import FeatureRecorder
    from tinyconv.train import Experiment, Recipe, RunFolder, RunWriter, Trainer, recipe_for
    from tinyconv.train.progress import progress

    where = Device(device)
    Recipe().changed(**choices)  # a mistake in a choice should not cost the reading of the data
    apply_threads(threads)
    apply_precision(precision)
    if out is not None:
        RunFolder.check(out, force)
    images = sources.load(data, image_size, min_per_class=min_per_class)
    recipe = recipe_for(images).changed(**choices)
    if feature_epochs and feature_epochs[-1] > recipe.epochs:
        raise click.UsageError(
            f"--feature-epochs names epoch {feature_epochs[-1]}, but the training ends after "
            f"{counted(recipe.epochs, 'epoch')} (--epochs)",
            _context(),
        )
    experiment = Experiment.prepare(images, recipe, seed, where)
    probe_images, meta = chosen_probes(experiment, probes), feature_meta(experiment)
    configuration, title = experiment.configuration(), f"{images.name}, {recipe.model}, seed {seed}"
    batches, test_batches = experiment.train_batches(), experiment.test_batches()
    display = progress(sys.stderr)
    say(introduction(experiment), err=True)
    # The folder last: from here to run.json, which says how a training ended, there is no work to interrupt.
    folder = RunFolder.numbered() if out is None else RunFolder.exact(out, force)
    writer = RunWriter(folder, configuration, title, experiment.splits())
    try:
        trainer = Trainer(
            experiment.model,
            experiment.loss,
            experiment.optimizer,
            experiment.scheduler,
            [
                display,
                writer,
                FeatureRecorder(
                    folder.features,
                    probe_images,
                    epochs=feature_epochs,
                    meta=meta,
                    message=lambda text: say(text, err=True),
                ),
            ],
        )
        trainer.fit(batches, test_batches, recipe.epochs)
    except KeyboardInterrupt:
        writer.interrupted()
        raise
    finally:
        say(f"run        {folder.path}")
    evaluation = trainer.evaluation
    if evaluation is not None:
        say(report(evaluation, experiment.data.classes, trainer.epoch))


def introduction(experiment: Experiment) -> str:
    """What is about to be trained on what."""
    data, recipe = experiment.data, experiment.recipe
    height, width = data.image_size
    colour = "gray" if data.channels == 1 else "RGB"
    skipped = f"; {data.skipped} other files passed over" if data.skipped else ""
    if data.damaged:
        rest = len(data.damaged) - DAMAGED_LISTED
        listed = ", ".join(data.damaged[:DAMAGED_LISTED]) + (f" and {rest} more (splits.json)" if rest > 0 else "")
        skipped += f"\n{counted(len(data.damaged), 'image')} left out that cannot be read: {listed}"
    return (
        f"{data.name}: {len(experiment.train_indices)} images to learn from, {len(experiment.test_indices)} held out, "
        f"{len(data.classes)} classes, {height}x{width} {colour}{skipped}\n"
        f"{recipe.model}: {sum(p.numel() for p in experiment.model.parameters()):,} parameters, {recipe.optimizer}, "
        f"{counted(recipe.epochs, 'epoch')} of {counted(len(experiment.train_batches()), 'step')}, "
        f"seed {experiment.seed}"
    )


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def chosen_probes(experiment: Experiment, count: int) -> Probes:
    """``count`` held-out images, from as many classes as possible."""
    from tinyconv.features.recorder import Probes, choose_probes

    data = experiment.data
    held_out = experiment.test_indices
    indices = held_out[choose_probes(data.labels[held_out], count)]
    pictures = data.images[indices]
    labels = [data.classes[label] for label in data.labels[indices]]
    return Probes(experiment.preprocessing.normalize(pictures), pictures, labels, indices.tolist())


def feature_meta(experiment: Experiment) -> dict[str, Any]:
    """What the feature archive says of the run that it belongs to."""
    configuration = experiment.configuration()
    return {name: configuration[name] for name in ("seed", "model", "classes", "preprocessing")} | {
        "source": experiment.data.name,
        "credit": experiment.data.credit,
    }


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


def _context() -> click.Context:
    return click.get_current_context()
