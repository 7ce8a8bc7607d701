"""The error of every convolution in float32 against float64, over random shapes, by precision setting.

An error is divided by the largest magnitude of the exact result, so that results near 0 do not count as wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from bench.report import keep
from tinyconv.utils.speed import own
from tinyconv.utils.speed.shapes import PRODUCTS, ConvolutionShape

SHARES = (50, 99, 99.99, 100)
DECADES = range(-9, -3)


def draw_shape(draw: np.random.Generator) -> ConvolutionShape:
    """A 3x3 convolution of stride 1, the shape that fast algorithms are for; sizes log-uniform."""

    def between(low: int, high: int) -> int:
        return round(float(np.exp(draw.uniform(np.log(low), np.log(high)))))

    side = between(4, 64)
    images = between(1, 16), between(8, 256), side, between(4, 64)
    return ConvolutionShape(images, between(8, 256), (3, 3), padding=(1, 1))


def errors(shape: ConvolutionShape, mode: str) -> Iterator[tuple[str, np.ndarray]]:
    """Of the three products, the relative errors of all elements."""
    import tinyconv as tc

    arrays = shape.arrays()
    single = own.convolution(shape, arrays)
    double = own.convolution(shape, {name: array.astype(np.float64) for name, array in arrays.items()})
    for product in PRODUCTS:
        with tc.set_float32_precision(mode):
            found = np.asarray(single[product](), np.float64)
        exact = np.asarray(double[product]())
        yield product, (np.abs(found - exact) / np.abs(exact).max()).ravel()


@click.command("error", help=__doc__)
@click.option("--shapes", type=click.IntRange(1), default=30, show_default=True, help="How many random shapes.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures to this JSON file.")
def command(shapes: int, out: Path | None) -> None:
    """Print percentiles and a histogram for each product and precision."""
    rows = []
    for mode in ("fast", "exact"):
        draw = np.random.default_rng(0)
        found: dict[str, list[np.ndarray]] = {product: [] for product in PRODUCTS}
        for _ in range(shapes):
            for product, error in errors(draw_shape(draw), mode):
                found[product].append(error)
        rows += [distribution(mode, product, arrays) for product, arrays in found.items()]
    for row in rows:
        shares = "  ".join(f"{share:g}% below {value:.1e}" for share, value in zip(SHARES, row["below"], strict=True))
        click.echo(f"{row['precision']:6} {row['product']:16} {shares}")
        click.echo(f"{'':23} {histogram(row['decades'])}")
    keep(out, "error", rows, shapes=shapes)


def distribution(mode: str, product: str, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Percentiles over all elements, the root mean square and the largest of each shape, and counts by power of ten."""
    errors = np.concatenate(arrays)
    edges = [0.0, *(10.0**decade for decade in DECADES), np.inf]
    return {
        "precision": mode,
        "product": product,
        "below": [float(value) for value in np.percentile(errors, SHARES)],
        "root_mean_square": float(np.sqrt(np.mean(errors**2))),
        "largest_by_shape": [float(error.max()) for error in arrays],
        "decades": [int(count) for count in np.histogram(errors, edges)[0]],
    }


def histogram(counts: list[int]) -> str:
    """The share of elements in each power of ten."""
    names = [f"<1e{DECADES[0]}", *(f"1e{decade}" for decade in DECADES)]
    total = sum(counts)
    return "  ".join(f"{name} {count / total:.1%}" for name, count in zip(names, counts, strict=True) if count)
