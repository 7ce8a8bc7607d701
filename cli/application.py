"""The command itself: its verbs, and how every kind of error reaches the user."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from tinyconv.core.errors import TinyconvError

from .options import say
from .ranks import end_all

# Verb -> what `tinyconv --help` says of it: the modules are imported only when their verb runs.
VERBS = {
    "train": "Train a CNN on images and watch its feature maps grow.",
    "features": "Dump the feature maps of a trained run for an image.",
    "evolve": "Show how a run's feature maps changed while it learned: a page with a slider, and GIFs.",
    "kernels": "Draw the kernels that a run has learnt, layer by layer.",
    "health": "Say which channels of a run are dead, constant, saturated or duplicates, and since when.",
    "predict": "Classify images with a trained run.",
    "find": "Find faces, or what else a run knows, in whole photographs.",
    "evaluate": "Judge a trained run: accuracy, confusions, and its worst mistakes as pictures.",
    "report": "Write all there is to see of a trained run into one HTML file.",
    "explain": "Show which pixels of an image counted for a class, by many methods.",
    "score": "Score explanation methods on a trained run: beside chance, and with shuffled weights.",
    "maximize": "Make the images that classes or units of a run answer to most.",
    "invert": "Make an image again from what single layers of a run know of it.",
    "units": "Show the patches of real images that units of a run answer to most.",
    "dissect": "Find the channels of a run that detect what is marked in images.",
    "verify": "Check on a trained run what theory promises of explanations.",
    "compare": "Set trained runs beside each other: their curves in one picture, and a table.",
    "tune": "Search for the learning rate, width and augmentation that suit your images.",
    "import": "Make a run of a network from an ONNX file.",
    "summary": "Show a model's layers: shapes, parameters, cost, receptive fields.",
    "export": "Write a trained run as an ONNX file, for other frameworks.",
    "profile": "Show what a training step costs, layer by layer: time, memory, arithmetic.",
    "bench": "Measure a convolution or a model on this machine, beside PyTorch.",
    "warmup": "Compile the kernels now, so that no training waits for them.",
    "info": "Show versions, processor, threads and caches.",
}
FILES = {"import": "import_model"}
"""Where the verb is no name that a file may have."""

DEBUG = "TINYCONV_DEBUG"
USER_ERROR, BUG, INTERRUPTED, TERMINATED = 2, 1, 130, 143


class Termination(KeyboardInterrupt):
    """SIGTERM, which ends a training in the same orderly way as Ctrl-C."""


class Application(click.Group):
    """The group of verbs. A user's mistake ends it with one line and exit code 2, never with a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            near = difflib.get_close_matches(cmd_name, VERBS, n=1)
            question = f"did you mean {near[0]!r}?" if near else f"the commands are {', '.join(VERBS)}"
            raise click.UsageError(f"No such command {cmd_name!r}; {question}", ctx)
        module = importlib.import_module(f".{FILES.get(cmd_name, cmd_name)}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interruption:
            say("", err=True)  # a terminal shows ^C without ending its line
            _fail("interrupted", TERMINATED if isinstance(interruption, Termination) else INTERRUPTED)

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            with warnings.catch_warnings(), _termination_like_ctrl_c():
                warnings.showwarning = _show_warning
                code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            say(error.ctx.get_help() if error.ctx else "", err=True)
            sys.exit(USER_ERROR)
        except click.ClickException as error:
            _fail(_click_message(error), USER_ERROR)
        except click.Abort:
            _fail("interrupted", INTERRUPTED)
        except TinyconvError as error:
            _raise_if_debugging(error)
            _fail(str(error), USER_ERROR)
        except OSError as error:
            _raise_if_debugging(error)
            _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), USER_ERROR)
        except MemoryError:
            _fail("not enough memory; use smaller images (--image-size) or batches (--batch-size)", USER_ERROR)
        except Exception as error:
            _raise_if_debugging(error)
            _fail(f"{type(error).__name__}: {error} (a bug in tinyconv; {DEBUG}=1 shows where)", BUG)
        sys.exit(code if isinstance(code, int) else 0)


@contextlib.contextmanager
def _termination_like_ctrl_c() -> Iterator[None]:
    """Raise ``Termination`` on SIGTERM; not where it is ignored, and not outside the main thread, which may not."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        yield
        return

    def terminate(*_: object) -> NoReturn:
        raise Termination

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _click_message(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption):
        # Without their dashes, which every option has: '--out' is not near '--bogus'.
        known = [option.lstrip("-") for option in error.possibilities or ()]
        near = difflib.get_close_matches(error.option_name.lstrip("-"), known, cutoff=0.55)
        error = click.NoSuchOption(error.option_name, possibilities=[f"--{option}" for option in near], ctx=error.ctx)
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message} (see {context.command_path} --help)" if context is not None else message


def _fail(message: str, code: int) -> NoReturn:
    end_all(message, code, interrupted=code in (INTERRUPTED, TERMINATED))


def _raise_if_debugging(error: Exception) -> None:
    if os.environ.get(DEBUG):
        raise error


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"Warning: {' '.join(str(message).split())}", err=True)


@click.command(
    cls=Application,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: tinyconv train",
)
@click.version_option(package_name="tinyconv", message="tinyconv %(version)s")
def application() -> None:
    """Train convolutional networks on your own images, and see what they learn."""


def main() -> None:
    """Run the command; the entry point of the installed script."""
    application()
