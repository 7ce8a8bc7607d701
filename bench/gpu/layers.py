"""What stands between convolutions, on maps that are larger than the GPU's cache and on small ones, beside PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place, torch, torch_is_there
from bench.gpu.sides import PLAIN, Side, line, own, take_turns, theirs
from bench.suites import layers as suite
from bench.suites.layers import BOTH, FORWARD, Layer
from tinyconv.utils.speed import pytorch
from tinyconv.utils.speed.own import FAST

LARGE, SMALL = ((512, 64, 32, 32), (64, 256, 56, 56)), (64, 128, 8, 8)
SECONDS = 0.05
BANDWIDTH = "bandwidth"
"""The tag of the rows that a target of the memory's bandwidth speaks of."""


class Passes(NamedTuple):
    """How often the input and the output of a layer are read or written at least, forward, and with the backward."""

    forward: tuple[float, float]
    both: tuple[float, float]
    tags: tuple[str, ...] = ()


PASSES = {
    "max-pool": Passes((1, 1), (2, 2), (BANDWIDTH,)),
    "average-pool": Passes((1, 1), (2, 2), (BANDWIDTH,)),
    # The mean must be known before the first result: x is read twice, and so are x and dy on the way back.
    "batch norm, training": Passes((2, 1), (5, 3), (BANDWIDTH,)),
    "batch norm, eval": Passes((1, 1), (3, 2), (BANDWIDTH,)),
    "ReLU": Passes((1, 1), (2, 3)),
    "GELU": Passes((1, 1), (3, 2)),
    "dropout": Passes((1, 1), (2, 2)),
    "add": Passes((2, 1), (2, 1)),
    "layer norm": Passes((1, 1), (3, 2)),
    "softmax cross-entropy": Passes((1, 0), (3, 0)),
}
"""By the beginning of a layer's title. Masks and switches, a byte for each element at most, are not counted."""


def cases(place: Place) -> Iterator[Case]:
    """Each layer, then the optimisers."""
    for layer in suite.layers((*LARGE, SMALL)):
        yield Case(named(layer), lambda layer=layer: timed(layer, place, SECONDS))
    for title in suite.OPTIMISERS:
        yield Case(title, lambda title=title: optimiser(title, place, SECONDS))


def named(layer: Layer) -> str:
    """With its shape."""
    return f"{layer.title} {'x'.join(map(str, layer.shape))}"


def timed(layer: Layer, place: Place, seconds: float) -> Lines:
    """Forward without a tape, and forward and backward together."""
    device = place.device.type
    ours, there = suite.own_layer(layer, device), None
    if torch_is_there():
        torch()
        there = suite.torch_layer(layer, pytorch.CHANNELS_LAST, device)
    x, y = math.prod(layer.shape), math.prod(ours[FORWARD]().shape)
    passes = next((passes for title, passes in PASSES.items() if layer.title.startswith(title)), None)
    found: Lines = []
    for product, products in ((FORWARD, 1), (BOTH, 3)):
        sides = {FAST: own(ours[product], "fast")}
        if there is not None:
            sides[PLAIN] = theirs(there[product], tf32=False)
        turns = take_turns(sides, place.clock, seconds)
        often = (0.0, 0.0) if passes is None else passes.forward if product == FORWARD else passes.both
        tags = passes.tags if passes is not None and layer.shape in LARGE else ()
        found.append(
            line(
                named(layer),
                product,
                turns,
                {FAST: FAST, PLAIN: PLAIN},
                (PLAIN,),
                flops=2 * products * layer.multiply_adds,
                bytes=round(4 * (often[0] * x + often[1] * y)),
                tags=list(tags),
            )
        )
    return found


def optimiser(title: str, place: Place, seconds: float) -> Lines:
    """A step on 10 million parameters; of PyTorch the fused one."""
    import tinyconv as tc

    kind, options, arrays = suite.OPTIMISERS[title]
    device = place.device.type
    sides = {FAST: Side(suite.optimiser_step(tc, kind, options, device))}
    if torch_is_there():
        sides[PLAIN] = Side(suite.optimiser_step(torch(), kind, options | {"fused": True}, device))
    turns = take_turns(sides, place.clock, seconds)
    moved = arrays * 4 * sum(math.prod(shape) for shape in suite.PARAMETER_SHAPES)
    names = {FAST: FAST, PLAIN: PLAIN}
    return [line(f"{title}, 10 M parameters", "step", turns, names, (PLAIN,), flops=0, bytes=moved, tags=[])]
