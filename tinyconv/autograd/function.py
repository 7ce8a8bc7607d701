"""``Function``: an operation of the user's own, with PyTorch's interface."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

from tinyconv.autograd.grad_mode import is_grad_enabled, no_grad
from tinyconv.autograd.in_place import change_history, check_recorded_write
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.retained import Retained
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import GraphError


class FunctionContext:
    """``ctx``: what forward leaves for backward. Attributes may be set freely."""

    def __init__(self, call: _Call) -> None:
        # Weakly: the call owns its context, and a cycle would keep what backward needs until the collector runs.
        self._call = weakref.ref(call)
        self.needs_input_grad = tuple(
            isinstance(argument, TensorBase) and argument.requires_grad for argument in call.arguments
        )
        self.to_save: tuple[TensorBase | None, ...] = ()
        self.non_differentiable: tuple[TensorBase, ...] = ()
        self.dirty: tuple[TensorBase, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: TensorBase | None) -> None:
        """Keep inputs or results; ``saved_tensors`` gives them back, and notices if they were overwritten."""
        self.to_save = tensors

    def mark_non_differentiable(self, *tensors: TensorBase) -> None:
        """Name the results that have no gradient."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: TensorBase) -> None:
        """Name the inputs that forward has written in place, and returns."""
        self.dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward is given zeros (the default) or ``None`` for a result that nothing used."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept, in its order."""
        call = self._call()
        if call is None:
            raise GraphError("saved_tensors: read inside backward only; the graph that kept them is gone")
        saved = call.retained()
        return saved if isinstance(saved, tuple) else (saved,)


class _Call(Operation):
    """One application of a user's ``Function``: puts its forward and backward on the tape."""

    def __init__(self, function: type[Function], arguments: tuple[Any, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.positions = [position for position, value in enumerate(arguments) if isinstance(value, TensorBase)]
        self.input_shapes = {position: arguments[position].shape for position in self.positions}

    @property
    def name(self) -> str:
        return self.function.__name__

    def _run(self, inputs: tuple[TensorBase | None, ...]) -> tuple[TensorBase, ...]:
        self._prepare(inputs)
        self.context = FunctionContext(self)
        results = self.function.run_forward(self.context, self.arguments)
        outputs = results if isinstance(results, tuple) else (results,)
        for output in outputs:
            if not isinstance(output, TensorBase):
                raise GraphError(f"{self.name}.forward must return tensors, got {type(output).__name__}")
        for written in self.context.dirty:
            if not any(written is given for given in inputs) or not any(written is output for output in outputs):
                raise GraphError(f"{self.name}: what mark_dirty names must be an input of forward that it returns")
            if self.recorded:
                check_recorded_write(written, f"{self.name} (mark_dirty)")
        return tuple(self._handed_on(output, inputs) for output in outputs)

    def _handed_on(self, output: TensorBase, inputs: tuple[TensorBase | None, ...]) -> TensorBase:
        """``output`` as the caller gets it: an input that was not written comes back as a view of itself.

        Otherwise the operation would be its own predecessor.
        """
        if any(output is written for written in self.context.dirty):
            return output
        if any(output is given for given in inputs):
            passed = output.alias()
            passed.share_storage(output)
            return passed
        if output.view_of is not None:
            # Its node is this operation, which nobody could make anew from the tensor under it.
            output.share_storage(output.view_of.root)
        return output

    def _record_outputs(self, outputs: tuple[TensorBase, ...]) -> None:
        context = self.context
        self.output_count = len(outputs)
        for index, output in enumerate(outputs):
            if not output.dtype.is_floating_point or any(output is other for other in context.non_differentiable):
                continue
            if any(output is written for written in context.dirty):
                change_history(output, self, index)
            else:
                output.set_history(self, index)
        self._retained = [
            None
            if tensor is None
            else Retained(tensor, next((index for index, output in enumerate(outputs) if output is tensor), None))
            for tensor in context.to_save
        ]
        self.result_types = [(output.shape, output.array.dtype) for output in outputs]
        # The tape keeps what the context asked for, and nothing more.
        context.to_save, context.non_differentiable, context.dirty = (), (), ()
        self.arguments = (None,) * len(self.arguments)

    def backward(self, *cotangents: Any, **_: Any) -> Any:
        if self.context.materialize_grads:
            cotangents = tuple(
                TensorBase.wrap(layout.zeros(shape, dtype, self.xp), self.device) if cotangent is None else cotangent
                for cotangent, (shape, dtype) in zip(cotangents, self.result_types, strict=True)
            )
        gradients = self.function.backward(self.context, *cotangents)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        # As in PyTorch, a backward may go on with None for arguments that this call left to their defaults.
        surplus = gradients[len(self.arguments) :]
        if len(gradients) < len(self.arguments) or any(gradient is not None for gradient in surplus):
            raise GraphError(
                f"{self.name}.backward must return one gradient (or None) per argument of forward: "
                f"{len(self.arguments)} arguments, {len(gradients)} returned"
            )
        for position, shape in self.input_shapes.items():
            self._check_gradient(position, gradients[position], shape)
        return tuple(gradients[position] for position in self.positions)

    def _check_gradient(self, position: int, gradient: Any, shape: tuple[int, ...]) -> None:
        # What is returned for an input that requires no gradient goes nowhere.
        if gradient is None or not self.context.needs_input_grad[position]:
            return
        if not isinstance(gradient, TensorBase):
            raise GraphError(
                f"{self.name}.backward: the gradient of argument {position} must be a tensor or None, "
                f"got {type(gradient).__name__}"
            )
        if gradient.shape != shape:
            raise GraphError(
                f"{self.name}.backward: the gradient of argument {position} has shape {gradient.shape}, the argument "
                f"{shape}; they must be equal (sum over the dimensions in which forward repeated it)"
            )


class Function:
    """Base for operations of the user's own, as in PyTorch.

    ``forward`` takes and returns tensors and runs unrecorded; ``backward`` returns one gradient (or ``None``) for each
    argument of ``forward``, and can itself be differentiated if it is written with operations on tensors (unless it is
    marked ``once_differentiable``). With a static method ``setup_context(ctx, inputs, output)``, ``forward`` takes no
    ``ctx``.

    Raises: ``GraphError`` for a forward that returns no tensor, and for a backward whose gradients do not fit.

    >>> class Square(tc.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * dy
    >>> x = tc.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(ctx: FunctionContext, *args: Any) -> Any:
        """The results, from the arguments of ``apply``; ``ctx`` keeps what the backward needs."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: FunctionContext, *cotangents: Any) -> Any:
        """The cotangents of the arguments of ``forward``, one (or None) for each, from those of its results."""
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @staticmethod
    def setup_context(ctx: FunctionContext, inputs: tuple[Any, ...], output: Any) -> None:
        """Where it is overridden, it leaves in ``ctx`` what backward needs, and ``forward`` takes no ``ctx``."""

    @classmethod
    def run_forward(cls, ctx: FunctionContext, arguments: tuple[Any, ...]) -> Any:
        """The result of forward, unrecorded."""
        with no_grad():
            if cls.setup_context is Function.setup_context:
                return cls.forward(ctx, *arguments)
            result = cls.forward(*arguments)
            cls.setup_context(ctx, arguments, result)
            return result

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward on ``args`` and put it on the tape."""
        call = _Call(cls, args)
        if not call.positions:
            return cls.run_forward(FunctionContext(call), args)
        return call.apply(*(args[position] for position in call.positions))


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the backward of a ``Function`` as one that cannot be differentiated itself.

    It runs unrecorded, so that it may work on ``.numpy()`` arrays; a backward through its results raises.

    Raises: ``GraphError`` when the gradient it gave is differentiated.
    """

    @functools.wraps(backward)
    def wrapped(ctx: FunctionContext, *cotangents: Any) -> Any:
        records = is_grad_enabled() and any(
            isinstance(cotangent, TensorBase) and cotangent.requires_grad for cotangent in cotangents
        )
        with no_grad():
            results = backward(ctx, *cotangents)
        if not records:
            return results
        given = results if isinstance(results, tuple) else (results,)
        return tuple(
            _Once().apply(result, *cotangents) if isinstance(result, TensorBase) else result for result in given
        )

    return wrapped


class _Once(Operation):
    """The first input; there is no backward."""

    def forward(self, x: Any, *_: Any) -> Any:
        return x

    def backward(self, *_: Any) -> Any:
        raise GraphError("a gradient was differentiated whose backward is marked as once_differentiable")
