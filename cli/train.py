"""``tinyconv train``: from a dataset's name to a run folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import announce_compilation, apply_precision, apply_threads, say
from .ranks import is_first, join
from .train_options import training_options
from .train_report import counted, introduction, report

if TYPE_CHECKING:
    from tinyconv.features.probes import Probes
    from tinyconv.train import Callback, Experiment, Recipe, RunWriter, Trainer
    from tinyconv.train.parallel import DataParallel

RECORDING = ("probes", "feature_epochs", "log_every", "statistics_every", "tensorboard", "checkpoint_every")
"""The options that say what is written into the run folder, and when."""


@click.command("train")
@training_options
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
      tinyconv train --config runs/photos/config.toml --seed 1
      tinyconv train --data orl --find-lr
      mpiexec -n 4 tinyconv train --sync-batch-norm
    """
    options.pop("config")  # its settings are among the options already
    resume = options.pop("resume")
    if resume is None:
        run(**options)
    else:
        go_on(resume, options["epochs"], options["threads"])


def run(
    *, data: str, min_per_class: int | None, seed: int, image_size: tuple[int, int] | None, out: Path | None,
    force: bool, threads: int | None, precision: str | None, device: str, find_lr: Path | None, **options: Any,
) -> None:  # fmt: skip
    """Check everything that can be checked before the data are read, then train and report."""
    recording = {name: options.pop(name) for name in RECORDING}
    choices = {**options, "model_options": dict(options["model_options"]) or None}
    if choices["test_fraction"] is not None and choices["train_per_class"] is not None:
        raise click.UsageError("--test-fraction and --train-per-class exclude each other; give one", _context())
    if force and out is None:
        raise click.UsageError("--force needs --out, the folder whose run it replaces", _context())
    if find_lr is not None and out is not None:
        raise click.UsageError("--find-lr trains nothing that is kept; leave --out out", _context())
    if find_lr is not None and not find_lr.parent.is_dir():
        raise click.UsageError(f"--find-lr {find_lr}: there is no folder {find_lr.parent}; make it first", _context())
    from tinyconv.core.devices import Device
    from tinyconv.data import sources
    from tinyconv.train import Experiment, Recipe, RunFolder, RunWriter, recipe_for
    from tinyconv.train.callbacks.tensor_board import require_tensorboard

    if recording["tensorboard"]:
        require_tensorboard()
    where = Device(device)
    together = join(threads)
    if together is not None and find_lr is not None:
        raise click.UsageError("--find-lr is a search by one process; leave mpiexec out", _context())
    if together is not None and where.type != "cpu":
        raise click.UsageError("--device cuda: several processes train on processors only", _context())
    Recipe().changed(**choices)  # a mistake in a choice should not cost the reading of the data
    apply_threads(threads)
    apply_precision(precision)
    if out is not None and is_first():
        RunFolder.check(out, force)
    images = sources.load(data, image_size, min_per_class=min_per_class)
    recipe = chosen_recipe(recipe_for(images), choices)
    feature_epochs = recording["feature_epochs"]
    if feature_epochs and feature_epochs[-1] > recipe.epochs:
        raise click.UsageError(
            f"--feature-epochs names epoch {feature_epochs[-1]}, but the training ends after "
            f"{counted(recipe.epochs, 'epoch')} (--epochs)",
            _context(),
        )
    experiment = Experiment.prepare(images, recipe, seed, where)
    if find_lr is not None:
        find_rate(experiment, find_lr)
        return
    configuration = experiment.configuration() | {"recording": recording}
    configuration["data"] |= origin(experiment, data, image_size=image_size, min_per_class=min_per_class)
    prepared = Prepared(experiment, recording, together)
    say(introduction(experiment), err=True)
    if not is_first():
        prepared.help(recipe.epochs)
        return
    # The folder last: from here to run.json, which says how a training ended, there is no work to interrupt.
    folder = RunFolder.numbered() if out is None else RunFolder.exact(out, force)
    writer = RunWriter(
        folder,
        configuration,
        title(experiment),
        experiment.splits(),
        checkpoint_every=recording["checkpoint_every"],
    )
    train(prepared, writer, recipe.epochs)


def chosen_recipe(recipe: Recipe, choices: dict[str, Any]) -> Recipe:
    """``recipe`` with the user's ``choices``; options of its own model are added to those it has."""
    given = choices["model_options"]
    if given and choices["model"] in (None, recipe.model):
        choices = {**choices, "model_options": recipe.model_options | given}
    return recipe.changed(**choices)


def find_rate(experiment: Experiment, picture: Path) -> None:
    """Search for a learning rate, draw the search and say what it suggests."""
    from tinyconv.train.rate_finder import find_learning_rate, rates_png
    from tinyconv.utils.files import write_atomically

    say(introduction(experiment), err=True)
    with announce_compilation():
        search = find_learning_rate(experiment.model, experiment.loss, experiment.optimizer, experiment.train_batches())
    write_atomically(picture, rates_png(search, f"{experiment.data.name}, {experiment.recipe.model}"))
    say(f"the loss falls fastest at a learning rate of {search.suggestion:.2g} (--lr)")
    say(f"picture    {picture}")


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
        self.health_images = health_images(experiment)
        self.recording = recording
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
    from tinyconv.features.health import HealthRecorder
    from tinyconv.features.recorder import FeatureRecorder

    experiment, path = prepared.experiment, writer.folder.path

    def tell(text: str) -> None:
        say(text, err=True)

    try:
        recorder = FeatureRecorder(
            writer.folder.features,
            prepared.probes,
            epochs=prepared.recording["feature_epochs"],
            meta=prepared.meta,
            message=tell,
        )
        health = HealthRecorder(writer.folder.health, prepared.health_images, message=tell)
        trainer = prepared.trainer([prepared.display, writer, recorder, health, *logs(path, prepared.recording)])
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


def logs(folder: Path, recording: dict[str, Any]) -> list[Callback]:
    """The callbacks that write what was asked for of every step."""
    from tinyconv.train import GradientStatistics, StepLog, TensorBoard
    from tinyconv.train.run_folder import GRADIENTS_FILE, STEPS_FILE, TENSORBOARD

    callbacks: list[Callback] = []
    if every := recording.get("log_every"):
        callbacks.append(StepLog(folder / STEPS_FILE, every))
    if every := recording.get("statistics_every"):
        callbacks.append(GradientStatistics(folder / GRADIENTS_FILE, every))
    if recording.get("tensorboard"):
        callbacks.append(TensorBoard(folder / TENSORBOARD))
    return callbacks


def origin(experiment: Experiment, spec: str, **options: Any) -> dict[str, Any]:
    """Where the data come from, for a training that goes on."""
    from tinyconv.train.resuming import data_digest, lasting

    return {"spec": lasting(spec), "options": options, "digest": data_digest(experiment)}


def title(experiment: Experiment) -> str:
    """Of the curves."""
    return f"{experiment.data.name}, {experiment.recipe.model}, seed {experiment.seed}"


def chosen_probes(experiment: Experiment, count: int) -> Probes:
    """``count`` held-out images, from as many classes as possible."""
    from tinyconv.features.probes import Probes, choose_probes

    data = experiment.data
    held_out = experiment.test_indices
    indices = held_out[choose_probes(data.labels[held_out], count)]
    pictures = data.images[indices]
    labels = [data.classes[label] for label in data.labels[indices]]
    return Probes(experiment.preprocessing.normalize(pictures), pictures, labels, indices.tolist())


def health_images(experiment: Experiment) -> Any:
    """Held-out images that the health of channels is judged by, from as many classes as possible."""
    from tinyconv.features.health.recorder import health_image_count
    from tinyconv.features.probes import choose_probes

    held_out = experiment.test_indices
    chosen = choose_probes(experiment.data.labels[held_out], health_image_count(len(experiment.train_indices)))
    return experiment.preprocessing.normalize(experiment.data.images[held_out[chosen]])


def feature_meta(experiment: Experiment) -> dict[str, Any]:
    """What the feature archive says of the run that it belongs to."""
    from tinyconv.train import environment

    configuration = experiment.configuration()
    return {name: configuration[name] for name in ("seed", "model", "classes", "preprocessing")} | {
        "source": experiment.data.name,
        "credit": experiment.data.credit,
        "versions": environment.versions(),
    }


def _context() -> click.Context:
    return click.get_current_context()
