"""The public ``Tensor``: the tape's plain tensor, with PyTorch's operators and methods."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout
from tinyconv.core.devices import Device, array_module
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError, GraphError, ShapeError, UnsupportedError
from tinyconv.ops import (
    activation,
    arithmetic,
    comparison,
    elementwise,
    indexing,
    join,
    matmul,
    reduction,
    shape,
)
from tinyconv.ops.dispatch import (
    Number,
    broadcast_shape,
    cast,
    check_exponent,
    check_negatable,
    clamped_dtype,
    constant,
    is_number,
)


class Tensor(TensorBase):
    """An n-dimensional array on a device, with a gradient.

    Made by ``tinyconv.tensor(data)`` and its relatives; ``Tensor(array)`` wraps a NumPy array of one of tinyconv's
    types without copying. Types: float32, float64, int64, int32, uint8, bool. Shapes are logical (N, C, H, W); 4-D
    results are stored channels-last.
    """

    # NumPy's operators step aside, so that ``np.float32(2) * tensor`` is a tensor.
    __array_ufunc__ = None
    __hash__ = object.__hash__

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def ndim(self) -> builtins.int:
        return self.array.ndim

    @property
    def data(self) -> Tensor:
        """The same memory, cut off from the tape. Assigning replaces the elements without recording."""
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array
        self.device = value.device
        self.bump_version()

    @property
    def itemsize(self) -> builtins.int:
        """Bytes per element."""
        return int(self.array.itemsize)

    @property
    def nbytes(self) -> builtins.int:
        """Bytes of all elements."""
        return int(self.array.nbytes)

    def size(self, dim: builtins.int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> builtins.int:
        """The number of dimensions."""
        return self.ndim

    def numel(self) -> builtins.int:
        """The number of elements."""
        return int(self.array.size)

    def is_floating_point(self) -> builtins.bool:
        """Whether the type is float32 or float64."""
        return self.dtype.is_floating_point

    def is_contiguous(self) -> builtins.bool:
        """Whether the elements lie in the engine's order (channels-last for 4-D) without gaps."""
        return layout.is_engine_order(self.array)

    def __repr__(self) -> str:
        prefix = f"{type(self).__name__.lower()}("
        text = np.array2string(self.array, separator=", ", prefix=prefix, threshold=200, edgeitems=3, precision=4)
        usual = self.dtype in (dtypes.float32, dtypes.int64, dtypes.bool_)
        suffix = "" if usual else f", dtype={self.dtype!r}"
        if self.node is not None:
            suffix += f", grad_fn={self.node!r}"
        elif self.requires_grad:
            suffix += ", requires_grad=True"
        return f"{prefix}{text}{suffix})"

    def __len__(self) -> builtins.int:
        if not self.shape:
            raise DTypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return iter(join.unbind(self)) if self.shape else iter([self][: len(self)])

    def __format__(self, specification: str) -> str:
        return format(self.item(), specification) if specification and not self.shape else str(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UnsupportedError("tensors are not pickled; save a dict of them with tinyconv.save (safetensors)")

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.node is not None:
            raise GraphError("deepcopy: only leaf tensors can be copied with their gradient flag; use detach() first")
        copied: Tensor = type(self).__new__(type(self))
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

    # --- type and device --------------------------------------------------------------------------------------------

    def to(
        self,
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

    def type_as(self, other: Tensor) -> Tensor:
        """This tensor in the type of ``other``."""
        return cast(self, other.dtype)

    def float(self) -> Tensor:
        """As float32."""
        return cast(self, dtypes.float32)

    def double(self) -> Tensor:
        """As float64."""
        return cast(self, dtypes.float64)

    def long(self) -> Tensor:
        """As int64."""
        return cast(self, dtypes.int64)

    def int(self) -> Tensor:
        """As int32."""
        return cast(self, dtypes.int32)

    def bool(self) -> Tensor:
        """As bool: whether an element is nonzero."""
        return cast(self, dtypes.bool_)

    def cpu(self) -> Tensor:
        """This tensor on the CPU."""
        return self.to("cpu")

    # --- operators --------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return arithmetic.add(self, other) if _combines(other) else NotImplemented

    def __sub__(self, other: Any) -> Tensor:
        return arithmetic.sub(self, other) if _combines(other) else NotImplemented

    def __mul__(self, other: Any) -> Tensor:
        return arithmetic.mul(self, other) if _combines(other) else NotImplemented

    def __truediv__(self, other: Any) -> Tensor:
        return arithmetic.div(self, other) if _combines(other) else NotImplemented

    def __floordiv__(self, other: Any) -> Tensor:
        return arithmetic.floor_divide(self, other) if _combines(other) else NotImplemented

    def __mod__(self, other: Any) -> Tensor:
        return arithmetic.remainder(self, other) if _combines(other) else NotImplemented

    def __pow__(self, other: Any) -> Tensor:
        return arithmetic.pow(self, other) if _combines(other) else NotImplemented

    def __matmul__(self, other: Any) -> Tensor:
        return matmul.matmul(self, other) if _combines(other) and not is_number(other) else NotImplemented

    def __radd__(self, other: Any) -> Tensor:
        return arithmetic.add(other, self) if _combines(other) else NotImplemented

    def __rsub__(self, other: Any) -> Tensor:
        return arithmetic.sub(other, self) if _combines(other) else NotImplemented

    def __rmul__(self, other: Any) -> Tensor:
        return arithmetic.mul(other, self) if _combines(other) else NotImplemented

    def __rtruediv__(self, other: Any) -> Tensor:
        return arithmetic.div(other, self) if _combines(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Tensor:
        return arithmetic.floor_divide(other, self) if _combines(other) else NotImplemented

    def __rmod__(self, other: Any) -> Tensor:
        return arithmetic.remainder(other, self) if _combines(other) else NotImplemented

    def __rpow__(self, other: Any) -> Tensor:
        return arithmetic.pow(other, self) if _combines(other) else NotImplemented

    def __neg__(self) -> Tensor:
        return elementwise.neg(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return elementwise.abs(self)

    def __eq__(self, other: object) -> Any:
        return comparison.eq(self, other) if _combines(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return comparison.ne(self, other) if _combines(other) else NotImplemented

    def __lt__(self, other: Any) -> Tensor:
        return comparison.lt(self, other)

    def __le__(self, other: Any) -> Tensor:
        return comparison.le(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return comparison.gt(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return comparison.ge(self, other)

    def __and__(self, other: Any) -> Tensor:
        return comparison.logical_and(*_booleans("&", self, other))

    def __or__(self, other: Any) -> Tensor:
        return comparison.logical_or(*_booleans("|", self, other))

    def __xor__(self, other: Any) -> Tensor:
        return comparison.logical_xor(*_booleans("^", self, other))

    def __invert__(self) -> Tensor:
        return comparison.logical_not(_booleans("~", self, self)[0])

    def __getitem__(self, index: Any) -> Tensor:
        return indexing.get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        indexing.set_item(self, index, value)

    # --- in place ---------------------------------------------------------------------------------------------------

    def __iadd__(self, other: Any) -> Tensor:
        return self.add_(other)

    def __isub__(self, other: Any) -> Tensor:
        return self.sub_(other)

    def __imul__(self, other: Any) -> Tensor:
        return self.mul_(other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self.div_(other)

    def add_(self, other: Any, *, alpha: Number = 1) -> Tensor:
        """x becomes x + alpha y."""
        return self._in_place("add_", arithmetic.Add(), other if alpha == 1 else arithmetic.mul(other, alpha))

    def sub_(self, other: Any, *, alpha: Number = 1) -> Tensor:
        """x becomes x - alpha y."""
        return self._in_place("sub_", arithmetic.Subtract(), other if alpha == 1 else arithmetic.mul(other, alpha))

    def mul_(self, other: Any) -> Tensor:
        """x becomes x y."""
        return self._in_place("mul_", arithmetic.Multiply(), other)

    def div_(self, other: Any) -> Tensor:
        """x becomes x / y."""
        if not self.dtype.is_floating_point:
            raise DTypeError(f"div_: the quotient is a fraction, which a tensor of {self.dtype.name} cannot hold")
        return self._in_place("div_", arithmetic.Divide(), other)

    def pow_(self, exponent: Number) -> Tensor:
        """x becomes x^exponent."""
        check_exponent("pow_", self.dtype, exponent)
        return self._in_place("pow_", arithmetic.Power(), exponent)

    def neg_(self) -> Tensor:
        """x becomes -x."""
        check_negatable("neg_", self)
        return elementwise.Negate().apply_in_place(self, name="neg_")

    def exp_(self) -> Tensor:
        """x becomes e^x."""
        return self._floating_in_place("exp_", elementwise.Exp())

    def sqrt_(self) -> Tensor:
        """x becomes its square root."""
        return self._floating_in_place("sqrt_", elementwise.Sqrt())

    def tanh_(self) -> Tensor:
        """x becomes tanh x."""
        return self._floating_in_place("tanh_", elementwise.Tanh())

    def sigmoid_(self) -> Tensor:
        """x becomes 1 / (1 + e^-x)."""
        return self._floating_in_place("sigmoid_", elementwise.Sigmoid())

    def clamp_(self, min: Number | None = None, max: Number | None = None) -> Tensor:
        """x becomes at least ``min`` and at most ``max``."""
        self._check_holds("clamp_", clamped_dtype("clamp_", self, min, max))
        return elementwise.Clamp(min, max).apply_in_place(self, name="clamp_")

    def fill_(self, value: Number) -> Tensor:
        """Every element becomes ``value``."""
        return elementwise.Fill(value).apply_in_place(self, name="fill_")

    def zero_(self) -> Tensor:
        """Every element becomes 0."""
        return self.fill_(0)

    def copy_(self, source: Tensor) -> Tensor:
        """The elements become those of ``source``, broadcast and converted to this tensor's type."""
        indexing.set_item(self, ..., source)
        return self

    def _in_place(self, name: str, operation: Operation, other: Any) -> Tensor:
        if is_number(other):
            self._check_holds(name, dtypes.of_number(other))
            other = constant(other, self.dtype, self.device, wraps=True)
        elif isinstance(other, TensorBase):
            self._check_holds(name, other.dtype)
            other = cast(other, self.dtype)  # type: ignore[arg-type]
        else:
            raise DTypeError(
                f"{name}: the operand is a {type(other).__name__}; tensors and numbers can be combined in place"
            )
        if broadcast_shape(name, self.shape, other.shape) != self.shape:
            raise ShapeError(f"{name}: an operand of shape {other.shape} does not fit into a tensor of {self.shape}")
        return operation.apply_in_place(self, other, name=name)

    def _floating_in_place(self, name: str, operation: Operation) -> Tensor:
        if not self.dtype.is_floating_point:
            self._check_holds(name, dtypes.float32)
        return operation.apply_in_place(self, name=name)

    def _check_holds(self, name: str, result: DType) -> None:
        if result.category > self.dtype.category:
            raise DTypeError(f"{name}: a {result.name} result does not fit into a tensor of {self.dtype.name}")

    # --- methods that are functions elsewhere -----------------------------------------------------------------------
    # The assignments below make each function a method of the same name: its first argument is the tensor.

    add, sub, mul, div, pow = arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div, arithmetic.pow
    floor_divide, remainder = arithmetic.floor_divide, arithmetic.remainder
    maximum, minimum = arithmetic.maximum, arithmetic.minimum

    abs, neg, sign, floor, ceil, round = (
        elementwise.abs,
        elementwise.neg,
        elementwise.sign,
        elementwise.floor,
        elementwise.ceil,
        elementwise.round,
    )
    exp, expm1, log, log1p = elementwise.exp, elementwise.expm1, elementwise.log, elementwise.log1p
    sqrt, rsqrt, square = elementwise.sqrt, elementwise.rsqrt, elementwise.square
    reciprocal = elementwise.reciprocal
    sin, cos, tanh, sigmoid = elementwise.sin, elementwise.cos, elementwise.tanh, elementwise.sigmoid
    clamp = elementwise.clamp
    relu, softmax, log_softmax = activation.relu, activation.softmax, activation.log_softmax

    eq, ne, lt = comparison.eq, comparison.ne, comparison.lt
    le, gt, ge = comparison.le, comparison.gt, comparison.ge
    logical_and, logical_or = comparison.logical_and, comparison.logical_or
    logical_xor, logical_not = comparison.logical_xor, comparison.logical_not
    isnan, isinf, isfinite = comparison.isnan, comparison.isinf, comparison.isfinite
    equal, allclose = comparison.equal, comparison.allclose

    sum, mean, var, std, prod = reduction.sum, reduction.mean, reduction.var, reduction.std, reduction.prod
    amax, amin, argmax, argmin = reduction.amax, reduction.amin, reduction.argmax, reduction.argmin
    max, min, all, any = reduction.max, reduction.min, reduction.all, reduction.any
    logsumexp, norm = reduction.logsumexp, reduction.norm

    reshape, view, flatten, unflatten = shape.reshape, shape.view, shape.flatten, shape.unflatten
    permute, transpose, t, flip = shape.permute, shape.transpose, shape.t, shape.flip
    squeeze, unsqueeze, expand = shape.squeeze, shape.unsqueeze, shape.expand
    clone, contiguous = shape.clone, shape.contiguous

    gather, index_select, narrow = indexing.gather, indexing.index_select, indexing.narrow
    take_along_dim = indexing.take_along_dim
    split, chunk, unbind = join.split, join.chunk, join.unbind
    matmul, mm, bmm = matmul.matmul, matmul.mm, matmul.bmm

    def masked_fill(self, mask: Tensor, value: Number) -> Tensor:
        """``value`` where ``mask`` (bool) holds, else x."""
        return arithmetic.where(mask, value, self)

    def repeat(self, *sizes: Any) -> Tensor:
        """A copy, ``sizes[i]`` times along dimension i; sizes before the last ``ndim`` make new dimensions.

        ``sizes``: ints or one sequence of them, at least ``ndim``. Raises ``ShapeError``.
        """
        times = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], Sequence) else sizes
        if len(times) < self.ndim or builtins.any(count < 0 for count in times):
            raise ShapeError(
                f"repeat: needs a count of 0 or more for each of the {self.ndim} dimensions of {self.shape}, "
                f"got {times}"
            )
        own = (1,) * (len(times) - self.ndim) + self.shape
        # A dimension of size 1 before each own one, which expands to its count and is then merged with it.
        spread = shape.reshape(self, *(size for dim in own for size in (1, dim)))
        repeated = shape.expand(spread, *(size for pair in zip(times, own, strict=True) for size in pair))
        result = shape.reshape(repeated, *(count * dim for count, dim in zip(times, own, strict=True)))
        # Of one own element, or of none, that may still be the memory of the expanded tensor.
        return shape.clone(result) if result.is_view or not result.array.flags.writeable else result

    def reshape_as(self, other: Tensor) -> Tensor:
        """x in the shape of ``other``."""
        return shape.reshape(self, *other.shape)

    def view_as(self, other: Tensor) -> Tensor:
        """x in the shape of ``other``, as ``view`` gives it."""
        return shape.view(self, *other.shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """x repeated to the shape of ``other``."""
        return shape.expand(self, *other.shape)

    @property
    def T(self) -> Tensor:
        """The transpose of a matrix."""
        return shape.t(self)

    @property
    def mT(self) -> Tensor:
        """The matrices in the last two dimensions, transposed."""
        return shape.transpose(self, -2, -1)


TensorBase.tensor_class = Tensor


def _combines(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        raise DTypeError("a tensor cannot be combined with a NumPy array; wrap the array with from_numpy() or tensor()")
    return isinstance(value, TensorBase) or is_number(value)


def _booleans(sign: str, *values: Any) -> Sequence[Any]:
    for value in values:
        kind = value.dtype if isinstance(value, TensorBase) else dtypes.of_number(value)
        if kind is not dtypes.bool_:
            raise DTypeError(f"{sign}: combines bool tensors, got {kind.name}")
    return values
