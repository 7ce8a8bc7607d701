"""Operations that rearrange elements without computing with them. Their backward rearranges them back.

Where the memory order allows it the result is a view of the input's memory, as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.operation import Operation
from tinyconv.core import layout
from tinyconv.core.arrays import let_write
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError, UnsupportedError
from tinyconv.ops.dispatch import Dims, normalize_dim, normalize_dims, require_tensor, size_tuple
from tinyconv.ops.reduction.summation import accurate_sum

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Expand(Operation):
    """y repeats x along new or size-1 dimensions;  dx sums dy over the repetitions."""

    makes_view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        repeated = self.xp.broadcast_to(x, self.shape)
        # NumPy's is read-only, even where nothing is repeated. Here a write is refused where it would change several
        # elements at once, and only there.
        let_write(repeated, x)
        return repeated

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
    """A view of ``input`` repeated to ``sizes``; -1 keeps a dimension. Only dimensions of size 1 can grow.

    Shape: any; result ``sizes``, which may have more dimensions, in front.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` where a size other than 1 would change.

    >>> tc.tensor([[1], [2]]).expand(2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    require_tensor("expand", input=input)
    if not sizes:
        raise ArgumentError("expand: give the sizes, one by one or in a sequence")
    requested = size_tuple("expand", sizes)
    target = list(requested)
    offset = len(target) - input.ndim
    if offset < 0:
        raise ShapeError(f"expand: {requested} has fewer dimensions than the tensor, {input.shape}")
    for position, size in enumerate(target):
        own = input.shape[position - offset] if position >= offset else 1
        if size == -1 and position >= offset:
            target[position] = own
        elif size < 0 or own not in (1, size):
            raise ShapeError(
                f"expand: dimension {position} of size {own} cannot become {size} (tensor {input.shape}, "
                f"requested {requested}); only size 1 can grow, -1 keeps an existing size"
            )
    return Expand(tuple(target)).apply(input)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """A view of ``input`` repeated to the shape of ``other``.

    Shape: any; result the shape of ``other``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` where a size other than 1 would change.

    >>> tc.tensor([1, 2]).expand_as(tc.zeros(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    require_tensor("expand_as", input=input, other=other)
    return expand(input, other.shape)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """A view of ``input`` repeated to ``shape``: ``expand`` under NumPy's name.

    Shape: any; result ``shape``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` where a size other than 1 would change.

    >>> tc.broadcast_to(tc.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    require_tensor("broadcast_to", input=input)
    return expand(input, shape)


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


def reshape(input: Tensor, shape: Any, *sizes: int) -> Tensor:
    """``input`` under another shape: a view if the memory order allows, else a copy. One size may be -1.

    Shape: any; result ``shape``, a sequence or the sizes one by one, of as many elements.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if the elements do not fit, or if -1 could stand for any size.

    >>> tc.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    require_tensor("reshape", input=input)
    return Reshape(_complete("reshape", size_tuple("reshape", (shape, *sizes)), input)).apply(input)


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` in the shape of ``other``.

    Shape: any; result the shape of ``other``, which has as many elements.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if the elements do not fit.

    >>> tc.arange(4).reshape_as(tc.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    require_tensor("reshape_as", input=input, other=other)
    return reshape(input, other.shape)


def view(input: Tensor, *shape: Any) -> Tensor:
    """``input`` under another shape: a view of its memory, or a copy where the memory order allows no view.

    4-D and 5-D tensors are stored channels-last, so flattening one copies; writing in place into such a copy, or into a
    view of it, raises, because it would not reach ``input`` as it would in PyTorch. (Of a tensor that is not contiguous
    there, such as a transposed one, PyTorch refuses a view; here it is such a copy.)

    Shape: any; result ``shape``, a sequence or the sizes one by one, one of which may be -1.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if the elements do not fit, ``UnsupportedError`` for another type over the same memory.

    >>> tc.arange(6).view(3, 2)
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    require_tensor("view", input=input)
    if shape and isinstance(shape[0], DType):
        raise UnsupportedError(
            f"view: the bits of a tensor of {input.dtype.name} cannot be read as {shape[0].name}; .to() converts the "
            "numbers"
        )
    target = _complete("view", size_tuple("view", shape), input)
    result: Tensor = Reshape(target).apply(input)
    result.is_layout_copy = result.is_layout_copy or not result.is_view
    return result


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` in the shape of ``other``, as ``view`` gives it.

    Shape: any; result the shape of ``other``, which has as many elements.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if the elements do not fit.

    >>> tc.arange(4).view_as(tc.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    require_tensor("view_as", input=input, other=other)
    return view(input, other.shape)


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Merge dimensions ``start_dim`` to ``end_dim`` (both included) into one.

    Shape: any; a tensor without dimensions gives (1,).
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` if ``start_dim`` comes after ``end_dim`` or one is out of range.

    >>> tc.zeros(8, 3, 4, 4).flatten(1).shape
    (8, 48)
    """
    require_tensor("flatten", input=input)
    start, end = (normalize_dim("flatten", dim, input.ndim) for dim in (start_dim, end_dim))
    if start > end:
        raise DimensionError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if start == end and input.ndim:
        return input
    merged = math.prod(input.shape[start : end + 1])
    return reshape(input, (*input.shape[:start], merged, *input.shape[end + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension: a view if the memory order allows, else a copy.

    Shape: any; result (number of elements,).
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.tensor([[1, 2], [3, 4]]).ravel()
    tensor([1, 2, 3, 4])
    """
    require_tensor("ravel", input=input)
    return reshape(input, (-1,)) if input.array.size else reshape(input, (0,))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Split dimension ``dim`` into ``sizes``, one of which may be -1.

    Shape: any; result with ``sizes`` in the place of dimension ``dim``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` if the product of ``sizes`` is not the size of the dimension.

    >>> tc.zeros(2, 12).unflatten(1, (3, -1)).shape
    (2, 3, 4)
    """
    require_tensor("unflatten", input=input)
    dim = normalize_dim("unflatten", dim, input.ndim)
    if input.ndim == 0:
        raise DimensionError("unflatten: a tensor without dimensions has none to split")
    sizes = size_tuple("unflatten", (sizes,))
    own = input.shape[dim]
    known = math.prod(size for size in sizes if size != -1)
    filled = [own // max(known, 1) if size == -1 else size for size in sizes]
    if not sizes or sizes.count(-1) > 1 or min(sizes) < -1 or math.prod(filled) != own or (-1 in sizes and not known):
        raise ShapeError(f"unflatten: dimension {dim} of size {own} is not the product of {sizes}")
    return reshape(input, (*input.shape[:dim], *filled, *input.shape[dim + 1 :]))


def squeeze(input: Tensor, dim: Dims = None) -> Tensor:
    """Drop dimensions of size 1: all of them, or those in ``dim`` that have size 1.

    Shape: any; result without those dimensions.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.zeros(1, 3, 1).squeeze(0).shape
    (3, 1)
    """
    require_tensor("squeeze", input=input)
    dims = normalize_dims("squeeze", dim, input.ndim) if dim is None or isinstance(dim, int) or dim else ()
    return reshape(input, tuple(size for index, size in enumerate(input.shape) if size != 1 or index not in dims))


def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Insert a dimension of size 1 before ``dim``.

    Shape: any; result with one dimension more.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension outside [-ndim - 1, ndim].

    >>> tc.zeros(2, 3).unsqueeze(1).shape
    (2, 1, 3)
    """
    require_tensor("unsqueeze", input=input)
    position = normalize_dim("unsqueeze", dim, input.ndim + 1)
    return reshape(input, (*input.shape[:position], 1, *input.shape[position:]))


class Copy(Operation):
    """y = x in memory of its own;  dx = dy."""

    def forward(self, x: Any) -> Any:
        return layout.copy(x, self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def clone(input: Tensor) -> Tensor:
    """A copy through which gradients flow.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> x = tc.zeros(2)
    >>> x.clone().add_(1), x
    (tensor([1., 1.]), tensor([0., 0.]))
    """
    require_tensor("clone", input=input)
    return Copy().apply(input)


def contiguous(input: Tensor) -> Tensor:
    """``input`` itself if it is in the engine's order (channels-last for images and volumes), else a copy that is.

    Shape: any; the result has the input's.
    Dtype: any; the result has the input's.
    Raises: nothing of its own.

    >>> tc.zeros(2, 3).t().contiguous().is_contiguous()
    True
    """
    require_tensor("contiguous", input=input)
    return input if layout.is_engine_order(input.array) else clone(input)


def _complete(name: str, shape: tuple[int, ...], input: Tensor) -> tuple[int, ...]:
    count = input.array.size
    if -1 not in shape:
        if math.prod(shape) == count and (count or min(shape) >= 0):
            return shape
    elif shape.count(-1) == 1:
        known = -math.prod(shape)
        if known > 0 and count % known == 0 and min(shape) == -1:
            return tuple(count // known if size == -1 else size for size in shape)
    raise ShapeError(
        f"{name}: a tensor of shape {input.shape} has {count} elements, which do not fit {shape}; the sizes must be 0 "
        "or more and multiply to as many, and one that they settle may be -1"
    )
