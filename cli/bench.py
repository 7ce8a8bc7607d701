"""``tinyconv bench``: how fast your own shapes and models are on this machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .networks import model_options
from .options import ImageSize, WholeNumber, say

if TYPE_CHECKING:
    from tinyconv.utils.speed.measurements import Measurement
    from tinyconv.utils.speed.roofline import Peaks

MOST_BYTES = 8 * 2**30
"""Of the arrays of a convolution: more is a slip of the keyboard."""


class Batch(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """Text such as "8x64x56x56", as (images, channels, height, width)."""

    name = "NxCxHxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"[1-9]\d*([xX×][1-9]\d*){3}", str(value).strip()):
            self.fail(f"{value!r} is no batch of images; write images, channels, height, width: 8x64x56x56", param, ctx)
        return tuple(int(number) for number in re.split("[xX×]", str(value).strip()))


class Steps(ImageSize):
    """Text such as "1x2" (vertical, horizontal) or "1", as a pair; 0 is allowed."""

    name = "N or NxN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,4})(?:[xX×](\d{1,4}))?", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is neither a number nor a pair; write 1, or 1x2 for vertical, horizontal", param, ctx)
        return int(found[1]), int(found[2] or found[1])


seconds = click.option(
    "--seconds", type=options.Number(min=0), default=0.5, show_default=True, metavar="S", help="For each side, about."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; times are in seconds.")


@click.group("bench")
def command() -> None:
    """Measure a convolution or a model on this machine, beside PyTorch if it is installed.

    The sides take turns in one process. A ratio above 1 says how many times faster tinyconv is than the better of
    PyTorch's two layouts; the interval holds it with 95% confidence. Operations are those of the definition, so an
    algorithm that needs fewer can have more than the machine's measured peak.

    \b
    Examples:
      tinyconv bench conv 8x64x56x56 128 --kernel 3 --padding 1
      tinyconv bench model resnet18 --batch 64 --input-size 32x32
    """


@command.command("conv")
@click.argument("images", type=Batch(), metavar="NxCxHxW")
@click.argument("filters", type=WholeNumber(min=1), metavar="FILTERS")
@click.option("--kernel", type=ImageSize(), default="3", show_default=True, help="Its height and width.")
@click.option("--stride", type=Steps(), default="1", show_default=True)
@click.option("--padding", type=Steps(), default="0", show_default=True)
@click.option("--dilation", type=Steps(), default="1", show_default=True)
@click.option("--groups", type=WholeNumber(min=1), default=1, show_default=True, metavar="N")
@options.precision
@click.option("--tune", is_flag=True, help="Keep what was fastest: on this machine, such convolutions then use it.")
@seconds
@options.threads
@as_json
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a roofline (PNG).")
def conv(
    images: tuple[int, int, int, int],
    filters: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
    groups: int,
    precision: str | None,
    tune: bool,
    seconds: float,
    threads: int | None,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Measure a convolution of NxCxHxW images with FILTERS filters: forward, input gradient, weight gradient.

    Every algorithm that can compute it has a row; the chosen one comes first and has a star.
    """
    for name, pair in (("--stride", stride), ("--dilation", dilation)):
        if min(pair) < 1:
            raise click.BadParameter("it must be at least 1", click.get_current_context(), param_hint=name)
    from tinyconv.utils.speed import measurements, roofline
    from tinyconv.utils.speed.shapes import ConvolutionShape

    shape = ConvolutionShape(images, filters, kernel, stride, padding, dilation, groups)
    if shape.bytes > MOST_BYTES:
        raise click.UsageError(f"its arrays would take {shape.bytes / 2**30:.0f} GiB", click.get_current_context())
    options.apply_precision(precision)
    peaks = _begin(threads)
    with options.announce_compilation():
        measured = measurements.measure_convolution(shape, seconds)
        learned = measurements.tune(shape, measured) if tune else {}
    if plot is not None:
        title = f"{'x'.join(map(str, images))} -> {filters}"
        roofline.draw(plot, title, [each.point() for each in measured], peaks)
    _report(measured, peaks, as_json, learned)
    if learned:
        from tinyconv.ops.convolution.algorithms import tuning_file

        say(f"kept in {tuning_file()}", err=as_json)
    if plot is not None:
        say(f"roofline  {plot}", err=as_json)


@command.command("model")
@click.argument("name", metavar="MODEL")
@click.option("--batch", type=WholeNumber(min=1), default=64, show_default=True, metavar="N", help="Images at a time.")
@click.option("--input-size", type=ImageSize(), default="32x32", show_default=True, help="Image size.")
@click.option("--channels", type=WholeNumber(min=1), default=3, show_default=True, metavar="N")
@click.option("--classes", type=WholeNumber(min=1), default=10, show_default=True, metavar="N")
@model_options
@seconds
@options.threads
@as_json
def model(
    name: str,
    batch: int,
    input_size: tuple[int, int],
    channels: int,
    classes: int,
    model_options: tuple[tuple[str, Any], ...],
    seconds: float,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure a training step (with AdamW) and the inference of MODEL, on random images.

    Beside it, if it is installed, PyTorch's of facenet, lenet, vgg11_bn and resnet18, which are written for it too.
    """
    from tinyconv.models import registry
    from tinyconv.utils.speed import measurements

    registry.defaults(name)  # an unknown name is refused before anything is measured
    peaks = _begin(threads)
    with options.announce_compilation():
        measured = measurements.measure_model(name, channels, classes, input_size, batch, seconds, dict(model_options))
    _report(measured, peaks, as_json, {})


def _begin(threads: int | None) -> Peaks:
    """Start the threads of both sides, PyTorch's first, and measure the machine."""
    from tinyconv.ops import machine
    from tinyconv.utils.speed import pytorch
    from tinyconv.utils.speed.roofline import Peaks

    options.apply_threads(threads)
    if pytorch.installed():
        pytorch.start(machine.get_num_threads())
    with options.announce_compilation():
        return Peaks.measured()


def _report(measured: list[Measurement], peaks: Peaks, as_json: bool, learned: dict[str, list[str]]) -> None:
    from tinyconv.ops import machine

    facts = {
        "threads": machine.get_num_threads(),
        "peak_flops": peaks.flops,
        "peak_bandwidth": peaks.bandwidth,
    }
    if as_json:
        rows = [each.to_dict(peaks) for each in measured]
        say(json.dumps({**facts, "rows": rows, **({"learned": learned} if learned else {})}, indent=2))
        return
    say(
        f"{facts['threads']} threads; this machine does {peaks.flops / 1e9:.0f} GFLOP/s and moves "
        f"{peaks.bandwidth / 1e9:.0f} GB/s (measured)"
    )
    for line in table(measured, peaks):
        say(line)


def table(measured: list[Measurement], peaks: Peaks) -> list[str]:
    """Lines in columns: one for each side of each computation."""
    rows = [("what", "by", "time", "GFLOP/s", "of peak", "times as fast as PyTorch")]
    for each in measured:
        for side in each.timings.seconds:
            ratio = each.speedup(side) if side in each.algorithms else None
            star = " *" if side == each.algorithms[0] and len(each.algorithms) > 1 else ""
            rate = each.rate(side)
            rows.append(
                (
                    each.kind,
                    side + star,
                    f"{1e3 * each.timings.median(side):.3g} ms",
                    f"{rate / 1e9:.0f}",
                    f"{rate / peaks.flops:.0%}",
                    "" if ratio is None else f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]",
                )
            )
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    left = {0: str.ljust, 1: str.ljust}
    return [
        "  ".join(left.get(place, str.rjust)(cell, widths[place]) for place, cell in enumerate(row)).rstrip()
        for row in rows
    ]
