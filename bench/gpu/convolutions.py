"""The convolutions of the processor's suite at the batches of training, beside PyTorch with cuDNN."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from bench.cases import CONVOLUTIONS, PRODUCTS, Convolution
from bench.gpu.case import Case, Lines
from bench.gpu.place import Place, torch, torch_is_there
from bench.gpu.sides import NAMES, PLAIN, TF32, Side, lines, own, take_turns, theirs
from bench.numbers import normal
from tinyconv.utils.speed import own as tinyconv
from tinyconv.utils.speed import pytorch

BATCHES = (256, 128, 64)
MOST_BYTES = 1_000_000_000
"""Of input and output together: larger batches are not faster, and take longer to prepare."""

SECONDS = 0.05
"""For each side of each product."""


def cases(place: Place) -> Iterator[Case]:
    """Each layer once, its three products together."""
    for case in convolutions():
        yield Case(case.name, lambda case=case: timed(case, place, SECONDS))


def convolutions() -> Iterator[Convolution]:
    """The layers, the first and the last of their kind once, each with the largest batch that fits."""
    seen = set()
    for case in CONVOLUTIONS:
        _, *image = case.shape.x
        floats = [math.prod(case.shape.x[1:]), math.prod(case.shape.y[1:])]
        images = next((batch for batch in BATCHES if 4 * batch * sum(floats) <= MOST_BYTES), BATCHES[-1])
        shape = dataclasses.replace(case.shape, x=(images, *image))
        if shape not in seen:
            seen.add(shape)
            yield Convolution("ResNet" if case.network == "batch 1" else case.network, shape)


def timed(case: Convolution, place: Place, seconds: float) -> Lines:
    """Every precision of tinyconv; PyTorch in channels-last, with TF32 and without."""
    shape, device = case.shape, place.device.type
    arrays = {"x": normal(shape.x), "weight": normal(shape.weight, 1), "dy": normal(shape.y, 2)}
    ours, there = tinyconv.convolution(shape, arrays, device), None
    if torch_is_there():
        torch()
        there = pytorch.convolution(shape, arrays, pytorch.CHANNELS_LAST, device)
    found: Lines = []
    for product in PRODUCTS:
        sides: dict[str, Side] = {NAMES[mode]: own(ours[product], mode) for mode in place.modes}
        if there is not None:
            sides |= {PLAIN: theirs(there[product], tf32=False), TF32: theirs(there[product], tf32=True)}
        turns = take_turns(sides, place.clock, seconds)
        found += lines(case.name, product, turns, flops=shape.flops, bytes=shape.bytes)
    return found
