"""Convolution and its two gradients on a GPU, by the kernels that ``choice.py`` names."""

from __future__ import annotations

import math
from typing import Any

from tinyconv.backends.cuda.activation import relu as rectified
from tinyconv.backends.cuda.arrays import empty, flat, flat_view
from tinyconv.backends.cuda.choice import Method, choose, geometry_of
from tinyconv.backends.cuda.plain.products import (
    run_correlation,
    run_depthwise,
    run_depthwise_weight_gradient,
    run_weight_gradient,
)
from tinyconv.backends.cuda.tensor_cores import running
from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
from tinyconv.backends.problem import Problem, Product, problem_of
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.errors import ShapeError
from tinyconv.core.geometry import output_size

Memo = dict[Any, Any] | None

LIMIT = 2**31 - 2**10
"""What the kernels count to in 32 bits, and how far a tile may hang over that."""

MOST_GROUPS = 2**16 - 1
"""As many as a grid has blocks along its last axis."""

ARITHMETIC = {Method.EXACT: Arithmetic.EXACT, Method.FAST: Arithmetic.FAST, Method.TF32: Arithmetic.TF32}
"""Of the methods that stand in ``tensor_cores``."""


def chosen(problem: Problem) -> Method:
    """How to compute ``problem``.

    Kernels count some things in 32 bits. Raises ``ShapeError`` where there are more; a batch may have more numbers.
    """
    p, method = problem, choose(problem)
    inputs, outputs = math.prod(p.input_size), math.prod(p.output_size)
    sizes = (
        (p.images * max(inputs, outputs), LIMIT, "pixels in a batch", "use smaller batches"),
        (inputs * p.channels * p.groups, LIMIT, "numbers in an input image", "cut the image in pieces"),
        (outputs * p.outputs * p.groups, LIMIT, "numbers in an output image", "cut the image in pieces"),
        (math.prod(p.kernel_size) * p.channels * p.outputs, LIMIT, "weights in a group", "use more groups"),
        (1 if method is Method.DEPTHWISE else p.groups, MOST_GROUPS, "groups of several channels", "use fewer"),
    )
    for size, most, what, way_out in sizes:
        if size > most:
            raise ShapeError(f"a convolution on a GPU has at most {most} {what}, this one has {size}: {way_out}")
    return method


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
    memo: Memo = None,  # noqa: ARG001  weights are read as they are
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
    method, arrays = chosen(problem), (flat(x), flat(weight), None if bias is None else flat(bias), flat_view(y))
    if method in ARITHMETIC:
        running.forward(*arrays, geometry_of(problem), relu, ARITHMETIC[method])
    elif method is Method.DEPTHWISE:
        run_depthwise(problem, *arrays, relu)
    else:
        run_correlation(problem, *arrays, relu)
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
    method, arrays = chosen(problem), (flat(dy), flat(weight), None if bias is None else flat(bias), flat_view(dx))
    if method in ARITHMETIC:
        running.input_gradient(*arrays, geometry_of(problem), ARITHMETIC[method])
    elif method is Method.DEPTHWISE:
        run_depthwise(problem, *arrays)
    else:
        run_correlation(problem, *arrays)
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
    method, arrays = chosen(problem), (flat(x), flat(dy), flat_view(dweight))
    if method in ARITHMETIC:
        running.weight_gradient(*arrays, geometry_of(problem), ARITHMETIC[method])
    elif method is Method.DEPTHWISE:
        run_depthwise_weight_gradient(problem, *arrays)
    else:
        run_weight_gradient(problem, *arrays)
    return dweight
