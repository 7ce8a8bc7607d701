"""How a module finds what is below it, by walking its submodules or by a path such as "features.0.weight"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.parameter import Parameter
from tinyconv.nn.registry import Registry
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv.nn.module import Module

Member = TypeVar("Member")


class Walking(Registry):
    """The part of ``Module`` that walks its submodules."""

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(path, module) of the module itself (path ``prefix``) and everything below it, parents first."""
        memo = set() if memo is None else memo
        if remove_duplicate:
            if id(self) in memo:
                return
            memo.add(id(self))
        yield prefix, cast("Module", self)
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
        """The modules directly below."""
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
        """The buffers, with those of the modules below unless ``recurse`` is false."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, registry: Callable[[Module], dict[str, Member | None]], prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Member]]:
        seen: set[int] = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, cast("Module", self))]
        )
        for path, module in modules:
            for name, member in registry(module).items():
                if member is None or (remove_duplicate and id(member) in seen):
                    continue
                seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def get_submodule(self, target: str) -> Module:
        """The submodule at a path such as ``"features.0"``; the module itself for ``""``. Raises ``AttributeError``."""
        module: Any = self
        for name in target.split(".") if target else ():
            child = module._modules.get(name)
            if child is None:
                names = ", ".join(module._modules) or "none"
                raise AttributeError(
                    f'{type(module).__name__} has no submodule "{name}" (of "{target}"); it has: {names}'
                )
            module = child
        found: Module = module
        return found

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

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` at a path such as ``"features.0"``; if ``strict``, only where there is one already."""
        path, _, name = target.rpartition(".")
        if not name:
            raise ArgumentError(f"{type(self).__name__}.set_submodule: {target!r} names no submodule")
        parent = self.get_submodule(path)
        if strict:
            parent.get_submodule(name)
        parent.add_module(name, module)
