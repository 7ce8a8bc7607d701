"""Nested checkpoints as JSON beside named tensors: ``{"model": state_dict, "optimizer": state_dict, "epoch": 3}``.

What JSON has (None, True and False, whole numbers of any size, finite numbers, text) stands for itself. Everything else
is an object of one entry that says what it is:

    {"tensor": name}   {"array": name}   {"scalar": name}     an entry of the file: a Tensor, a NumPy array or number
    {"float": "nan"}   {"list": [...]}   {"tuple": [...]}   {"dict": [[key, value], ...]}   {"OrderedDict": [...]}
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import RunError, UnsupportedError
from tinyconv.ops.tensor import Tensor

DEEPEST = 100
"""Levels of nesting that are written: something deeper is most likely inside itself."""

PLAIN = (type(None), bool, int, str)


class Writer:
    """Takes an object apart: ``arrays`` are the entries of the file, by name, once ``tree`` has made the JSON."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}

    def tree(self, value: Any, path: tuple[Any, ...] = ()) -> Any:
        """``value`` as JSON. Raises ``UnsupportedError`` that names the key path of what has no place in a file."""
        kind = type(value)
        if len(path) > DEEPEST:
            raise UnsupportedError(
                f"save: {_shown(path[:5])}... is nested deeper than {DEEPEST} levels; does it contain itself?"
            )
        if kind in PLAIN:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, Tensor):
            return {"tensor": self._entry(value, path)}
        if isinstance(value, np.ndarray | np.generic):
            return {"array" if isinstance(value, np.ndarray) else "scalar": self._entry(value, path)}
        if kind in (list, tuple):
            return {kind.__name__: [self.tree(item, (*path, index)) for index, item in enumerate(value)]}
        if kind in (dict, OrderedDict):
            pairs = [[self._key(key, path), self.tree(item, (*path, key))] for key, item in value.items()]
            return {kind.__name__: pairs}
        raise _refusal(value, path)

    def _key(self, key: Any, path: tuple[Any, ...]) -> Any:
        if type(key) in (*PLAIN, float, tuple):
            return self.tree(key, (*path, "(key)"))
        raise UnsupportedError(
            f"save: {_shown(path)} has a key of type {type(key).__name__}, {key!r}; keys are strings, numbers, None or "
            "tuples of them"
        )

    def _entry(self, value: Any, path: tuple[Any, ...]) -> str:
        """A name for ``value`` in the file: its key path, which a reader of the file alone understands."""
        path_name = ".".join(str(key) for key in path).encode("utf-8", "replace").decode() or "value"
        name, times = path_name, 1
        while name in self.arrays or name == "__metadata__":
            times += 1
            name = f"{path_name}#{times}"
        self.arrays[name] = value
        return name


def _refusal(value: Any, path: tuple[Any, ...]) -> UnsupportedError:
    name = type(value).__name__
    if callable(getattr(value, "state_dict", None)):
        hint = f"save {_shown(path)}.state_dict()" if path else "save module.state_dict()"
    elif isinstance(value, dict):
        hint = "save dict(...) of it"
    elif isinstance(value, int | float | str):
        hint = "save its plain int, float or str"
    elif isinstance(value, tuple | set | frozenset):
        hint = "save tuple(...) of it"
    else:
        hint = "save what it is made of"
    return UnsupportedError(
        f"save: {_shown(path)} is a {name}, which would need pickle; {hint} (files hold dicts, lists, tuples, numbers, "
        "strings, None and tensors, and nothing that runs)"
    )


def _shown(path: tuple[Any, ...]) -> str:
    return "object" + "".join(f"[{key!r}]" for key in path) if path else "the object"


def restore(tree: Any, arrays: dict[str, Array], tensor: Any, level: int = 0) -> Any:
    """The object that ``tree`` describes; ``tensor`` makes a tensor of an array. Raises ``RunError`` for other JSON."""
    if level > 2 * DEEPEST:
        raise RunError("its structure is nested too deeply")
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    if not isinstance(tree, dict) or len(tree) != 1:
        raise RunError(f"its structure has {tree!r:.60}, which stands for nothing")
    ((kind, content),) = tree.items()
    if kind in ("tensor", "array", "scalar"):
        if not isinstance(content, str) or content not in arrays:
            raise RunError(f"its structure names an entry {content!r}, which the file has not")
        array = arrays[content]
        return tensor(array) if kind == "tensor" else array if kind == "array" else array[()]
    if kind == "float" and content in ("nan", "inf", "-inf"):
        return float(content)
    if kind in ("list", "tuple") and isinstance(content, list):
        items = [restore(item, arrays, tensor, level + 1) for item in content]
        return items if kind == "list" else tuple(items)
    if kind in ("dict", "OrderedDict") and isinstance(content, list):
        pairs = []
        for pair in content:
            if not isinstance(pair, list) or len(pair) != 2:
                raise RunError(f"its structure has {pair!r:.60} for a key and a value")
            key, value = (restore(item, arrays, tensor, level + 1) for item in pair)
            try:
                hash(key)
            except TypeError:
                raise RunError(f"its structure has the key {key!r:.60}") from None
            pairs.append((key, value))
        return dict(pairs) if kind == "dict" else OrderedDict(pairs)
    raise RunError(f"its structure has a {kind!r}, which stands for nothing")
