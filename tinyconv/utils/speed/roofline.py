"""A roofline plot: how fast each computation runs, and what limits it, the arithmetic or the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyconv.core.errors import RunError

MARKS = {"forward": "o", "input gradient": "s", "weight gradient": "^"}
OURS, ROOF = "C{}", "black"

APART = 1.05
"""The products of one shape have the same operations per byte: so much to the right, the next can be seen."""


@dataclass(frozen=True)
class Peaks:
    """What the machine can do with the threads that were measured; operations and bytes per second."""

    flops: float
    bandwidth: float

    @classmethod
    def measured(cls) -> Peaks:
        """Of this machine, now."""
        from tinyconv.ops import machine

        return cls(machine.peak_flops(), machine.peak_bandwidth())


@dataclass(frozen=True)
class Point:
    """One computation: its kind, its operations per byte, and the operations per second of tinyconv and of a rival."""

    kind: str
    intensity: float
    own: float
    rival: float | None = None


def draw(path: Path, title: str, points: Sequence[Point], peaks: Peaks) -> None:
    """Write the PNG.

    Raises: ``RunError`` where the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(11, 7.5), layout="constrained")
    ridge = peaks.flops / peaks.bandwidth
    intensities = [point.intensity for point in points]
    span = np.geomspace(min(*intensities, ridge, ridge) / 3, max(*intensities, ridge, ridge) * 3, 200)
    axes.plot(span, np.minimum(span * peaks.bandwidth, peaks.flops) / 1e9, color=ROOF, linewidth=2.5, zorder=1)
    for number, kind in enumerate(dict.fromkeys(point.kind for point in points)):
        mine = [point for point in points if point.kind == kind]
        x, own = [point.intensity * APART**number for point in mine], [point.own / 1e9 for point in mine]
        rival = [np.nan if point.rival is None else point.rival / 1e9 for point in mine]
        mark, colour = MARKS.get(kind, "o"), OURS.format(number)
        axes.scatter(x, own, marker=mark, s=55, color=colour, label=f"tinyconv, {kind}", zorder=3)
        if not np.isnan(rival).all():
            axes.scatter(x, rival, marker=mark, s=55, facecolors="white", edgecolors=colour, label=f"rival, {kind}")
            axes.vlines(x, rival, own, color=colour, alpha=0.4)
    axes.set(xscale="log", yscale="log")
    bottom = min([axes.get_ylim()[0], peaks.flops / 1e9 / 30])
    axes.set_ylim(bottom, max(axes.get_ylim()[1], peaks.flops / 1e9 * 4))
    roof = f"arithmetic: {peaks.flops / 1e9:.0f} GFLOP/s"
    axes.annotate(roof, (ridge, peaks.flops / 1e9), (4, 7), textcoords="offset points", weight="bold")
    middle = (max(span[0], bottom * 1e9 / peaks.bandwidth) * ridge) ** 0.5
    axes.annotate(
        f"memory: {peaks.bandwidth / 1e9:.0f} GB/s",
        (middle, middle * peaks.bandwidth / 1e9),
        (-10, 6),
        textcoords="offset points",
        ha="right",
        weight="bold",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    axes.set_xlabel("operations per byte that must be moved: left, memory decides how fast; right, arithmetic")
    axes.set_ylabel("GFLOP/s, counting the operations of the definition")
    axes.set_title(f"{title}: the black line is what this machine can do, measured", loc="left")
    axes.text(
        0.01,
        0.985,
        "Higher is faster. A line joins tinyconv (filled) and its fastest rival (hollow) on the same work.\n"
        "Above the flat roof: an algorithm that needs fewer operations than the definition (Winograd).\n"
        "Above the slope: data that were still in the caches.",
        transform=axes.transAxes,
        va="top",
        fontsize=9,
    )
    axes.grid(which="both", alpha=0.15)
    axes.legend(fontsize=9, loc="lower right")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"{path} cannot be written: {reason}; choose another folder or file name") from None
    finally:
        plt.close(figure)
