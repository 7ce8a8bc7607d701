"""Convolution, transposed convolution, and the sum of overlapping patches."""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.models.graph.operators.windows import windows
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor


def by_rank(operator: str, name: str, rank: int) -> Any:
    """The function ``name`` for that many spatial dimensions, as in conv2d. Raises ``UnsupportedError``."""
    if rank not in (1, 2, 3):
        raise UnsupportedError(f"operator {operator} on {rank} spatial dimensions is not offered; 1, 2 and 3 are")
    return getattr(F, f"{name}{rank}d")


@operator("Conv")
def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Tensor:
    kernel = weight.shape[2:]
    _check_kernel("Conv", kernel, kernel_shape)
    asked = windows("Conv", x.shape[2:], kernel, strides, dilations, pads, auto_pad)
    conv = by_rank("Conv", "conv", len(kernel))
    padding: Any = asked.before
    if not asked.symmetric:
        x, padding = F.pad(x, asked.margins()), 0
    return conv(x, weight, bias, asked.stride, padding, asked.dilation, group)


@operator("ConvTranspose")
def convolve_transposed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Any = None,
    group: int = 1,
    kernel_shape: Any = None,
    output_padding: Any = None,
    output_shape: Any = None,
    pads: Any = None,
    strides: Any = None,
) -> Tensor:
    """The whole result without margins, from which ``pads`` cut off pixels and to which ``output_padding`` adds some.

    With ``output_shape`` the pads follow from it; SAME_UPPER and SAME_LOWER ask for i s pixels.
    """
    kernel, size = weight.shape[2:], x.shape[2:]
    rank = len(kernel)
    _check_kernel("ConvTranspose", kernel, kernel_shape)
    stride, dilation = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    extra = tuple(output_padding or (0,) * rank)
    cut = list(zip(*(pads[:rank], pads[rank:]), strict=True)) if pads else [(0, 0)] * rank
    full = [
        (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 + extra[axis] for axis in range(rank)
    ]
    wanted = tuple(output_shape) if output_shape else None
    if wanted is None and auto_pad.startswith("SAME"):
        wanted = tuple(pixels * step for pixels, step in zip(size, stride, strict=True))
    if wanted is not None:
        totals = [whole - length for whole, length in zip(full, wanted[-rank:], strict=True)]
        # The odd pixel is cut off at the start, but by SAME_UPPER at the end.
        cut = [(t // 2, t - t // 2) if auto_pad == "SAME_UPPER" else (t - t // 2, t // 2) for t in totals]
    transposed = by_rank("ConvTranspose", "conv_transpose", rank)
    if all(before == after >= 0 for before, after in cut) and all(
        more < max(step, gap) for more, step, gap in zip(extra, stride, dilation, strict=True)
    ):
        padding = tuple(before for before, _ in cut)
        return transposed(x, weight, bias, stride, padding, extra, group, dilation)
    y = transposed(x, weight, None, stride, 0, 0, group, dilation)
    margins = [(-before, more - after) for (before, after), more in zip(cut, extra, strict=True)]
    y = F.pad(y, [margin for pair in reversed(margins) for margin in pair])
    return y if bias is None else y + bias.reshape(1, -1, *(1,) * rank)


@operator("Col2Im", numbers=("image_shape", "block_shape"))
def columns_to_image(
    x: Tensor, image_shape: Any, block_shape: Any, *, dilations: Any = None, pads: Any = None, strides: Any = None
) -> Tensor:
    rank = len(image_shape)
    margins = tuple(pads or (0,) * (2 * rank))
    if rank != 2:
        raise UnsupportedError(f"operator Col2Im on {rank} spatial dimensions is not offered; 2 are")
    whole = [length + margins[axis] + margins[rank + axis] for axis, length in enumerate(image_shape)]
    image = F.fold(x, tuple(whole), tuple(block_shape), tuple(dilations or (1, 1)), 0, tuple(strides or (1, 1)))
    cut = [-margins[1], -margins[3], -margins[0], -margins[2]]
    return F.pad(image, cut) if any(cut) else image


def _check_kernel(operator: str, kernel: tuple[int, ...], kernel_shape: Any) -> None:
    if kernel_shape is not None and tuple(kernel_shape) != kernel:
        raise UnsupportedError(f"operator {operator}: kernel_shape {tuple(kernel_shape)}, but its weight has {kernel}")
