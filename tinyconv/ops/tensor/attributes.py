"""What a tensor says about itself, and what it becomes in Python and NumPy."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import DTypeError, GraphError, ShapeError, UnsupportedError
from tinyconv.ops import join

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Attributes(TensorBase):
    """Sizes, types and layout; printing, iterating and copying; the way to Python numbers and NumPy arrays."""

    # NumPy's operators step aside, so that ``np.float32(2) * tensor`` is a tensor.
    __array_ufunc__ = None
    __hash__ = object.__hash__

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def ndim(self: Any) -> builtins.int:
        return self.array.ndim

    @property
    def data(self: Any) -> Tensor:
        """The same memory, cut off from the tape. Assigning replaces the elements without recording."""
        return self.detach()

    @data.setter
    def data(self: Any, value: Tensor) -> None:
        self.array = value.array
        self.device = value.device
        self.bump_version()

    @property
    def itemsize(self: Any) -> builtins.int:
        """Bytes per element."""
        return int(self.array.itemsize)

    @property
    def nbytes(self: Any) -> builtins.int:
        """Bytes of all elements."""
        return int(self.array.nbytes)

    def size(self: Any, dim: builtins.int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self: Any) -> builtins.int:
        """The number of dimensions."""
        return self.ndim

    def numel(self: Any) -> builtins.int:
        """The number of elements."""
        return int(self.array.size)

    def is_floating_point(self: Any) -> builtins.bool:
        """Whether the type is float32 or float64."""
        return self.dtype.is_floating_point

    def is_contiguous(self: Any) -> builtins.bool:
        """Whether the elements lie in the engine's order (channels-last for 4-D) without gaps."""
        return layout.is_engine_order(self.array)

    def __repr__(self: Any) -> str:
        prefix = f"{type(self).__name__.lower()}("
        text = np.array2string(self.array, separator=", ", prefix=prefix, threshold=200, edgeitems=3, precision=4)
        usual = self.dtype in (dtypes.float32, dtypes.int64, dtypes.bool_)
        suffix = "" if usual else f", dtype={self.dtype!r}"
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
        return iter(join.unbind(self)) if self.shape else iter([self][: len(self)])

    def __format__(self: Any, specification: str) -> str:
        return format(self.item(), specification) if specification and not self.shape else str(self)

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        raise UnsupportedError("tensors are not pickled; save a dict of them with tinyconv.save (safetensors)")

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise GraphError("deepcopy: only leaf tensors can be copied with their gradient flag; use detach() first")
        copied: Tensor = object.__new__(type(self))
        TensorBase.__init__(copied, layout.copy(self.array, array_module(self.device)), self.device)
        copied.requires_grad = self.requires_grad
        memo[id(self)] = copied
        return copied

    # --- to Python and NumPy ----------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.array.size != 1:
            raise ShapeError(f"item: needs a tensor of one element, got shape {self.shape}")
        return self.array.item()

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self.array.tolist()

    def numpy(self) -> Any:
        """The elements as a NumPy array over the same memory; writes through it are not tracked."""
        if self.requires_grad:
            raise GraphError("numpy: this tensor requires a gradient, which the array would not track; detach() first")
        return self.array

    def __array__(self, dtype: Any = None, copy: builtins.bool | None = None) -> Any:
        return np.asarray(self.numpy(), dtype) if not copy else np.array(self.numpy(), dtype)

    def __bool__(self) -> builtins.bool:
        if self.array.size != 1:
            raise ShapeError(f"a tensor of shape {self.shape} is neither true nor false; use .any() or .all()")
        return bool(self.item())

    def __int__(self) -> builtins.int:
        return int(self.item())

    def __float__(self) -> builtins.float:
        return float(self.item())

    def __index__(self) -> builtins.int:
        if self.dtype.is_floating_point:
            raise DTypeError(f"a tensor of {self.dtype.name} cannot be an index")
        return int(self.item())

    def __contains__(self, value: Any) -> builtins.bool:
        return bool((self.array == (value.array if isinstance(value, TensorBase) else value)).any())
