"""A tensor in the hands of other libraries: NumPy, PyTorch, JAX, CuPy read its memory without a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.errors import DeviceError, ExchangeError, GraphError


class Exchange(TensorBase):
    """The protocols by which libraries hand each other arrays. Writes of theirs are not tracked: see ``numpy``.

    An array that requires a gradient is not handed over, for its receiver would not track it: ``detach()`` it first.
    """

    # NumPy's operators step aside, so that ``np.float32(2) * tensor`` is a tensor.
    __array_ufunc__ = None

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        """For ``numpy.asarray``: the same memory, where ``dtype`` and ``copy`` allow it."""
        return np.array(self.numpy(), dtype, copy=copy)

    @property
    def __array_interface__(self: Any) -> dict[str, Any]:
        """The description of the memory, by NumPy's protocol, version 3.

        Where it cannot be given NumPy goes on to ``__array__``, which says why.
        """
        if self.is_cuda or self.requires_grad:
            raise AttributeError(
                "__array_interface__: of tensors on the CPU that require no gradient; use .cpu() or .detach() first"
            )
        # Who reads the description holds the tensor, and the tensor may be given another array: it keeps this one too.
        described = self.__dict__.setdefault("described_arrays", [])
        if not any(array is self.array for array in described):
            described.append(self.array)
        return self.array.__array_interface__

    @property
    def __cuda_array_interface__(self: Any) -> dict[str, Any]:
        """The description of the memory of a GPU, by Numba's protocol."""
        if not self.is_cuda:
            raise AttributeError("__cuda_array_interface__: this tensor is on the CPU; use .cuda() first")
        if self.requires_grad:
            raise GraphError(_untracked("__cuda_array_interface__"))
        return self.array.__cuda_array_interface__

    def __dlpack_device__(self: Any) -> tuple[int, int]:
        """Where the memory is, in DLPack's numbers: (1, 0) the CPU, (2, 0) the GPU."""
        return (2, 0) if self.is_cuda else (1, 0)

    def __dlpack__(
        self: Any,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule that describes the memory, for ``from_dlpack`` of any library.

        ``stream``: of CUDA's, on which the receiver will read; the capsule is good once what was computed is there.
        ``max_version``: the newest protocol that the receiver understands. ``dl_device``: where it wants the memory.
        """
        if self.requires_grad:
            raise ExchangeError(_untracked("__dlpack__"))
        if dl_device is not None and tuple(dl_device) != self.__dlpack_device__():
            if copy is False:
                raise ExchangeError(f"__dlpack__: from {self.device} to another device is a copy; leave out copy=False")
            if tuple(dl_device) != (1, 0):
                raise DeviceError(f"__dlpack__: the device {dl_device} is none of tinyconv's; use .cpu() or .cuda()")
            return self.cpu().__dlpack__(max_version=max_version)
        asked = {"stream": stream, "max_version": max_version, "copy": copy}
        return self.array.__dlpack__(**{name: value for name, value in asked.items() if value is not None})


def _untracked(name: str) -> str:
    return f"{name}: this tensor requires a gradient, which the receiver would not track; use .detach() first"
