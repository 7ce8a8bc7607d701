"""A tensor in another type or on another device, and new tensors of its type."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.core.transfer import moved
from tinyconv.ops.dispatch import cast, require_tensor
from tinyconv.ops.shape import shape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor

TYPE_NAMES = {
    dtypes.float32: "FloatTensor",
    dtypes.float64: "DoubleTensor",
    dtypes.int64: "LongTensor",
    dtypes.int32: "IntTensor",
    dtypes.uint8: "ByteTensor",
    dtypes.bool_: "BoolTensor",
}
"""What PyTorch calls a tensor of each type."""


class Move(Operation):
    """The same numbers on another device;  dx = dy, on the device of x."""

    def __init__(self, target: Device) -> None:
        self.target = target

    def forward(self, x: Any) -> Any:
        self.source = self.device
        self.device = self.target  # where the result is
        return moved(x, self.source, self.target)

    def backward(self, dy: Tensor) -> Tensor:
        moved_back: Tensor = Move(self.source).apply(dy)
        return moved_back


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
        """This tensor in another type or on another device: ``to(float64)``, ``to("cuda")``, ``to(other_tensor)``.

        It is itself if nothing changes, or a clone with ``copy``. A gradient of the result comes back to where this
        tensor is. ``non_blocking`` changes nothing: it lets PyTorch return before a transfer between a GPU and the CPU
        is done, and here every copy is done on return. Both may also stand, in this order, after the other positional
        arguments.

        Shape: any; the result has the input's.
        Dtype: any; floating-point numbers lose their fraction as integers, and what integers do not hold wraps around.
        Raises: ``DeviceError`` for a device that is not there, ``ArgumentError`` for what is neither type nor device.

        >>> tc.tensor([1.7, -1.7]).to(tc.int64)
        tensor([ 1, -1])
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
        if dtype is not None and not isinstance(dtype, DType):
            raise ArgumentError(f"to: dtype must be a type such as tinyconv.float32, got {dtype!r:.60}")
        result = self if dtype is None else cast(self, dtype)
        if device is not None and Device(device) != self.device:
            return Move(Device(device)).apply(result)
        return shape.clone(self) if copy and result is self else result

    def type(self: Any, dtype: Any = None, non_blocking: builtins.bool = False) -> Any:
        """The name of the tensor's kind, such as "tinyconv.FloatTensor"; or, given a type, the tensor in it.

        ``dtype``: a type, or the name of a kind of tensor. ``non_blocking`` changes nothing.

        Shape: any; the result has the input's.
        Dtype: any.
        Raises: ``UnsupportedError`` for a kind that does not exist here.

        >>> tc.zeros(2).type(), tc.zeros(2).type(tc.int64)
        ('tinyconv.FloatTensor', tensor([0, 0]))
        """
        if dtype is None:
            return f"tinyconv.{TYPE_NAMES[self.dtype]}"
        if isinstance(dtype, str):
            name = dtype.rpartition(".")[2]
            found = next((kind for kind, called in TYPE_NAMES.items() if called == name), None)
            if found is None:
                raise UnsupportedError(f"type: there is no {dtype!r}; the kinds are {', '.join(TYPE_NAMES.values())}")
            dtype = found
        return self.to(dtype=dtype)

    def type_as(self: Any, other: Tensor) -> Tensor:
        """This tensor in the type of ``other``.

        Shape: any; the result has the input's.
        Dtype: any; the result has that of ``other``.
        Raises: ``DTypeError`` for what is no tensor.

        >>> tc.tensor([1, 2]).type_as(tc.zeros(1))
        tensor([1., 2.])
        """
        require_tensor("type_as", other=other)
        return cast(self, other.dtype)

    def float(self: Any) -> Tensor:
        """As float32.

        Shape: any; the result has the input's.
        Dtype: any; the result is float32.
        Raises: nothing of its own.

        >>> tc.tensor([1, 2]).float()
        tensor([1., 2.])
        """
        return cast(self, dtypes.float32)

    def double(self: Any) -> Tensor:
        """As float64.

        Shape: any; the result has the input's.
        Dtype: any; the result is float64.
        Raises: nothing of its own.

        >>> tc.zeros(1).double().dtype
        tinyconv.float64
        """
        return cast(self, dtypes.float64)

    def long(self: Any) -> Tensor:
        """As int64, without fractions.

        Shape: any; the result has the input's.
        Dtype: any; the result is int64.
        Raises: nothing of its own.

        >>> tc.tensor([1.7, -1.7]).long()
        tensor([ 1, -1])
        """
        return cast(self, dtypes.int64)

    def int(self: Any) -> Tensor:
        """As int32, without fractions.

        Shape: any; the result has the input's.
        Dtype: any; the result is int32.
        Raises: nothing of its own.

        >>> tc.tensor([1.7]).int()
        tensor([1], dtype=tinyconv.int32)
        """
        return cast(self, dtypes.int32)

    def byte(self: Any) -> Tensor:
        """As uint8, without fractions; what it does not hold wraps around.

        Shape: any; the result has the input's.
        Dtype: any; the result is uint8.
        Raises: nothing of its own.

        >>> tc.tensor([1, 257]).byte()
        tensor([1, 1], dtype=tinyconv.uint8)
        """
        return cast(self, dtypes.uint8)

    def bool(self: Any) -> Tensor:
        """As bool: whether an element is nonzero.

        Shape: any; the result has the input's.
        Dtype: any; the result is bool.
        Raises: nothing of its own.

        >>> tc.tensor([0.0, 0.5]).bool()
        tensor([False,  True])
        """
        return cast(self, dtypes.bool_)

    def cpu(self: Any) -> Tensor:
        """This tensor on the CPU: itself if it is there, else a copy.

        Shape: any; the result has the input's.
        Dtype: any; the result has the input's.
        Raises: nothing of its own.

        >>> x = tc.zeros(1)
        >>> x.cpu() is x
        True
        """
        return self.to("cpu")

    def cuda(self: Any, device: Any = None, non_blocking: builtins.bool = False) -> Tensor:
        """This tensor on the GPU: itself if it is there, else a copy.

        ``device``: a number, or a device; of several GPUs a process uses the first that it sees. ``non_blocking``
        changes nothing.

        Shape: any; the result has the input's.
        Dtype: any; the result has the input's.
        Raises: ``DeviceError`` where no GPU can be used, with the reason; ``tinyconv.cuda.is_available()`` asks first.

        >>> x = tc.zeros(1)
        >>> (x.cuda() if tc.cuda.is_available() else x).shape
        (1,)
        """
        return self.to(f"cuda:{device}" if isinstance(device, builtins.int) else device or "cuda")

    # --- what is not offered ----------------------------------------------------------------------------------------

    def _not_offered(self: Any, name: str) -> Tensor:
        raise UnsupportedError(f"{name}: is no type of tinyconv's; there are {', '.join(t.name for t in dtypes.ALL)}")

    def half(self: Any) -> Tensor:
        """Not offered: float16 is no type of tinyconv's.

        Raises: ``UnsupportedError``.

        >>> tc.zeros(1).float().dtype  # the smallest floating-point type
        tinyconv.float32
        """
        return self._not_offered("float16")

    def bfloat16(self: Any) -> Tensor:
        """Not offered: bfloat16 is no type of tinyconv's.

        Raises: ``UnsupportedError``.

        >>> tc.zeros(1).float().dtype  # the smallest floating-point type
        tinyconv.float32
        """
        return self._not_offered("bfloat16")

    def short(self: Any) -> Tensor:
        """Not offered: int16 is no type of tinyconv's.

        Raises: ``UnsupportedError``.

        >>> tc.zeros(1).int().dtype  # the next larger one
        tinyconv.int32
        """
        return self._not_offered("int16")

    def char(self: Any) -> Tensor:
        """Not offered: int8 is no type of tinyconv's.

        Raises: ``UnsupportedError``.

        >>> tc.zeros(1).byte().dtype  # the other type of 8 bits
        tinyconv.uint8
        """
        return self._not_offered("int8")
