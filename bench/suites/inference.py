"""Trained networks on new images, one or 32 at a time. Nothing changes from call to call: weights are prepared once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.networks import NETWORKS
from bench.peers import onnx_runtime
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.speed import own, pytorch

BATCHES = (1, 32)
TOLERANCE = 1e-3
"""How far apart the sides' results may be: they must compute the same."""


def rows(session: Session) -> Iterator[Row]:
    """One per network and batch. ONNX Runtime is the rival; PyTorch stands beside, or takes its place."""
    for network in NETWORKS:
        for images in BATCHES:
            if not session.wants(network.title, "inference", f"batch {images}"):
                continue
            model = network.build().eval()
            x, _ = network.batch(images)
            ours = own.inference(model, x)
            sides: Sides = {own.FAST: ours, own.EXACT: own.exactly(ours)}
            rivals: Sides = {}
            if pytorch.installed():
                for layout in pytorch.LAYOUTS:
                    sides[layout] = pytorch.inference(network.twin(model, layout), x, layout)
                rivals = {layout: sides[layout] for layout in pytorch.LAYOUTS}
            if onnx_runtime.installed():
                theirs = onnx_runtime.inference(network.twin(model, pytorch.NCHW), x, session.threads)
                np.testing.assert_allclose(ours().numpy(), theirs(), rtol=TOLERANCE, atol=TOLERANCE)
                rivals = {onnx_runtime.NAME: theirs}
            name = f"{network.title} {'x'.join(map(str, network.shape(images)))}"
            timings = session.time(sides | rivals)
            flops = network.forward_flops(images)
            yield Row(name, f"inference, batch {images}", timings, tuple(rivals), flops)


command = suite("inference", rows, seconds=0.6, quick=0.2, help=__doc__)
