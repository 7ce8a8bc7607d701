"""Kinds of values that the command line takes, with errors that show how to write them."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from .ranks import is_first


class ImageSize(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.2
    """Text such as "56x46" (height, then width) or "64" (square), as a pair of pixels."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", str(value).strip())
        if found is None:
            self.fail(
                f"{value!r} is not an image size; write height and width as in 56x46, or 64 for 64x64", param, ctx
            )
        height, width = int(found[1]), int(found[2] or found[1])
        if not (1 <= height <= 4096 and 1 <= width <= 4096):
            self.fail(f"image size {value}: height and width must be 1 to 4096 pixels", param, ctx)
        return height, width


class WholeNumber(click.IntRange):
    """A whole number, called so in errors: "'abc' is not a valid whole number"."""

    name = "whole number"


class Number(click.FloatRange):
    """A number, called so in errors."""

    name = "number"


class Numbers(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Text such as "0,1,2,5", as increasing whole numbers without repetitions."""

    name = "N,N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(part.isdecimal() for part in parts):
            self.fail(f"{value!r} is not a list of whole numbers; write for example 0,1,2,5,10", param, ctx)
        return tuple(sorted({int(part) for part in parts}))


WIDEST = 1000
"""Characters of a line in a file, whatever a table holds."""

threads = click.option("--threads", type=WholeNumber(min=1), metavar="N", help="Threads for the kernels.")
precision = click.option(
    "--precision",
    type=click.Choice(["exact", "fast", "tf32"]),
    metavar="MODE",
    help="exact: sums as they are written; fast: Winograd on a CPU, 3xTF32 on a GPU; tf32: on GPUs.  [default: fast]",
)
device = click.option(
    "--device", default="cpu", show_default=True, metavar="NAME", help="Where to compute: cpu or cuda."
)
checkpoint = click.option(
    "--checkpoint",
    type=click.Choice(["best", "last"]),
    default="last",
    show_default=True,
    help="Weights after the last epoch, or after the one with the lowest held-out loss.",
)


def say(text: object, err: bool = False) -> None:
    """Print a line, on the first of several processes.

    That nobody reads it any more, as behind ``| head -1``, is no error; a full disk is one.
    """
    if not is_first():
        return
    from tinyconv.utils.streams import LenientStream

    if err:
        LenientStream(sys.stderr).line(str(text))
    else:
        LenientStream(sys.stdout, BrokenPipeError).line(str(text))


def shown_table(headers: Sequence[str], rows: Iterable[Sequence[str]], alignment: str, width: int | None = None) -> str:
    """Rows in columns; ``alignment``: "l" or "r" for each. Cells wrap in a terminal that is too narrow for them."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header, side in zip(headers, alignment, strict=True):
        table.add_column(header, justify="right" if side == "r" else "left", no_wrap=side == "r")
    for row in rows:
        table.add_row(*map(Text, row))  # names are the user's: a bracket in one is no markup
    if width is None:  # a file has all the width that the cells want
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDEST
    console = Console(file=io.StringIO(), color_system=None, width=width)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().strip("\n").splitlines())


def apply_threads(count: int | None) -> None:
    """Set the number of threads, where the user gave one."""
    if count is not None:
        from tinyconv.ops import machine

        machine.set_num_threads(count)


def apply_precision(mode: str | None) -> None:
    """Set how float32 is computed with, where the user chose."""
    if mode is not None:
        from tinyconv.core.precision import set_float32_precision

        set_float32_precision(mode)


@contextmanager
def announce_compilation() -> Iterator[None]:
    """Say on stderr, once, that kernels are being compiled, if they are."""
    from tinyconv.ops import machine
    from tinyconv.train.progress import COMPILING

    announced: list[str] = []

    def announce(kernel: str) -> None:
        if not announced:
            say(COMPILING, err=True)
        announced.append(kernel)

    stop_listening = machine.on_first_compile(announce)
    try:
        yield
    finally:
        stop_listening()
