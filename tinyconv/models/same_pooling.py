"""Max pooling with the padding that TensorFlow and Keras call "same"."""

from __future__ import annotations

from tinyconv import nn
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ShapeError
from tinyconv.nn import functional as F
from tinyconv.nn.arguments import positive_pair
from tinyconv.ops.tensor import Tensor


class SameMaxPool2d(nn.Module):
    """The largest pixel of each window, with as many windows as strides fit into the image, rounded up.

        H' = ceil(H / stride),   padding = max((H' - 1) stride + kernel_size - H, 0),   the smaller half of it on top

    and left, the larger below and right, where PyTorch pads alike on both sides. The margin counts as -inf. ``stride``:
    the kernel size by default. Sizes are ints or (vertical, horizontal).

    Shape: input (N, C, H, W); result (N, C, H', W').
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for numbers below 1; in the call ``ShapeError`` for what is no batch of images.
    Source: TensorFlow, documentation of ``tf.nn``, section "Notes on padding".

    >>> from tinyconv.models.same_pooling import SameMaxPool2d
    >>> SameMaxPool2d(2)(tc.arange(5.0).reshape(1, 1, 1, 5))
    tensor([[[[1., 3., 4.]]]])
    """

    def __init__(self, kernel_size: int | Pair, stride: int | Pair | None = None) -> None:
        super().__init__()
        self.kernel_size = positive_pair(kernel_size, "SameMaxPool2d: kernel_size")
        self.stride = self.kernel_size if stride is None else positive_pair(stride, "SameMaxPool2d: stride")

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim != 4:
            raise ShapeError(f"SameMaxPool2d: takes images (N, C, H, W), got shape {input.shape}")
        axes = [
            _padding(size, kernel, stride)
            for size, kernel, stride in zip(input.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        # A last window that hangs over the end sees what a margin of -inf below and right would add.
        padding = (axes[0][0], axes[1][0])
        pooled: Tensor = F.max_pool2d(input, self.kernel_size, self.stride, padding, ceil_mode=True)
        if not (axes[0][1] or axes[1][1]):
            return pooled
        return pooled[:, :, axes[0][1] :, axes[1][1] :].contiguous()

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


def _padding(size: int, kernel: int, stride: int) -> Pair:
    """(margin on both sides, windows to drop at the start) that pool as "same" does, with ``ceil_mode``."""
    windows = -(-size // stride)
    total = max((windows - 1) * stride + kernel - size, 0)
    # At stride 1 no window hangs over: where the margin is odd, one more stands in front, and its window is dropped.
    drop = int(stride == 1 and total % 2)
    return total // 2 + drop, drop
