"""``tinyconv tune``: a small search over learning rate, width and augmentation."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
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
    shown_table,
    threads,
)

if TYPE_CHECKING:
    from tinyconv.train import Trial, Tuning

DEFAULT_TRIALS = 12


class NumberRange(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Text such as "0.001,0.1", as a pair of numbers."""

    name = "LOW,HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no range; write the lowest and the highest number, as in 0.001,0.1", param, ctx)
        return low, high


@click.command("tune")
@click.option("--data", default="lfw-subset", show_default=True, metavar="NAME", help="As in tinyconv train.")
@click.option("--min-per-class", type=WholeNumber(min=1), metavar="N", help="Leave out classes with fewer images.")
@click.option("--image-size", type=ImageSize(), help="Resize the images, as in 56x46 (height, width) or 64.")
@click.option("--model", metavar="NAME", help="As for `tinyconv train`; by default what suits the dataset.")
@click.option("--trials", type=WholeNumber(min=1), metavar="N", help=f"How many.  [default: {DEFAULT_TRIALS}]")
@click.option("--epochs", type=WholeNumber(min=1), metavar="N", help="Of each trial; by default as in tinyconv train.")
@click.option("--seed", type=WholeNumber(min=0, max=2**63 - 1), default=0, show_default=True, metavar="N")
@click.option("--lr", type=NumberRange(), help="Learning rates.  [default: a tenth to ten times the recipe's]")
@click.option("--width", type=NumberRange(), help="Times the channels of the model.  [default: 0.5,2]")
@click.option("--augmentation", type=NumberRange(), help="Times the strength of the augmentation.  [default: 0,2]")
@click.option("--weight-decay", type=NumberRange(), help="Searched too if given.")
@click.option("--batch-size", type=Numbers(), help="Searched too if given: one of these.")
@click.option(
    "--validation-fraction",
    type=Number(0, 1, min_open=True, max_open=True),
    default=0.25,
    show_default=True,
    metavar="SHARE",
    help="Share of every class's training images by which the trials are judged.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="By default tune/0001, ...")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Go on with a search that was cut off, or with more --trials; its other options are those of its beginning.",
)
@threads
@precision
@device
def command(**options: Any) -> None:
    """Search for a better recipe: trials with random learning rates, widths and strengths of augmentation.

    Trial 0 is the recipe unchanged. Every trial is trained to its end and kept as a run folder. Trials are judged on a
    part of the training images; those that tinyconv train holds out are not touched, so that the winner's accuracy on
    them stays an honest figure. The same seed gives the same trials, whatever their number.

    Writes tune.json, tune.png (accuracy over each parameter), and best.toml, for tinyconv train --config.

    \b
    Examples:
      tinyconv tune --data digits --trials 8 --epochs 10
      tinyconv tune --data orl --lr 0.001,0.03 --batch-size 20,40,80
      tinyconv tune --resume tune/0001 --trials 20
    """
    apply_threads(options.pop("threads"))
    resume = options.pop("resume")
    if resume is None:
        begin(**options)
    else:
        go_on(resume, options["trials"])


def begin(
    *, data: str, min_per_class: int | None, image_size: tuple[int, int] | None, model: str | None, epochs: int | None,
    trials: int | None, seed: int, validation_fraction: float, out: Path | None, precision: str | None, device: str,
    **ranges: Any,
) -> None:  # fmt: skip
    """Check everything that can be checked, then search."""
    from tinyconv.core.devices import Device
    from tinyconv.core.precision import float32_precision
    from tinyconv.data import sources
    from tinyconv.train import Recipe, RunFolder, SearchSpace, Tuning, recipe_for
    from tinyconv.train.resuming import lasting
    from tinyconv.train.tuning import search

    where = Device(device)
    Recipe().changed(model=model, epochs=epochs)  # a mistake should not cost the reading of the data
    SearchSpace(**ranges)
    apply_precision(precision)
    if out is not None:
        search.check_new(out)
    images = sources.load(data, image_size, min_per_class=min_per_class)
    recipe = recipe_for(images).changed(model=model, epochs=epochs)
    tuning = Tuning(
        lasting(data),
        {"image_size": image_size, "min_per_class": min_per_class},
        recipe,
        SearchSpace.around(recipe, **ranges),
        trials or DEFAULT_TRIALS,
        seed,
        str(where),
        float32_precision(),
        validation_fraction,
    )
    learnt, judged = search.validation_parts(images, tuning)
    say(f"{images.name}: {len(learnt)} images to learn from, {len(judged)} to judge the trials by", err=True)
    folder = RunFolder.numbered(search.DEFAULT_PARENT).path if out is None else out
    run(folder, tuning, len(judged), images)


def go_on(folder: Path, trials: int | None) -> None:
    """Go on with the search in ``folder``."""
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
        if given and parameter.name not in ("resume", "trials", "threads"):
            raise click.UsageError(
                f"--resume goes on with what {folder} was begun with; leave {parameter.opts[0]} out", context
            )
    from dataclasses import replace

    from tinyconv.core.precision import set_float32_precision
    from tinyconv.data import sources
    from tinyconv.train import Tuning
    from tinyconv.train.tuning import search

    tuning = Tuning.read(folder)
    if trials is not None and trials < tuning.trials:
        raise click.UsageError(
            f"the search in {folder} was begun with {tuning.trials} trials and goes on with as many or more, not with "
            f"{trials} (--trials)",
            context,
        )
    tuning = replace(tuning, trials=trials or tuning.trials)
    set_float32_precision(tuning.precision)
    images = sources.load(tuning.spec, **tuning.options)
    run(folder, tuning, len(search.validation_parts(images, tuning)[1]), images)


def run(folder: Path, tuning: Tuning, judged: int, images: Any) -> None:
    """Search, and say what came of it."""
    from tinyconv.train import tune
    from tinyconv.train.progress import progress
    from tinyconv.train.tuning.search import BEST_FILE, PICTURE_FILE

    def tell(trial: Trial, done: Sequence[Trial]) -> None:
        result = "diverged" if trial.accuracy is None else f"{trial.accuracy:.2%}"
        say(f"trial {trial.number} ({len(done)} of {tuning.trials}): {trial.described()}: {result}", err=True)

    try:
        trials = tune(folder, tuning, images, lambda: [progress(sys.stderr)], tell)
    except KeyboardInterrupt:
        say(f"\nto go on: tinyconv tune --resume {shlex.quote(str(folder))}", err=True)
        raise
    finally:
        say(f"search     {folder}")
    say(table(trials))
    best = trials[0]
    accuracy = best.accuracy or 0.0
    error = math.sqrt(accuracy * (1 - accuracy) / judged)
    say(f"\nbest       trial {best.number}: {best.described()}")
    say(f"           of {judged} validation images: differences below about {2 * error:.1%} may be chance")
    say(f"picture    {folder / PICTURE_FILE}")
    say(f"train it   tinyconv train --config {shlex.quote(str(folder / BEST_FILE))}")


def table(trials: Sequence[Trial]) -> str:
    """A line for each trial, the best first."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    rows = [
        (
            str(trial.number),
            *(f"{trial.parameters[name]:g}" if name in trial.parameters else "recipe's" for name in names),
            "diverged" if trial.accuracy is None else f"{trial.accuracy:.2%}",
            "" if trial.loss is None else f"{trial.loss:.4f}",
            str(trial.epochs),
            str(trial.folder),
        )
        for trial in trials
    ]
    headers = ("trial", *names, "accuracy", "loss", "epochs", "run")
    return shown_table(headers, rows, "r" * (len(names) + 4) + "l")
