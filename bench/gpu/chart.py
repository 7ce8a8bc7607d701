"""One picture of a check: convolutions, layers and training steps, each against its targets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.gpu.layers import BANDWIDTH
from bench.gpu.record import Record, ceilings
from bench.gpu.targets import OF_BANDWIDTH, TARGETS, rows_of, share
from bench.rows import Row
from bench.targets import FORWARD, INPUT, WEIGHT
from tinyconv.utils.speed.own import FAST

MARKS = {FORWARD: "o", INPUT: "s", WEIGHT: "^"}
COLOURS = {"float32": "C0", "tf32": "C1"}
SAYS = {"float32": "fast, PyTorch without TF32", "tf32": "tf32, PyTorch with TF32"}
ROW_INCHES, LEAST_INCHES = 0.28, 3.0


def draw(path: Path, record: Record) -> None:
    """Write the PNG; nothing where nothing was timed."""
    rows = {name: rows_of(record, name) for name in ("conv", "layers", "steps")}
    if not any(rows.values()):
        return
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    moving = [row for row in rows["layers"] if BANDWIDTH in row.tags]
    heights = [max(LEAST_INCHES, ROW_INCHES * len(names(each))) for each in (rows["conv"], moving, rows["steps"])]
    figure, axes = plt.subplots(3, 1, figsize=(11, sum(heights) + 2.5), height_ratios=heights, layout="constrained")
    card = record["card"].get("name", "unknown card")
    figure.suptitle(f"tinyconv on {card}, {record['date']}", x=0.01, ha="left", weight="bold")
    _speeds(axes[0], "convolutions: speed against PyTorch, channels-last, cudnn.benchmark", rows["conv"], MARKS)
    _shares(axes[1], moving, ceilings(record).get("bandwidth"))
    _speeds(axes[2], "training steps: speed against PyTorch", rows["steps"], {"training step": "D"})
    figure.savefig(path, dpi=120)
    plt.close(figure)


def names(rows: Iterable[Row]) -> list[str]:
    """Each once, the first on top."""
    return list(dict.fromkeys(row.name for row in rows))


def _speeds(axes: Any, title: str, rows: list[Row], marks: dict[str, str]) -> None:
    places = {name: place for place, name in enumerate(reversed(names(rows)))}
    for shift, (tag, colour) in zip((0.14, -0.14), COLOURS.items(), strict=True):
        for product, mark in marks.items():
            found = [
                (row.ratio(), places[row.name] + shift) for row in rows if tag in row.tags and row.product == product
            ]
            points = [(ratio.value, place) for ratio, place in found if ratio is not None]
            if points:
                label = f"{product}, {SAYS[tag]}"
                axes.scatter(*zip(*points, strict=True), marker=mark, s=28, color=colour, label=label, zorder=3)
        suite = "steps" if "training step" in marks else "conv"
        target = next(each.mean for each in TARGETS if each.suite == suite and each.tag == tag)
        if rows and target is not None:
            axes.axvline(target, color=colour, linestyle="--", linewidth=1.2, label=f"target, {tag}: {target:g}")
    _finish(axes, title, "times PyTorch's speed: right is faster", places)
    axes.set_xscale("log", base=2)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.45), max(high, 2.2))
    axes.xaxis.set_major_formatter("{x:g}")


def _shares(axes: Any, rows: list[Row], bandwidth: float | None) -> None:
    labels = list(dict.fromkeys(f"{row.name}, {row.product}" for row in rows))
    places = {name: place for place, name in enumerate(reversed(labels))}
    if bandwidth is not None:
        for side, colour in ((FAST, "C0"), ("PyTorch float32", "C3")):
            timed = [row for row in rows if side in row.timings.seconds]
            x = [share(row, bandwidth, side) for row in timed]
            y = [places[f"{row.name}, {row.product}"] for row in timed]
            if x:
                face = colour if side == FAST else "white"
                axes.scatter(x, y, s=28, facecolors=face, edgecolors=colour, label=side, zorder=3)
    if rows:
        axes.axvline(OF_BANDWIDTH, color="C0", linestyle="--", linewidth=1.2, label=f"target: {OF_BANDWIDTH:g}")
    axes.set_xlim(0, max(1.05, axes.get_xlim()[1]))
    _finish(axes, "pooling and batch norm: share of the bandwidth of a copy", "bytes that must be moved", places)


def _finish(axes: Any, title: str, what: str, places: dict[str, int]) -> None:
    axes.set_yticks(list(places.values()), list(places))
    axes.tick_params(axis="y", labelsize=8)
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(what, fontsize=9)
    axes.grid(which="both", alpha=0.2)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
