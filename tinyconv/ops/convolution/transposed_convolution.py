"""Transposed convolution: what a convolution does to cotangents, as a layer.

    y[n,k,h,w] = bias[k] + sum over c and all (i,r), (j,s) that meet at h, w of weight[c,k,r,s] x[n,c,i,j]

where h = i stride + r dilation - padding and w likewise: the input gradient of a convolution with the same weight, from
the K channels of y to the C of x. So it needs no kernel, and its derivatives are the convolution's. Signals and volumes
have one index less or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.geometry import sizes, transposed_size
from tinyconv.ops.convolution.convolution import ChannelSum, ConvolutionInputGradient
from tinyconv.ops.images import AXES, check_groups, check_weight, on_batch, on_rows, padding_sizes, positive_sizes

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


WEIGHTS = {1: "(C, K / groups, S)", 2: "(C, K / groups, R, S)", 3: "(C, K / groups, T, R, S)"}


class TransposedConvolution2d(ConvolutionInputGradient):
    """y = the input gradient of a convolution, from x in the place of dy, plus a bias."""

    kind = "conv"

    def backward(self, dy: Tensor) -> Any:
        dx, dweight = super().backward(dy)
        needs = self.needs_input_gradient
        if len(needs) == 2:
            return dx, dweight
        return dx, dweight, ChannelSum().apply(dy) if needs[2] else None


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] = 0,
    output_padding: int | tuple[int, ...] = 0,
    groups: int = 1,
    dilation: int | tuple[int, ...] = 1,
) -> Tensor:
    """Spread each element of signals over its window with ``weight`` (C, K / groups, S): the transpose of ``conv1d``.

        L' = (L - 1) stride - 2 padding + dilation (S - 1) + output_padding + 1

    ``padding``: elements cut off at both ends of the result. ``output_padding``: elements more at its end, where with a
    stride several lengths would be convolved to L; less than the stride or the dilation. ``bias``: (K,).

    Shape: input (N, C, L) or (C, L); result (N, K, L') or (K, L').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a result without elements; ``ArgumentError`` for
        a stride, padding, output_padding, dilation or groups that is none; ``DTypeError``.
    Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4.

    >>> F.conv_transpose1d(tc.tensor([[1.0, 10.0]]), tc.tensor([[[1.0, 2.0, 3.0]]]), stride=2)
    tensor([[ 1.,  2., 13., 20., 30.]])
    """
    return _transpose("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] = 0,
    output_padding: int | tuple[int, int] = 0,
    groups: int = 1,
    dilation: int | tuple[int, int] = 1,
) -> Tensor:
    """Spread each pixel over its window with ``weight`` (C, K / groups, R, S): the transpose of ``conv2d``.

        H' = (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1,   W' likewise with S

    ``padding``: pixels cut off at every side of the result. ``output_padding``: pixels more at its bottom and right,
    where with a stride several sizes would be convolved to H x W; less than the stride or the dilation. ``bias``: (K,).
    Sizes are numbers, or (vertical, horizontal).

    Shape: input (N, C, H, W) or (C, H, W); result (N, K, H', W') or (K, H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a result without pixels; ``ArgumentError`` for a
        stride, padding, output_padding, dilation or groups that is none; ``DTypeError``.
    Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4.

    >>> F.conv_transpose2d(tc.tensor([[[1.0, 2.0]]]), tc.ones(1, 1, 2, 2), stride=2)
    tensor([[[1., 1., 2., 2.],
             [1., 1., 2., 2.]]])
    """
    return _transpose("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int, int] = 1,
    padding: int | tuple[int, int, int] = 0,
    output_padding: int | tuple[int, int, int] = 0,
    groups: int = 1,
    dilation: int | tuple[int, int, int] = 1,
) -> Tensor:
    """Spread each voxel over its window with ``weight`` (C, K / groups, T, R, S): the transpose of ``conv3d``.

        D' = (D - 1) stride - 2 padding + dilation (T - 1) + output_padding + 1,   H' likewise with R, W' with S

    ``padding``: voxels cut off at every side of the result. ``output_padding``: voxels more at its ends, where with a
    stride several sizes would be convolved to D x H x W; less than the stride or the dilation. ``bias``: (K,). Sizes
    are numbers, or (depth, vertical, horizontal).

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, K, D', H', W') or (K, D', H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a result without pixels; ``ArgumentError`` for a
        stride, padding, output_padding, dilation or groups that is none; ``DTypeError``.
    Source: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4.

    >>> F.conv_transpose3d(tc.tensor([[[[1.0, 2.0]]]]), tc.ones(1, 1, 2, 1, 2), stride=2).tolist()
    [[[[1.0, 1.0, 2.0, 2.0]], [[1.0, 1.0, 2.0, 2.0]]]]
    """
    return _transpose("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def _transpose(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Tensor:
    check_weight(name, rank, input, weight, bias, WEIGHTS[rank])
    steps, gaps = positive_sizes(name, "stride", stride, rank), positive_sizes(name, "dilation", dilation, rank)
    margins = padding_sizes(name, padding, rank)
    extra = sizes(output_padding, f"{name}: output_padding", rank)
    for more, step, gap in zip(extra, steps, gaps, strict=True):
        if not 0 <= more < max(step, gap):
            raise ArgumentError(
                f"{name}: output_padding must be at least 0 and smaller than the stride or the dilation, or it would "
                f"add pixels that nothing reaches: output_padding {extra}, stride {steps}, dilation {gaps}"
            )
    _check_channels(name, rank, input, weight, bias, groups)
    kernel_size = weight.shape[2:]

    def transpose(images: Tensor) -> Tensor:
        axes = zip(images.shape[2:], kernel_size, steps, margins, gaps, extra, strict=True)
        size = tuple(transposed_size(*axis) for axis in axes)
        if min(size) < 1:
            raise ShapeError(
                f"{name}: the result would have (size - 1) stride - 2 padding + dilation (kernel_size - 1) + "
                f"output_padding + 1 = {size} pixels, for input {images.shape}, kernel_size {kernel_size}, stride "
                f"{steps}, padding {margins}, dilation {gaps}, output_padding {extra}; use less padding"
            )
        operation = TransposedConvolution2d(
            on_rows(size, 1), on_rows(steps, 1), on_rows(margins, 0), on_rows(gaps, 1), groups
        )
        result: Tensor = operation.apply(*((images, weight) if bias is None else (images, weight, bias)))
        return result

    result: Tensor = on_batch(name, input, transpose, rank)
    return result


def _check_channels(name: str, rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if len(input.shape) not in (rank + 1, rank + 2):
        return  # on_batch says what is wrong with that
    channels, (takes, per_group) = input.shape[-rank - 1], weight.shape[:2]
    check_groups(name, groups)
    if channels != takes:
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {weight.shape} takes weight.shape[0] = {takes} (input "
            f"{input.shape} is read as ({'N, ' if len(input.shape) == rank + 2 else ''}C, {AXES[rank]}))"
        )
    if channels % groups:
        raise ShapeError(
            f"{name}: groups must divide the channels of the input: {channels} channels, groups={groups} (input "
            f"{input.shape}, weight {weight.shape})"
        )
    if bias is not None and bias.shape != (per_group * groups,):
        raise ShapeError(
            f"{name}: bias must have one element per output channel, weight.shape[1] * groups = {per_group * groups}, "
            f"got shape {bias.shape}"
        )
