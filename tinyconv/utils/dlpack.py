"""PyTorch's ``torch.utils.dlpack`` under its own name: memory handed from library to library."""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import DTypeError
from tinyconv.ops.creation.creation import from_dlpack
from tinyconv.ops.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule of DLPack that describes the memory of ``tensor``, for another library's ``from_dlpack``.

    It can be taken once, and keeps the memory alive until then and while the receiver needs it. Libraries of today take
    the tensor itself, by its ``__dlpack__``, and are then told what is read-only.

    Shape: any.
    Dtype: any.
    Raises: ``ExchangeError`` for a tensor that requires a gradient, ``DTypeError`` for what is no tensor.
    Source: DLPack, https://dmlc.github.io/dlpack, before version 1.

    >>> from tinyconv.utils.dlpack import from_dlpack, to_dlpack
    >>> x = tc.zeros(2)
    >>> _ = from_dlpack(to_dlpack(x)).add_(1)
    >>> x
    tensor([1., 1.])
    """
    if not isinstance(tensor, Tensor):
        raise DTypeError(f"to_dlpack: takes a tensor, got {type(tensor).__name__}")
    return tensor.__dlpack__()
