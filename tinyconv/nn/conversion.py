"""Moving a module to another device or converting it to another type, in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.core.devices import CPU, Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DTypeError, UnsupportedError
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.nn.module import Module


def device_of(module: Module) -> Device:
    """Where a module computes: the device of its parameters, which is one; the CPU where it has none."""
    return next((parameter.device for parameter in module.parameters()), CPU)


def target(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Device | None, DType | None]:
    """The device and dtype that the arguments of ``Module.to`` name; None for what stays."""
    unknown = set(kwargs) - {"device", "dtype", "non_blocking"}
    if unknown:
        raise UnsupportedError(f"Module.to: {', '.join(sorted(unknown))} is not offered; it takes a device and a dtype")
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for value in args:
        if isinstance(value, DType):
            dtype = value
        elif isinstance(value, Tensor):
            device, dtype = value.device, value.dtype
        elif not isinstance(value, bool):  # a bool here is non_blocking
            device = value
    if dtype is not None and not dtype.is_floating_point:
        raise DTypeError(f"Module.to: a module's dtype must be floating point, got {dtype}")
    return (None if device is None else Device(device)), dtype


def convert(module: Module, device: Device | None, dtype: DType | None) -> None:
    """Convert parameters, their gradients and buffers; those that are not floating point only change device."""

    def converted(tensor: Tensor) -> Tensor:
        kind = dtype if dtype is not None and tensor.dtype.is_floating_point else tensor.dtype
        return tensor.to(device or tensor.device, kind)

    for parameter in module.parameters():
        before = parameter.data
        after = converted(before)
        if after is not before:  # writing the same values again would invalidate a graph for nothing
            parameter.data = after
        if parameter.grad is not None:
            parameter.grad = converted(parameter.grad)
    for submodule in module.modules():
        for name, buffer in submodule._buffers.items():
            if buffer is not None:
                submodule._buffers[name] = converted(buffer)
