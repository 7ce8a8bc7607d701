"""Convolution on the virtual GPU: the choice, the packed launches, and the kernels as PTX in tiles of full size."""

import numpy as np
import pytest
from convolution_cases import Convolution
from on_device import on_device
from virtual_gpu import virtual_gpu

from tinyconv.backends import reference
from tinyconv.core import gpu
from tinyconv.core.precision import set_float32_precision

pytest.importorskip("numba_cuda", reason="the kernels are compiled by numba-cuda, which is not installed")

from tinyconv.backends.cuda import convolution

PHASES = Convolution(1, 1, 2, 35, (7, 6), (3, 3), (2, 3), (1, 0), (1, 2))
GROUPED = Convolution(2, 2, 5, 3, (5, 6), (3, 3), (1, 1), (1, 1), (1, 1))
DEPTHWISE = Convolution(2, 33, 1, 2, (6, 7), (3, 5), (2, 1), (1, 2), (1, 1))
FOR_TENSOR_CORES = Convolution(1, 1, 12, 20, (6, 7), (3, 3), (1, 2), (1, 1), (1, 1))


def three_convolutions(backend, case, x, weight, bias, dy):
    return (
        backend.conv2d(x, weight, bias, *case.parameters),
        backend.conv2d_input_gradient(dy, weight, case.size, *case.parameters),
        backend.conv2d_weight_gradient(x, dy, case.kernel_size, *case.parameters),
    )


@pytest.mark.parametrize(
    ("case", "dtype", "precision", "names"),
    [
        (PHASES, np.float64, "fast", ["forward_128x64x8", "input_gradient_128x16x8", "weight_gradient_64x64x8"]),
        (GROUPED, np.float32, "fast", ["forward_128x16x8", "input_gradient_128x16x8", "weight_gradient_16x64x8"]),
        (DEPTHWISE, np.float32, "tf32", ["depthwise_forward", "depthwise_input_gradient", "depthwise_weight_gradient"]),
        (FOR_TENSOR_CORES, np.float32, "fast", ["3xtf32"] * 3),
        (FOR_TENSOR_CORES, np.float32, "exact", ["float32"] * 3),
    ],
)
def test_the_kernels_of_every_method_run_as_ptx(monkeypatch, case, dtype, precision, names):
    arrays = case.arrays(dtype)
    monkeypatch.setattr(gpu, "problem", lambda: None)
    with virtual_gpu() as driver, set_float32_precision(precision):
        results = three_convolutions(convolution, case, *on_device(list(arrays)))
        found = [result.get() for result in results]
    for ours, expected in zip(found, three_convolutions(reference, case, *case.arrays()), strict=True):
        precise = 1e-10 if dtype == np.float64 else 1e-4
        np.testing.assert_allclose(ours, expected, rtol=precise, atol=precise)
    for name in names:
        assert any(name in launched for launched in driver.launched), driver.launched
