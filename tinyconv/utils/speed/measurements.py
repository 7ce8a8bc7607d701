"""A user's own shapes and models, measured: every algorithm that can compute them, beside PyTorch where it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Pair
from tinyconv.utils.measure import Ratio, Timings, take_turns
from tinyconv.utils.speed import own, pytorch
from tinyconv.utils.speed.own import Side
from tinyconv.utils.speed.roofline import Peaks, Point
from tinyconv.utils.speed.shapes import PRODUCTS, ConvolutionShape


@dataclass(frozen=True)
class Measurement:
    """One computation. ``algorithms``: tinyconv's sides, the chosen one first; the other sides are PyTorch's."""

    kind: str
    timings: Timings
    algorithms: tuple[str, ...]
    flops: int
    bytes: int = 0

    @property
    def rival(self) -> str | None:
        """The faster of PyTorch's layouts; None without PyTorch."""
        rivals = [side for side in self.timings.seconds if side not in self.algorithms]
        return self.timings.fastest(rivals) if rivals else None

    def speedup(self, algorithm: str) -> Ratio | None:
        """How many times faster ``algorithm`` is than PyTorch."""
        return None if self.rival is None else self.timings.speedup(algorithm, self.rival)

    def rate(self, side: str) -> float:
        """Operations per second, by the definition's count."""
        return self.flops / self.timings.median(side)

    def point(self) -> Point:
        """Of the chosen algorithm, on a roofline."""
        rival = None if self.rival is None else self.rate(self.rival)
        return Point(self.kind, self.flops / self.bytes, self.rate(self.algorithms[0]), rival)

    def to_dict(self, peaks: Peaks) -> dict[str, Any]:
        """For JSON; times in seconds."""
        rows = []
        for side in self.timings.seconds:
            ratio = self.speedup(side) if side in self.algorithms else None
            rows.append(
                {
                    "side": side,
                    "chosen": side == self.algorithms[0],
                    "seconds": self.timings.median(side),
                    "spread": self.timings.spread(side),
                    "flops_per_second": self.rate(side),
                    "fraction_of_peak": self.rate(side) / peaks.flops,
                    "speedup": None if ratio is None else {"value": ratio.value, "low": ratio.low, "high": ratio.high},
                }
            )
        return {"product": self.kind, "flops": self.flops, "bytes": self.bytes, "rival": self.rival, "sides": rows}


def measure_convolution(shape: ConvolutionShape, seconds: float) -> list[Measurement]:
    """The three products by every algorithm that can compute them at the present precision.

    ``seconds``: for each side of each product, about.
    """
    from tinyconv.ops.convolution.algorithms import able

    arrays = shape.arrays()
    ours = own.convolution(shape, arrays)
    theirs = {}
    if pytorch.installed():
        theirs = {layout: pytorch.convolution(shape, arrays, layout) for layout in pytorch.LAYOUTS}
    found = []
    for product in PRODUCTS:
        algorithms = able(product, shape.shapes, shape.geometry)
        sides: dict[str, Side] = {name: own.forced(name, ours[product]) for name in algorithms}
        sides |= {layout: runs[product] for layout, runs in theirs.items()}
        timings = take_turns(sides, seconds * len(sides))
        found.append(Measurement(product, timings, tuple(algorithms), shape.flops, shape.bytes))
    return found


def tune(shape: ConvolutionShape, measured: list[Measurement]) -> dict[str, list[str]]:
    """Keep, for this machine, which algorithm of each product was fastest. Returns the order of each.

    Raises: ``RunError`` where the file cannot be written.
    """
    from tinyconv.ops.convolution.algorithms import remember

    orders = {each.kind: sorted(each.algorithms, key=each.timings.median) for each in measured}
    for product, order in orders.items():
        remember(product, shape.shapes, shape.geometry, order)
    return orders


def measure_model(
    name: str,
    channels: int,
    classes: int,
    image_size: Pair,
    images: int,
    seconds: float,
    options: Mapping[str, Any] | None = None,
) -> list[Measurement]:
    """A training step and the inference of the model ``name``, with its ``options``, for a batch of ``images``."""
    from tinyconv.core.random import manual_seed
    from tinyconv.models import registry
    from tinyconv.models.summary import summary

    manual_seed(0)
    model = registry.build(name, channels, classes, image_size, **options or {})
    layers = summary(model, (channels, *image_size)).root.walk()
    first, *others = [layer.multiply_adds for layer in layers if layer.multiply_adds]
    draw = np.random.default_rng(0)
    x = draw.standard_normal((images, channels, *image_size), np.float32)
    labels = draw.integers(0, classes, images)

    def twins() -> dict[str, Any]:
        layouts = pytorch.LAYOUTS if pytorch.has_twin(name) else ()
        return {layout: pytorch.twin(name, model, channels, classes, image_size, layout, options) for layout in layouts}

    step: dict[str, Side] = {own.FAST: own.training_step(model, x, labels)}
    step |= {layout: pytorch.training_step(twin, x, labels, layout) for layout, twin in twins().items()}
    trained = take_turns(step, seconds * len(step))
    infer: dict[str, Side] = {own.FAST: own.inference(model, x)}
    infer |= {layout: pytorch.inference(twin, x, layout) for layout, twin in twins().items()}
    inferred = take_turns(infer, seconds * len(infer))
    # The backward has two products for each of the forward's, but only one in the first layer.
    counts = 2 * images * (2 * first + 3 * sum(others)), 2 * images * (first + sum(others))
    ours = (own.FAST,)
    return [Measurement("training step", trained, ours, counts[0]), Measurement("inference", inferred, ours, counts[1])]
