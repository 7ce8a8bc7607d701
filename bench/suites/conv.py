"""Single convolutions: forward, input gradient and weight gradient of layers of well-known networks."""

from __future__ import annotations

from collections.abc import Iterator

from bench.cases import CONVOLUTIONS, PRODUCTS
from bench.peers import plain_numpy
from bench.rows import Row
from bench.session import Session, Sides, suite
from tinyconv.utils.measure import Timings
from tinyconv.utils.speed import own, pytorch


def rows(session: Session) -> Iterator[Row]:
    """Every layer's three products. Rivals are PyTorch's two layouts; NumPy stands beside the forward."""
    with plain_numpy.limit_threads(session.threads):
        for case in CONVOLUTIONS:
            wanted = [product for product in PRODUCTS if session.wants(case.name, product)]
            if not wanted:
                continue
            arrays = case.shape.arrays()
            products = {own.FAST: own.convolution(case.shape, arrays)}
            if pytorch.installed():
                products |= {name: pytorch.convolution(case.shape, arrays, name) for name in pytorch.LAYOUTS}
            for product in wanted:
                sides: Sides = {name: made[product] for name, made in products.items()}
                sides[own.EXACT] = own.exactly(sides[own.FAST])
                timings = session.time(sides)
                if product == "forward" and plain_numpy.fits(case.shape):
                    # Apart from the others: whoever came next would find the processors asleep, because BLAS's threads
                    # stay awake for long and then have to be waited for.
                    alone = session.time({plain_numpy.NAME: plain_numpy.convolution(case.shape, arrays)})
                    timings = Timings({**timings.seconds, **alone.seconds})
                yield Row(
                    case.name,
                    product,
                    timings,
                    tuple(name for name in pytorch.LAYOUTS if name in sides),
                    case.shape.flops,
                    case.shape.bytes,
                    case.tags,
                )


command = suite("conv", rows, seconds=0.6, quick=0.15, help=__doc__)
