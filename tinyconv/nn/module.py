"""Module: what every layer and network derives from. It knows its parameters, buffers and submodules by name."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from tinyconv.autograd.observe import observed, scope
from tinyconv.core import dtypes
from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError, TinyconvError, UnsupportedError
from tinyconv.nn import state
from tinyconv.nn.conversion import convert, target
from tinyconv.nn.hooks import BackwardGates, BackwardHook, BackwardPreHook, RemovableHandle
from tinyconv.nn.location import locate
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.tensor import Tensor

Member = TypeVar("Member")


class Module:
    """Base of all layers and networks: derive from it, call ``super().__init__()``, write ``forward``.

    Parameters, buffers and modules assigned to attributes are registered under the attribute's name.
    A ``TinyconvError`` raised inside a call gets the path of the layer that raised it in front of its message.
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers: set[str]
    _modules: dict[str, Module | None]
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _forward_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _backward_pre_hooks: dict[int, BackwardPreHook]
    _backward_hooks: dict[int, BackwardHook]

    def __init__(self) -> None:
        # Not by plain assignment: __setattr__ consults these very dictionaries.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers=set(),
            _modules={},
            _forward_pre_hooks={},
            _forward_hooks={},
            _backward_pre_hooks={},
            _backward_hooks={},
        )

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
        for hook, with_kwargs in tuple(self._forward_pre_hooks.values()):
            inputs, options = self._after_pre_hook(hook, with_kwargs, inputs, options)
        gates = None
        if self._backward_hooks or self._backward_pre_hooks:
            gates = BackwardGates(self, tuple(self._backward_hooks.values()), tuple(self._backward_pre_hooks.values()))
            inputs = gates.around_inputs(inputs)
        output = self.forward(*inputs, **options)
        for hook, with_kwargs in tuple(self._forward_hooks.values()):
            returned = hook(self, inputs, options, output) if with_kwargs else hook(self, inputs, output)
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

        With ``with_kwargs``: ``hook(module, args, kwargs, output)``.
        """
        if always_call:
            raise UnsupportedError("register_forward_hook: always_call=True is not offered; catch the error instead")
        return RemovableHandle(self._forward_hooks, (hook, with_kwargs), prepend)

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

    # --- registering ------------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under ``name``; None keeps the name without a parameter."""
        self._check_new_name(name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ArgumentError(
                f'{type(self).__name__}: parameter "{name}" must be a Parameter or None, got {type(param).__name__}; '
                "wrap the tensor in nn.Parameter"
            )
        if param is not None and not param.is_leaf:
            raise ArgumentError(
                f'{type(self).__name__}: parameter "{name}" was computed by {param.grad_fn}; a parameter is a leaf. '
                "Compute it in forward from a parameter instead"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but not learnt; ``state_dict`` has it if ``persistent``."""
        self._check_new_name(name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentError(
                f'{type(self).__name__}: buffer "{name}" must be a Tensor or None, got {type(tensor).__name__}'
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers.discard(name)
        else:
            self._non_persistent_buffers.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under ``name``."""
        self._check_new_name(name, self._modules)
        if module is not None and not isinstance(module, Module):
            raise ArgumentError(
                f'{type(self).__name__}: submodule "{name}" must be a Module or None, got '
                f"{type(module).__name__}{_advice(module)}"
            )
        self._modules[name] = module

    register_module = add_module

    def _check_new_name(self, name: str, registry: Mapping[str, Any]) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ArgumentError(f"{type(self).__name__}: the name {name!r} must be a string, not empty, without '.'")
        if name not in registry and hasattr(self, name):
            raise ArgumentError(f'{type(self).__name__} already has an attribute "{name}"; choose another name')

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter | Module) and "_modules" not in self.__dict__:
            raise AttributeError(f'{type(self).__name__}: call super().__init__() before assigning "{name}"')
        if isinstance(value, Parameter):
            self._forget(name, except_in="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name, except_in="_modules")
            self.add_module(name, value)
        elif name in self.__dict__.get("_parameters", ()):
            self.register_parameter(name, value)
        elif name in self.__dict__.get("_modules", ()):
            self.add_module(name, value)
        elif name in self.__dict__.get("_buffers", ()):
            self.register_buffer(name, value, persistent=name not in self._non_persistent_buffers)
        else:
            super().__setattr__(name, value)

    def _forget(self, name: str, except_in: str) -> None:
        """Make room for a registered value: ``name`` may be a plain attribute or registered as another kind."""
        self.__dict__.pop(name, None)
        for registry in {"_parameters", "_buffers", "_modules"} - {except_in}:
            self.__dict__.get(registry, {}).pop(name, None)

    def __getattr__(self, name: str) -> Any:
        # Reached only where ordinary lookup fails.
        for registry in ("_parameters", "_buffers", "_modules"):
            members = self.__dict__.get(registry, {})
            if name in members:
                return members[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        for registry in (self._parameters, self._buffers, self._modules):
            if name in registry:
                del registry[name]
                self._non_persistent_buffers.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    # --- walking ----------------------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(path, module) of the module itself (path ``prefix``) and everything below it, parents first."""
        memo = set() if memo is None else memo
        if remove_duplicate:
            if id(self) in memo:
                return
            memo.add(id(self))
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """The module itself and everything below it, shared ones once."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct submodules, shared ones once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(path, parameter), each shared parameter once, under the first of its names."""
        return self._named_members(lambda module: module._parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each shared one once: what an optimiser takes."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """(path, buffer), persistent or not, each shared one once."""
        return self._named_members(lambda module: module._buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, registry: Callable[[Module], dict[str, Member | None]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Member]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in registry(module).items():
                if member is None or (remove_duplicate and id(member) in seen):
                    continue
                seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def get_submodule(self, target: str) -> Module:
        """The submodule at a path such as ``"features.0"``; the module itself for ``""``. Raises ``AttributeError``."""
        module = self
        for name in target.split(".") if target else ():
            child = module._modules.get(name)
            if child is None:
                names = ", ".join(module._modules) or "none"
                raise AttributeError(
                    f'{type(module).__name__} has no submodule "{name}" (of "{target}"); it has: {names}'
                )
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as ``"features.0.weight"``. Raises ``AttributeError``."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        parameter = module._parameters.get(name)
        if parameter is None:
            names = ", ".join(module._parameters) or "none"
            raise AttributeError(f'{type(module).__name__} has no parameter "{name}" (of "{target}"); it has: {names}')
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as ``"bn1.running_mean"``. Raises ``AttributeError``."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = module._buffers.get(name)
        if buffer is None:
            names = ", ".join(module._buffers) or "none"
            raise AttributeError(f'{type(module).__name__} has no buffer "{name}" (of "{target}"); it has: {names}')
        return buffer

    # --- saving and loading -----------------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """An ``OrderedDict`` of name -> tensor: all parameters and persistent buffers.

        The tensors are detached but share the model's memory: copy them if training goes on. With ``keep_vars`` they
        are the parameters themselves. Entries are added to ``destination`` where given.
        """
        result: dict[str, Any] = OrderedDict() if destination is None else destination
        for name, tensor in state.entries(self, prefix):
            result[name] = tensor if keep_vars else tensor.detach()
        return result

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy values (tensors or NumPy arrays) into the parameters and buffers of the same names.

        Returns the names that were missing and unexpected. Raises ``RunError`` for these if ``strict``, and for shapes
        that differ in any case; then nothing has been copied.
        """
        if assign:
            raise UnsupportedError("load_state_dict: assign=True is not offered; values are always copied")
        return state.load(self, state_dict, strict)

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

    def cpu(self) -> Self:
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


def _advice(member: Any) -> str:
    return "; for a function, use its layer (nn.ReLU()) or call it in forward" if callable(member) else ""
