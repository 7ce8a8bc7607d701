"""Layers that interpolate."""

from __future__ import annotations

from tinyconv.core.arrays import Pair
from tinyconv.nn.module import Module
from tinyconv.ops.resizing.interpolation import interpolate
from tinyconv.ops.tensor import Tensor


class Upsample(Module):
    """Images, signals or volumes of another size, by ``functional.interpolate``, which explains the options.

    Shape: input (N, C, L), (N, C, H, W) or (N, C, D, H, W); result of the ``size``, or ``scale_factor`` times as large,
        rounded down.
    Dtype: float32 or float64, for the nearest also uint8; the result has the input's.
    Raises: on a call ``ArgumentError``, ``ShapeError``, ``UnsupportedError``, ``DTypeError``, like the function.

    >>> nn.Upsample(scale_factor=2)(tc.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: float | tuple[float, ...] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.scale_factor: float | tuple[float, ...] | None
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        wanted = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{wanted}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images of another size, each pixel the nearest of the input's: ``Upsample`` with ``mode="nearest"``.

    Shape: input (N, C, H, W); result of the ``size``, or ``scale_factor`` times as large, rounded down.
    Dtype: float32, float64 or uint8; the result has the input's.
    Raises: on a call ``ArgumentError``, ``ShapeError``, ``DTypeError``, like ``functional.interpolate``.

    >>> nn.UpsamplingNearest2d(scale_factor=2)(tc.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(self, size: int | Pair | None = None, scale_factor: float | tuple[float, float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images of another size, bilinear, with the corners in place: ``Upsample`` with ``align_corners=True``.

    Shape: input (N, C, H, W); result of the ``size``, or ``scale_factor`` times as large, rounded down.
    Dtype: float32 or float64; the result has the input's.
    Raises: on a call ``ArgumentError``, ``ShapeError``, ``DTypeError``, like ``functional.interpolate``.

    >>> nn.UpsamplingBilinear2d(size=(1, 3))(tc.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.5, 2.0]]]]
    """

    def __init__(self, size: int | Pair | None = None, scale_factor: float | tuple[float, float] | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
