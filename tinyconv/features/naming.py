"""Names for the layers of a network as it runs, whether they are modules or function calls."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tinyconv.autograd.observe import Observation
from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module

LISTED = 40


class LayerNames:
    """Names operations by the rule that ``capture`` documents, in the order in which they run."""

    def __init__(self, model: Module) -> None:
        self._modules = dict(model.named_modules())
        self._paths = {id(module): path for path, module in self._modules.items()}
        self._reserved = {path for path in self._paths.values() if path and not _is_number(path)}
        self._first_kinds: dict[int, str] = {}
        self._positions: dict[tuple[int, str], str] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._uses: Counter[str] = Counter()

    def start_pass(self) -> None:
        """Note that the model starts over: function calls and numbered positions count from one again."""
        self._positions.clear()
        self._counts.clear()

    def module_of(self, observation: Observation) -> Module | None:
        """The innermost module of the model that the operation ran in; ``None`` if it ran outside the model."""
        for module in reversed(observation.scope):
            path = self._paths.get(id(module))
            if path is not None:
                return self._modules[path]
        return None

    def path(self, module: Module) -> str:
        """The path of ``module`` in the model; "" for the model itself."""
        return self._paths[id(module)]

    def name(self, module: Module, kind: str) -> str:
        """The name of the next operation of this ``kind`` that runs in ``module``."""
        base = self._base(module, kind)
        repetition = self._uses[base]
        self._uses[base] += 1
        return base if repetition == 0 else f"{base}_{repetition}"

    def _base(self, module: Module, kind: str) -> str:
        path = self.path(module)
        if not path or any(True for _ in module.children()):
            return self._numbered(path, kind)
        if _is_number(path):
            position = (id(module), kind)
            if position not in self._positions:
                self._positions[position] = self._numbered(path.rpartition(".")[0], kind)
            return self._positions[position]
        if self._first_kinds.setdefault(id(module), kind) == kind:
            return path
        return self._numbered(path, kind)

    def _numbered(self, prefix: str, kind: str) -> str:
        while True:
            self._counts[prefix, kind] += 1
            name = f"{prefix}.{kind}{self._counts[prefix, kind]}" if prefix else f"{kind}{self._counts[prefix, kind]}"
            if name not in self._reserved:
                return name


def _is_number(path: str) -> bool:
    return path.rpartition(".")[2].isdigit()


def matches(pattern: str, name: str, path: str) -> bool:
    """Whether a shell-style pattern fits a layer's full name, the last part of it, or the path of its module."""
    candidates = (name, name.rpartition(".")[2], *([path] if path else []))
    return any(fnmatchcase(candidate, pattern) for candidate in candidates)


def unknown_layer(wanted: str, names: Sequence[str]) -> ArgumentError:
    """The error for a name or pattern that fits none of the layers ``names``."""
    if not names:
        return ArgumentError(
            f"no layer matches {wanted!r}: the model ran no layer while it was watched; call the model inside the block"
        )
    close = difflib.get_close_matches(wanted, [*names, *_last_parts(names)], n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ArgumentError(f"no layer matches {wanted!r}{hint} The layers are: {', '.join(names[:LISTED])}{more}")


def _last_parts(names: Iterable[str]) -> list[str]:
    return [name.rpartition(".")[2] for name in names]
