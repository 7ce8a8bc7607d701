"""Initialisers: their bounds, moments and formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv import nn
from tinyconv.core import dtypes, layout, random
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.random import Generator
from tinyconv.nn import init
from tinyconv.ops.tensor import Tensor


def blank(*shape, dtype=np.float64):
    return Tensor(layout.full(shape, np.nan, dtype))


WEIGHT = (64, 32, 3, 3)
FAN_IN, FAN_OUT = 32 * 9, 64 * 9

UNIFORM = {
    "uniform_": (lambda t: init.uniform_(t, -2, 3), -2, 3),
    "xavier_uniform_": (
        lambda t: init.xavier_uniform_(t, gain=2),
        -2 * math.sqrt(6 / (FAN_IN + FAN_OUT)),
        2 * math.sqrt(6 / (FAN_IN + FAN_OUT)),
    ),
    "kaiming_uniform_": (
        lambda t: init.kaiming_uniform_(t, nonlinearity="relu"),
        -math.sqrt(6 / FAN_IN),
        math.sqrt(6 / FAN_IN),
    ),
    "kaiming_uniform_ with slope": (
        lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)),
        -1 / math.sqrt(FAN_IN),
        1 / math.sqrt(FAN_IN),
    ),
    "kaiming_uniform_ fan_out": (
        lambda t: init.kaiming_uniform_(t, mode="fan_out", nonlinearity="linear"),
        -math.sqrt(3 / FAN_OUT),
        math.sqrt(3 / FAN_OUT),
    ),
}

NORMAL = {
    "normal_": (lambda t: init.normal_(t, 1, 0.5), 1, 0.5),
    "xavier_normal_": (lambda t: init.xavier_normal_(t, gain=3), 0, 3 * math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "kaiming_normal_": (lambda t: init.kaiming_normal_(t, nonlinearity="relu"), 0, math.sqrt(2 / FAN_IN)),
    "kaiming_normal_ fan_out": (
        lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="tanh"),
        0,
        5 / 3 / math.sqrt(FAN_OUT),
    ),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_initialisers_fill_their_interval_evenly(name):
    initialise, low, high = UNIFORM[name]
    random.manual_seed(3)
    tensor = blank(*WEIGHT)
    assert initialise(tensor) is tensor
    values = tensor.numpy()
    assert values.min() >= low
    assert values.max() <= high
    # 18432 draws: the histogram in 8 bins is flat to about 5 standard deviations of a bin (2304 ± 45).
    counts, _ = np.histogram(values, bins=8, range=(low, high))
    assert abs(counts - values.size / 8).max() < 5 * 45


@pytest.mark.parametrize("name", NORMAL)
def test_normal_initialisers_have_their_mean_and_deviation(name):
    initialise, mean, std = NORMAL[name]
    random.manual_seed(4)
    tensor = blank(*WEIGHT)
    assert initialise(tensor) is tensor
    values = tensor.numpy()
    count = values.size
    assert abs(values.mean() - mean) < 4 * std / math.sqrt(count)
    assert abs(values.std() / std - 1) < 4 / math.sqrt(2 * count)
    # Fourth moment of a normal distribution: 3 σ⁴. A uniform one of the same deviation has 1.8 σ⁴.
    assert abs(((values - mean) ** 4).mean() / std**4 - 3) < 0.4


def test_constants_fill_everything():
    np.testing.assert_array_equal(init.constant_(blank(2, 3), 7).numpy(), np.full((2, 3), 7))
    np.testing.assert_array_equal(init.zeros_(blank(2, 3)).numpy(), np.zeros((2, 3)))
    np.testing.assert_array_equal(init.ones_(blank(2, 3)).numpy(), np.ones((2, 3)))
    np.testing.assert_array_equal(init.eye_(blank(2, 3)).numpy(), np.eye(2, 3))


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3, 3)])
def test_orthogonal_rows_or_columns_have_unit_length_and_right_angles(shape):
    matrix = init.orthogonal_(blank(*shape), gain=2).numpy().reshape(shape[0], -1)
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-12)


def test_orthogonal_matrices_do_not_favour_a_sign():
    # Bare QR does: the first entry of its Q is never positive.
    random.manual_seed(8)
    corners = [init.orthogonal_(blank(3, 3)).numpy()[0, 0] for _ in range(30)]
    assert min(corners) < 0 < max(corners)


def test_gains():
    assert init.calculate_gain("linear") == init.calculate_gain("conv2d") == init.calculate_gain("sigmoid") == 1
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / (1 + 0.01**2))
    assert init.calculate_gain("leaky_relu", 0) == math.sqrt(2)
    assert init.calculate_gain("leaky_relu", math.sqrt(5)) == pytest.approx(math.sqrt(1 / 3))
    assert init.calculate_gain("selu") == 0.75
    with pytest.raises(ArgumentError, match="unknown nonlinearity 'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(ArgumentError, match="the slope of leaky_relu must be a number, got True"):
        init.calculate_gain("leaky_relu", True)


@given(st.integers(1, 9), st.integers(1, 9), st.lists(st.integers(1, 5), max_size=3))
def test_fans_count_the_connections_of_a_unit(outputs, inputs, window):
    area = math.prod(window)
    tensor = Tensor(np.zeros((outputs, inputs, *window), np.float32))
    assert init._calculate_fan_in_and_fan_out(tensor) == (inputs * area, outputs * area)


def test_fans_need_two_dimensions_and_a_known_mode():
    with pytest.raises(ShapeError, match=r"at least 2 dimensions, got shape \(3,\)"):
        init.xavier_uniform_(blank(3))
    with pytest.raises(ArgumentError, match="mode must be 'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_normal_(blank(3, 3), mode="fan")


def test_draws_follow_the_seed_and_the_generator_and_ignore_the_memory_order():
    random.manual_seed(5)
    first = init.normal_(blank(2, 3, 4, 4)).numpy()
    random.manual_seed(5)
    plain = Tensor(np.zeros((2, 3, 4, 4)))
    np.testing.assert_array_equal(init.normal_(plain).numpy(), first)
    assert not np.array_equal(init.normal_(plain).numpy(), first)
    generator = Generator(6)
    second = init.uniform_(blank(4), generator=generator).numpy()
    np.testing.assert_array_equal(init.uniform_(blank(4), generator=generator.manual_seed(6)).numpy(), second)


def test_float32_and_float64_networks_start_alike():
    random.manual_seed(7)
    double = nn.Conv2d(2, 3, 3, dtype=dtypes.float64)
    random.manual_seed(7)
    single = nn.Conv2d(2, 3, 3)
    np.testing.assert_array_equal(double.weight.detach().numpy().astype(np.float32), single.weight.detach().numpy())


def test_an_initialiser_leaves_no_trace_on_the_tape_but_counts_as_a_write():
    parameter = nn.Parameter(blank(2, 2))
    version = parameter.version
    init.ones_(parameter)
    assert parameter.is_leaf
    assert parameter.requires_grad
    assert parameter.version == version + 1


@pytest.mark.parametrize(
    ("layer", "fan_in"), [(nn.Conv2d(16, 32, (3, 5), groups=2), 8 * 15), (nn.Linear(120, 64), 120)], ids=repr
)
def test_default_weights_and_biases_are_uniform_within_one_over_the_root_of_fan_in(layer, fan_in):
    bound = 1 / math.sqrt(fan_in)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for values in (weight, bias):
        assert abs(values).max() <= bound
        assert abs(values).max() > 0.8 * bound
    assert abs(weight.std() - bound / math.sqrt(3)) < 0.05 * bound
    assert abs(weight.mean()) < 0.05 * bound
    before = weight.copy()
    layer.reset_parameters()
    assert not np.array_equal(layer.weight.detach().numpy(), before)


def test_a_truncated_normal_is_the_normal_inside_its_bounds():
    random.manual_seed(9)
    values = init.trunc_normal_(blank(200, 200), mean=0.5, std=2.0, a=-1.0, b=2.5).numpy()
    assert values.min() >= -1
    assert values.max() <= 2.5
    # The distribution function in the middle of each half, from the error function.
    cumulated = [math.erf((edge - 0.5) / (2 * math.sqrt(2))) for edge in (-1.0, -0.25, 0.5, 1.5, 2.5)]
    expected = [(value - cumulated[0]) / (cumulated[-1] - cumulated[0]) for value in cumulated[1:-1]]
    actual = [(values < edge).mean() for edge in (-0.25, 0.5, 1.5)]
    np.testing.assert_allclose(actual, expected, atol=4 * 0.5 / 200)


@pytest.mark.parametrize(("shape", "groups"), [((4, 2, 3), 1), ((4, 4, 3, 3), 1), ((4, 2, 3, 5), 2), ((2, 3, 1, 1), 1)])
def test_a_dirac_convolution_hands_its_channels_on(shape, groups):
    weight = init.dirac_(blank(*shape), groups)
    outputs, inputs, *window = shape
    x = Tensor(np.random.default_rng(0).normal(size=(2, inputs * groups, *(5 for _ in window))))
    convolve = {1: nn.functional.conv1d, 2: nn.functional.conv2d}[len(window)]
    y = convolve(x, weight, padding="same", groups=groups).numpy()
    share = outputs // groups
    for group in range(groups):
        for channel in range(share):
            expected = x.numpy()[:, group * inputs + channel] if channel < inputs else 0 * y[:, 0]
            np.testing.assert_allclose(y[:, group * share + channel], expected, atol=1e-12)


def test_a_sparse_matrix_has_as_many_zeros_in_each_column():
    random.manual_seed(10)
    values = init.sparse_(blank(50, 40), sparsity=0.31, std=0.5).numpy()
    assert ((values == 0).sum(0) == 16).all()
    assert len({tuple(np.flatnonzero(column == 0)) for column in values.T}) == 40
    assert abs(values[values != 0].std() - 0.5) < 0.05


def test_initialisers_refuse_what_they_cannot_fill():
    with pytest.raises(DTypeError, match="normal_: random fractions do not fit into a tensor of int64"):
        init.normal_(Tensor(np.zeros(3, np.int64)))
    with pytest.raises(DTypeError, match="uniform_: expected a tensor to fill, got list"):
        init.uniform_([1.0])
    with pytest.raises(ArgumentError, match=r"trunc_normal_: expected std > 0 and a <= b, got std=1.0, a=2, b=1"):
        init.trunc_normal_(blank(2), a=2, b=1)
    with pytest.raises(ArgumentError, match="groups must divide its 3 outputs, got 2"):
        init.dirac_(blank(3, 1, 3, 3), groups=2)
    assert init.xavier_uniform_(blank(0, 3)).numel() == 0
