"""Activations far out in their tails, at their kinks, over many blocks, and in place."""

import math

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.blocks import BLOCK, blocks
from tinyconv.nn import functional as F

FAR = [-1e4, -100.0, -30.0, 30.0, 100.0, 1e4]

TAILS = {
    F.softplus: ([0, math.exp(-100), math.exp(-30), 30, 100, 1e4], [0, math.exp(-100), math.exp(-30), 1, 1, 1]),
    F.logsigmoid: ([-1e4, -100, -30, -math.exp(-30), -math.exp(-100), 0], [1, 1, 1, math.exp(-30), math.exp(-100), 0]),
    F.silu: ([0, -100 * math.exp(-100), -30 * math.exp(-30), 30, 100, 1e4], [0, None, -29 * math.exp(-30), 1, 1, 1]),
    F.mish: ([0, -100 * math.exp(-100), -30 * math.exp(-30), 30, 100, 1e4], [0, None, -29 * math.exp(-30), 1, 1, 1]),
    F.gelu: ([0, 0, -30 * 0.5 * math.erfc(30 / math.sqrt(2)), 30, 100, 1e4], [0, 0, 0, 1, 1, 1]),
    lambda x: F.gelu(x, approximate="tanh"): ([0, 0, 0, 30, 100, 1e4], [0, 0, 0, 1, 1, 1]),
    F.elu: ([-1, -1, -1, 30, 100, 1e4], [0, math.exp(-100), math.exp(-30), 1, 1, 1]),
    F.softsign: ([-1e4 / 10001, -100 / 101, -30 / 31, 30 / 31, 100 / 101, 1e4 / 10001], [None] * 6),
}


@pytest.mark.parametrize("function", TAILS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", [tc.float32, tc.float64])
def test_the_tails_neither_overflow_nor_cancel(function, dtype):
    values, slopes = TAILS[function]
    x = tc.tensor(FAR, dtype=dtype, requires_grad=True)
    y = function(x)
    y.sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), values, rtol=2e-6, atol=1e-37)
    for slope, expected in zip(x.grad.tolist(), slopes, strict=True):
        assert math.isfinite(slope)
        if expected is not None:
            np.testing.assert_allclose(slope, expected, rtol=2e-5, atol=1e-37)


def test_a_function_runs_over_every_block_of_a_large_array():
    generator = np.random.default_rng(0)
    values = generator.standard_normal((3, 5, 67, 71))  # 71355 elements, in two blocks and a part of a third
    assert values.size > 2 * BLOCK
    for layout in (values, np.asfortranarray(values)):
        x = tc.tensor(layout, requires_grad=True)
        y = F.softsign(x)
        y.sum().backward()
        np.testing.assert_allclose(y.detach().numpy(), values / (1 + np.abs(values)), rtol=1e-14)
        np.testing.assert_allclose(x.grad.numpy(), 1 / (1 + np.abs(values)) ** 2, rtol=1e-14)


def test_blocks_cover_each_element_once():
    result = np.zeros(2 * BLOCK + 3)
    operand = np.arange(result.size, dtype=float)
    sizes = []
    for y, x in blocks(result, operand):
        y += x
        sizes.append(x.size)
    np.testing.assert_array_equal(result, operand)
    assert sizes == [BLOCK, BLOCK, 3]


def test_the_gradient_at_a_kink_is_pytorchs():
    at = {
        F.relu: (0.0, 0.0),
        F.leaky_relu: (0.0, 0.01),
        F.relu6: (6.0, 0.0),
        F.hardtanh: (1.0, 0.0),
        F.hardshrink: (0.5, 0.0),
        F.softshrink: (0.5, 0.0),
        F.hardsigmoid: (3.0, 0.0),
        F.hardswish: (-3.0, 0.0),
        F.elu: (0.0, 1.0),
    }
    for function, (kink, slope) in at.items():
        x = tc.tensor([kink], requires_grad=True)
        function(x).backward()
        np.testing.assert_allclose(x.grad.item(), slope, rtol=1e-6, err_msg=function.__name__)


def test_random_slopes_lie_between_their_bounds_and_are_those_of_the_gradient():
    tc.manual_seed(3)
    x = tc.tensor(np.linspace(-2, 1, 1000), requires_grad=True)
    y = F.rrelu(x, 0.2, 0.4, training=True)
    y.sum().backward()
    slopes = x.grad.numpy()
    np.testing.assert_array_equal(y.detach().numpy(), slopes * x.detach().numpy())
    left = x.detach().numpy() <= 0
    assert (slopes[~left] == 1).all()
    assert slopes[left].min() >= 0.2
    assert slopes[left].max() <= 0.4
    assert abs(slopes[left].mean() - 0.3) < 0.01
    assert nn.RReLU(0.2, 0.4).eval()(x)[0].item() == pytest.approx(-0.6)


def test_a_learnt_slope_gets_the_sum_of_its_channel():
    layer = nn.PReLU(2)
    x = tc.tensor([[-1.0, 2.0], [-3.0, -4.0]], requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad.tolist() == [-4.0, -4.0]
    assert x.grad.tolist() == [[0.25, 1.0], [0.25, 0.25]]


IN_PLACE = {
    "relu": ("ReLU", {}),
    "relu6": ("ReLU6", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.3}),
    "elu": ("ELU", {"alpha": 1.5}),
    "selu": ("SELU", {}),
    "celu": ("CELU", {"alpha": 0.5}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "hardtanh": ("Hardtanh", {"min_val": -0.5}),
    "hardsigmoid": ("Hardsigmoid", {}),
    "hardswish": ("Hardswish", {}),
    "threshold": ("Threshold", {"threshold": 0.1, "value": 2.0}),
    "rrelu": ("RReLU", {"lower": 0.25, "upper": 0.25}),
}


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("shape", [(7,), (2, 3, 4, 5)])
def test_in_place_is_the_same_function_written_into_its_input(name, shape):
    layer, options = IN_PLACE[name]
    values = np.random.default_rng(0).uniform(-4, 4, shape)
    expected = tc.tensor(values, requires_grad=True)
    result = getattr(F, name)(expected, **options)
    result.sum().backward()
    for call in (
        lambda x: getattr(F, name)(x, **options, inplace=True),
        lambda x: getattr(nn, layer)(**options, inplace=True)(x),
        *((lambda x: getattr(F, f"{name}_")(x, **options),) if hasattr(F, f"{name}_") else ()),
    ):
        x = tc.tensor(values, requires_grad=True)
        target = x * 1
        y = call(target)
        assert y is target
        y.sum().backward()
        np.testing.assert_array_equal(y.detach().numpy(), result.detach().numpy())
        np.testing.assert_allclose(x.grad.numpy(), expected.grad.numpy(), rtol=1e-12)
