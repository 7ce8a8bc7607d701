"""Convolution of signals, and transposed convolution: what ties them to the convolution of images, and their errors."""

import numpy as np
import pytest
from convolution_cases import convolutions
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.nn import functional as F


@settings(max_examples=60)
@given(convolutions(), st.booleans())
def test_a_signal_is_an_image_of_one_row_and_so_are_its_gradients(case, transposed):
    generator = np.random.default_rng(case.seed)
    channels, outputs = case.groups * case.channels, case.groups * case.outputs
    x = generator.standard_normal((case.images, channels, case.size[1]))
    shape = (channels, case.outputs) if transposed else (outputs, case.channels)
    weight, bias = generator.standard_normal((*shape, case.kernel_size[1])), generator.standard_normal(outputs)
    stride, padding, dilation = case.stride[1], case.padding[1], case.dilation[1]
    if transposed and (case.size[1] - 1) * stride - 2 * padding + dilation * (weight.shape[2] - 1) < 0:
        padding = 0
    one, two = (F.conv_transpose1d, F.conv_transpose2d) if transposed else (F.conv1d, F.conv2d)
    results = []
    for function, row, geometry in (
        (one, (slice(None), slice(None)), (stride, padding, dilation)),
        (two, (slice(None), slice(None), None), ((1, stride), (0, padding), (1, dilation))),
    ):
        tensors = [tc.tensor(x[row], requires_grad=True), tc.tensor(weight[row], requires_grad=True)]
        tensors.append(tc.tensor(bias, requires_grad=True))
        stride_, padding_, dilation_ = geometry
        y = function(*tensors, stride=stride_, padding=padding_, dilation=dilation_, groups=case.groups)
        dy = np.random.default_rng(1).standard_normal(tuple(y.shape))
        y.backward(tc.tensor(dy))
        results.append([y.detach().numpy(), *(tensor.grad.numpy() for tensor in tensors)])
    for signal, image in zip(*results, strict=True):
        np.testing.assert_array_equal(signal, image.reshape(signal.shape))


@settings(max_examples=60)
@given(convolutions(most_extra=6), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_transposed_convolution_is_the_adjoint_of_convolution(case, extra):
    """<conv_transpose(y), x> = <y, conv(x)>, with the same weight, at every size that the convolution takes to y's."""
    extra = tuple(min(more, step - 1) for more, step in zip(extra, case.stride, strict=True))
    generator = np.random.default_rng(case.seed)
    y = generator.standard_normal((case.images, case.groups * case.outputs, *case.output_size))
    weight = generator.standard_normal((case.groups * case.outputs, case.channels, *case.kernel_size))
    geometry = {"stride": case.stride, "padding": case.padding, "dilation": case.dilation, "groups": case.groups}
    axes = zip(case.output_size, case.stride, case.padding, case.dilation, case.kernel_size, extra, strict=True)
    size = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 + e for n, s, p, d, k, e in axes)
    if min(size) < 1:
        with pytest.raises(tc.TinyconvError, match="use less padding"):
            F.conv_transpose2d(tc.tensor(y), tc.tensor(weight), output_padding=extra, **geometry)
        return
    spread = F.conv_transpose2d(tc.tensor(y), tc.tensor(weight), output_padding=extra, **geometry)
    assert spread.shape == (case.images, case.groups * case.channels, *size)
    x = generator.standard_normal(spread.shape)
    back = F.conv2d(tc.tensor(x), tc.tensor(weight), **geometry)
    assert back.shape == y.shape
    bound = 1e-12 * (np.linalg.norm(spread.numpy()) * np.linalg.norm(x) + 1)
    assert abs(np.vdot(spread.numpy(), x) - np.vdot(y, back.numpy())) <= bound


def test_a_rectifier_writes_into_a_signals_convolution():
    x, weight = tc.randn(2, 3, 7), tc.randn(4, 3, 3, requires_grad=True)
    y = tc.nn.ReLU(inplace=True)(F.conv1d(x, weight))
    y.sum().backward()
    gradient = weight.grad.numpy().copy()
    weight.grad = None
    F.relu(F.conv1d(x, weight)).sum().backward()
    np.testing.assert_array_equal(gradient, weight.grad.numpy())


def test_the_gradient_of_a_signals_weight_is_stored_like_the_weight():
    weight = tc.randn(4, 3, 5, requires_grad=True)
    (gradient,) = tc.autograd.grad(F.conv1d(tc.randn(2, 3, 9), weight).sum(), weight)
    assert gradient.array.flags.c_contiguous


X1, W1 = tc.zeros(2, 3, 8), tc.zeros(4, 3, 3)
X2, W2 = tc.zeros(2, 3, 8, 8), tc.zeros(3, 4, 3, 3)

MISTAKES = {
    "conv1d, channels": (
        lambda: F.conv1d(tc.zeros(2, 1, 8), W1),
        "conv1d: input has 1 channels, but weight (4, 3, 3) with groups=1 is made for weight.shape[1] * groups = 3 "
        "(input (2, 1, 8) is read as (N, C, L))",
    ),
    "conv1d, one signal": (lambda: F.conv1d(tc.zeros(1, 8), W1), "(input (1, 8) is read as (C, L))"),
    "conv1d, images": (
        lambda: F.conv1d(tc.zeros(1, 3, 8, 8), W1),
        "conv1d: input must be signals of shape (N, C, L), or one signal (C, L), got shape (1, 3, 8, 8)",
    ),
    "conv1d, weight": (lambda: F.conv1d(X1, tc.zeros(4, 3)), "conv1d: weight must have shape (K, C / groups, S), got"),
    "conv1d, kernel": (
        lambda: F.conv1d(X1, W1, padding=1, dilation=5),
        "conv1d: kernel_size 3 with dilation 5 spans dilation (kernel_size - 1) + 1 = 11 pixels, more than the padded "
        "input: L + 2 padding = 8 + 2 * 1 = 10; use larger signals, a smaller kernel, or more padding",
    ),
    "conv1d, stride": (lambda: F.conv1d(X1, W1, stride=(1, 1)), "conv1d: stride must be an int, got (1, 1)"),
    "conv1d, padding": (
        lambda: F.conv1d(X1, W1, padding="full"),
        "conv1d: padding is a number, 'same' or 'valid', got",
    ),
    "conv1d, same": (lambda: F.conv1d(X1, W1, stride=2, padding="same"), "conv1d: padding='same' keeps the size"),
    "conv1d, groups": (
        lambda: F.conv1d(X1, W1, groups=2),
        "conv1d: groups must divide the channels of input and output",
    ),
    "conv1d, bias": (
        lambda: F.conv1d(X1, W1, tc.zeros(3)),
        "conv1d: bias must have one element per filter, shape (4,), got (3,)",
    ),
    "conv1d, no elements": (
        lambda: F.conv1d(tc.zeros(2, 3, 0), W1, padding=2),
        "conv1d: input of shape (2, 3, 0) has no pixels; only the batch may be empty",
    ),
    "conv_transpose2d, channels": (
        lambda: F.conv_transpose2d(tc.zeros(2, 4, 8, 8), W2),
        "conv_transpose2d: input has 4 channels, but weight (3, 4, 3, 3) takes weight.shape[0] = 3 (input (2, 4, 8, 8) "
        "is read as (N, C, H, W))",
    ),
    "conv_transpose2d, groups": (
        lambda: F.conv_transpose2d(X2, W2, groups=2),
        "conv_transpose2d: groups must divide the channels of the input: 3 channels, groups=2",
    ),
    "conv_transpose2d, no groups": (
        lambda: F.conv_transpose2d(X2, W2, groups=True),
        "conv_transpose2d: groups must be a whole number and at least 1, got True",
    ),
    "conv_transpose2d, bias": (
        lambda: F.conv_transpose2d(X2, W2, tc.zeros(3)),
        "conv_transpose2d: bias must have one element per output channel, weight.shape[1] * groups = 4, got shape (3,)",
    ),
    "conv_transpose2d, output_padding": (
        lambda: F.conv_transpose2d(X2, W2, stride=(2, 1), output_padding=1),
        "conv_transpose2d: output_padding must be at least 0 and smaller than the stride or the dilation, or it would "
        "add pixels that nothing reaches: output_padding (1, 1), stride (2, 1), dilation (1, 1)",
    ),
    "conv_transpose2d, padding": (
        lambda: F.conv_transpose2d(tc.zeros(1, 3, 1, 2), W2, padding=2),
        "conv_transpose2d: the result would have (size - 1) stride - 2 padding + dilation (kernel_size - 1) + "
        "output_padding + 1 = (-1, 0) pixels, for input (1, 3, 1, 2), kernel_size (3, 3), stride (1, 1), padding "
        "(2, 2), dilation (1, 1), output_padding (0, 0); use less padding",
    ),
    "conv_transpose2d, same": (
        lambda: F.conv_transpose2d(X2, W2, padding="same"),
        "conv_transpose2d: padding must be an int or a pair of ints, got 'same'",
    ),
    "conv_transpose1d, weight": (
        lambda: F.conv_transpose1d(X1, W2),
        "conv_transpose1d: weight must have shape (C, K / groups, S), got (3, 4, 3, 3)",
    ),
    "pixel_shuffle": (
        lambda: F.pixel_shuffle(tc.zeros(1, 6, 2, 2), 2),
        "pixel_shuffle: the channels of input (1, 6, 2, 2) must be a multiple of upscale_factor^2 = 4, got 6",
    ),
    "pixel_unshuffle": (
        lambda: F.pixel_unshuffle(tc.zeros(1, 6, 2, 3), 2),
        "pixel_unshuffle: height and width of input (1, 6, 2, 3) must be multiples of downscale_factor=2",
    ),
    "channel_shuffle": (
        lambda: F.channel_shuffle(tc.zeros(1, 6, 2, 3), 4),
        "channel_shuffle: groups=4 does not divide the channels of input (1, 6, 2, 3)",
    ),
    "half a factor": (
        lambda: F.pixel_shuffle(tc.zeros(1, 4, 2, 2), 2.0),
        "pixel_shuffle: upscale_factor must be an int of at least 1, got 2.0",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_says_what_does_not_fit(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(tc.TinyconvError) as caught:
        call()
    assert message in str(caught.value)
