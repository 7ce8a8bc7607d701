"""A tensor in another type or on another device."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.ops import shape
from tinyconv.ops.dispatch import cast

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Conversion(TensorBase):
    """The methods that convert."""

    def to(
        self: Any,
        *args: Any,
        dtype: DType | None = None,
        device: Any = None,
        non_blocking: builtins.bool = False,
        copy: builtins.bool = False,
    ) -> Tensor:
        """This tensor in another type or on another device: ``to(float64)``, ``to("cpu")``, ``to(other_tensor)``.

        It is itself if nothing changes, or a clone with ``copy``. ``non_blocking`` changes nothing: it lets PyTorch
        return before a transfer between a GPU and the CPU is done, and here every copy is done on return. Both may
        also stand, in this order, after the other positional arguments.
        """
        flags = [argument for argument in args if isinstance(argument, builtins.bool)]
        if len(flags) > 2:
            raise ArgumentError(f"to: takes at most two truth values, non_blocking and copy, got {len(flags)}")
        copy = flags[1] if len(flags) == 2 else copy
        for argument in args:
            if isinstance(argument, builtins.bool):
                continue
            if isinstance(argument, DType):
                dtype = argument
            elif isinstance(argument, TensorBase):
                dtype, device = argument.dtype, argument.device
            elif argument is not None:
                device = argument
        if device is not None and Device(device) != self.device:
            raise UnsupportedError(f"to: tensors cannot be moved from {self.device} to {Device(device)}")
        result = self if dtype is None else cast(self, dtype)
        return shape.clone(self) if copy and result is self else result

    def type_as(self: Any, other: Tensor) -> Tensor:
        """This tensor in the type of ``other``."""
        return cast(self, other.dtype)

    def float(self: Any) -> Tensor:
        """As float32."""
        return cast(self, dtypes.float32)

    def double(self: Any) -> Tensor:
        """As float64."""
        return cast(self, dtypes.float64)

    def long(self: Any) -> Tensor:
        """As int64."""
        return cast(self, dtypes.int64)

    def int(self: Any) -> Tensor:
        """As int32."""
        return cast(self, dtypes.int32)

    def bool(self: Any) -> Tensor:
        """As bool: whether an element is nonzero."""
        return cast(self, dtypes.bool_)

    def cpu(self: Any) -> Tensor:
        """This tensor on the CPU."""
        return self.to("cpu")
