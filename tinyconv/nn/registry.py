"""What a module holds: parameters, buffers and submodules, registered under names as they are assigned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.hooks import BackwardHook, BackwardPreHook, ForwardHook
from tinyconv.nn.parameter import Buffer, Parameter
from tinyconv.ops.tensor import Tensor


class Registry:
    """The part of ``Module`` that knows what belongs to it by which name."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _non_persistent_buffers: set[str]
    _modules: dict[str, Any]
    _forward_pre_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _forward_hooks: dict[int, ForwardHook]
    _backward_pre_hooks: dict[int, BackwardPreHook]
    _backward_hooks: dict[int, BackwardHook]
    _state_hooks: dict[str, dict[int, Callable[..., Any]]]

    state_hook_kinds: ClassVar[tuple[str, ...]] = ("before saving", "after saving", "before loading", "after loading")

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
            _state_hooks={kind: {} for kind in self.state_hook_kinds},
        )

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

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule under ``name``."""
        self._check_new_name(name, self._modules)
        if module is not None and not isinstance(module, Registry):
            raise ArgumentError(
                f'{type(self).__name__}: submodule "{name}" must be a Module or None, got '
                f"{type(module).__name__}{_advice(module)}"
            )
        self._modules[name] = module

    def register_module(self, name: str, module: Any) -> None:
        """``add_module`` under its other name."""
        self.add_module(name, module)

    def _check_new_name(self, name: str, registry: Mapping[str, Any]) -> None:
        self._require_initialised("registering", name)
        if not isinstance(name, str) or not name or "." in name:
            raise ArgumentError(f"{type(self).__name__}: the name {name!r} must be a string, not empty, without '.'")
        if name not in registry and hasattr(self, name):
            raise ArgumentError(f'{type(self).__name__} already has an attribute "{name}"; choose another name')

    def _require_initialised(self, doing: str, name: str) -> None:
        if "_modules" not in self.__dict__:
            raise AttributeError(f'{type(self).__name__}: call super().__init__() before {doing} "{name}"')

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter | Buffer | Registry):
            self._require_initialised("assigning", name)
        if isinstance(value, Parameter):
            self._forget(name, except_in="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Registry):
            self._forget(name, except_in="_modules")
            self.add_module(name, value)
        elif isinstance(value, Buffer):
            self._forget(name, except_in="_buffers")
            self.register_buffer(name, value, value.persistent)
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


def _advice(member: Any) -> str:
    return "; for a function, use its layer (nn.ReLU()) or call it in forward" if callable(member) else ""
