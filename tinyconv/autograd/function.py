"""``Function``: an operation of the user's own, with PyTorch's interface."""

from __future__ import annotations

import weakref
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.operation import Operation, Retained
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import GraphError, UnsupportedError


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
        self.materialize_grads = True

    def save_for_backward(self, *tensors: TensorBase | None) -> None:
        """Keep inputs or results; ``saved_tensors`` gives them back, and notices if they were overwritten."""
        self.to_save = tensors

    def mark_non_differentiable(self, *tensors: TensorBase) -> None:
        """Name the results that have no gradient."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: TensorBase) -> None:
        """Not offered: a ``Function`` returns new tensors."""
        raise UnsupportedError("mark_dirty: a Function cannot write into its inputs; return a new tensor instead")

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
        with no_grad():
            results = self.function.forward(self.context, *self.arguments)
        outputs = results if isinstance(results, tuple) else (results,)
        for output in outputs:
            if not isinstance(output, TensorBase):
                raise GraphError(f"{self.name}.forward must return tensors, got {type(output).__name__}")
        # A result that is an input itself would make the operation its own predecessor.
        return tuple(output.alias() if any(output is given for given in inputs) else output for output in outputs)

    def _record_outputs(self, outputs: tuple[TensorBase, ...]) -> None:
        super()._record_outputs(outputs)
        context = self.context
        for output in outputs:
            if any(output is unwanted for unwanted in context.non_differentiable):
                output.node = None
        self._retained = [
            None if tensor is None else Retained(tensor, is_own_output=tensor.node is self)
            for tensor in context.to_save
        ]
        self.result_types = [(output.shape, output.array.dtype) for output in outputs]
        # The tape keeps what the context asked for, and nothing more.
        context.to_save, context.non_differentiable, self.arguments = (), (), (None,) * len(self.arguments)

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

    ```
    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * x * dy

    y = Square.apply(x)
    ```

    ``forward`` takes and returns tensors and runs unrecorded; ``backward`` returns one gradient (or ``None``) for each
    argument of ``forward``, and can itself be differentiated if it is written with operations on tensors.
    """

    @staticmethod
    def forward(ctx: FunctionContext, *args: Any) -> Any:
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    @staticmethod
    def backward(ctx: FunctionContext, *cotangents: Any) -> Any:
        raise NotImplementedError("a Function needs a static method backward(ctx, ...)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward on ``args`` (at least one of them a tensor) and put it on the tape."""
        call = _Call(cls, args)
        if not call.positions:
            raise GraphError(f"{cls.__name__}.apply needs at least one tensor argument")
        return call.apply(*(args[position] for position in call.positions))
