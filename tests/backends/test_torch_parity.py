"""Both backends against PyTorch, where it is installed."""

import numpy as np
import pytest
from convolution_cases import convolutions, max_poolings, poolings
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.core.windows import adaptive_windows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("exact")
backends = pytest.mark.parametrize("backend", [cpu, reference], ids=["cpu", "reference"])


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


@backends
@settings(max_examples=15)
@given(case=convolutions())
def test_convolution_and_its_gradients(backend, case):
    x, weight, bias, dy = case.arrays()
    inputs = [torch.from_numpy(array).requires_grad_() for array in (x, weight)]
    y = torch.nn.functional.conv2d(*inputs, torch.from_numpy(bias), *case.parameters)
    close(backend.conv2d(x, weight, bias, *case.parameters), y)
    dx, dweight = torch.autograd.grad(y, inputs, torch.from_numpy(dy))
    close(backend.conv2d_input_gradient(dy, weight, case.size, *case.parameters), dx)
    close(backend.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters), dweight)


@backends
@settings(max_examples=15)
@given(case=max_poolings, nan=st.booleans())
def test_max_pooling_with_its_indices_and_gradient(backend, case, nan):
    x = case.values()
    if nan:
        x[0, 0, 0, 0] = x[0, 0, -1, -1] = np.nan
    window = (case.kernel_size, case.stride, case.padding, case.dilation, case.ceil_mode)
    windows = case.windows()
    y, switches = backend.max_pool2d(x, windows)
    source = torch.from_numpy(x).requires_grad_()
    expected, places = torch.nn.functional.max_pool2d(source, *window, return_indices=True)
    close(y, expected)
    np.testing.assert_array_equal(windows.indices(switches), places.numpy())
    dy = np.random.default_rng(case.seed).standard_normal(y.shape)
    close(
        backend.max_pool2d_gradient(dy, switches, windows),
        torch.autograd.grad(expected, source, torch.from_numpy(dy))[0],
    )


@backends
@settings(max_examples=15)
@given(case=poolings(), count_include_pad=st.booleans(), divisor=st.sampled_from([None, 3]))
def test_average_pooling_and_its_gradient(backend, case, count_include_pad, divisor):
    window = (case.kernel_size, case.stride, case.padding, case.ceil_mode, count_include_pad, divisor)
    x = case.values()
    source = torch.from_numpy(x).requires_grad_()
    expected = torch.nn.functional.avg_pool2d(source, *window)
    close(backend.avg_pool2d(x, *window), expected)
    dy = np.random.default_rng(case.seed).standard_normal(expected.shape)
    gradient = torch.autograd.grad(expected, source, torch.from_numpy(dy))[0]
    close(backend.avg_pool2d_gradient(dy, case.shape[2:], *window), gradient)


@backends
def test_adaptive_pooling_and_the_gradient_of_averages(backend):
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 5))
    for outputs in ((1, 1), (3, 2), (7, 5), (9, 4)):
        source = torch.from_numpy(x).requires_grad_()
        expected = torch.nn.functional.adaptive_avg_pool2d(source, outputs)
        close(backend.adaptive_avg_pool2d(x, outputs), expected)
        dy = np.random.default_rng(1).standard_normal(expected.shape)
        gradient = torch.autograd.grad(expected, source, torch.from_numpy(dy))[0]
        close(backend.adaptive_avg_pool2d_gradient(dy, (7, 5)), gradient)
        windows = adaptive_windows((7, 5), outputs)
        y, switches = backend.max_pool2d(x, windows)
        expected, places = torch.nn.functional.adaptive_max_pool2d(source, outputs, return_indices=True)
        close(y, expected)
        np.testing.assert_array_equal(windows.indices(switches), places.numpy())


@backends
@pytest.mark.parametrize("sets", [1, 4])
def test_normalisation_over_channels_in_training(backend, sets):
    """Batch normalisation with one set of images, instance normalisation with a set for each."""
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 4, 3, 5, 6))
    weight, bias = random.standard_normal((2, 3))
    mean, variance = backend.channel_moments(x, sets)
    inverse_std = 1 / np.sqrt(variance + 1e-5)
    inputs = [torch.from_numpy(array).requires_grad_() for array in (x, weight, bias)]
    if sets == 1:
        expected = torch.nn.functional.batch_norm(inputs[0], None, None, *inputs[1:], training=True)
    else:
        expected = torch.nn.functional.instance_norm(inputs[0], None, None, *inputs[1:])
    close(backend.channel_affine(x, mean, inverse_std * weight, bias + 0 * mean), expected)
    dx, dweight, dbias = torch.autograd.grad(expected, inputs, torch.from_numpy(dy))
    sums, products = backend.channel_products(dy, x, mean)
    close((products * inverse_std).sum(axis=0), dweight)
    close(sums.sum(axis=0), dbias)
    count = x.size // x.shape[1] // sets
    factors = weight * inverse_std, -weight * products * inverse_std**3 / count, -weight * sums * inverse_std / count
    close(backend.channel_combination(dy, x, mean, *factors), dx)


@backends
def test_layer_normalisation_of_rows(backend):
    random = np.random.default_rng(0)
    x, dy = random.standard_normal((2, 7, 5))
    weight, bias = random.standard_normal((2, 5))
    inputs = [torch.from_numpy(array).requires_grad_() for array in (x, weight, bias)]
    expected = torch.nn.functional.layer_norm(inputs[0], (5,), *inputs[1:])
    y, mean, inverse_std = backend.row_norm(x, weight, bias, 1e-5, True)
    close(y, expected)
    gradients = torch.autograd.grad(expected, inputs, torch.from_numpy(dy))
    for ours, theirs in zip(backend.row_norm_gradient(dy, x, mean, inverse_std, weight, True), gradients, strict=True):
        close(ours, theirs)
