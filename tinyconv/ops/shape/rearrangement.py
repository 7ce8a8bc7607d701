"""Elements in reverse, shifted, repeated, and in overlapping windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import is_writable
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from tinyconv.core.transfer import placed, to_host
from tinyconv.ops.dispatch import normalize_dim, normalize_dims, require_tensor, require_whole, size_tuple
from tinyconv.ops.indexing.gathering import index_select
from tinyconv.ops.shape.permutation import transpose
from tinyconv.ops.shape.shape import clone, expand, ravel, reshape

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Flip(Operation):
    """x in reverse along some dimensions; its own inverse, so dx flips dy."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims

    def forward(self, x: Any) -> Any:
        return layout.copy(self.xp.flip(x, self.dims), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return Flip(self.dims).apply(dy)


def flip(input: Tensor, dims: Any, *more: int) -> Tensor:
    """``input`` in reverse order along ``dims``: a copy.

    Shape: any; the result has the input's. ``dims``: a sequence, or one by one.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a dimension out of range or named twice.

    >>> tc.tensor([[1, 2], [3, 4]]).flip(1)
    tensor([[2, 1],
            [4, 3]])
    """
    require_tensor("flip", input=input)
    given = size_tuple("flip", (dims, *more))
    return Flip(normalize_dims("flip", given, input.ndim) if given else ()).apply(input)


def fliplr(input: Tensor) -> Tensor:
    """``input`` in reverse along dimension 1.

    Shape: (M, N, ...); the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for fewer than two dimensions.

    >>> tc.fliplr(tc.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    require_tensor("fliplr", input=input)
    if input.ndim < 2:
        raise DimensionError(f"fliplr: needs at least 2 dimensions, got shape {input.shape}")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """``input`` in reverse along dimension 0.

    Shape: (M, ...); the result has the input's.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` for a tensor without dimensions.

    >>> tc.flipud(tc.tensor([1, 2, 3]))
    tensor([3, 2, 1])
    """
    require_tensor("flipud", input=input)
    if input.ndim < 1:
        raise DimensionError("flipud: needs at least 1 dimension, got a tensor without")
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """``input`` turned by ``k`` quarter turns in the plane of ``dims``, from the first towards the second.

    Shape: any with two dimensions or more; an odd ``k`` exchanges the sizes of the plane.
    Dtype: any; the result has the input's.
    Raises: ``DimensionError`` unless ``dims`` names two different dimensions.

    >>> tc.rot90(tc.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    require_tensor("rot90", input=input)
    require_whole("rot90", k=k)
    plane = size_tuple("rot90", (dims,))
    if len(plane) != 2 or input.ndim < 2:
        raise DimensionError(f"rot90: dims {plane} must be two dimensions of a tensor that has them, got {input.shape}")
    first, second = (normalize_dim("rot90", dim, input.ndim) for dim in plane)
    if first == second:
        raise DimensionError(f"rot90: dims {plane} must name two different dimensions")
    quarter_turns = k % 4
    if quarter_turns == 0:
        return clone(input)
    if quarter_turns == 2:
        return flip(input, (first, second))
    return flip(transpose(input, first, second), first if quarter_turns == 1 else second)


class Roll(Operation):
    """y[i] = x[i - shift], round the ends;  dx shifts dy back."""

    def __init__(self, shifts: tuple[int, ...], dims: tuple[int, ...]) -> None:
        self.shifts, self.dims = shifts, dims

    def forward(self, x: Any) -> Any:
        return layout.ordered(self.xp.roll(x, self.shifts, self.dims), self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return Roll(tuple(-shift for shift in self.shifts), self.dims).apply(dy)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """``input`` shifted along ``dims``; what leaves at one end enters at the other. Without ``dims``, as one row.

    Shape: any; the result has the input's. ``shifts``, ``dims``: ints, or equally long sequences.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` unless there is one shift for each dimension.

    >>> tc.tensor([1, 2, 3, 4]).roll(1)
    tensor([4, 1, 2, 3])
    """
    require_tensor("roll", input=input)
    amounts = size_tuple("roll", (shifts,))
    places = None if dims is None else size_tuple("roll", (dims,))
    if not amounts or (len(amounts) != 1 if not places else len(amounts) != len(places)):
        raise ArgumentError(f"roll: needs one shift for each dimension, got shifts {shifts} and dims {dims}")
    if not places:
        return reshape(roll(ravel(input), amounts, 0), input.shape).own_memory()
    along = tuple(normalize_dim("roll", dim, input.ndim) for dim in places)
    return Roll(amounts, along).apply(input) if input.ndim else clone(input)


def repeat(input: Tensor, *sizes: Any) -> Tensor:
    """A copy, ``sizes[i]`` times along dimension i; sizes before the last ``ndim`` make new dimensions.

    Shape: any; each size times its count. ``sizes``: ints or one sequence of them, at least ``ndim``.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for too few or negative counts.

    >>> tc.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    require_tensor("repeat", input=input)
    if not sizes:
        raise ArgumentError("repeat: give the counts, one by one or in a sequence")
    times = size_tuple("repeat", sizes)
    if len(times) < input.ndim or min(times, default=0) < 0:
        raise ShapeError(
            f"repeat: needs a count of 0 or more for each of the {input.ndim} dimensions of {input.shape}, got {times}"
        )
    own = (1,) * (len(times) - input.ndim) + input.shape
    # A dimension of size 1 before each own one, which expands to its count and is then merged with it.
    spread = reshape(input, tuple(size for dim in own for size in (1, dim)))
    repeated = expand(spread, tuple(size for pair in zip(times, own, strict=True) for size in pair))
    result = reshape(repeated, tuple(count * dim for count, dim in zip(times, own, strict=True)))
    # Of one own element, or of none, that may still be the memory of the expanded tensor.
    return clone(result) if result.is_view or not is_writable(result.array) else result


def tile(input: Tensor, dims: Any, *more: int) -> Tensor:
    """``repeat`` under NumPy's name, where missing counts in front are 1.

    Shape: any; each size times its count. ``dims``: a sequence of counts, or one by one.
    Dtype: any; the result has the input's.
    Raises: ``ShapeError`` for negative counts.

    >>> tc.tensor([[1], [2]]).tile(3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    require_tensor("tile", input=input)
    times = size_tuple("tile", (dims, *more))
    return repeat(input, (1,) * (input.ndim - len(times)) + times)


def repeat_interleave(
    input: Tensor, repeats: Tensor | int, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice along ``dim`` several times in a row; without ``dim``, each element of the tensor as one row.

    Shape: any; the size of ``dim`` becomes the sum of the ``repeats``.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for counts that are negative, too many or too few, or do not sum to ``output_size``.

    ``repeats``: one count for all, or an integer tensor with one for each slice.

    >>> tc.tensor([1, 2, 3]).repeat_interleave(tc.tensor([2, 0, 1]))
    tensor([1, 1, 3])
    """
    require_tensor("repeat_interleave", input=input)
    if dim is None:
        input, dim = ravel(input), 0
    dim = normalize_dim("repeat_interleave", dim, input.ndim)
    if input.ndim == 0:
        input = reshape(input, (1,))
    if isinstance(repeats, TensorBase):
        if repeats.dtype not in (dtypes.int32, dtypes.int64):
            raise DTypeError(f"repeat_interleave: repeats must be int32 or int64, got {repeats.dtype.name}")
        counts = to_host(repeats.array)
    else:
        counts = np.asarray(size_tuple("repeat_interleave", (repeats,)))
    if counts.ndim > 1 or counts.size not in (1, input.shape[dim]) or (counts < 0).any():
        raise ArgumentError(
            f"repeat_interleave: needs one count of 0 or more, or one for each of the {input.shape[dim]} slices, got "
            f"{counts.tolist()}"
        )
    order = np.repeat(np.arange(input.shape[dim]), counts.reshape(-1) if counts.size == input.shape[dim] else counts)
    if output_size is not None and output_size != order.size:
        raise ArgumentError(f"repeat_interleave: the counts sum to {order.size}, output_size is {output_size}")
    places = placed(order, input.device)
    return index_select(input, dim, TensorBase.wrap(places, input.device))  # type: ignore[arg-type]


class Unfold(Operation):
    """y[..., w, ..., k] = x[..., w step + k, ...]: windows of ``size`` along ``dim``;  dx adds the windows up."""

    def __init__(self, dim: int, size: int, step: int) -> None:
        self.dim, self.size, self.step = dim, size, step

    def forward(self, x: Any) -> Any:
        self.source = x.shape
        windows = self.xp.lib.stride_tricks.sliding_window_view(x, self.size, axis=self.dim)
        return layout.copy(windows[(*(slice(None),) * self.dim, slice(None, None, self.step))], self.xp)

    def backward(self, dy: Tensor) -> Tensor:
        return _Fold(self.source, self.dim, self.size, self.step).apply(dy)


class _Fold(Operation):
    """The transpose of ``Unfold``: overlapping windows added into their places;  dx takes the windows of dy."""

    def __init__(self, shape: tuple[int, ...], dim: int, size: int, step: int) -> None:
        self.shape, self.dim, self.size, self.step = shape, dim, size, step

    def forward(self, x: Any) -> Any:
        result = layout.zeros(self.shape, x.dtype, self.xp)
        reach = (x.shape[self.dim] - 1) * self.step + 1
        for k in range(self.size):
            result[(*(slice(None),) * self.dim, slice(k, k + reach, self.step))] += x[..., k]
        return result

    def backward(self, dy: Tensor) -> Tensor:
        return Unfold(self.dim, self.size, self.step).apply(dy)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """All windows of ``size`` along ``dimension``, ``step`` apart, in a new last dimension. (PyTorch: a view.)

    Shape: any; the size n of ``dimension`` becomes (n - size) / step + 1, rounded down; ``size`` is appended.
    Dtype: any; the result has the input's.
    Raises: ``ArgumentError`` for a window larger than the dimension, or a step below 1.

    >>> tc.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    require_tensor("unfold", input=input)
    require_whole("unfold", size=size, step=step)
    dim = normalize_dim("unfold", dimension, input.ndim)
    whole = input.shape[dim] if input.ndim else 1
    if not 1 <= size <= whole or step < 1:
        raise ArgumentError(f"unfold: windows of {size}, {step} apart, do not fit dimension {dim} of size {whole}")
    return Unfold(dim, size, step).apply(input) if input.ndim else reshape(input, (1,))
