"""The arrays inside a pickle, read without running it.

A pickle is a program for a small machine with a stack, and one of its instructions calls any function of any module:
whoever loads a pickle lets its author do what he likes. But the program can be taken apart without being run, which
``pickletools`` of the standard library does. Here its instructions are followed one by one, those alone that make
numbers, texts, lists, tuples, dictionaries and NumPy's arrays; a call of anything else is refused. Nothing is imported,
nothing is called by a name that stands in the file.

Old files of weights need it: ``numpy.save`` of a dictionary makes a pickle inside an ``.npy`` file.
"""

from __future__ import annotations

import io
import pickletools
import tokenize
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import MissingFileError, RunError

RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
NDARRAY, DTYPE, ENCODE, BYTES = "numpy ndarray", "numpy dtype", "_codecs encode", "__builtin__ bytes"
KNOWN = {*RECONSTRUCT, NDARRAY, DTYPE, ENCODE, BYTES}
"""What an array in a pickle is made with; the names stand for themselves, no function of theirs is called."""

TYPES = {"b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"}
OBJECTS = ("O", "O8")

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
_EMPTY: dict[str, Any] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUT, _GET = ("BINPUT", "LONG_BINPUT"), ("BINGET", "LONG_BINGET")
_MARK = object()
# What following a damaged program raises, and what NumPy's reading of a damaged header does.
_DAMAGE = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, RecursionError),
    *(MemoryError, OverflowError, SyntaxError, tokenize.TokenError),
)
DEEPEST = 100


class _Name(str):
    """A function or class that the file names."""

    __slots__ = ()


class _Type:
    """A type of elements: NumPy's code, and the order of bytes that comes after it."""

    def __init__(self, code: str) -> None:
        if code not in TYPES and code not in OBJECTS:
            raise ValueError(f"arrays of type {code!r} are not read")
        self.code, self.order = code, "<"


class _Array:
    """An array whose shape, type and bytes come after it."""

    state: tuple[Any, ...] | None = None


def read_npy(path: str | Path) -> Any:
    """What is in the ``.npy`` file ``path``: an array, or the dictionaries, lists and arrays of the pickle in it.

    Raises: ``MissingFileError`` where there is no file, ``RunError`` where it is damaged or its pickle calls anything
        but what makes arrays.

    >>> from tinyconv.interop.pickled_arrays import read_npy
    >>> np.save("weights.npy", np.array({"net": [np.ones(2)]}, object), allow_pickle=True)
    >>> read_npy("weights.npy")
    {'net': [array([1., 1.])]}
    """
    try:
        return parse_npy(Path(path).read_bytes(), str(path))
    except FileNotFoundError:
        raise MissingFileError(f"weights file {path} does not exist") from None
    except OSError as error:
        raise RunError(f"weights file {path} cannot be read: {(error.strerror or str(error)).lower()}") from None


def parse_npy(content: bytes, name: str) -> Any:
    """``read_npy`` of the bytes of a file; ``name``: for errors."""
    try:
        file = io.BytesIO(content)
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _, _, dtype = header(file)
        if not dtype.hasobject:
            return np.load(io.BytesIO(content), allow_pickle=False)
        return parse(content[file.tell() :])
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{name} cannot be read as arrays without running code ({reason:.200})") from None


def parse(pickle: bytes) -> Any:
    """The object that the program ``pickle`` makes. Raises ``ValueError`` and its like where that is not arrays."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for instruction, argument, _ in pickletools.genops(pickle):
        name = instruction.name
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            return _finished(stack.pop())
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _PUT:
            memo[int(argument or 0)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _GET:
            stack.append(memo[int(argument or 0)])
        elif name == "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        elif name in _TUPLES:
            items = [stack.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(items)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else _since_mark(stack)
            _only(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else _since_mark(stack)
            _only(stack[-1], dict).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            called = argument if name == "GLOBAL" else " ".join([stack.pop(), stack.pop()][::-1])
            if called not in KNOWN:
                raise ValueError(f"it calls {str(called).replace(' ', '.')}")
            stack.append(_Name(called))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(_made(_only(called, _Name), arguments))
        elif name == "BUILD":
            _build(stack.pop(), stack[-1])
        else:
            raise ValueError(f"it has an instruction {name}, which makes no array")
    raise ValueError("it ends before its end")


def _since_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _only(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"it uses a {type(value).__name__} as a {kind.__name__.strip('_').lower()}")
    return value


def _made(called: str, arguments: tuple[Any, ...]) -> Any:
    """What the call makes: an empty array, a type, or the bytes that protocol 2 writes as text."""
    if called in RECONSTRUCT:
        return _Array()
    if called == DTYPE:
        return _Type(str(arguments[0]))
    if called == ENCODE and arguments[1] == "latin1":
        return str(arguments[0]).encode("latin1")
    if called == BYTES and not arguments:
        return b""  # as protocol 2 writes no bytes
    raise ValueError(f"it calls {called.replace(' ', '.')} with {arguments!r:.40}")


def _build(state: tuple[Any, ...], target: Any) -> None:
    if isinstance(target, _Type):
        target.order = "<" if state[1] in ("<", "|", "=") else ">"
    else:
        _only(target, _Array).state = state


def _finished(value: Any, depth: int = 0) -> Any:
    """``value`` with its arrays as NumPy's."""
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {key: _finished(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_finished(item, depth + 1) for item in value)
    if not isinstance(value, _Array):
        return value
    if value.state is None:
        raise ValueError("it has an array without elements")
    _, shape, kind, is_fortran, elements = value.state
    if kind.code in OBJECTS:
        objects = _finished(_only(elements, list), depth + 1)
        return objects[0] if shape == () else objects
    found: Array = np.frombuffer(_only(elements, bytes), np.dtype(kind.order + kind.code))
    return found.reshape(shape, order="F" if is_fortran else "C")
