"""The layers that are measured, and that all sides compute the same."""

import numpy as np
import pytest

import tinyconv as tc
from bench.cases import CONVOLUTIONS, PRODUCTS, C
from bench.peers import plain_numpy
from bench.rows import Row
from tinyconv.utils.measure import Timings
from tinyconv.utils.speed import own, pytorch
from tinyconv.utils.speed.roofline import Peaks, draw

SMALL = [
    C("a", 2, 3, 9, 7, 4, 3, padding=1),
    C("b", 1, 4, 8, 8, 6, 2, stride=2, groups=2),
    C("c", 2, 2, 11, 9, 3, 3, stride=2, padding=2, dilation=2),
    C("d", 2, 4, 6, 6, 4, 3, padding=1, groups=4),
]


def test_the_table_has_the_layers_of_the_networks():
    assert len(CONVOLUTIONS) == 24
    assert len({case.name for case in CONVOLUTIONS}) == 24
    assert sum("dense 3x3" in case.tags for case in CONVOLUTIONS) == 9
    assert sum("3x3" in case.tags for case in CONVOLUTIONS) == 12
    resnet = next(case for case in CONVOLUTIONS if case.shape.kernel == (7, 7))
    assert resnet.shape.y == (8, 64, 112, 112)
    assert resnet.name == "ResNet 8x3x224x224 -> 64, 7x7 s2 p3"
    assert resnet.shape.flops == 2 * 8 * 64 * 112 * 112 * 3 * 49


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_all_sides_compute_the_same(case):
    arrays = case.shape.arrays()
    with tc.set_float32_precision("exact"):
        ours = {product: run() for product, run in own.convolution(case.shape, arrays).items()}
    assert tuple(ours) == PRODUCTS
    assert ours["forward"].shape == case.shape.y
    np.testing.assert_allclose(plain_numpy.convolution(case.shape, arrays)(), ours["forward"], rtol=1e-4, atol=1e-4)
    pytest.importorskip("torch")
    for layout in pytorch.LAYOUTS:
        theirs = pytorch.convolution(case.shape, arrays, layout)
        np.testing.assert_allclose(theirs["forward"]().numpy(), ours["forward"], rtol=1e-4, atol=1e-4)
        for place, product in enumerate(PRODUCTS[1:]):
            gradient = theirs[product]()
            assert [each is not None for each in gradient] == [place == 0, place == 1, False]
            np.testing.assert_allclose(gradient[place].numpy(), ours[product], rtol=1e-4, atol=1e-4)


def test_exactly_sets_the_precision_for_the_call_only():
    assert own.exactly(tc.get_float32_precision)() == "exact"
    with tc.set_float32_precision("fast"):
        own.exactly(lambda: None)()
        assert tc.get_float32_precision() == "fast"


def test_a_roofline_is_drawn(tmp_path):
    rows = [
        Row(case.name, product, Timings({own.FAST: (1e-3,), "b": (2e-3,)}), ("b",), case.shape.flops, case.shape.bytes)
        for case in SMALL
        for product in PRODUCTS
    ]
    draw(tmp_path / "roofline.png", "conv", [row.point() for row in rows], Peaks(500e9, 45e9))
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")
