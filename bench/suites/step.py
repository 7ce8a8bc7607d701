"""Whole training steps: 64 images through forward, loss, backward and AdamW."""

from __future__ import annotations

from collections.abc import Iterator

from bench.networks import NETWORKS
from bench.peers import compiled
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.speed import own, pytorch

IMAGES = 64


def rows(session: Session) -> Iterator[Row]:
    """One per network. Of PyTorch both layouts count; torch.compile, and tinyconv's direct kernels, stand beside."""
    for network in NETWORKS:
        if not session.wants(network.title, "training step"):
            continue
        sides: Sides = {own.FAST: network.step(IMAGES)}
        rivals: Sides = {}
        if pytorch.installed():
            rivals = {layout: network.torch_step(IMAGES, layout) for layout in pytorch.LAYOUTS}
        if not session.quick:
            sides[own.EXACT] = own.exactly(sides[own.FAST])
            if rivals and compiled.possible():
                side = network.torch_step(IMAGES, pytorch.CHANNELS_LAST, compiled=True)
                if compiled.ready(side):
                    sides[compiled.NAME] = side
        name = f"{network.title} {'x'.join(map(str, network.shape(IMAGES)))}"
        yield Row(
            name,
            "training step",
            session.time(sides | rivals),
            tuple(rivals),
            network.step_flops(IMAGES),
            tags=frozenset({network.tag}),
        )


command = suite("step", rows, seconds=1.0, quick=0.3, help=__doc__)
