"""How operations write their result into their first operand, and what ``inplace=True`` means."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.autograd.views import Origin
from tinyconv.core import dtypes
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import DTypeError, ShapeError, TinyconvError
from tinyconv.ops.dispatch import cast, common_dtype, constant, is_number, one_number, operands, require_tensor
from tinyconv.ops.elementwise.elementwise import Fill, fill
from tinyconv.ops.shape.shape import clone, reduce_to

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class Overwrite(Operation):
    """z = y, whatever x was;  dx = 0,  dy = dz, summed where y is repeated.

    ``computed``: y was computed from x, and its gradient goes on from there. The 0 need then not be sent too.
    """

    def __init__(self, computed: bool = False) -> None:
        self.computed = computed

    def forward(self, x: Any, y: Any) -> Any:
        self.source = y.shape
        return self.xp.broadcast_to(y, x.shape)

    def backward(self, dz: Tensor) -> Any:
        dx = fill(dz, 0) if self.needs_input_gradient[0] and not self.computed else None
        return dx, reduce_to(dz, self.source) if self.needs_input_gradient[1] else None


def in_place(
    function: Callable[..., Any],
    example: str,
    operation: Callable[[], Operation] | None = None,
    converts: bool = True,
) -> Callable[..., Any]:
    """The form of ``function`` that writes its result into its first argument, a method.

    ``example``: a call of the method for its documentation. ``operation``: makes the operation behind the function, if
    its operands are all that it needs; it is then recorded as it is, without a copy of the overwritten elements.
    ``converts``: whether a result of another type is converted to the tensor's.
    """
    name = f"{function.__name__}_"

    @functools.wraps(function)
    def method(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        require_tensor(name, input=input)
        if operation is not None and not kwargs and len(args) < 2:
            others = _operands_of_its_own_type(input, args)
            if others is not None:
                _check_shape(name, input, *others)
                written: Tensor = operation().apply_in_place(input, *others, name=name)
                return written
        # The function keeps for its backward what the write is about to replace: it must see a copy of it.
        copies = is_grad_enabled() and any(
            value.requires_grad for value in (input, *args, *kwargs.values()) if isinstance(value, TensorBase)
        )

        def kept(value: Any) -> Any:
            if copies and isinstance(value, TensorBase) and value.storage is input.storage:
                return clone(value)  # type: ignore[arg-type]
            return value

        try:
            result = function(kept(input), *map(kept, args), **{key: kept(v) for key, v in kwargs.items()})
        except TinyconvError as error:
            message = str(error)
            if not message.startswith(f"{function.__name__}:"):
                raise
            raise type(error)(name + message.removeprefix(function.__name__)) from None
        if not converts and result.dtype is not input.dtype:
            raise DTypeError(
                f"{name}: the result is {result.dtype.name}, and the tensor is {input.dtype.name}; convert the tensor "
                "first, with .to(dtype), or use the form without underscore"
            )
        return write(name, input, result)

    method.__name__ = name
    method.__qualname__ = name
    method.__module__ = __name__
    method.__doc__ = f"""``{function.__name__}``, written into the tensor itself, which is returned.

    Shape: any; other operands are broadcast to it.
    Dtype: the tensor's own, into which the result is converted; a fraction does not fit into an integer type.
    Raises: as ``{function.__name__}``; ``DTypeError`` and ``ShapeError`` for a result that does not fit;
        ``GraphError`` for a leaf that requires a gradient, or a tensor that cannot be written.

    >>> x = {example.partition("|")[0].strip()}
    >>> x.{name}({example.partition("|")[2].strip()}) is x
    True
    """
    return method


def write(name: str, input: Tensor, result: Tensor) -> Tensor:
    """Put ``result`` into the memory of ``input``, converted to its type, and record it."""
    check_holds(name, input, result.dtype)
    if result.shape != input.shape:
        _check_shape(name, input, result)
    written: Tensor = Overwrite(result.requires_grad).apply_in_place(input, cast(result, input.dtype), name=name)
    return written


def _operands_of_its_own_type(input: Tensor, args: tuple[Any, ...]) -> tuple[Tensor, ...] | None:
    """``args`` as tensors, if the operation's result has the type of ``input``, and so has each of them."""
    if not all(isinstance(value, TensorBase) or is_number(value) for value in args):
        return None
    if any(isinstance(value, bool) for value in args):  # some functions refuse it
        return None
    if not args:
        return () if input.dtype.is_floating_point else None
    if not input.dtype.is_floating_point or common_dtype("", (input, *args)) is not input.dtype:
        return None
    if any(isinstance(value, TensorBase) and value.dtype is not input.dtype for value in args):
        return None
    return operands("", input, *args)[1:]


def _check_shape(name: str, input: Tensor, *others: Tensor) -> None:
    for other in others:
        sizes = zip(reversed(other.shape), reversed(input.shape), strict=False)
        if other.ndim > input.ndim or any(size not in (1, own) for size, own in sizes):
            raise ShapeError(
                f"{name}: a result of shape {other.shape} does not fit into a tensor of shape {input.shape}; "
                "use the form without underscore, which makes a new tensor"
            )


def check_holds(name: str, input: Tensor, result: DType) -> None:
    """Raise ``DTypeError`` if a result of type ``result`` cannot be converted to the type of ``input``."""
    if not dtypes.can_cast(result, input.dtype):
        raise DTypeError(
            f"{name}: the result is {result.name}, which a tensor of {input.dtype.name} cannot hold; use the form "
            "without underscore, or convert the tensor first, with .to(dtype)"
        )


def fill_(input: Tensor, value: Any) -> Tensor:
    """Every element becomes ``value``, a number or a tensor without dimensions.

    Shape: any.
    Dtype: any; the value is converted to it.
    Raises: ``DTypeError`` for a number that the type does not hold; ``GraphError`` for a leaf that requires a gradient.

    >>> tc.empty(2).fill_(3)
    tensor([3., 3.])
    """
    require_tensor("fill_", input=input)
    if isinstance(value, TensorBase) and value.requires_grad and not value.shape:
        written: Tensor = Overwrite().apply_in_place(input, cast(value, input.dtype), name="fill_")  # type: ignore[arg-type]
        return written
    filled: Tensor = Fill(one_number("fill_", value, input)).apply_in_place(input, name="fill_")
    return filled


def zero_(input: Tensor) -> Tensor:
    """Every element becomes 0.

    Shape: any.
    Dtype: any.
    Raises: ``GraphError`` for a leaf that requires a gradient, or a tensor that cannot be written.

    >>> tc.ones(2).zero_()
    tensor([0., 0.])
    """
    return fill_(input, 0)


def copy_(input: Tensor, other: Any, non_blocking: bool = False) -> Tensor:  # noqa: ARG001
    """The elements become those of ``other``, a tensor on any device or a number.

    ``non_blocking`` changes nothing: every copy is done on return.

    Shape: ``other`` is broadcast to the tensor's.
    Dtype: any; the elements are converted, and integers wrap around.
    Raises: ``ShapeError`` for a shape that does not fit; ``DTypeError`` for what is neither tensor nor number.

    >>> tc.zeros(2, 2).copy_(tc.tensor([1, 2]))
    tensor([[1., 2.],
            [1., 2.]])
    """
    require_tensor("copy_", input=input)
    if is_number(other):
        source = constant(other, input.dtype, input.device)
    else:
        require_tensor("copy_", other=other)
        _check_shape("copy_", input, other)
        source = cast(other, input.dtype).to(input.device)
    written: Tensor = Overwrite().apply_in_place(input, source, name="copy_")
    return written


def overwrite(operation: Operation, input: Tensor, name: str) -> Tensor:
    """The result of ``operation`` on ``input``, written into ``input`` where the tape allows it.

    It does not where a ``Function`` or a module's backward hook handed the tensor on, whose gradient would be lost.
    ``inplace`` only asks to save memory, so there the result is a tensor of its own: same elements, same gradients.
    """
    view = input.view_of
    if is_grad_enabled() and view is not None and view.origin is Origin.FUNCTION:
        result: Tensor = operation.apply(input)
        return result
    written: Tensor = operation.apply_in_place(input, name=name)
    return written
