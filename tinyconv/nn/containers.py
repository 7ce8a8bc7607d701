"""Modules that hold other modules: in a row (Sequential), in a list (ModuleList), by name (ModuleDict)."""

from __future__ import annotations

import itertools
import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, SupportsIndex, overload

from tinyconv.core.errors import ArgumentError, DimensionError
from tinyconv.nn.fused import in_row
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
        if isinstance(index, slice):
            positions = set(range(len(self))[index])
        else:
            positions = {list(self._modules).index(self._name_at(index))}
        kept = [module for i, module in enumerate(self._modules.values()) if i not in positions]
        self._hold([(str(i), module) for i, module in enumerate(kept)])

    def append(self, module: Module) -> Self:
        """Add ``module`` at the end."""
        # The next number may be taken in a slice, which keeps the names of the whole.
        number = next(number for number in itertools.count(len(self)) if str(number) not in self._modules)
        self.add_module(str(number), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add all of ``modules`` at the end."""
        if not isinstance(modules, Iterable):
            raise ArgumentError(
                f"{type(self).__name__}.extend takes an iterable of modules, got {type(modules).__name__}"
            )
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

    def _name_at(self, index: int) -> str:
        if not isinstance(index, SupportsIndex):
            raise ArgumentError(f"{type(self).__name__}: an index is an int or a slice, got {index!r}")
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
    Part of one (``net[:2]``) keeps the names, and so loads the same entries of a state dict.

    Raises: ``ArgumentError`` for what is no module; when called, whatever its modules raise.

    >>> net = nn.Sequential(nn.Flatten(), nn.ReLU())
    >>> net(tc.tensor([[[-1.0], [2.0]]]))
    tensor([[0., 2.]])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def _slice_entries(self, part: slice) -> list[Entry]:
        return list(self._modules.items())[part]

    def __add__(self, other: Sequential) -> Self:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"Sequential + takes another Sequential, got {type(other).__name__}")
        return type(self)().extend(self).extend(other)

    def __iadd__(self, other: Sequential) -> Self:
        if not isinstance(other, Sequential):
            raise ArgumentError(f"Sequential += takes another Sequential, got {type(other).__name__}")
        return self.extend(other)

    def __mul__(self, times: int) -> Self:
        return type(self)().extend(_repeated(self, times))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Self:
        return self.extend(_repeated(self, times)[len(self) :])

    def forward(self, input: Any) -> Any:
        return in_row(self, input)


def _repeated(modules: Sequential, times: int) -> list[Module]:
    if isinstance(times, bool) or not isinstance(times, int) or times < 1:
        raise ArgumentError(f"Sequential * takes a number of at least 1, got {times!r}")
    return list(modules) * times


class ModuleList(_Numbered):
    """Modules in a list, registered so that their parameters are found; what calls them is written in ``forward``.

    ``modules``: an iterable of modules. Part of one (``layers[1:]``) is numbered from 0 again.

    Raises: ``ArgumentError`` for what is no module; ``UnsupportedError`` when called.

    >>> layers = nn.ModuleList([nn.ReLU(), nn.ReLU()])
    >>> layers.append(nn.Tanh())
    ModuleList(
      (0-1): 2 x ReLU()
      (2): Tanh()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> Self:
        return type(self)().extend(self).extend(other)

    def __iadd__(self, other: Iterable[Module]) -> Self:
        return self.extend(other)

    def __repr__(self) -> str:
        lines = []
        for text, run in itertools.groupby(enumerate(map(repr, self)), key=operator.itemgetter(1)):
            positions = [position for position, _ in run]
            span = f"({positions[0]})" if len(positions) == 1 else f"({positions[0]}-{positions[-1]})"
            count = "" if len(positions) == 1 else f"{len(positions)} x "
            lines.append("  " + f"{span}: {count}{text}".replace("\n", "\n  "))
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


class ModuleDict(Module):
    """Modules by name, registered so that their parameters are found.

    ``modules``: a mapping, or (name, module) pairs; their order is kept.

    Raises: ``ArgumentError`` for names that are no strings and for what is no module; ``UnsupportedError`` when called.

    >>> choices = nn.ModuleDict({"relu": nn.ReLU(), "tanh": nn.Tanh()})
    >>> choices["relu"](tc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise UnknownKeyError(f"{key!r} is not among the modules: {', '.join(self._modules) or 'none'}")
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

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        """(name, module) pairs."""
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules from a mapping or from (name, module) pairs."""
        for key, module in pairs("ModuleDict", modules):
            self[key] = module

    def pop(self, key: str) -> Any:
        """Remove the module named ``key`` and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Remove all modules."""
        self._modules.clear()


class UnknownKeyError(ArgumentError, KeyError):
    """A name that a dictionary of modules or parameters does not have."""

    __str__ = Exception.__str__


def pairs(name: str, entries: Any) -> Iterator[tuple[str, Any]]:
    """The (key, value) pairs of a mapping, of a dictionary of modules or parameters, or of an iterable of pairs."""
    if isinstance(entries, Mapping | Module) and hasattr(entries, "items"):
        yield from entries.items()
        return
    if not isinstance(entries, Iterable):
        raise ArgumentError(f"{name}.update takes a mapping or (key, value) pairs, got {type(entries).__name__}")
    for entry in entries:
        if not isinstance(entry, Iterable) or len(entry := tuple(entry)) != 2:
            raise ArgumentError(f"{name}.update takes (key, value) pairs, got {entry!r}")
        yield entry
