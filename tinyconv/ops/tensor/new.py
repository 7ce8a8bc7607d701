"""New tensors of the type and on the device of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.dtypes import DType
from tinyconv.ops.creation import creation

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class New(TensorBase):
    """``new_tensor``, ``new_zeros`` and their relatives."""

    def new_tensor(
        self: Any,
        data: Any,
        *,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """A tensor that holds a copy of ``data``, in the type and on the device of this one.

        Shape: any.
        Dtype: ``dtype``, or that of this tensor.
        Raises: as ``tinyconv.tensor``.

        >>> tc.zeros(1).new_tensor([1, 2])
        tensor([1., 2.])
        """
        return creation.tensor(data, **_like(self, dtype, device, requires_grad))

    def new_zeros(
        self: Any,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Zeros in the type and on the device of this tensor.

        Shape: any.
        Dtype: ``dtype``, or that of this tensor.
        Raises: as ``tinyconv.zeros``.

        >>> tc.tensor([1]).new_zeros(2)
        tensor([0, 0])
        """
        return creation.zeros(*size, **_like(self, dtype, device, requires_grad))

    def new_ones(
        self: Any,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Ones in the type and on the device of this tensor.

        Shape: any.
        Dtype: ``dtype``, or that of this tensor.
        Raises: as ``tinyconv.ones``.

        >>> tc.tensor([1]).new_ones(2)
        tensor([1, 1])
        """
        return creation.ones(*size, **_like(self, dtype, device, requires_grad))

    def new_empty(
        self: Any,
        *size: Any,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """Uninitialised memory in the type and on the device of this tensor.

        Shape: any.
        Dtype: ``dtype``, or that of this tensor.
        Raises: as ``tinyconv.empty``.

        >>> tc.zeros(1).new_empty(2, 3).shape
        (2, 3)
        """
        return creation.empty(*size, **_like(self, dtype, device, requires_grad))

    def new_full(
        self: Any,
        size: Any,
        fill_value: Any,
        *,
        dtype: DType | None = None,
        device: Any = None,
        requires_grad: bool = False,
    ) -> Tensor:
        """One number everywhere, in the type and on the device of this tensor.

        Shape: any.
        Dtype: ``dtype``, or that of this tensor.
        Raises: as ``tinyconv.full``.

        >>> tc.zeros(1).new_full((2,), 7)
        tensor([7., 7.])
        """
        return creation.full(size, fill_value, **_like(self, dtype, device, requires_grad))


def _like(tensor: Tensor, dtype: DType | None, device: Any, requires_grad: bool) -> dict[str, Any]:
    return {"dtype": dtype or tensor.dtype, "device": device or tensor.device, "requires_grad": requires_grad}
