"""ONNX's windows: how ``auto_pad``, ``pads`` and ``ceil_mode`` become margins and numbers of windows.

Along each axis, with i pixels, kernel k, stride s and dilation d, extent e = d (k - 1) + 1:

    SAME_UPPER, SAME_LOWER:  o = ceil(i / s),  margins (o - 1) s + e - i in all, the odd one at the end (at the start)
    VALID:                   no margins
    otherwise:               o = floor((i + before + after - e) / s) + 1; with ceil_mode ceil, but no window that starts
                             behind the input and the margin before it
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinyconv.core.errors import UnsupportedError
from tinyconv.core.geometry import window_extent


@dataclass(frozen=True)
class Windows:
    """What slides over the pixels, one entry for each axis. ``after`` may be negative: pixels that no window reaches.

    ``padded``: how many of the margin's pixels there are by ``pads`` or ``auto_pad``, before and after; what
    ``ceil_mode`` adds to the end are none of them.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    padded: tuple[tuple[int, int], ...]
    outputs: tuple[int, ...]

    @property
    def symmetric(self) -> bool:
        """Whether both margins are equal, as in PyTorch's layers."""
        return all(before == after for before, after in self.padded)

    def margins(self) -> list[int]:
        """As ``functional.pad`` takes them: the last axis first."""
        pairs = list(zip(self.before, self.after, strict=True))
        return [margin for pair in reversed(pairs) for margin in pair]


def windows(
    operator: str,
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int] | None,
    dilations: Sequence[int] | None,
    pads: Sequence[int] | None,
    auto_pad: str,
    ceil_mode: int = 0,
) -> Windows:
    """The windows over pixels of ``size``. Raises ``UnsupportedError`` for what ONNX does not allow."""
    rank = len(size)
    stride, dilation = tuple(strides or (1,) * rank), tuple(dilations or (1,) * rank)
    given = tuple(pads or (0,) * (2 * rank))
    if not len(kernel) == len(stride) == len(dilation) == rank or len(given) != 2 * rank:
        raise UnsupportedError(
            f"operator {operator}: kernel {tuple(kernel)}, strides {stride}, dilations {dilation} and pads {given} do "
            f"not fit the {rank} spatial dimensions of its input"
        )
    if auto_pad not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"operator {operator}: auto_pad={auto_pad!r} is not offered")
    padded, outputs, after = [], [], []
    for axis in range(rank):
        extent = window_extent(kernel[axis], dilation[axis])
        margin = (0, 0) if auto_pad == "VALID" else (given[axis], given[rank + axis])
        if auto_pad.startswith("SAME"):
            output = math.ceil(size[axis] / stride[axis])
            extra = max(0, (output - 1) * stride[axis] + extent - size[axis])
            margin = (extra // 2, extra - extra // 2)
            margin = margin if auto_pad == "SAME_UPPER" else margin[::-1]
        room = (size[axis] + sum(margin) - extent) / stride[axis]
        count = (math.ceil(room) if ceil_mode else math.floor(room)) + 1
        if ceil_mode and (count - 1) * stride[axis] >= size[axis] + margin[0]:
            count -= 1
        padded.append(margin)
        outputs.append(count)
        after.append((count - 1) * stride[axis] + extent - size[axis] - margin[0])
    before = tuple(margin[0] for margin in padded)
    return Windows(tuple(kernel), stride, dilation, before, tuple(after), tuple(padded), tuple(outputs))
