"""Modules that hold other modules: in a row (Sequential), in a list (ModuleList), by name (ModuleDict)."""

from __future__ import annotations

import itertools
import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from tinyconv.core.errors import ArgumentError, DimensionError
from tinyconv.nn.module import Module

Entry = tuple[str, Module | None]


class _Numbered(Module):
    """What Sequential and ModuleList share: submodules with an order, reached by position."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            part = type(self)()
            part._hold(self._slice_entries(index))
            return part
        return self._modules[self._name_at(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.add_module(self._name_at(index), module)

    def __delitem__(self, index: int | slice) -> None:
        positions = {range(len(self))[index]} if isinstance(index, int) else set(range(len(self))[index])
        self._hold(_renumbered([entry for i, entry in enumerate(self._modules.items()) if i not in positions]))

    def append(self, module: Module) -> Self:
        """Add ``module`` at the end."""
        # The next number may be taken in a slice, which keeps the names of the whole.
        number = next(number for number in itertools.count(len(self)) if str(number) not in self._modules)
        self.add_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add all of ``modules`` at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put ``module`` before position ``index``; what follows moves up by one."""
        if not -len(self) <= index <= len(self):
            raise DimensionError(f"{type(self).__name__}.insert: index {index} is outside {-len(self)} ... {len(self)}")
        self.append(module)
        entries = list(self._modules.items())
        added = entries.pop()
        entries.insert(index, added)
        self._hold(_renumbered(entries))
        return self

    def pop(self, key: int) -> Any:
        """Remove the module at position ``key`` and return it."""
        module = self[key]
        del self[key]
        return module

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)().extend(self).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def _name_at(self, index: int) -> str:
        position = operator.index(index)
        if not -len(self) <= position < len(self):
            raise DimensionError(f"{type(self).__name__}: index {position} is outside its {len(self)} modules")
        return list(self._modules)[position]

    def _slice_entries(self, part: slice) -> list[Entry]:
        """The entries of a slice, under the names that they have there."""
        return _renumbered(list(self._modules.items())[part])

    def _hold(self, entries: list[Entry]) -> None:
        """Hold exactly ``entries``."""
        self._modules.clear()
        self._modules.update(entries)


def _renumbered(entries: list[Entry]) -> list[Entry]:
    """``entries`` with the names that are numbers following the positions; given names stay."""
    return [(str(position) if name.isdigit() else name, module) for position, (name, module) in enumerate(entries)]


class Sequential(_Numbered):
    """Modules applied one after another: the output of each is the input of the next.

    ``Sequential(first, second, ...)`` names them "0", "1", ...; an ``OrderedDict`` of name -> module gives the names.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def _slice_entries(self, part: slice) -> list[Entry]:
        # As in PyTorch, part of a network keeps the names, so it loads the same entries of a state dict.
        return list(self._modules.items())[part]

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class ModuleList(_Numbered):
    """Modules in a list, registered so that their parameters are found; what calls them is written in ``forward``."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())


class ModuleDict(Module):
    """Modules by name, registered so that their parameters are found."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise KeyError(f"{key!r} is not among the modules: {', '.join(self._modules) or 'none'}")
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        return self._modules.items()

    def values(self) -> Iterable[Any]:
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules from a mapping or from (name, module) pairs."""
        pairs = modules.items() if isinstance(modules, Mapping) else modules
        for pair in pairs:
            if len(pair) != 2:
                raise ArgumentError(f"ModuleDict.update takes (name, module) pairs, got one of length {len(pair)}")
            self[pair[0]] = pair[1]

    def pop(self, key: str) -> Any:
        """Remove the module named ``key`` and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()
