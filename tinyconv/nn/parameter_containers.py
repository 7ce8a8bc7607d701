"""Modules that hold parameters: in a list (ParameterList), by name (ParameterDict)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from tinyconv.core.errors import ArgumentError, DimensionError, UnsupportedError
from tinyconv.nn.containers import UnknownKeyError, pairs
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.tensor import Tensor


class _Parameters(Module):
    """What both share: a tensor becomes a parameter; anything else is kept as it is."""

    def _put(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and not isinstance(value, Parameter):
            value = Parameter(value, requires_grad=value.dtype.is_floating_point)
        if name in self._parameters and not isinstance(value, Parameter):
            delattr(self, name)
        setattr(self, name, value)

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise UnsupportedError(f"{type(self).__name__} holds parameters and cannot be called")

    def __repr__(self) -> str:
        lines = [f"    ({name}): {_described(value)}" for name, value in self._entries()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"

    def _entries(self) -> Iterable[tuple[Any, Any]]:
        raise NotImplementedError


def _described(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"{kind} containing: [{value.dtype} of size {'x'.join(map(str, value.shape))}]"


class ParameterList(_Parameters):
    """Parameters in a list, registered so that they are found.

    ``values``: an iterable of tensors, which become parameters; anything else in it is kept as it is.

    Raises: ``DimensionError`` for an index outside; ``ArgumentError`` for what cannot be iterated over;
        ``UnsupportedError`` when called.

    >>> scales = nn.ParameterList([tc.ones(2), tc.ones(3)])
    >>> [name for name, _ in scales.named_parameters()]
    ['0', '1']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)([self[position] for position in range(*index.indices(len(self)))])
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, value: Any) -> None:
        self._put(self._name_at(index), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add ``value`` at the end."""
        self._size += 1
        self[-1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add all of ``values`` at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise ArgumentError(f"ParameterList.extend takes an iterable of tensors, got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def _name_at(self, index: int) -> str:
        if isinstance(index, bool) or not isinstance(index, int):
            raise ArgumentError(f"ParameterList: an index is an int or a slice, got {index!r}")
        if not -len(self) <= index < len(self):
            raise DimensionError(f"ParameterList: index {index} is outside its {len(self)} parameters")
        return str(index % len(self))

    def _entries(self) -> Iterable[tuple[Any, Any]]:
        return enumerate(self)


class ParameterDict(_Parameters):
    """Parameters by name, registered so that they are found.

    ``parameters``: a mapping, or (name, tensor) pairs; tensors become parameters, anything else is kept as it is. As in
    PyTorch, the names of a plain dict are sorted; an ``OrderedDict`` or pairs keep their order.

    Raises: ``ArgumentError`` for names that are no strings, or names of methods; ``UnsupportedError`` when called.

    >>> scales = nn.ParameterDict({"image": tc.ones(2), "text": tc.ones(3)})
    >>> scales["text"].shape, list(scales)
    ((3,), ['image', 'text'])
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise UnknownKeyError(f"{key!r} is not among the parameters: {', '.join(self._keys) or 'none'}")
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str) or (key not in self._keys and hasattr(self, key)):
            raise ArgumentError(f"ParameterDict: {key!r} cannot be a name; take a string that no attribute has")
        self._put(key, value)
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        self[key]
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def __or__(self, other: Any) -> Self:
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other: Any) -> Self:
        result = type(self)(other)
        result.update(self)
        return result

    def __ior__(self, other: Any) -> Self:
        self.update(other)
        return self

    def copy(self) -> Self:
        """Another ParameterDict with the same parameters."""
        return type(self)(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The entry named ``key``, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all entries."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Remove the entry named ``key`` and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove the last entry and return it with its name."""
        if not self._keys:
            raise UnknownKeyError("popitem: the ParameterDict is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The entry named ``key``, or ``default``."""
        return getattr(self, key) if key in self._keys else default

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> Self:
        """A new ParameterDict with these names, all with the value ``default``."""
        return type(self)(OrderedDict((key, default) for key in keys))

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """(name, parameter) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return (self[key] for key in self._keys)

    def update(self, parameters: Any) -> None:
        """Add or replace entries from a mapping or from (name, tensor) pairs."""
        entries = pairs("ParameterDict", parameters)
        plain = isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict)
        for key, value in sorted(entries, key=lambda entry: entry[0]) if plain else entries:
            self[key] = value

    def _entries(self) -> Iterable[tuple[Any, Any]]:
        return self.items()
