"""Convolution and its two gradients, forwarded to the kernel that ``choice.py`` names."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from tinyconv.backends.cpu import depthwise, depthwise_gradient, winograd, winograd_weight_gradient
from tinyconv.backends.cpu.activation import rectify_in_place
from tinyconv.backends.cpu.choice import Algorithm, choose, fold_of, pixels_fill_vectors
from tinyconv.backends.cpu.correlation import prepare_correlation, run_correlation
from tinyconv.backends.cpu.folding import Fold
from tinyconv.backends.cpu.grouped import run_grouped
from tinyconv.backends.cpu.grouped_gradient import run_grouped_gradient
from tinyconv.backends.cpu.packing import Memo, Weight, convolution_weight
from tinyconv.backends.cpu.planes import run_planes
from tinyconv.backends.cpu.taps import forward_taps, gradient_taps
from tinyconv.backends.cpu.weight_gradient import run_weight_gradient
from tinyconv.backends.problem import Problem, Product, problem_of
from tinyconv.core import layout
from tinyconv.core.arrays import FloatArray, Pair
from tinyconv.core.geometry import output_size

Sizes = tuple[int, ...]


def _one_row(images: FloatArray) -> FloatArray:
    """The pixels of all images (N, H, W, C) as one image of one row, (1, 1, N H W, C)."""
    return images.reshape(1, 1, -1, images.shape[3])


def _run_folded(
    source: FloatArray,
    weight: Weight,
    bias: FloatArray | None,
    out: FloatArray,
    problem: Problem,
    relu: bool = False,
    memo: Memo = None,
) -> None:
    fold = cast("Fold", fold_of(problem))
    folded, inner = fold.weight(weight, problem.kernel_size), fold.memo(memo)
    run_correlation(source, folded, fold.bias(bias), fold.images(out), fold.taps, relu, inner)


def conv2d(
    x: FloatArray,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool = False,
    memo: Memo = None,
) -> FloatArray:
    """y[n, k, i, j] = bias[k] + sum over c, r, s of x[n, c, i stride + r dilation - padding, ...] weight[k, c, r, s].

    x (N, C, H, W), weight (K, C / groups, R, S), bias (K,) or None; y (N, K, OH, OW). With ``relu``: max(y, 0), in
    which NaN passes.
    """
    kernel_size = (weight.shape[2], weight.shape[3])
    axes = zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    height, width = (output_size(*axis) for axis in axes)
    y = layout.empty((x.shape[0], weight.shape[0], height, width), x.dtype)
    if y.size == 0:
        return y
    source, out = layout.nhwc(x), layout.nhwc(y)
    parameters = stride, padding, dilation, groups
    problem = problem_of(Product.FORWARD, (x.shape[2], x.shape[3]), y.shape, weight.shape, parameters, x.dtype)
    algorithm = choose(problem)
    if algorithm is Algorithm.WINOGRAD:
        kernel = convolution_weight(weight, groups)
        winograd.run_winograd(source, kernel, bias, out, kernel_size[0], padding, dilation, relu=relu, memo=memo)
        return y
    if algorithm is Algorithm.POINTWISE:
        taps = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, source.size // source.shape[3]))
        rows = _one_row(source), convolution_weight(weight, groups), bias, _one_row(out)
        run_correlation(*rows, taps, relu, memo)
        return y
    if algorithm is Algorithm.FOLDED:
        _run_folded(source, convolution_weight(weight, groups), bias, out, problem, relu, memo)
        return y
    taps = forward_taps(kernel_size, stride, padding, dilation, (height, width))
    if algorithm is Algorithm.DIRECT:
        run_correlation(source, convolution_weight(weight, groups), bias, out, taps, relu, memo)
        return y
    if algorithm is Algorithm.GROUPED:
        run_grouped(source, convolution_weight(weight, groups), bias, out, taps)
    else:
        depthwise.run_forward(source, weight, bias, out, taps)
    if relu:
        rectify_in_place(out.reshape(-1))
    return y


def prepare_conv2d(
    x_shape: Sizes,
    y_shape: Sizes,
    weight: FloatArray,
    bias: FloatArray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    relu: bool,
    memo: Memo,
) -> Callable[[FloatArray, FloatArray], None]:
    """``conv2d`` of x (N, C, H, W) to y (N, K, OH, OW), both flat and channels last, ready but for the two."""
    parameters = stride, padding, dilation, groups
    problem = problem_of(Product.FORWARD, (x_shape[2], x_shape[3]), y_shape, weight.shape, parameters, weight.dtype)
    algorithm = choose(problem)
    kernel, kernel_size = convolution_weight(weight, groups), (weight.shape[2], weight.shape[3])
    source, out = ((n, height, width, channels) for n, channels, height, width in (x_shape, y_shape))
    if algorithm is Algorithm.WINOGRAD:
        return winograd.prepare_winograd(
            source, kernel, bias, out, kernel_size[0], padding, dilation, relu=relu, memo=memo
        )
    if algorithm is Algorithm.POINTWISE:
        source, out = ((1, 1, n * height * width, channels) for n, height, width, channels in (source, out))
    if algorithm is Algorithm.FOLDED:
        fold = cast("Fold", fold_of(problem))
        out = (*out[:2], out[2] // fold.pixels, out[3] * fold.pixels)
        folded, inner = fold.weight(kernel, kernel_size), fold.memo(memo)
        return prepare_correlation(source, folded, fold.bias(bias), out, fold.taps, relu, inner)
    if algorithm in (Algorithm.POINTWISE, Algorithm.DIRECT):
        taps = forward_taps(kernel_size, stride, padding, dilation, (out[1], out[2]))
        return prepare_correlation(source, kernel, bias, out, taps, relu, memo)

    def run(x: FloatArray, y: FloatArray) -> None:
        images = x.reshape(source).transpose(0, 3, 1, 2)
        y[...] = layout.nhwc(conv2d(images, weight, bias, *parameters, relu, memo)).reshape(-1)

    return run


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
    channels, kernel_size = weight.shape[1], (weight.shape[2], weight.shape[3])
    dx = layout.empty((dy.shape[0], channels * groups, *input_size), dy.dtype)
    if dx.size == 0 or dy.size == 0:
        dx[...] = 0 if bias is None else bias[:, None, None]
        return dx
    source, out = layout.nhwc(dy), layout.nhwc(dx)
    transposed = convolution_weight(weight, groups).transposed()
    parameters = stride, padding, dilation, groups
    problem = problem_of(Product.INPUT_GRADIENT, input_size, dy.shape, weight.shape, parameters, dy.dtype)
    algorithm = choose(problem)
    if algorithm is Algorithm.WINOGRAD:
        # With stride 1, dx is the convolution of dy with the weight turned by 180 degrees.
        extents = zip(kernel_size, padding, dilation, strict=True)
        down, across = ((taps - 1) * step - padded for taps, padded, step in extents)
        winograd.run_winograd(source, transposed, bias, out, kernel_size[0], (down, across), dilation, turned=True)
        return dx
    if algorithm is Algorithm.POINTWISE:
        taps = gradient_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, source.size // source.shape[3]))
        run_correlation(_one_row(source), transposed, bias, _one_row(out), taps)
        return dx
    if algorithm is Algorithm.FOLDED:
        _run_folded(source, transposed, bias, out, problem)
        return dx
    taps = gradient_taps(kernel_size, stride, padding, dilation, input_size)
    if algorithm is Algorithm.DEPTHWISE:
        depthwise.run_input_gradient(source, weight, bias, out, taps)
    elif algorithm is Algorithm.GROUPED:
        run_grouped(source, transposed, bias, out, taps)
    elif bias is None and pixels_fill_vectors(problem):
        run_planes(source, transposed, out, taps)
    else:
        run_correlation(source, transposed, bias, out, taps)
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
    channels, out_channels = x.shape[1] // groups, dy.shape[1]
    dweight = layout.empty((out_channels, channels, *kernel_size), x.dtype)
    if x.size == 0 or dy.size == 0 or dweight.size == 0:
        dweight.fill(0)
        return dweight
    source, cotangent, out = layout.nhwc(x), layout.nhwc(dy), convolution_weight(dweight, groups)
    parameters = stride, padding, dilation, groups
    size = x.shape[2], x.shape[3]
    problem = problem_of(Product.WEIGHT_GRADIENT, size, dy.shape, dweight.shape, parameters, x.dtype)
    algorithm = choose(problem)
    if algorithm is Algorithm.WINOGRAD:
        winograd_weight_gradient.run_weight_gradient(source, cotangent, out, kernel_size[0], padding, dilation)
        return dweight
    if algorithm is Algorithm.POINTWISE:
        taps = forward_taps((1, 1), (1, 1), (0, 0), (1, 1), (1, source.size // source.shape[3]))
        run_weight_gradient(_one_row(source), _one_row(cotangent), out, taps)
        return dweight
    if algorithm is Algorithm.FOLDED:
        fold = cast("Fold", fold_of(problem))
        folded, folded_weight = fold.empty_gradient(dweight.shape, x.dtype)
        run_weight_gradient(source, fold.images(cotangent), folded_weight, fold.taps)
        fold.unfold_gradient(folded, layout.nhwc(dweight))
        return dweight
    taps = forward_taps(kernel_size, stride, padding, dilation, (dy.shape[2], dy.shape[3]))
    if algorithm is Algorithm.DEPTHWISE:
        depthwise_gradient.run_weight_gradient(source, cotangent, dweight, taps)
    elif algorithm is Algorithm.GROUPED:
        run_grouped_gradient(source, cotangent, out, taps)
    else:
        run_weight_gradient(source, cotangent, out, taps)
    return dweight
