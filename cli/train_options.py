"""The options of ``tinyconv train``, and how a TOML file takes their place."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from .options import ImageSize, Number, Numbers, WholeNumber, device, precision, threads

PROBES = 4
NOT_IN_A_FILE = ("out", "force", "resume", "config", "find_lr", "help")
"""What belongs to one call of the command, and not to a training's settings."""
JOINED_BY = {"image_size": "x", "feature_epochs": ","}
"""What is a list in a file, and how the command line writes it."""

Decorator = Callable[[Any], Any]


class ModelOption(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Text such as "dropout=0.3" or "widths=[32,64]", as (name, value)."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not (name.strip() and equals):
            self.fail(f"{value!r} is no option of a model; write for example dropout=0.3 or widths=[32,64]", param, ctx)
        try:
            return name.strip(), json.loads(text)
        except ValueError:
            return name.strip(), text


def from_file(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Let the settings in the file ``path`` be what options are that the command line does not give."""
    if path is None:
        return None
    from tinyconv.core.errors import RunError
    from tinyconv.train.config import read_config

    options = {option.name or "": option for option in ctx.command.params}
    settings = read_config(path, known(ctx.command))
    given: dict[str, Any] = {}
    for name, value in settings.items():
        try:
            given[name] = as_option(options[name], value)
            if name != "model_options":
                options[name].type_cast_value(ctx, given[name])
        except click.BadParameter as error:
            message = error.message.rstrip(".")
            raise RunError(f"{path}: {name} = {json.dumps(value, default=str)}: {message}") from None
    ctx.default_map = given
    return path


def known(command: click.Command) -> Collection[str]:
    """The names that a file of settings may have."""
    return [option.name for option in command.params if option.name and option.name not in NOT_IN_A_FILE]


def as_option(option: click.Parameter, value: Any) -> Any:
    """A value of a TOML file as the command line gives it: text, or for a switch true or false."""
    name = option.name or ""
    if name == "model_options":
        if not isinstance(value, dict):
            raise click.BadParameter("write a table: [model_options], and below it name = value")
        return tuple(value.items())
    if isinstance(option.type, click.types.BoolParamType):
        if not isinstance(value, bool):
            raise click.BadParameter("write true or false")
        return value
    if isinstance(value, list) and name in JOINED_BY:
        return JOINED_BY[name].join(map(str, value))
    if isinstance(value, list | dict):
        raise click.BadParameter("write a single value")
    # As text: what is read as a whole number must not pass where it is 2.5 or true.
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _share(flag: str, text: str, **limits: bool) -> Decorator:
    return click.option(flag, type=Number(0, 1, **limits), metavar="SHARE", help=text)


OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        is_eager=True,
        callback=from_file,
        help="TOML file with any of the options below, - in their names as _ (a run's config.toml repeats that run); "
        "what the command line gives goes first.",
    ),
    # The images
    click.option(
        "--data",
        default="lfw-subset",
        show_default=True,
        metavar="NAME",
        help="lfw-subset, digits, orl, lfw, lfw:FACES (fewest photographs of a person), olivetti, mnist, "
        "fashion-mnist, cifar10 (lfw and the last three also as NAME:PATH), folder:PATH (one subfolder of images per "
        "class) or npz:PATH.",
    ),
    click.option(
        "--min-per-class", type=WholeNumber(min=1), metavar="N", help="Leave out classes with fewer than N images."
    ),
    click.option("--image-size", type=ImageSize(), help="Resize the images, as in 56x46 (height, width) or 64."),
    click.option(
        "--test-fraction",
        type=Number(0, 1, min_open=True, max_open=True),
        metavar="SHARE",
        help="Share of every class that is held out, 0 to 1.",
    ),
    click.option("--train-per-class", type=WholeNumber(min=1), metavar="N", help="Or: learn from N images a class."),
    # The model
    click.option(
        "--model",
        metavar="NAME",
        help="facenet, lenet, resnet18 or another that `tinyconv summary --all` lists; by default what suits the data.",
    ),
    click.option(
        "--model-option",
        "model_options",
        type=ModelOption(),
        multiple=True,
        help="Of the model, such as dropout=0.3 or widths=[32,64]; several times for several.",
    ),
    click.option(
        "--weights",
        type=click.Path(path_type=str, exists=True, resolve_path=True),
        metavar="FILE|RUN",
        help="Begin with these weights: of a run, or a safetensors or npz file such as a PyTorch network's; layers of "
        "another shape begin anew, as the last one for other classes.",
    ),
    # Steps
    click.option("--epochs", type=WholeNumber(min=1), metavar="N", help="How often to go through the images."),
    click.option("--batch-size", type=WholeNumber(min=1), metavar="N", help="Images of a batch."),
    click.option(
        "--accumulate",
        type=WholeNumber(min=1),
        metavar="K",
        help="Batches of an optimiser step: the gradient is the mean over all their images.  [default: 1]",
    ),
    click.option("--optimizer", metavar="NAME", help="sgd, adam or adamw."),
    click.option(
        "--lr", type=Number(min=0, min_open=True), metavar="RATE", help="Highest learning rate of the schedule."
    ),
    click.option("--weight-decay", type=Number(min=0), metavar="RATE", help="Of the optimiser."),
    click.option("--momentum", type=Number(0, 1, max_open=True), metavar="SHARE", help="Of sgd.  [default: 0.9]"),
    click.option(
        "--schedule", metavar="NAME", help="one-cycle, cosine, step or constant, step by step.  [default: one-cycle]"
    ),
    click.option(
        "--warmup",
        type=Number(min=0),
        metavar="EPOCHS",
        help="Epochs, also parts of one, in which the learning rate rises first; of one-cycle by default 30% of all.",
    ),
    click.option(
        "--decay-every", type=WholeNumber(min=1), metavar="EPOCHS", help="Of the schedule step.  [default: 10]"
    ),
    click.option(
        "--decay-factor", type=Number(0, 1, min_open=True), metavar="F", help="Of the schedule step.  [default: 0.1]"
    ),
    click.option("--clip-norm", type=Number(min=0), metavar="NORM", help="Scale a longer gradient down to this norm."),
    click.option("--clip-value", type=Number(min=0), metavar="SIZE", help="Limit each element of the gradient."),
    click.option(
        "--ema",
        type=Number(0, 1, max_open=True),
        metavar="DECAY",
        help="Evaluate and keep an exponential average of the weights, such as 0.999.",
    ),
    click.option(
        "--early-stopping",
        type=WholeNumber(min=0),
        metavar="EPOCHS",
        help="End after so many epochs without a lower held-out loss.",
    ),
    # Targets and augmentation
    _share("--label-smoothing", "Spread this much of every target over all classes.", max_open=True),
    click.option("--mixup", type=Number(min=0), metavar="ALPHA", help="Blend pairs of images and targets, as 0.2."),
    click.option("--augment/--no-augment", default=None, help="Random shifts, turns and (faces) flips; on by default."),
    click.option("--flip/--no-flip", default=None, help="Flip left and right, whatever the dataset says."),
    click.option("--shift", type=WholeNumber(min=0), metavar="PIXELS", help="Shift up to this much."),
    click.option("--crop", type=WholeNumber(min=0), metavar="PIXELS", help="Or crop from as many black ones around."),
    click.option("--degrees", type=Number(0, 180), metavar="ANGLE", help="Turn up to this much, either way."),
    _share("--scale", "Scale up to this much, either way.", max_open=True),
    _share("--brightness", "Make brighter or darker up to this much."),
    _share("--contrast", "Change the contrast up to this much."),
    click.option("--cutout", type=WholeNumber(min=0), metavar="PIXELS", help="Cut a square of this side out."),
    click.option(
        "--sync-batch-norm/--no-sync-batch-norm",
        default=None,
        help="Under mpiexec: batch normalisation over the batch of all processes.",
    ),
    # The run
    click.option("--seed", type=WholeNumber(min=0, max=2**63 - 1), default=0, show_default=True, metavar="N"),
    click.option(
        "--feature-epochs", type=Numbers(), help="Epochs after which feature maps are dumped, 0 is before the first."
    ),
    click.option(
        "--probes",
        type=WholeNumber(min=1, max=64),
        default=PROBES,
        show_default=True,
        metavar="N",
        help="Held-out images whose maps are dumped.",
    ),
    click.option(
        "--log-every", type=WholeNumber(min=1), metavar="STEPS", help="Write loss and rate of steps to steps.jsonl."
    ),
    click.option(
        "--statistics-every",
        type=WholeNumber(min=1),
        metavar="STEPS",
        help="Write norms of gradients, updates and weights to gradients.jsonl.",
    ),
    click.option("--tensorboard/--no-tensorboard", default=False, help="Write event files into tensorboard/."),
    click.option(
        "--checkpoint-every",
        type=WholeNumber(min=1),
        metavar="STEPS",
        help="Also in the middle of an epoch; after each one always.",
    ),
    click.option(
        "--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Run folder; by default runs/0001, ..."
    ),
    click.option(
        "--force",
        is_flag=True,
        help="With --out: replace the run that is in the folder. All that tinyconv wrote into it is deleted, below "
        "features/ too (every features.npz, and the pictures and pages made by tinyconv); other files stay.",
    ),
    click.option(
        "--resume",
        type=click.Path(path_type=Path),
        metavar="RUN",
        help="Go on with this run, bit for bit as if it had not stopped. Its options are those of its beginning; "
        "--threads may differ, and --epochs be more where the schedule does not depend on it.",
    ),
    click.option(
        "--find-lr",
        type=click.Path(path_type=Path, dir_okay=False),
        is_flag=False,
        flag_value=Path("learning-rate.png"),
        metavar="[PICTURE]",
        help="Only search for a learning rate, and draw the search into learning-rate.png or the file given.",
    ),
    threads,
    precision,
    device,
)


def training_options(command: Any) -> Any:
    """``command`` with all of them, in this order in its help."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
