"""Hooks: functions that a module calls before and after its forward, and when gradients pass it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.operation import Operation
from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.nn.module import Module

Gradients = tuple[Tensor | None, ...]
BackwardHook = Callable[["Module", Gradients, Gradients], Gradients | Tensor | None]
BackwardPreHook = Callable[["Module", Gradients], Gradients | Tensor | None]

_identifiers = itertools.count()


@dataclass(eq=False)
class ForwardHook:
    """A hook after forward, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool
    always_call: bool

    def __call__(self, module: Module, inputs: tuple[Any, ...], options: dict[str, Any], output: Any) -> Any:
        if self.with_kwargs:
            return self.function(module, inputs, options, output)
        return self.function(module, inputs, output)


def after_error(module: Module, inputs: tuple[Any, ...], options: dict[str, Any], hooks: Sequence[ForwardHook]) -> None:
    """Call the hooks that are called whatever happens, after a forward that raised.

    An error of theirs becomes a warning: the one on its way out must not be lost.
    """
    for hook in hooks:
        try:
            hook(module, inputs, options, None)
        except Exception as error:
            warnings.warn(f"a forward hook of {type(module).__name__} raised {error!r} after an error", stacklevel=2)


class RemovableHandle:
    """Returned when a hook is registered; ``remove()``, or the end of a ``with`` block, takes the hook off again."""

    def __init__(self, hooks: dict[int, Any], hook: Any, prepend: bool = False) -> None:
        self._hooks = hooks
        self.id = next(_identifiers)
        if prepend:
            later = dict(hooks)
            hooks.clear()
            hooks[self.id] = hook
            hooks.update(later)
        else:
            hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class _Gate(Operation):
    """The identity on several tensors at once; ``passing`` sees, and may replace, their cotangents together."""

    makes_view = True

    def __init__(self, passing: Callable[[Gradients], Gradients]) -> None:
        self.passing = passing

    def forward(self, *arrays: Any) -> Any:
        return arrays

    def backward(self, *cotangents: Tensor | None) -> Any:
        passed = self.passing(cotangents)
        return passed[0] if len(passed) == 1 else passed


class BackwardGates:
    """One call of a module between two gates: gradients enter at the outputs' gate and leave at the inputs' gate."""

    def __init__(self, module: Module, hooks: Sequence[BackwardHook], pre_hooks: Sequence[BackwardPreHook]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_output: Gradients = ()
        self.input_count = 0
        self.inputs_need_gradient = False

    def around_inputs(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """``inputs`` of the module's forward, their tensors behind the gate."""
        positions = _differentiable(inputs)
        self.input_count = len(inputs)
        self.inputs_need_gradient = is_grad_enabled() and bool(positions)
        if not self.inputs_need_gradient:
            return inputs

        def leave(gradients: Gradients) -> Gradients:
            by_input: list[Tensor | None] = [None] * len(inputs)
            for index, gradient in zip(positions, gradients, strict=True):
                by_input[index] = gradient
            result = self._call_hooks(tuple(by_input))
            return tuple(result[index] for index in positions)

        return _through_gate(inputs, positions, leave)

    def around_output(self, output: Any) -> Any:
        """The module's ``output`` (a tensor, or a tuple of values), its tensors behind the gate."""
        outputs = output if isinstance(output, tuple) else (output,)
        positions = _differentiable(outputs)
        if not positions:
            return output

        def enter(gradients: Gradients) -> Gradients:
            by_output: list[Tensor | None] = [None] * len(outputs)
            for index, gradient in zip(positions, gradients, strict=True):
                by_output[index] = gradient
            self.grad_output = tuple(by_output)
            for hook in self.pre_hooks:
                self.grad_output = _replaced(self.grad_output, hook(self.module, self.grad_output), "grad_output")
            if not self.inputs_need_gradient:
                self._call_hooks((None,) * self.input_count)
            return tuple(self.grad_output[index] for index in positions)

        passed = _through_gate(outputs, positions, enter)
        return passed if isinstance(output, tuple) else passed[0]

    def _call_hooks(self, grad_input: Gradients) -> Gradients:
        for hook in self.hooks:
            grad_input = _replaced(grad_input, hook(self.module, grad_input, self.grad_output), "grad_input")
        return grad_input


def _differentiable(values: tuple[Any, ...]) -> list[int]:
    return [index for index, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]


def _through_gate(
    values: tuple[Any, ...], positions: list[int], passing: Callable[[Gradients], Gradients]
) -> tuple[Any, ...]:
    result = list(values)
    tensors = [values[index] for index in positions]
    passed = _Gate(passing).apply(*tensors)
    for index, tensor, original in zip(positions, passed if len(tensors) > 1 else (passed,), tensors, strict=True):
        tensor.share_storage(original)
        result[index] = tensor
    return tuple(result)


def _replaced(gradients: Gradients, returned: Gradients | Tensor | None, name: str) -> Gradients:
    """``gradients`` as a hook leaves them: unchanged if it returned None."""
    if returned is None:
        return gradients
    replacement = returned if isinstance(returned, tuple) else (returned,)
    if len(replacement) != len(gradients):
        raise ArgumentError(
            f"backward hook returned {len(replacement)} gradients for a {name} of {len(gradients)}; "
            "return as many, or None to leave them"
        )
    return replacement
