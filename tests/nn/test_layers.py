"""Layers: constructor checks, settings that reach the operation, and what each computes."""

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.core import dtypes, layout, random
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.tensor import Tensor


def draw(*shape, dtype=np.float64, requires_grad=False):
    values = layout.empty(shape, dtype)
    values[...] = np.random.default_rng(sum(shape)).normal(size=shape)
    return Tensor(values, requires_grad=requires_grad)


# --- Conv2d -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 0}, "in_channels must be an int of at least 1, got 0"),
        ({"out_channels": 2.5}, "out_channels must be an int of at least 1, got 2.5"),
        ({"kernel_size": 0}, "kernel_size must be at least 1 in both directions, got 0"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size must be an int or a pair of ints, got \(3, 3, 3\)"),
        ({"stride": (1, 0)}, r"stride must be at least 1 in both directions, got \(1, 0\)"),
        ({"dilation": -1}, "dilation must be at least 1 in both directions, got -1"),
        ({"padding": -1}, "padding must be at least 0 in both directions, got -1"),
        ({"padding": "full"}, "padding must be ints, 'same' or 'valid', got 'full'"),
        ({"padding": "same", "stride": 2}, r"padding='same' needs stride 1, got stride=\(2, 2\)"),
        ({"groups": 3}, "groups=3 does not divide in_channels=4"),
        ({"groups": 4}, "groups=4 does not divide out_channels=6"),
        ({"groups": True}, "groups must be an int of at least 1, got True"),
        (
            {"padding_mode": "mirror"},
            "padding_mode must be 'zeros', 'reflect', 'replicate' or 'circular', got 'mirror'",
        ),
    ],
)
def test_conv2d_refuses_impossible_arguments(arguments, message):
    with pytest.raises(ArgumentError, match=f"Conv2d: {message}"):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 6, "kernel_size": 3, **arguments})


def test_conv2d_weights_are_channels_last_in_memory():
    weight = nn.Conv2d(8, 4, 3).weight
    assert weight.shape == (4, 8, 3, 3)
    assert layout.is_engine_order(weight.array)
    assert not weight.array.flags.c_contiguous


def test_conv2d_without_bias_has_none():
    layer = nn.Conv2d(1, 2, 3, bias=False)
    assert layer.bias is None
    assert list(layer.state_dict()) == ["weight"]


def test_conv2d_is_the_sum_over_its_window():
    layer = nn.Conv2d(2, 4, (2, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2, dtype=dtypes.float64)
    x = draw(1, 2, 5, 7)
    y = layer(x)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (0, 0)))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    assert y.shape == (1, 4, 3, 3)
    for k in range(4):
        for i in range(3):
            for j in range(3):
                window = padded[0, k // 2, 2 * i : 2 * i + 2, j : j + 5 : 2]
                assert y[0, k, i, j].item() == pytest.approx((window * weight[k, 0]).sum() + bias[k], abs=1e-12)


def test_conv2d_same_padding_keeps_the_size_of_the_image():
    x = draw(1, 1, 6, 7, dtype=np.float32)
    assert nn.Conv2d(1, 2, (3, 4), padding="same", dilation=2)(x).shape == (1, 2, 6, 7)
    assert nn.Conv2d(1, 2, 3, padding="valid")(x).shape == (1, 2, 4, 5)


def test_conv2d_repr_shows_what_differs_from_the_defaults():
    assert (
        repr(nn.Conv2d(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, bias=False))
        == "Conv2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), groups=2, bias=False)"
    )
    assert repr(nn.Conv2d(1, 1, 3, padding="same")) == "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=same)"


def test_a_layer_cannot_hold_integers():
    with pytest.raises(DTypeError, match=r"a layer's dtype must be floating point, got tinyconv.int64"):
        nn.Linear(1, 1, dtype=dtypes.int64)


# --- Linear, reshaping --------------------------------------------------------------------------------------------


def test_linear_is_a_matrix_product_plus_bias():
    layer = nn.Linear(3, 2, dtype=dtypes.float64)
    x = draw(4, 3)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), x.numpy() @ weight.T + bias, atol=1e-14)
    assert nn.Linear(3, 2, bias=False).bias is None
    with pytest.raises(ArgumentError, match="Linear: in_features must be an int of at least 1, got -3"):
        nn.Linear(-3, 2)


def test_flatten_and_unflatten_are_inverse():
    x = draw(2, 3, 4, 5)
    flat = nn.Flatten()(x)
    assert flat.shape == (2, 60)
    np.testing.assert_array_equal(flat.numpy(), x.numpy().reshape(2, 60))
    np.testing.assert_array_equal(nn.Unflatten(1, (3, -1, 5))(flat).numpy(), x.numpy())
    assert nn.Flatten(0, 1)(x).shape == (6, 4, 5)
    with pytest.raises(ArgumentError, match=r"at most one of them -1, got \(-1, -1\)"):
        nn.Unflatten(1, (-1, -1))
    with pytest.raises(ArgumentError, match="named dimensions are not offered"):
        nn.Unflatten("channels", (1, 1))


def test_identity_takes_any_arguments_and_returns_its_input():
    x = draw(2)
    assert nn.Identity(54, unused=True)(x) is x


# --- BatchNorm2d --------------------------------------------------------------------------------------------------


def test_batch_norm_normalises_by_the_batch_and_tracks_the_unbiased_variance():
    layer = nn.BatchNorm2d(3, momentum=0.2, dtype=dtypes.float64)
    x = draw(4, 3, 5, 6)
    y = layer(x).detach().numpy()
    values = x.numpy()
    mean, variance = values.mean((0, 2, 3)), values.var((0, 2, 3))
    expected = (values - mean[:, None, None]) / np.sqrt(variance + 1e-5)[:, None, None]
    np.testing.assert_allclose(y, expected, atol=1e-12)
    count = 4 * 5 * 6
    np.testing.assert_allclose(layer.running_mean.numpy(), 0.2 * mean, atol=1e-14)
    np.testing.assert_allclose(layer.running_var.numpy(), 0.8 + 0.2 * variance * count / (count - 1), atol=1e-14)
    assert layer.num_batches_tracked.item() == 1
    assert layer.num_batches_tracked.dtype is dtypes.int64


def test_batch_norm_in_evaluation_uses_the_running_statistics_and_leaves_them():
    layer = nn.BatchNorm2d(2, dtype=dtypes.float64).eval()
    layer.running_mean.array[...] = [1, 2]
    layer.running_var.array[...] = [4, 9]
    x = draw(2, 2, 3, 3)
    expected = (x.numpy() - np.array([1, 2])[:, None, None]) / np.sqrt(np.array([4, 9]) + 1e-5)[:, None, None]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)
    np.testing.assert_array_equal(layer.running_mean.numpy(), [1, 2])
    assert layer.num_batches_tracked.item() == 0


def test_batch_norm_without_momentum_averages_all_batches():
    layer = nn.BatchNorm2d(2, momentum=None, dtype=dtypes.float64)
    batches = [draw(2, 2, 3, n) for n in (3, 4, 5)]
    for batch in batches:
        layer(batch)
    means = [batch.numpy().mean((0, 2, 3)) for batch in batches]
    np.testing.assert_allclose(layer.running_mean.numpy(), np.mean(means, 0), atol=1e-14)


def test_batch_norm_without_running_statistics_always_uses_the_batch():
    layer = nn.BatchNorm2d(2, affine=False, track_running_stats=False, dtype=dtypes.float64)
    assert not list(layer.parameters())
    assert not list(layer.state_dict())
    x = draw(2, 2, 3, 3)
    trained = layer(x).numpy()
    np.testing.assert_array_equal(layer.eval()(x).numpy(), trained)
    np.testing.assert_allclose(trained.mean((0, 2, 3)), 0, atol=1e-12)


def test_batch_norm_without_bias_only_scales():
    layer = nn.BatchNorm2d(2, bias=False, dtype=dtypes.float64)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert "affine=True, bias=False, " in repr(layer)
    layer.weight.array[...] = 3
    y = layer(draw(2, 2, 3, 3)).detach().numpy()
    np.testing.assert_allclose(y.mean((0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.std((0, 2, 3)), 3, rtol=1e-4)


def test_batch_norm_starts_over_on_reset():
    layer = nn.BatchNorm2d(2)
    layer(draw(2, 2, 3, 3, dtype=np.float32))
    layer.weight.array[...] = 5
    layer.reset_parameters()
    np.testing.assert_array_equal(layer.running_mean.numpy(), [0, 0])
    np.testing.assert_array_equal(layer.running_var.numpy(), [1, 1])
    np.testing.assert_array_equal(layer.weight.detach().numpy(), [1, 1])
    assert layer.num_batches_tracked.item() == 0
    with pytest.raises(ArgumentError, match="BatchNorm2d: eps must be at least 0, got -1"):
        nn.BatchNorm2d(2, eps=-1)


def test_batch_norm_refuses_other_channels_and_shapes_without_counting_the_batch():
    layer = nn.BatchNorm2d(4)
    with pytest.raises(ShapeError, match="BatchNorm2d: input has 3 channels, num_features=4"):
        layer(Tensor(np.zeros((2, 3, 2, 2), np.float32)))
    with pytest.raises(ShapeError, match=r"BatchNorm2d: expected 4-D input \(N, C, H, W\), got shape \(2, 4\)"):
        layer(Tensor(np.zeros((2, 4), np.float32)))
    assert layer.num_batches_tracked.item() == 0


# --- pooling, activations, dropout ------------------------------------------------------------------------------------


def test_pooling_layers_pass_their_settings_on():
    x = Tensor(np.arange(36.0).reshape(1, 1, 6, 6))
    np.testing.assert_array_equal(nn.MaxPool2d(2)(x).numpy()[0, 0], [[7, 9, 11], [19, 21, 23], [31, 33, 35]])
    np.testing.assert_array_equal(nn.MaxPool2d(3, 3, 1)(x).numpy()[0, 0], [[7, 10], [25, 28]])
    assert nn.MaxPool2d(3, 2)(x).shape == (1, 1, 2, 2)
    assert nn.MaxPool2d(3, 2, ceil_mode=True)(x).shape == (1, 1, 3, 3)
    assert nn.MaxPool2d(2, dilation=3, stride=1)(x).shape == (1, 1, 3, 3)
    _, indices = nn.MaxPool2d(3, return_indices=True)(x)
    np.testing.assert_array_equal(indices.numpy()[0, 0], [[14, 17], [32, 35]])
    np.testing.assert_array_equal(nn.AvgPool2d(3)(x).numpy()[0, 0], [[7, 10], [25, 28]])
    np.testing.assert_array_equal(nn.AvgPool2d(3, divisor_override=1)(x).numpy()[0, 0], [[63, 90], [225, 252]])
    # Windows start at -1 and at 4: those at an edge see padding.
    shifted = x + 1
    np.testing.assert_array_equal(nn.AvgPool2d(2, 5, 1)(shifted).numpy()[0, 0], [[0.25, 2.75], [14, 32.5]])
    without = nn.AvgPool2d(2, 5, 1, count_include_pad=False)(shifted).numpy()[0, 0]
    np.testing.assert_array_equal(without, [[1, 5.5], [28, 32.5]])
    np.testing.assert_array_equal(nn.AdaptiveAvgPool2d((2, 1))(x).numpy()[0, 0], [[8.5], [26.5]])
    assert nn.AdaptiveAvgPool2d((None, 2))(x).shape == (1, 1, 6, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.MaxPool2d(0), "MaxPool2d: kernel_size must be at least 1, got 0"),
        (lambda: nn.MaxPool2d(2, stride=0), "MaxPool2d: stride must be at least 1"),
        (
            lambda: nn.MaxPool2d(2, padding=2),
            "MaxPool2d: padding must be at most half the window, .* padding .2, 2., kernel_size .2, 2.",
        ),
        (lambda: nn.MaxPool2d(2, dilation=0), "MaxPool2d: dilation must be at least 1"),
        (
            lambda: nn.AvgPool2d(3, padding=(1, 2)),
            r"AvgPool2d: padding must be at most half the window, .* padding \(1, 2\)",
        ),
        (lambda: nn.AvgPool2d(3, divisor_override=0), "divisor_override must not be 0"),
        (lambda: nn.AdaptiveAvgPool2d((0, 1)), r"output_size must be at least 1, got \(0, 1\)"),
        (
            lambda: nn.MaxPool1d(3, padding=2),
            "MaxPool1d: padding must be at most half the window, .* padding 2, kernel",
        ),
        (lambda: nn.AvgPool1d((2, 2)), r"AvgPool1d: kernel_size must be an int, got \(2, 2\)"),
        (lambda: nn.LPPool2d(0, 2), "LPPool2d: norm_type is the p of .* must not be 0"),
        (
            lambda: nn.AdaptiveMaxPool1d((1, 2)),
            r"AdaptiveMaxPool1d: output_size is one number for each of 1 directions",
        ),
        (lambda: nn.MaxUnpool2d(2, padding=-1), "MaxUnpool2d: padding must not be negative, got -1"),
        (
            lambda: nn.GroupNorm(3, 4),
            "GroupNorm: num_channels=4 cannot be cut into num_groups=3 equal groups; 4 % 3 = 1",
        ),
        (
            lambda: nn.LayerNorm((2, 0)),
            r"LayerNorm: normalized_shape must be one or more sizes of at least 1, got \(2, 0",
        ),
        (lambda: nn.LocalResponseNorm(0), "LocalResponseNorm: size must be an int of at least 1, got 0"),
        (lambda: nn.AlphaDropout(-0.5), "AlphaDropout: p must be a probability between 0 and 1, got -0.5"),
    ],
)
def test_layers_refuse_impossible_arguments(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_activations_compute_their_formulas():
    x = draw(3, 4)
    values = x.numpy().copy()
    np.testing.assert_array_equal(nn.ReLU()(x).numpy(), np.maximum(values, 0))
    np.testing.assert_allclose(nn.Tanh()(x).numpy(), np.tanh(values), rtol=1e-14)
    np.testing.assert_allclose(nn.Sigmoid()(x).numpy(), 1 / (1 + np.exp(-values)), rtol=1e-14)
    exponentials = np.exp(values)
    np.testing.assert_allclose(nn.Softmax(0)(x).numpy(), exponentials / exponentials.sum(0), rtol=1e-13)
    np.testing.assert_allclose(
        nn.LogSoftmax(1)(x).numpy(), np.log(exponentials / exponentials.sum(1, keepdims=True)), rtol=1e-13
    )
    np.testing.assert_array_equal(x.numpy(), values)


def test_an_in_place_relu_overwrites_its_input():
    x = draw(3, 4)
    expected = np.maximum(x.numpy(), 0)
    assert nn.ReLU(inplace=True)(x) is x
    np.testing.assert_array_equal(x.numpy(), expected)
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"


def test_dropout_zeroes_and_rescales_in_training_only():
    layer, x = nn.Dropout(0.25), Tensor(np.ones((100, 100)))
    random.manual_seed(0)
    y = layer(x).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3])
    assert abs((y == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / y.size)
    np.testing.assert_array_equal(layer.eval()(x).numpy(), x.numpy())
    assert nn.Dropout(0.5, inplace=True)(x) is x
    with pytest.raises(ArgumentError, match=r"Dropout: p must be a probability between 0 and 1, got 1.5"):
        nn.Dropout(1.5)


# --- losses -----------------------------------------------------------------------------------------------------------


def test_cross_entropy_is_minus_the_log_of_the_softmax_at_the_target():
    logits, target = draw(5, 3), Tensor(np.array([0, 2, 1, 1, 0]))
    log_softmax = nn.LogSoftmax(1)(logits)
    expected = -log_softmax.numpy()[np.arange(5), target.numpy()]
    np.testing.assert_allclose(nn.CrossEntropyLoss(reduction="none")(logits, target).numpy(), expected, rtol=1e-13)
    assert nn.CrossEntropyLoss()(logits, target).item() == pytest.approx(expected.mean())
    assert nn.NLLLoss(reduction="sum")(log_softmax, target).item() == pytest.approx(expected.sum())
    weight = np.array([1.0, 2.0, 3.0])
    weighted = nn.CrossEntropyLoss(Tensor(weight), ignore_index=1)(logits, target).item()
    kept = np.array([0, 1, 4])
    weights = weight[target.numpy()[kept]]
    assert weighted == pytest.approx((weights * expected[kept]).sum() / weights.sum())
    smooth = nn.CrossEntropyLoss(label_smoothing=0.3)(logits, target).item()
    assert smooth == pytest.approx((0.7 * expected - 0.3 * log_softmax.numpy().mean(1)).mean())


def test_regression_losses():
    x, y = draw(3, 2), draw(2, 3).transpose(0, 1)
    difference = x.numpy() - y.numpy()
    assert nn.MSELoss()(x, y).item() == pytest.approx((difference**2).mean())
    assert nn.MSELoss(reduction="sum")(x, y).item() == pytest.approx((difference**2).sum())
    assert nn.L1Loss()(x, y).item() == pytest.approx(abs(difference).mean())
    target = Tensor(np.array([[0.0, 1], [1, 0], [1, 1]]))
    p = 1 / (1 + np.exp(-x.numpy()))
    binary = -(3 * target.numpy() * np.log(p) + (1 - target.numpy()) * np.log(1 - p))
    loss = nn.BCEWithLogitsLoss(pos_weight=Tensor(np.array([3.0, 3.0])))(x, target)
    assert loss.item() == pytest.approx(binary.mean())


def test_losses_refuse_deprecated_and_unknown_reductions():
    with pytest.raises(TypeError, match="unexpected keyword argument 'size_average'"):
        nn.CrossEntropyLoss(size_average=False)
    with pytest.raises(ArgumentError, match="NLLLoss: reduction is 'mean', 'sum' or 'none', got 'average'"):
        nn.NLLLoss(reduction="average")


def test_a_loss_weight_moves_with_its_module():
    loss = nn.CrossEntropyLoss(Tensor(np.ones(3, np.float32)))
    assert loss.double().weight.dtype is dtypes.float64
