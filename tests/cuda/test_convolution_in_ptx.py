"""The plain convolution kernels as a GPU would get them: their PTX, run by the interpreter, against the definitions.

The simulator shows that they compute what they should. That no two threads write the same element, that none reads what
another has yet to write, and that every address lies in its array, is shown here.
"""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the kernels for GPUs are compiled by numba-cuda: pip install '.[ptx]'")

from on_device import run
from virtual_gpu import virtual_gpu

from tinyconv.backends import reference
from tinyconv.core import layout

SIZE = (7, 6)
CASES = {
    "dense": (6, 10, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    "depthwise": (8, 8, (3, 3), (2, 1), (1, 1), (1, 1), 8),
    "grouped": (6, 9, (2, 3), (1, 2), (0, 1), (1, 2), 3),
}


@pytest.fixture(scope="module")
def cuda():
    from tinyconv.backends import cuda

    with virtual_gpu():
        yield cuda


@pytest.mark.parametrize("case", CASES)
def test_convolution_and_its_gradients(cuda, case):
    channels, outputs, kernel_size, *geometry, groups = CASES[case]
    random, parameters = np.random.default_rng(0), (*geometry, groups)
    x, weight, bias = (
        layout.copy(random.standard_normal(shape))
        for shape in ((2, channels, *SIZE), (outputs, channels // groups, *kernel_size), (outputs,))
    )
    y = reference.conv2d(x, weight, bias, *parameters)
    np.testing.assert_allclose(run(cuda.conv2d, x, weight, bias, *parameters), y, atol=1e-12)
    dy = layout.copy(random.standard_normal(y.shape))
    for name, operands in (
        ("conv2d_input_gradient", (dy, weight, SIZE)),
        ("conv2d_weight_gradient", (x, dy, kernel_size)),
    ):
        expected = getattr(reference, name)(*operands, *parameters)
        np.testing.assert_allclose(run(getattr(cuda, name), *operands, *parameters), expected, atol=1e-12)
