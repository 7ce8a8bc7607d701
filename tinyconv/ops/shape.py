"""Operations that rearrange elements without computing with them. Their backward rearranges them back.

Where the memory order allows it the result is a view of the input's memory, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.errors import DimensionError, ShapeError
from tinyconv.ops.dispatch import Dims, normalize_dim, normalize_dims
from tinyconv.ops.summation import accurate_sum

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Expand(Operation):
    """y repeats x along new or size-1 dimensions;  dx sums dy over the repetitions."""

    makes_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        return self.xp.broadcast_to(x, self.shape)

    def backward(self, dy: Tensor) -> Tensor:
        return reduce_to(dy, self.source)


class ReduceTo(Operation):
    """y sums x over the dimensions that broadcasting would have repeated;  dx repeats dy along them."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        leading = x.ndim - len(self.shape)
        repeated = tuple(
            dim for dim in range(x.ndim) if dim < leading or (self.shape[dim - leading] == 1 and x.shape[dim] != 1)
        )
        result = layout.empty(self.shape, x.dtype, self.xp)
        result[...] = accurate_sum(self.xp, x, repeated).reshape(self.shape)
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return Expand(self.source).apply(dy)


def reduce_to(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo broadcasting: the cotangent of an operand of ``shape``, from the cotangent of the broadcast result."""
    return tensor if tensor.shape == shape else ReduceTo(shape).apply(tensor)


def expand(input: Tensor, *sizes: Any) -> Tensor:
    """A view of ``input`` repeated to ``sizes``; -1 keeps a dimension. Only dimensions of size 1 can grow."""
    target = list(_sizes(sizes))
    offset = len(target) - input.ndim
    if offset < 0:
        raise ShapeError(f"expand: {tuple(target)} has fewer dimensions than the tensor, {input.shape}")
    for position, size in enumerate(target):
        own = input.shape[position - offset] if position >= offset else 1
        if size == -1 and position >= offset:
            target[position] = own
        elif size < 0 or own not in (1, size):
            raise ShapeError(
                f"expand: dimension {position} of size {own} cannot become {size} (tensor {input.shape}, "
                f"requested {_sizes(sizes)}); only size 1 can grow, -1 keeps an existing size"
            )
    return Expand(tuple(target)).apply(input)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """``expand`` under NumPy's name."""
    return expand(input, *shape)


class Reshape(Operation):
    """The same elements, read in NCHW order, under another shape."""

    makes_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        result = x.reshape(self.shape)
        # A copy is the engine's own array, and takes the engine's order.
        return result if self.xp.may_share_memory(result, x) else layout.ordered(result, self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        # Rows become images again: one copy here, instead of a slow pass in every operation before the flattening.
        return contiguous(reshape(dy, self.source))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """``input`` under another shape: a view if the memory order allows, else a copy. One size may be -1."""
    return Reshape(_complete("reshape", _sizes(shape), input)).apply(input)


def view(input: Tensor, *shape: Any) -> Tensor:
    """``input`` under another shape: a view of its memory, or a copy where the memory order allows no view.

    4-D tensors are stored channels-last, so flattening one copies; writing in place into such a copy, or into a view of
    it, raises, because it would not reach ``input`` as it would in PyTorch. (Of a tensor that is not contiguous there,
    such as a transposed one, PyTorch refuses a view; here it is such a copy.)
    """
    target = _complete("view", _sizes(shape), input)
    result: Tensor = Reshape(target).apply(input)
    result.is_layout_copy = result.is_layout_copy or not result.is_view
    return result


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge dimensions ``start_dim`` to ``end_dim`` (both included) into one."""
    if input.ndim == 0:
        return reshape(input, 1)
    start, end = (normalize_dim("flatten", dim, input.ndim) for dim in (start_dim, end_dim))
    if start > end:
        raise DimensionError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    merged = math.prod(input.shape[start : end + 1])
    return reshape(input, *input.shape[:start], merged, *input.shape[end + 1 :])


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split dimension ``dim`` into ``sizes``, one of which may be -1."""
    dim = normalize_dim("unflatten", dim, input.ndim)
    known = math.prod(size for size in sizes if size != -1)
    filled = [input.shape[dim] // max(known, 1) if size == -1 else size for size in sizes]
    if math.prod(filled) != input.shape[dim]:
        raise ShapeError(f"unflatten: dimension {dim} of size {input.shape[dim]} is not the product of {tuple(sizes)}")
    return reshape(input, *input.shape[:dim], *filled, *input.shape[dim + 1 :])


class Permute(Operation):
    """y[i_p(0), i_p(1), ...] = x[i_0, i_1, ...];  dx permutes dy back."""

    makes_view = True

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order

    def forward(self, x: Any) -> Any:
        return x.transpose(self.order)

    def backward(self, dy: Tensor) -> Tensor:
        return permute(dy, sorted(range(len(self.order)), key=self.order.__getitem__))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in the order ``dims``."""
    order = tuple(normalize_dim("permute", dim, input.ndim) for dim in _sizes(dims))
    if sorted(order) != list(range(input.ndim)):
        raise DimensionError(f"permute: {_sizes(dims)} does not name each of the {input.ndim} dimensions once")
    return Permute(order).apply(input)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    first, second = (normalize_dim("transpose", dim, input.ndim) for dim in (dim0, dim1))
    order = list(range(input.ndim))
    if input.ndim:
        order[first], order[second] = order[second], order[first]
    return Permute(tuple(order)).apply(input)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; a vector or a number as it is."""
    if input.ndim > 2:
        raise DimensionError(f"t: expects at most 2 dimensions, got {input.shape}; use transpose(dim0, dim1)")
    return transpose(input, 0, 1) if input.ndim == 2 else reshape(input, *input.shape)


def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Drop dimensions of size 1: all of them, or those in ``dim`` that have size 1."""
    dims = normalize_dims("squeeze", dim, input.ndim)
    return reshape(input, *(size for index, size in enumerate(input.shape) if size != 1 or index not in dims))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1 before ``dim``."""
    position = normalize_dim("unsqueeze", dim, input.ndim + 1)
    return reshape(input, *input.shape[:position], 1, *input.shape[position:])


class Flip(Operation):
    """x in reverse along some dimensions; its own inverse, so dx flips dy."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Any) -> Any:
        return layout.copy(self.xp.flip(x, self.dims), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return Flip(self.dims).apply(dy)


def flip(input: Tensor, *dims: Any) -> Tensor:
    """``input`` in reverse order along ``dims``: a copy."""
    return Flip(normalize_dims("flip", _sizes(dims), input.ndim) if input.ndim else ()).apply(input)


class Copy(Operation):
    """y = x in memory of its own;  dx = dy."""

    def forward(self, x: Any) -> Any:
        return layout.copy(x, self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def clone(input: Tensor) -> Tensor:
    """A copy through which gradients flow."""
    return Copy().apply(input)


def contiguous(input: Tensor) -> Tensor:
    """``input`` itself if it is in the engine's order (channels-last for 4-D), else a copy that is."""
    return input if layout.is_engine_order(input.array) else clone(input)


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        return tuple(sizes[0])
    return sizes


def _complete(name: str, shape: tuple[int, ...], input: Tensor) -> tuple[int, ...]:
    count = input.array.size
    unknown = [index for index, size in enumerate(shape) if size == -1]
    known = math.prod(size for size in shape if size != -1)
    fits = known == count if not unknown else known > 0 and count % known == 0
    if len(unknown) > 1 or any(size < -1 for size in shape) or not fits:
        raise ShapeError(f"{name}: a tensor of shape {input.shape} has {count} elements, which do not fit {shape}")
    return tuple(count // known if size == -1 else size for size in shape)
