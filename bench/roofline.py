"""A roofline plot: how fast each row runs, and what limits it, the arithmetic or the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.rows import Peaks, Row

MARKS = {"forward": "o", "input gradient": "s", "weight gradient": "^"}


def draw(path: Path, title: str, rows: list[Row], peaks: Peaks) -> None:
    """Write the PNG; rows without a count of operations and bytes have no place on it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    placed = [row for row in rows if row.flops and row.bytes]
    figure, axes = plt.subplots(figsize=(11, 7.5), layout="constrained")
    intensities = [row.flops / row.bytes for row in placed] or [1.0]
    ridge = peaks.flops / peaks.bandwidth
    span = np.geomspace(min(*intensities, ridge) / 3, max(*intensities, ridge) * 3, 200)
    axes.plot(span, np.minimum(span * peaks.bandwidth, peaks.flops) / 1e9, color="black", linewidth=2)
    for product in dict.fromkeys(row.product for row in placed):
        mine = [row for row in placed if row.product == product]
        x = [row.flops / row.bytes for row in mine]
        mark = MARKS.get(product, "o")
        ours = axes.scatter(
            x, [row.flops_per_second() / 1e9 for row in mine], marker=mark, s=50, label=f"tinyconv, {product}", zorder=3
        )
        theirs = [row.flops_per_second(row.rival) / 1e9 if row.rival else np.nan for row in mine]
        axes.scatter(
            x, theirs, marker=mark, s=50, facecolors="none", edgecolors=ours.get_facecolor(), label=f"rival, {product}"
        )
        axes.vlines(x, theirs, [row.flops_per_second() / 1e9 for row in mine], color=ours.get_facecolor(), alpha=0.35)
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("operations per byte that must be moved")
    axes.set_ylabel("GFLOP/s, by the definition's count of operations")
    axes.set_title(title)
    axes.grid(which="both", alpha=0.2)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)
