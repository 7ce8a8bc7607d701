"""Module: what every layer and network derives from. It knows its parameters, buffers and submodules by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Self

from tinyconv.autograd.observe import observed, scope
from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, TinyconvError, UnsupportedError
from tinyconv.nn import state
from tinyconv.nn.conversion import convert, target
from tinyconv.nn.hooks import BackwardGates, BackwardHook, BackwardPreHook, ForwardHook, RemovableHandle, after_error
from tinyconv.nn.location import locate
from tinyconv.nn.walking import Walking


class Module(Walking):
    """Base of all layers and networks: derive from it, call ``super().__init__()``, write ``forward``.

    Parameters, buffers and modules assigned to attributes are registered under the attribute's name.
    A ``TinyconvError`` raised inside a call gets the path of the layer that raised it in front of its message.

    Raises: when called, ``UnsupportedError`` if there is no ``forward``; whatever ``forward`` raises.

    >>> class Twice(nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Twice()(tc.tensor([1.0, 2.0]))
    tensor([2., 4.])
    """

    # --- calling ----------------------------------------------------------------------------------------------------

    def _forward_not_written(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError(f'{type(self).__name__} has no "forward" method, so it cannot be called; write one')

    forward: Callable[..., Any] = _forward_not_written

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        try:
            if observed():
                with scope(self):
                    return self._call(inputs, options)
            return self._call(inputs, options)
        except TinyconvError as error:
            locate(error, self)
            raise

    def _call(self, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        hooks = tuple(self._forward_hooks.values())
        if not any(hook.always_call for hook in hooks):
            return self._run(inputs, options, hooks, [])
        called: list[ForwardHook] = []
        try:
            return self._run(inputs, options, hooks, called)
        except Exception:
            after_error(self, inputs, options, [hook for hook in hooks if hook.always_call and hook not in called])
            raise

    def _run(
        self,
        inputs: tuple[Any, ...],
        options: dict[str, Any],
        hooks: tuple[ForwardHook, ...],
        called: list[ForwardHook],
    ) -> Any:
        """Hooks, forward, hooks; those after forward are noted in ``called``."""
        for hook, with_kwargs in tuple(self._forward_pre_hooks.values()):
            inputs, options = self._after_pre_hook(hook, with_kwargs, inputs, options)
        gates = None
        if self._backward_hooks or self._backward_pre_hooks:
            gates = BackwardGates(self, tuple(self._backward_hooks.values()), tuple(self._backward_pre_hooks.values()))
            inputs = gates.around_inputs(inputs)
        output = self.forward(*inputs, **options)
        for after in hooks:
            called.append(after)
            returned = after(self, inputs, options, output)
            output = output if returned is None else returned
        return output if gates is None else gates.around_output(output)

    def _after_pre_hook(
        self, hook: Callable[..., Any], with_kwargs: bool, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if not with_kwargs:
            returned = hook(self, inputs)
            if returned is None:
                return inputs, options
            return (returned if isinstance(returned, tuple) else (returned,)), options
        returned = hook(self, inputs, options)
        if returned is None:
            return inputs, options
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise ArgumentError(
                "a forward pre-hook with keyword arguments returns None or (args, kwargs), got "
                f"{type(returned).__name__}"
            )
        return returned

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before each forward; what it returns, unless None, replaces ``args``.

        With ``with_kwargs``: ``hook(module, args, kwargs)``, which returns None or ``(args, kwargs)``.
        """
        return RemovableHandle(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after each forward; what it returns, unless None, replaces ``output``.

        With ``with_kwargs``: ``hook(module, args, kwargs, output)``. With ``always_call`` also after a forward that
        raised, with None for the output.
        """
        return RemovableHandle(self._forward_hooks, ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_hook(self, hook: BackwardHook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are known.

        Both are tuples, one entry per positional input and per output; None where there is no gradient. What the hook
        returns, unless None, replaces ``grad_input``. Inputs and outputs become views, so in-place operations on them
        are refused while the hook is there.
        """
        return RemovableHandle(self._backward_hooks, hook, prepend)

    def register_full_backward_pre_hook(self, hook: BackwardPreHook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known; it may replace them."""
        return RemovableHandle(self._backward_pre_hooks, hook, prepend)

    # --- saving and loading -----------------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """An ``OrderedDict`` of name -> tensor: all parameters and persistent buffers.

        The tensors are detached but share the model's memory: copy them if training goes on. With ``keep_vars`` they
        are the parameters themselves. Entries are added to ``destination`` where given. A module that defines
        ``get_extra_state()`` adds what that returns, under ``"_extra_state"``.
        """
        result: dict[str, Any] = OrderedDict() if destination is None else destination
        return state.save(self, result, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy values (tensors or NumPy arrays) into the parameters and buffers of the same names.

        Returns the names that were missing and unexpected. Raises ``RunError`` for these if ``strict``, and for shapes
        that differ in any case; then nothing has been copied. With ``assign`` the tensors themselves take the places of
        the parameters and buffers, with their types: an optimiser made before holds the old ones.
        """
        return state.load(self, state_dict, strict, assign)

    def register_state_dict_pre_hook(self, hook: Callable[[Any, str, bool], None]) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module is asked for its state."""
        return RemovableHandle(self._state_hooks["before saving"], hook)

    def register_state_dict_post_hook(self, hook: Callable[[Any, dict[str, Any], str, Any], None]) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after it has put its state there; it may change it.

        There is no metadata: the last argument is an empty dict.
        """
        return RemovableHandle(self._state_hooks["after saving"], hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> RemovableHandle:
        """Call ``hook`` before the module takes its entries of a state dict, to rename or convert them.

        ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)``:
        ``state_dict`` is a copy that it may change, and to the three lists it may add; the metadata is an empty dict.
        """
        return RemovableHandle(self._state_hooks["before loading"], hook)

    def register_load_state_dict_post_hook(
        self, hook: Callable[[Any, state.IncompatibleKeys], None]
    ) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may remove names from the lists in there."""
        return RemovableHandle(self._state_hooks["after loading"], hook)

    # --- modes and conversion ---------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and batch normalisation, everywhere below, to training (or evaluation) behaviour."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether the tape records gradients of the parameters: False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the parameters' gradients, or with ``set_to_none=False`` set them to zero in place."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                if set_to_none:
                    parameter.grad = None
                else:
                    parameter.grad = parameter.grad.detach()
                    parameter.grad.zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every submodule and then on the module itself: the way to initialise weights."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device and/or convert floating-point parameters and buffers to a dtype, in place.

        ``to(device)``, ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``, all with optional ``non_blocking`` (copies
        are always finished on return, so it changes nothing). Parameters keep their identity: an optimiser made before
        still holds them.
        """
        convert(self, *target(args, kwargs))
        return self

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def type(self, dst_type: DType) -> Self:
        """Convert floating-point parameters and buffers to ``dst_type``."""
        return self.to(dst_type)

    def half(self) -> Self:
        """Not offered: there is no float16. Raises ``UnsupportedError``."""
        raise UnsupportedError(f"{type(self).__name__}.half: float16 is not offered; use float() or double()")

    def bfloat16(self) -> Self:
        """Not offered: there is no bfloat16. Raises ``UnsupportedError``."""
        raise UnsupportedError(f"{type(self).__name__}.bfloat16: bfloat16 is not offered; use float() or double()")

    def cpu(self) -> Self:
        """Move the parameters and buffers to the CPU, where they are. Returns the module."""
        return self.to("cpu")

    def cuda(self, device: int | str | Device | None = None) -> Self:
        """Move to a GPU. Raises ``DeviceError`` where there is none."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    # --- printing ---------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses of ``repr``: the layer's settings."""
        return ""

    def __repr__(self) -> str:
        name, extra = type(self).__name__, self.extra_repr()
        lines = [f"({child}): " + repr(module).replace("\n", "\n  ") for child, module in self._modules.items()]
        if not lines:
            return f"{name}({extra})"
        return "\n  ".join([f"{name}(", *([extra] if extra else []), *lines]) + "\n)"
