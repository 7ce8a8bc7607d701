"""How speed follows the size of the work: a 3x3 convolution of 64 channels, and the step of the face net."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from bench.cases import PRODUCTS, C, Convolution
from bench.networks import NETWORKS
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.speed import own, pytorch

BATCHES = (1, 2, 4, 8, 16, 32, 64)
SIDES = (7, 14, 28, 56, 112, 224)
FACE_NET = NETWORKS[0]


def rows(session: Session) -> Iterator[Row]:
    """Over the batch with images of 28x28, over the size with 4 images; then training steps."""
    by_batch = [C("over batch", images, 64, 28, 28, 64, 3, padding=1) for images in BATCHES]
    by_size = [C("over size", 4, 64, side, side, 64, 3, padding=1) for side in SIDES]
    for case in by_batch + by_size:
        for product in PRODUCTS:
            if session.wants(case.name, product):
                yield convolution_row(session, case, product)
    steps = [("over batch", images, FACE_NET.side) for images in BATCHES[1:]]
    for sweep, images, side in steps + [("over size", 16, side) for side in (16, 32, 64, 128)]:
        network = replace(FACE_NET, side=side)
        name = f"{sweep} face net {'x'.join(map(str, network.shape(images)))}"
        if session.wants(name, "training step"):
            sides: Sides = {own.FAST: network.step(images)}
            if pytorch.installed():
                sides |= {layout: network.torch_step(images, layout) for layout in pytorch.LAYOUTS}
            rivals = tuple(side for side in sides if side != own.FAST)
            yield Row(name, "training step", session.time(sides), rivals, network.step_flops(images))


def convolution_row(session: Session, case: Convolution, product: str) -> Row:
    """One product of one size."""
    arrays = case.shape.arrays()
    sides: Sides = {own.FAST: own.convolution(case.shape, arrays)[product]}
    if pytorch.installed():
        sides |= {layout: pytorch.convolution(case.shape, arrays, layout)[product] for layout in pytorch.LAYOUTS}
    rivals = tuple(side for side in sides if side != own.FAST)
    return Row(case.name, product, session.time(sides), rivals, case.shape.flops, case.shape.bytes)


command = suite("scaling", rows, seconds=0.4, quick=0.1, help=__doc__)
