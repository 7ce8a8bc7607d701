"""Convolution as functions: what they check, and how margins are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.arrays import Sizes
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.images import (
    AXES,
    check_groups,
    check_weight,
    on_batch,
    on_rows,
    padding_sizes,
    positive_sizes,
    window_positions,
)
from tinyconv.ops.resizing.padding import ConstantPad

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

WEIGHTS = {1: "(K, C / groups, S)", 2: "(K, C / groups, R, S)", 3: "(K, C / groups, T, R, S)"}


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate signals with ``weight`` (K, C / groups, S); add ``bias`` (K,).

        L' = floor((L + 2 padding - dilation (S - 1) - 1) / stride) + 1

    ``padding="valid"`` is none; ``"same"`` keeps the length, for stride 1; where an odd number of zeros is needed the
    extra one goes to the end. ``groups``: channels are split into so many groups that are convolved independently.

    Shape: input (N, C, L) or (C, L); result (N, K, L') or (K, L').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a kernel longer than the padded signal;
        ``ArgumentError`` for a stride, padding, dilation or groups that is none; ``DTypeError``.

    >>> F.conv1d(tc.tensor([[1.0, 2.0, 4.0, 8.0]]), tc.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2., 4.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate images with ``weight`` (K, C / groups, R, S); add ``bias`` (K,).

        H' = floor((H + 2 padding - dilation (R - 1) - 1) / stride) + 1,   W' likewise with S

    ``stride``, ``padding``, ``dilation``: a number, or (vertical, horizontal). ``padding="valid"`` is none;
    ``"same"`` keeps the size, for stride 1; where an odd number of zeros is needed the extra one goes to the bottom or
    right. ``groups``: channels are split into so many groups that are convolved independently.

    Shape: input (N, C, H, W) or (C, H, W); result (N, K, H', W') or (K, H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a kernel larger than the padded image;
        ``ArgumentError`` for a stride, padding, dilation or groups that is none; ``DTypeError``.

    >>> edges = tc.tensor([[[[-1.0, 1.0]]]])
    >>> F.conv2d(tc.tensor([[[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]]), edges)
    tensor([[[0., 1.],
             [1., 0.]]])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, int, int] = 1,
    padding: int | tuple[int, int, int] | str = 0,
    dilation: int | tuple[int, int, int] = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlate volumes with ``weight`` (K, C / groups, T, R, S); add ``bias`` (K,).

        D' = floor((D + 2 padding - dilation (T - 1) - 1) / stride) + 1,   H' likewise with R, W' with S

    ``stride``, ``padding``, ``dilation``: a number, or (depth, vertical, horizontal). ``padding="valid"`` is none;
    ``"same"`` keeps the size, for stride 1; where an odd number of zeros is needed the extra one goes to the end.
    ``groups``: channels are split into so many groups that are convolved independently.

    Shape: input (N, C, D, H, W) or (C, D, H, W); result (N, K, D', H', W') or (K, D', H', W').
    Dtype: float32 or float64, the same for all; the result has it too.
    Raises: ``ShapeError`` for channels that do not fit the weight, or a kernel larger than the padded volume;
        ``ArgumentError`` for a stride, padding, dilation or groups that is none; ``DTypeError``.

    >>> change = tc.tensor([-1.0, 1.0]).reshape(1, 1, 2, 1, 1)
    >>> F.conv3d(tc.tensor([[[[0.0, 1.0]], [[1.0, 1.0]], [[4.0, 0.0]]]]), change).tolist()
    [[[[1.0, 0.0]], [[3.0, -1.0]]]]
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv2d_relu(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    """relu(conv2d(...)) as one operation."""
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups, relu=True)


def _convolve(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    relu: bool = False,
) -> Tensor:
    check_weight(name, rank, input, weight, bias, WEIGHTS[rank])
    steps = positive_sizes(name, "stride", stride, rank)
    gaps = positive_sizes(name, "dilation", dilation, rank)
    kernel_size = weight.shape[2:]
    before, after = _margins(name, padding, kernel_size, steps, gaps)
    _check_channels(name, rank, input, weight, bias, groups)

    def convolve(images: Tensor) -> Tensor:
        if before != after:  # the second is never the smaller
            excess = ((0, second - first) for first, second in zip(before, after, strict=True))
            images = ConstantPad(((0, 0), (0, 0), *excess)).apply(images)
        window_positions(name, images.shape[2:], kernel_size, steps, before, gaps)
        operands = (images, weight) if bias is None else (images, weight, bias)
        operation = Convolution2d(on_rows(steps, 1), on_rows(before, 0), on_rows(gaps, 1), groups)
        operation.relu = relu
        result: Tensor = operation.apply(*operands)
        return result

    result: Tensor = on_batch(name, input, convolve, rank)
    return result


def _margins(name: str, padding: Any, kernel_size: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Sizes, Sizes]:
    """How many zeros are added before and after, in each direction; those after are never fewer."""
    if not isinstance(padding, str):
        same = padding_sizes(name, padding, len(kernel_size))
        return same, same
    if padding == "valid":
        none = (0,) * len(kernel_size)
        return none, none
    if padding != "same":
        numbers = {1: "a number", 2: "a number, a pair", 3: "a number, three"}[len(kernel_size)]
        raise ArgumentError(f"{name}: padding is {numbers}, 'same' or 'valid', got {padding!r}")
    if max(stride) > 1:
        raise ArgumentError(
            f"{name}: padding='same' keeps the size of the input, which a stride of {stride} cannot; "
            "state the padding as a number"
        )
    total = [gap * (kernel - 1) for gap, kernel in zip(dilation, kernel_size, strict=True)]
    return tuple(count // 2 for count in total), tuple(count - count // 2 for count in total)


def _check_channels(name: str, rank: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if len(input.shape) not in (rank + 1, rank + 2):
        return  # on_batch says what is wrong with that
    channels, (filters, per_group) = input.shape[-rank - 1], weight.shape[:2]
    check_groups(name, groups)
    if channels % groups or filters % groups:
        raise ShapeError(
            f"{name}: groups must divide the channels of input and output: {channels} and {filters} channels, "
            f"groups={groups} (input {input.shape}, weight {weight.shape})"
        )
    if channels != per_group * groups:
        raise ShapeError(
            f"{name}: input has {channels} channels, but weight {weight.shape} with groups={groups} is made for "
            f"weight.shape[1] * groups = {per_group * groups} (input {input.shape} is read as "
            f"({'N, ' if len(input.shape) == rank + 2 else ''}C, {AXES[rank]}))"
        )
    if bias is not None and bias.shape != (filters,):
        raise ShapeError(f"{name}: bias must have one element per filter, shape ({filters},), got {bias.shape}")
