"""Pooling beyond its values: powers of zeros, switches that come twice, what watches it, and mistakes."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.observe import observe
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.features import capture
from tinyconv.models.receptive_field import FieldTracker
from tinyconv.nn import functional as F


def test_a_sequence_is_pooled_as_an_image_of_one_row():
    x = tc.tensor(np.random.default_rng(0).standard_normal((2, 3, 11)))
    for one, two, options in (
        (F.max_pool1d, F.max_pool2d, {"padding": (0, 1), "dilation": (1, 2)}),
        (F.avg_pool1d, F.avg_pool2d, {"padding": (0, 1), "count_include_pad": False}),
    ):
        row = {key: value[1] if isinstance(value, tuple) else value for key, value in options.items()}
        expected = two(x.unsqueeze(2), (1, 3), (1, 2), ceil_mode=True, **options)
        np.testing.assert_array_equal(one(x, 3, 2, ceil_mode=True, **row).array, expected.array[:, :, 0])


@pytest.mark.parametrize("p", [1, 1.5, 2, 3])
def test_windows_of_zeros_have_a_power_average_and_a_gradient_of_zero(p):
    x = tc.zeros(1, 1, 2, 4, dtype=tc.float64)
    x[:, :, :, 2:] = 1.0
    x.requires_grad = True
    y = F.lp_pool2d(x, p, 2)
    y.sum().backward()
    np.testing.assert_allclose(y.array.ravel(), [0.0, 4 ** (1 / p)])
    assert np.isfinite(x.grad.array).all()
    assert not x.grad.array[..., :2].any()
    assert x.grad.array[..., 2:].all()


def test_the_power_average_of_an_overhanging_window_counts_as_a_whole_one():
    y = F.lp_pool1d(tc.tensor([[3.0, 4.0, 5.0]]), 2, 2, ceil_mode=True)
    np.testing.assert_allclose(y.array, [[5.0, np.sqrt(2 * 25)]], rtol=1e-6)


def test_a_root_of_a_negative_sum_is_nan_without_a_warning():
    assert np.isnan(F.lp_pool1d(tc.tensor([[-1.0, -2.0]]), 3, 2).array).all()


def test_unpooling_is_the_inverse_where_every_maximum_was_taken_once():
    x = tc.tensor(np.random.default_rng(0).permutation(2 * 3 * 35).reshape(2, 3, 7, 5).astype(np.float64))
    values, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(values, places, 2, output_size=(7, 5))
    assert back.shape == x.shape
    np.testing.assert_array_equal(F.max_pool2d(back, 2).array, values.array)
    assert (back.array != 0).sum() in (values.array.size, values.array.size - 1)


def test_a_place_that_is_named_twice_keeps_one_value_and_both_get_its_gradient():
    x = tc.tensor([[[1.0, 2.0]]], requires_grad=True)
    y = F.max_unpool1d(x, tc.tensor([[[3, 3]]]), 2)
    assert y.tolist() == [[[0.0, 0.0, 0.0, 2.0]]]
    (y * tc.tensor([[[1.0, 2.0, 3.0, 4.0]]])).sum().backward()
    assert x.grad.tolist() == [[[4.0, 4.0]]]


def test_writing_into_the_indices_later_does_not_reach_the_backward_of_unpooling():
    x, places = tc.ones(1, 1, 2, requires_grad=True), tc.tensor([[[0, 3]]])
    y = F.max_unpool1d(x, places, 2)
    places.fill_(1)
    (y * tc.tensor([[[1.0, 2.0, 3.0, 4.0]]])).sum().backward()
    assert x.grad.tolist() == [[[1.0, 4.0]]]


def test_writing_into_the_switches_of_adaptive_pooling_does_not_reach_its_backward():
    x = tc.tensor([[[1.0, 3.0, 2.0]]], requires_grad=True)
    y, places = F.adaptive_max_pool1d(x, 1, return_indices=True)
    places.fill_(0)
    y.sum().backward()
    assert x.grad.tolist() == [[[0.0, 1.0, 0.0]]]


class Pools(nn.Module):
    def forward(self, x):
        x = F.max_pool2d(x, 2)
        x = F.lp_pool2d(x, 2, 2)
        x = F.avg_pool2d(x, 2)
        x = F.adaptive_max_pool2d(x, 2)
        return F.adaptive_avg_pool2d(x, 1)


def test_every_pooling_is_captured_as_a_layer_with_its_receptive_field():
    with capture(model := Pools()) as activations:
        model(tc.rand(1, 2, 32, 32))
    layers = list(activations.layers.values())
    assert [layer.kind for layer in layers] == ["pool"] * 5
    assert [layer.operation for layer in layers] == [
        *("MaxPool2d", "LPPool2d", "AvgPool2d", "AdaptiveMaxPool2d", "AdaptiveAvgPool2d")
    ]
    assert [layer.receptive_field.size for layer in layers] == [(2, 2), (4, 4), (8, 8), (16, 16), (32, 32)]


def test_sequences_have_receptive_fields_too():
    x = tc.rand(1, 3, 24)
    with observe(tracker := FieldTracker(x)):
        first = F.max_pool1d(x, 3, 2)
        second = F.avg_pool1d(first, 2)
    assert tracker.field(first).size == (1, 3)
    assert tracker.field(second).size == (1, 5)


SEQUENCE = tc.zeros(1, 2, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.max_pool1d(SEQUENCE, 3, padding=1, dilation=3),
            ShapeError,
            r"max_pool1d: kernel_size 3 with dilation 3 spans .* = 7 pixels, .* L \+ 2 padding = 4 \+ 2 \* 1 = 6; use",
        ),
        (
            lambda: F.avg_pool1d(tc.zeros(4), 2),
            ShapeError,
            r"maps of shape \(N, C, L\), or one map \(C, L\), got shape \(4,",
        ),
        (
            lambda: F.avg_pool2d(tc.zeros(1, 2, 0, 3), 1),
            ShapeError,
            r"avg_pool2d: .*\(1, 2, 0, 3\) has no channels or no pixels",
        ),
        (
            lambda: F.max_pool1d(SEQUENCE, (2, 2)),
            ArgumentError,
            r"max_pool1d: kernel_size must be an int, got \(2, 2\)",
        ),
        (lambda: F.lp_pool1d(SEQUENCE, 0, 2), ArgumentError, "lp_pool1d: norm_type is the p of .* got 0"),
        (lambda: F.adaptive_max_pool1d(SEQUENCE, (1, 2)), ArgumentError, r"output_size is a number, got \(1, 2\)"),
        (
            lambda: F.max_unpool1d(SEQUENCE, tc.full((1, 2, 4), 8), 2),
            ShapeError,
            r"max_unpool1d: indices from 8 to 8 do not all lie within a result of 8 pixels, \(8,\); give",
        ),
        (lambda: F.max_unpool1d(SEQUENCE, tc.full((1, 2, 4), -1), 2), ShapeError, "indices from -1 to -1 do not"),
        (
            lambda: F.max_unpool1d(SEQUENCE, tc.zeros(1, 2, 3, dtype=tc.int64), 2),
            ShapeError,
            r"indices must have the shape of input, .* \(1, 2, 4\), got \(1, 2, 3\)",
        ),
        (lambda: F.max_unpool1d(SEQUENCE, SEQUENCE, 2), DTypeError, "indices must be an int64 tensor, .* got float32"),
        (
            lambda: F.max_unpool1d(SEQUENCE, tc.zeros(1, 2, 4, dtype=tc.int64), 2, output_size=(10,)),
            ArgumentError,
            r"output_size \(10,\): 10 is not between 6 and 10, both excluded; only such sizes .* with stride 2",
        ),
    ],
)
def test_mistakes_are_named_with_their_numbers(call, error, message):
    with pytest.raises(error, match=message):
        call()
