"""Convolution and its two gradients on a GPU, by the kernels that ``choice.py`` names."""

from __future__ import annotations

from typing import Any

from tinyconv.backends.cuda.activation import relu as rectified
from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.plain.products import run_correlation, run_weight_gradient
from tinyconv.backends.problem import Problem, Product, problem_of
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ShapeError
from tinyconv.core.geometry import output_size

Memo = dict[Any, Any] | None

LIMIT = 2**31
"""Kernels count pixels, and the elements of one image and of a weight, in 32 bits."""


def check(problem: Problem) -> None:
    """Raise ``ShapeError`` where counting in 32 bits does not do."""
    sizes = {
        "pixels of all inputs": problem.images * problem.input_size[0] * problem.input_size[1],
        "pixels of all outputs": problem.pixels,
    }
    for name, size in sizes.items():
        if size >= LIMIT:
            raise ShapeError(f"convolution on a GPU: at most {LIMIT - 1} {name}, got {size}; use a smaller batch")


def constants(bias: FloatArray | None) -> FloatArray | None:
    """``bias`` as the kernels read it."""
    return None if bias is None else flat(bias)


def fill(out: FloatArray, bias: FloatArray | None, relu: bool = False) -> FloatArray:
    """``out``, whose elements are sums without terms."""
    out[...] = 0 if bias is None else bias[:, None, None]
    return rectified(out) if relu else out


def conv2d(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool = False,
    memo: Memo = None,  # noqa: ARG001
) -> FloatArray:
    """y[n, k, i, j] = bias[k] + sum over c, r, s of x[n, c, i stride + r dilation - padding, ...] weight[k, c, r, s].

    x (N, C, H, W), weight (K, C / groups, R, S), bias (K,) or None; y (N, K, OH, OW). With ``relu``: max(y, 0), in
    which NaN passes.
    """
    kernel_size = (weight.shape[2], weight.shape[3])
    height, width = (
        output_size(*axis) for axis in zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    )
    y = empty((x.shape[0], weight.shape[0], height, width), x.dtype)
    if y.size == 0 or weight.size == 0:
        return fill(y, bias, relu)
    parameters = stride, padding, dilation, groups
    problem = problem_of(Product.FORWARD, (x.shape[2], x.shape[3]), y.shape, weight.shape, parameters, x.dtype)
    check(problem)
    run_correlation(problem, flat(x), flat(weight), constants(bias), flat_view(y), relu)
    return y


def conv2d_input_gradient(
    dy: FloatArray,
    weight: FloatArray,
    input_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    bias: FloatArray | None = None,
) -> FloatArray:
    """dx = the sum of dy[n, k, i, j] weight[k, c, r, s] over all (k, i, j, r, s) that read the pixel forward.

    dy (N, K, OH, OW), weight (K, C / groups, R, S), input_size (H, W); dx (N, C, H, W). ``bias`` (C,) is added where
    this is the forward of a transposed convolution.
    """
    dx = empty((dy.shape[0], weight.shape[1] * groups, *input_size), dy.dtype)
    if dx.size == 0 or dy.size == 0:
        return fill(dx, bias)
    parameters = stride, padding, dilation, groups
    problem = problem_of(Product.INPUT_GRADIENT, input_size, dy.shape, weight.shape, parameters, dy.dtype)
    check(problem)
    run_correlation(problem, flat(dy), flat(weight), constants(bias), flat_view(dx))
    return dx


def conv2d_weight_gradient(
    x: FloatArray,
    dy: FloatArray,
    kernel_size: Pair,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
) -> FloatArray:
    """dweight[k, c, r, s] = sum over n, i, j of dy[n, k, i, j] x[n, c, i stride + r dilation - padding, ...].

    x (N, C, H, W), dy (N, K, OH, OW); dweight (K, C / groups, R, S).
    """
    dweight = empty((dy.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    if x.size == 0 or dy.size == 0 or dweight.size == 0:
        dweight.fill(0)
        return dweight
    parameters, size = (stride, padding, dilation, groups), (x.shape[2], x.shape[3])
    problem = problem_of(Product.WEIGHT_GRADIENT, size, dy.shape, dweight.shape, parameters, x.dtype)
    check(problem)
    run_weight_gradient(problem, flat(x), flat(dy), flat_view(dweight))
    return dweight
