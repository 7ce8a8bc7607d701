"""A weight for every pixel: the loop of the definition, shared weights, and what it refuses."""

import numpy as np
import pytest
from convolution_cases import convolutions
from hypothesis import given, settings

import tinyconv as tc
from tinyconv import nn
from tinyconv.core import layout
from tinyconv.nn import functional as F


def defined(x, weight, bias, stride, padding, dilation):
    """y[n,k,i,j] by its definition."""
    rows, columns, outputs, _, height, width = weight.shape
    margins = [(0, 0), (0, 0), *((pad, pad) for pad in padding)]
    padded = np.pad(x, margins)
    y = np.zeros((x.shape[0], outputs, rows, columns))
    for i, j in np.ndindex(rows, columns):
        down = slice(i * stride[0], i * stride[0] + dilation[0] * (height - 1) + 1, dilation[0])
        across = slice(j * stride[1], j * stride[1] + dilation[1] * (width - 1) + 1, dilation[1])
        y[:, :, i, j] = np.einsum("ncrs,kcrs->nk", padded[:, :, down, across], weight[i, j]) + bias[:, i, j]
    return y


@settings(max_examples=40)
@given(convolutions())
def test_it_is_the_sum_over_each_pixels_window_with_that_pixels_weight(case):
    generator = np.random.default_rng(case.seed)
    x = generator.standard_normal((case.images, case.channels, *case.size))
    weight = generator.standard_normal((*case.output_size, case.outputs, case.channels, *case.kernel_size))
    bias = generator.standard_normal((case.outputs, *case.output_size))
    geometry = case.stride, case.padding, case.dilation
    y = F.locally_connected2d(tc.tensor(x), tc.tensor(weight), tc.tensor(bias), *geometry)
    np.testing.assert_allclose(y.numpy(), defined(x, weight, bias, *geometry), rtol=1e-10, atol=1e-10)
    assert layout.is_engine_order(y.array)


@settings(max_examples=40)
@given(convolutions())
def test_with_one_weight_for_all_pixels_it_is_a_convolution_and_so_are_its_gradients(case):
    generator = np.random.default_rng(case.seed)
    x = generator.standard_normal((case.images, case.channels, *case.size))
    shared = generator.standard_normal((case.outputs, case.channels, *case.kernel_size))
    own = np.broadcast_to(shared, (*case.output_size, *shared.shape)).copy()
    dy = generator.standard_normal((case.images, case.outputs, *case.output_size))
    geometry = case.stride, case.padding, case.dilation
    results = []
    for function, weight in ((F.conv2d, shared), (F.locally_connected2d, own)):
        image, parameter = tc.tensor(x, requires_grad=True), tc.tensor(weight, requires_grad=True)
        y = function(image, parameter, None, *geometry)
        y.backward(tc.tensor(dy))
        results.append((y.detach().numpy(), image.grad.numpy(), parameter.grad.numpy()))
    convolution, connected = results
    np.testing.assert_allclose(connected[0], convolution[0], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(connected[1], convolution[1], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(connected[2].sum((0, 1)), convolution[2], rtol=1e-10, atol=1e-9)


def test_pixels_do_not_share_weights():
    weight = tc.zeros(2, 2, 1, 1, 1, 1)
    weight[1, 0] = 3.0
    y = F.locally_connected2d(tc.ones(1, 1, 2, 2), weight)
    assert y.tolist() == [[[[0.0, 0.0], [3.0, 0.0]]]]


def test_an_empty_batch_stays_empty_and_gives_weights_a_zero_gradient():
    weight = tc.ones(2, 3, 4, 1, 2, 2, requires_grad=True)
    x = tc.zeros(0, 1, 3, 4, requires_grad=True)
    y = F.locally_connected2d(x, weight)
    assert y.shape == (0, 4, 2, 3)
    y.sum().backward()
    assert not weight.grad.numpy().any()
    assert x.grad.shape == (0, 1, 3, 4)


X, WEIGHT = tc.zeros(2, 3, 5, 5), tc.zeros(3, 3, 4, 3, 3, 3)

MISTAKES = {
    "a weight of a convolution": (
        lambda: F.locally_connected2d(X, tc.zeros(4, 3, 3, 3)),
        "weight must have shape (H', W', K, C, R, S), none of them 0, got (4, 3, 3, 3)",
    ),
    "other channels": (
        lambda: F.locally_connected2d(tc.zeros(2, 1, 5, 5), WEIGHT),
        "input (2, 1, 5, 5) has 1 channels, but weight (3, 3, 4, 3, 3, 3) takes weight.shape[3] = 3",
    ),
    "images of another size": (
        lambda: F.locally_connected2d(tc.zeros(2, 3, 6, 5), WEIGHT),
        "images of (6, 5) have (4, 3) windows of kernel_size (3, 3), stride (1, 1), padding (0, 0), dilation (1, 1), "
        "but weight (3, 3, 4, 3, 3, 3) is made for weight.shape[:2] = (3, 3)",
    ),
    "a bias for each filter": (
        lambda: F.locally_connected2d(X, WEIGHT, tc.zeros(4)),
        "bias must have one element per output, shape (K, H', W') = (4, 3, 3), got (4,)",
    ),
    "too small": (lambda: F.locally_connected2d(tc.zeros(2, 3, 2, 5), WEIGHT), "more than the padded input"),
    "a mixture of types": (lambda: F.locally_connected2d(X.double(), WEIGHT), "input is float64 but weight is float32"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_says_what_does_not_fit(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(tc.TinyconvError) as caught:
        call()
    assert str(caught.value).startswith("locally_connected2d: ")
    assert message in str(caught.value)


# --- the layer --------------------------------------------------------------------------------------------------------


def test_the_layer_has_weights_for_its_input_size_and_computes_with_them():
    layer = nn.LocallyConnected2d(
        2, 3, (6, 7), (2, 3), stride=(2, 1), padding=(0, 1), dilation=(2, 1), dtype=tc.float64
    )
    assert layer.weight.shape == (2, 7, 3, 2, 2, 3)
    assert layer.bias.shape == (3, 2, 7)
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 7))
    expected = defined(x, layer.weight.detach().numpy(), layer.bias.detach().numpy(), (2, 1), (0, 1), (2, 1))
    np.testing.assert_allclose(layer(tc.tensor(x)).detach().numpy(), expected, atol=1e-12)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer) == (
        "LocallyConnected2d(2, 3, input_size=(6, 7), kernel_size=(2, 3), stride=(2, 1), padding=(0, 1), "
        "dilation=(2, 1))"
    )
    assert repr(nn.LocallyConnected2d(1, 1, 3, 3, bias=False)).endswith("stride=(1, 1), bias=False)")


def test_it_starts_like_a_convolution():
    tc.manual_seed(0)
    layer = nn.LocallyConnected2d(8, 16, 6, 3)
    bound = 1 / np.sqrt(8 * 9)
    for values in (layer.weight.detach().numpy(), layer.bias.detach().numpy()):
        assert 0.95 * bound < abs(values).max() <= bound
    assert abs(layer.weight.detach().numpy().std() - bound / np.sqrt(3)) < 0.01 * bound


def test_the_layer_refuses_what_leaves_no_window():
    with pytest.raises(
        tc.TinyconvError, match=r"LocallyConnected2d: kernel_size=\(5, 5\) .* is larger than the padded"
    ):
        nn.LocallyConnected2d(1, 1, 4, 5)
    with pytest.raises(tc.TinyconvError, match="LocallyConnected2d: in_channels must be an int of at least 1, got 0"):
        nn.LocallyConnected2d(0, 1, 4, 2)


def test_a_few_steps_of_training_lower_the_loss():
    tc.manual_seed(1)
    layer = nn.LocallyConnected2d(1, 2, 4, 3)
    x, target = tc.randn(8, 1, 4, 4), tc.randn(8, 2, 2, 2)
    optimizer = tc.optim.SGD(layer.parameters(), lr=0.5)
    losses = []
    for _ in range(20):
        loss = F.mse_loss(layer(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
