"""``tinyconv train``: from a dataset's name to a run folder."""

from __future__ import annotations

import shlex
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
from .ranks import is_first, join

if TYPE_CHECKING:
    from tinyconv.core.arrays import Array
    from tinyconv.features.probes import Probes
    from tinyconv.train import Evaluation, Experiment, RunWriter, Trainer
    from tinyconv.train.parallel import DataParallel

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
@click.option(
    "--sync-batch-norm/--no-sync-batch-norm",
    default=None,
    help="Under mpiexec: batch normalisation over the batch of all processes.",
)
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
@click.option(
    "--checkpoint-every",
    type=WholeNumber(min=1),
    metavar="STEPS",
    help="Also in the middle of an epoch; after each one always.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with this run, bit for bit as if it had not stopped. Its options are those of its beginning; --threads "
    "may differ, and --epochs be more where the schedule does not depend on it.",
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
      tinyconv train --resume runs/photos
      mpiexec -n 4 tinyconv train --sync-batch-norm
    """
    resume = options.pop("resume")
    if resume is None:
        run(**options)
    else:
        go_on(resume, options["epochs"], options["threads"])


def run(
    *, data: str, min_per_class: int | None, seed: int, image_size: tuple[int, int] | None, out: Path | None,
    force: bool, probes: int, feature_epochs: tuple[int, ...] | None, threads: int | None, precision: str | None,
    device: str, checkpoint_every: int | None, **choices: Any,
) -> None:  # fmt: skip
    """Check everything that can be checked before the data are read, then train and report."""
    if choices["test_fraction"] is not None and choices["train_per_class"] is not None:
        raise click.UsageError("--test-fraction and --train-per-class exclude each other; give one", _context())
    if force and out is None:
        raise click.UsageError("--force needs --out, the folder whose run it replaces", _context())
    from tinyconv.core.devices import Device
    from tinyconv.data import sources
    from tinyconv.train import Experiment, Recipe, RunFolder, RunWriter, recipe_for

    where = Device(device)
    together = join(threads)
    if together is not None and where.type != "cpu":
        raise click.UsageError("--device cuda: several processes train on processors only", _context())
    Recipe().changed(**choices)  # a mistake in a choice should not cost the reading of the data
    apply_threads(threads)
    apply_precision(precision)
    if out is not None and is_first():
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
    configuration = experiment.configuration()
    configuration["data"] |= origin(experiment, data, image_size=image_size, min_per_class=min_per_class)
    configuration["recording"] = {"probes": probes, "feature_epochs": feature_epochs}
    configuration["recording"]["checkpoint_every"] = checkpoint_every
    prepared = Prepared(experiment, configuration["recording"], together)
    say(introduction(experiment), err=True)
    if not is_first():
        prepared.help(recipe.epochs)
        return
    # The folder last: from here to run.json, which says how a training ended, there is no work to interrupt.
    folder = RunFolder.numbered() if out is None else RunFolder.exact(out, force)
    writer = RunWriter(folder, configuration, title(experiment), experiment.splits(), checkpoint_every=checkpoint_every)
    train(prepared, writer, recipe.epochs)


def go_on(path: Path, epochs: int | None, threads: int | None) -> None:
    """Check that the run in ``path`` can go on, then train on and report."""
    context = _context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and parameter.name not in ("resume", "epochs", "threads"):
            raise click.UsageError(
                f"--resume goes on with what {path} was begun with; leave {parameter.opts[0]} out", context
            )
    from tinyconv.train import RunWriter, resume_run
    from tinyconv.train.resuming import FinishedRunError

    together = join(threads)
    apply_threads(threads)
    try:
        run = resume_run(path, epochs, claim=is_first())
    except FinishedRunError as finished:
        say(finished)
        return
    for difference in run.differences:
        say(f"Warning: {difference}: the results may differ in their last bits", err=True)
    recording, recipe = run.record["recording"], run.experiment.recipe
    prepared = Prepared(run.experiment, recording, together, run.state)
    say(introduction(run.experiment), err=True)
    if run.state is None:
        say(f"{path} had no checkpoint yet: it begins anew", err=True)
    else:
        epoch, batch = run.state["epoch"], run.state["batch"]
        place = f"epoch {epoch + 1}, after batch {batch}" if batch else f"epoch {epoch + 1}"
        say(f"{path} goes on in {place}", err=True)
    if not is_first():
        prepared.help(run.epochs_left)
        return
    writer = RunWriter(
        run.folder,
        {"recipe": recipe.to_json()},
        title(run.experiment),
        checkpoint_every=recording["checkpoint_every"],
        resumed=run.record,
    )
    train(prepared, writer, run.epochs_left)


class Prepared:
    """What a training needs beside its folder: made before that is."""

    def __init__(
        self,
        experiment: Experiment,
        recording: dict[str, Any],
        together: DataParallel | None,
        state: dict[str, Any] | None = None,
    ) -> None:
        import numpy as np

        from tinyconv.train.progress import progress

        self.experiment, self.together, self.state = experiment, together, state
        if together is not None:
            # Here, where also all have read the run's files that the first one will write anew.
            step = np.array(-1 if state is None else state["step"])
            together.check_data(data=experiment.data.labels, split=experiment.train_indices, checkpoint=step)
        self.probes, self.meta = chosen_probes(experiment, recording["probes"]), feature_meta(experiment)
        self.feature_epochs = recording["feature_epochs"]
        self.batches, self.test_batches = experiment.train_batches(), experiment.test_batches()
        self.display = progress(sys.stderr)

    def trainer(self, callbacks: list[Any]) -> Trainer:
        """Where the state says, if there is one."""
        trainer = self.experiment.trainer(callbacks, self.together)
        if self.state is not None:
            # The first process has callbacks that write and print, the others have not.
            own = {type(callback).__name__ for callback in trainer.callbacks}
            kept = {name: state for name, state in self.state["callbacks"].items() if is_first() or name in own}
            trainer.load_state_dict(self.state | {"callbacks": kept})
        return trainer

    def help(self, epochs: int) -> None:
        """Train as another process than the first: nothing is written."""
        self.trainer([]).fit(self.batches, self.test_batches, epochs)


def train(prepared: Prepared, writer: RunWriter, epochs: int) -> None:
    """Train ``epochs`` into the writer's folder; say where and how good."""
    from tinyconv.features.recorder import FeatureRecorder

    experiment, path = prepared.experiment, writer.folder.path
    try:
        recorder = FeatureRecorder(
            writer.folder.features,
            prepared.probes,
            epochs=prepared.feature_epochs,
            meta=prepared.meta,
            message=lambda text: say(text, err=True),
        )
        trainer = prepared.trainer([prepared.display, writer, recorder])
        trainer.fit(prepared.batches, prepared.test_batches, epochs)
    except KeyboardInterrupt:
        writer.interrupted()
        say(f"\nto go on: tinyconv train --resume {shlex.quote(str(path))}", err=True)
        raise
    finally:
        say(f"run        {path}")
    evaluation = trainer.evaluation
    if evaluation is not None:
        say(report(evaluation, experiment.data.classes, trainer.epoch))


def origin(experiment: Experiment, spec: str, **options: Any) -> dict[str, Any]:
    """Where the data come from, for a training that goes on."""
    from tinyconv.train.resuming import data_digest, lasting

    return {"spec": lasting(spec), "options": options, "digest": data_digest(experiment)}


def title(experiment: Experiment) -> str:
    """Of the curves."""
    return f"{experiment.data.name}, {experiment.recipe.model}, seed {experiment.seed}"


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
    from tinyconv.features.probes import Probes, choose_probes

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
