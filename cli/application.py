"""The command itself: its verbs, and how every kind of error reaches the user."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

import click

from tinyconv.core.errors import TinyconvError

# Verb -> what `tinyconv --help` says of it: the modules are imported only when their verb runs.
VERBS = {
    "train": "Train a CNN on images and watch its feature maps grow.",
    "features": "Dump the feature maps of a trained run for an image.",
    "predict": "Classify images with a trained run.",
    "summary": "Show a model's layers: shapes, parameters, cost, receptive fields.",
    "info": "Show versions, processor, threads and caches.",
}
DEBUG = "TINYCONV_DEBUG"
USER_ERROR, BUG, INTERRUPTED = 2, 1, 130


class Application(click.Group):
    """The group of verbs. A user's mistake ends it with one line and exit code 2, never with a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f".{cmd_name}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                code = super().main(*args, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "", err=True)
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


def _click_message(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message} (see {context.command_path} --help)" if context is not None else message


def _fail(message: str, code: int) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(code)


def _raise_if_debugging(error: Exception) -> None:
    if os.environ.get(DEBUG):
        raise error


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    click.echo(f"Warning: {' '.join(str(message).split())}", err=True)


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
