"""What a tensor says about itself, and what it becomes in Python and NumPy."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import (
    ArgumentError,
    DeviceError,
    DimensionError,
    DTypeError,
    GraphError,
    ShapeError,
    UnsupportedError,
)
from tinyconv.core.transfer import to_host
from tinyconv.ops.dispatch import is_number, normalize_dim, require_tensor
from tinyconv.ops.shape import split

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Attributes(TensorBase):
    """Sizes, types and layout; printing, iterating and copying; the way to Python numbers and NumPy arrays."""

    __hash__ = object.__hash__

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def ndim(self: Any) -> builtins.int:
        """The number of dimensions.

        >>> tc.ones(2, 3).ndim
        2
        """
        return self.array.ndim

    @property
    def data(self: Any) -> Tensor:
        """The same memory, cut off from the tape. Assigning replaces the elements without recording.

        >>> x = tc.ones(2, requires_grad=True)
        >>> x.data.requires_grad
        False
        """
        return self.detach()

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        require_tensor("data", value=value)
        self.bump_version()
        self.array = value.array
        self.device = value.device
        if self.view_of is None:
            self.storage = value.storage

    @property
    def itemsize(self: Any) -> builtins.int:
        """Bytes per element.

        >>> tc.ones(2, 3).itemsize
        4
        """
        return int(self.array.itemsize)

    @property
    def nbytes(self: Any) -> builtins.int:
        """Bytes of all elements.

        >>> tc.ones(2, 3).nbytes
        24
        """
        return int(self.array.nbytes)

    @property
    def is_cuda(self: Any) -> builtins.bool:
        """Whether the tensor is on a GPU.

        >>> tc.ones(2).is_cuda
        False
        """
        return bool(self.device.type == "cuda")

    def size(self: Any, dim: builtins.int | None = None) -> Any:
        """The shape, or the size of one dimension.

        Shape: any.
        Dtype: any; the result is a tuple of ints, or an int.
        Raises: ``DimensionError`` for a dimension that the tensor does not have.

        >>> tc.zeros(2, 3).size(), tc.zeros(2, 3).size(-1)
        ((2, 3), 3)
        """
        if dim is None:
            return self.shape
        position = normalize_dim("size", dim, self.ndim)
        if not self.shape:
            raise DimensionError(f"size: a tensor without dimensions has no dimension {dim}")
        return self.shape[position]

    def dim(self: Any) -> builtins.int:
        """The number of dimensions.

        Shape: any.
        Dtype: any; the result is an int.
        Raises: nothing of its own.

        >>> tc.zeros(2, 3).dim()
        2
        """
        return self.ndim

    def ndimension(self: Any) -> builtins.int:
        """The number of dimensions: ``dim``.

        Shape: any.
        Dtype: any; the result is an int.
        Raises: nothing of its own.

        >>> tc.zeros(2, 3).ndimension()
        2
        """
        return self.ndim

    def numel(self: Any) -> builtins.int:
        """The number of elements.

        Shape: any.
        Dtype: any; the result is an int.
        Raises: nothing of its own.

        >>> tc.zeros(2, 3).numel()
        6
        """
        return int(self.array.size)

    def nelement(self: Any) -> builtins.int:
        """The number of elements: ``numel``.

        Shape: any.
        Dtype: any; the result is an int.
        Raises: nothing of its own.

        >>> tc.zeros(2, 3).nelement()
        6
        """
        return int(self.array.size)

    def element_size(self: Any) -> builtins.int:
        """Bytes per element.

        Shape: any.
        Dtype: any; the result is an int.
        Raises: nothing of its own.

        >>> tc.zeros(2, dtype=tc.float64).element_size()
        8
        """
        return int(self.array.itemsize)

    def is_floating_point(self: Any) -> builtins.bool:
        """Whether the type is float32 or float64.

        Shape: any.
        Dtype: any; the result is a bool.
        Raises: nothing of its own.

        >>> tc.zeros(2).is_floating_point()
        True
        """
        return self.dtype.is_floating_point

    def is_contiguous(self: Any) -> builtins.bool:
        """Whether the elements lie in the engine's order (channels-last for images and volumes) without gaps.

        Shape: any.
        Dtype: any; the result is a bool.
        Raises: nothing of its own.

        >>> tc.zeros(2, 3).is_contiguous(), tc.zeros(2, 3).t().is_contiguous()
        (True, False)
        """
        return layout.is_engine_order(self.array)

    def __repr__(self: Any) -> str:
        prefix = f"{type(self).__name__.lower()}("
        numbers = to_host(self.array)
        text = np.array2string(numbers, separator=", ", prefix=prefix, threshold=200, edgeitems=3, precision=4)
        usual = self.dtype in (dtypes.float32, dtypes.int64, dtypes.bool_)
        suffix = "" if self.array.size or len(self.shape) == 1 else f", size={self.shape}"
        suffix += "" if usual else f", dtype={self.dtype!r}"
        suffix += f", device='{self.device}'" if self.is_cuda else ""
        if self.node is not None:
            suffix += f", grad_fn={self.node!r}"
        elif self.requires_grad:
            suffix += ", requires_grad=True"
        return f"{prefix}{text}{suffix})"

    def __len__(self: Any) -> builtins.int:
        if not self.shape:
            raise DTypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __iter__(self: Any) -> Iterator[Tensor]:
        return iter(split.unbind(self)) if self.shape else iter([self][: len(self)])

    def __format__(self: Any, specification: str) -> str:
        if specification and self.shape:
            raise ArgumentError(
                f"format {specification!r} is for one number, and this tensor has shape {self.shape}; format x.item() "
                "or the elements of x.tolist()"
            )
        return str(self) if self.shape else format(self.item(), specification)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        raise UnsupportedError("tensors are not pickled; save a dict of them with tinyconv.save (safetensors)")

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise GraphError("deepcopy: only leaf tensors can be copied with their gradient flag; use detach() first")
        copied: Tensor = object.__new__(type(self))
        TensorBase.__init__(copied, layout.copy(self.array, array_module(self.device)), self.device)
        copied.requires_grad_(self.requires_grad)
        memo[id(self)] = copied
        return copied

    # --- to Python and NumPy ----------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number.

        Shape: one element.
        Dtype: any; a Python bool, int or float.
        Raises: ``ShapeError`` for another number of elements.

        >>> tc.tensor([2.5]).item()
        2.5
        """
        if self.array.size != 1:
            raise ShapeError(f"item: needs a tensor of one element, got shape {self.shape}; use tolist()")
        return self.array.item()

    def tolist(self) -> Any:
        """The elements as nested lists; a number for a tensor without dimensions.

        Shape: any.
        Dtype: any; Python bools, ints or floats.
        Raises: nothing of its own.

        >>> tc.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        return self.array.tolist()

    def numpy(self, *, force: builtins.bool = False) -> Any:
        """The elements as a NumPy array over the same memory; writes through it are not tracked.

        A backward does not notice such a write, and a convolution without gradients may go on with the weight that it
        packed before: write into tensors instead, under ``no_grad()``.

        ``force``: also of a tensor that requires a gradient, which the array knows nothing of, or a copy of one that
        is on a GPU.

        Shape: any; the array has the tensor's.
        Dtype: any; NumPy's type of the same name.
        Raises: but with ``force``, ``GraphError`` for a tensor that requires a gradient, ``DeviceError`` on a GPU.

        >>> tc.tensor([1.0, 2.0]).numpy()
        array([1., 2.], dtype=float32)
        """
        if self.is_cuda and not force:
            raise DeviceError("numpy: this tensor is on cuda and NumPy computes on the CPU; use .cpu() first")
        if self.requires_grad and not force:
            raise GraphError("numpy: this tensor requires a gradient, which the array would not track; detach() first")
        return to_host(self.array) if self.is_cuda else self.array

    def __bool__(self) -> builtins.bool:
        if self.array.size != 1:
            raise ShapeError(f"a tensor of shape {self.shape} is neither true nor false; use .any() or .all()")
        return bool(self.item())

    def __int__(self) -> builtins.int:
        return int(self.item())

    def __float__(self) -> builtins.float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> builtins.int:
        if self.dtype.is_floating_point:
            raise DTypeError(f"a tensor of {self.dtype.name} cannot be an index")
        return int(self.item())

    def __contains__(self, value: Any) -> builtins.bool:
        if not isinstance(value, TensorBase) and not is_number(value):
            raise DTypeError(f"in: a tensor contains tensors and numbers, got {type(value).__name__} {value!r:.60}")
        return bool((self.array == (value.array if isinstance(value, TensorBase) else value)).any())
