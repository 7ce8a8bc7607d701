"""The shapes of results, against the results of the definitions."""

import numpy as np
import pytest
from convolution_cases import convolutions, max_poolings, poolings
from hypothesis import given, settings

import tinyconv as tc
from tinyconv import nn
from tinyconv.backends import backend, reference, shapes
from tinyconv.core.devices import CPU
from tinyconv.core.shapes import has_no_memory, is_shapes_only, shape_alone, shapes_only
from tinyconv.models.summary import summary


def assert_alike(shaped, defined):
    """The same shapes and types, without memory where there are many elements."""
    pairs = zip(shaped, defined, strict=True) if isinstance(defined, tuple) else ((shaped, defined),)
    for ours, theirs in pairs:
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    first = shaped[0] if isinstance(shaped, tuple) else shaped
    assert first.size <= 1 or has_no_memory(first)


@settings(max_examples=20)
@given(convolutions())
def test_convolutions(case):
    x, weight, bias, dy = case.arrays()
    assert_alike(shapes.conv2d(x, weight, bias, *case.parameters), reference.conv2d(x, weight, bias, *case.parameters))
    arguments = dy, weight, case.size, *case.parameters
    assert_alike(shapes.conv2d_input_gradient(*arguments), reference.conv2d_input_gradient(*arguments))


@settings(max_examples=20)
@given(max_poolings)
def test_maxima(case):
    x, windows = case.values(np.float32), case.windows()
    (y, switches), (expected, places) = shapes.max_pool2d(x, windows), reference.max_pool2d(x, windows)
    assert_alike(y, expected)
    assert switches.shape == places.shape


@settings(max_examples=20)
@given(poolings())
def test_averages(case):
    x = case.values(np.float64)
    arguments = x, case.kernel_size, case.stride, case.padding, case.ceil_mode, True, None
    assert_alike(shapes.avg_pool2d(*arguments), reference.avg_pool2d(*arguments))
    assert_alike(shapes.adaptive_avg_pool2d(x, (3, 2)), reference.adaptive_avg_pool2d(x, (3, 2)))


class Mixed(nn.Module):
    """A bit of everything, with what NumPy computes between."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, 6, 3, stride=2, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.side = nn.Sequential(nn.Conv2d(2, 6, 1, 2), nn.GroupNorm(2, 6), nn.Tanh())
        self.pools = nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(2, 1), nn.LocalResponseNorm(3))
        self.local = nn.LocallyConnected2d(6, 4, (2, 2), 2)
        self.up = nn.ConvTranspose2d(4, 3, 3, stride=2, groups=1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(12), nn.GELU(), nn.Linear(12, 5))

    def forward(self, x):
        x = nn.functional.softplus(self.first(x) + self.side(x)) * 2
        return self.head(tc.cat([self.up(self.local(self.pools(x)))], 1)).softmax(1)


class Volumes(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv3d(2, 4, (3, 2, 1), 2, padding=1, groups=2), nn.BatchNorm3d(4), nn.ReLU())
        self.pools = nn.Sequential(nn.AvgPool3d(2, 1, ceil_mode=True), nn.MaxPool3d(2, 1, return_indices=True))
        self.head = nn.Sequential(nn.ConvTranspose3d(4, 3, 2), nn.AdaptiveAvgPool3d((1, 2, 1)), nn.Flatten())

    def forward(self, x):
        y, places = self.pools(self.first(x))
        return self.head(y) + places.sum()


@pytest.mark.parametrize(("model", "size"), [(Volumes, (2, 8, 7, 6)), (Mixed, (2, 14, 12))])
def test_a_summary_of_shapes_says_what_one_of_results_says(monkeypatch, model, size):
    tc.manual_seed(0)
    network = model()
    by_shapes = summary(network, size).to_dict()
    monkeypatch.setattr("tinyconv.models.summary.shapes_only", lambda: shapes_only(False))
    assert by_shapes == summary(network, size).to_dict()
    assert len(by_shapes["layers"]) > 8


def test_products_norms_and_functions():
    x, rows = np.ones((2, 3, 4, 5), np.float32), np.ones((4, 6))
    mean = np.ones((1, 3))
    assert_alike(shapes.matmul(rows, rows.T), reference.matmul(rows, rows.T))
    assert_alike(shapes.relu(x), reference.relu(x))
    assert_alike(shapes.gelu(x, True), reference.gelu(x, True))
    options = None, None, 1e-5, None, None, False
    assert_alike(shapes.batch_norm(x, *options), reference.batch_norm(x, *options))
    assert_alike(shapes.channel_affine(x, mean, mean, mean), reference.channel_affine(x, mean, mean, mean))
    assert_alike(shapes.row_norm(rows, None, None, 1e-5, True), reference.row_norm(rows, None, None, 1e-5, True))
    for ours, theirs in zip(shapes.channel_moments(x, 2), reference.channel_moments(x, 2), strict=True):
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


class ReshapesByItsOwnArithmetic(nn.Module):
    def forward(self, x):
        half = tc.tensor(x.shape[1]) * 3 / 6 - tc.tensor(1.0) + 1
        return x.reshape(1, int(half.item()), -1)


def test_numbers_that_become_sizes_are_right():
    assert summary(ReshapesByItsOwnArithmetic(), (8, 3, 3)).root.output_shape == (1, 4, 18)


def test_what_has_no_rule_is_computed():
    x = shape_alone((1, 2, 3, 3), np.float32)
    assert shapes.erf(x).shape == x.shape
    with shapes_only():
        assert backend(CPU) is shapes
        assert tc.erf(tc.Tensor(x)).tolist() == np.zeros(x.shape).tolist()


def test_the_mode_ends_with_its_block_whatever_happens():
    with shapes_only():
        with shapes_only(False):
            assert not is_shapes_only()
        assert is_shapes_only()
    assert not is_shapes_only()
    with pytest.raises(tc.TinyconvError):
        summary(nn.Linear(2, 3), (5,))
    assert not is_shapes_only()


def test_weights_have_no_memory_and_initialisers_leave_them():
    with shapes_only():
        layer = nn.Linear(10**7, 10**7)
        for fill in (nn.init.normal_, nn.init.trunc_normal_, nn.init.kaiming_uniform_, nn.init.zeros_):
            assert fill(layer.weight) is layer.weight
        assert nn.BatchNorm2d(3).running_var.tolist() == [1.0, 1.0, 1.0]
    assert has_no_memory(layer.weight.array)
    assert not has_no_memory(nn.Linear(2, 3).weight.array)
    assert nn.init.ones_(tc.empty(3)).tolist() == [1.0, 1.0, 1.0]
