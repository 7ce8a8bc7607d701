"""What a kernel's machine code was made of, so that an edit of any of it is never answered by a stale binary.

Numba's own key holds a kernel's signature, the processor and the kernel's bytecode. It does not see an edit of a jitted
function that the kernel calls, of an intrinsic, or of a module's constant; and where a kernel is made by a factory, it
holds a random number for each jitted function that the factory gives it, so that it is never found again.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE)


def parts_of(function: Any) -> bytes:
    """The function's bytecode, what a factory gave it, and the source of all that it may call."""
    digest = hashlib.sha256()
    files: set[Path] = set()
    for part in _described(function, files):
        digest.update(part)
    for path in sorted(files):
        digest.update(source_digest(path, function.__module__.rpartition(".")[0]).encode())
    return digest.digest()


def _described(value: Any, files: set[Path]) -> Iterator[bytes]:
    """``value`` in bytes that are the same in every process; the files of the functions in it go to ``files``."""
    function = getattr(value, "py_func", getattr(value, "_defn", value))  # of a jitted function, or of an intrinsic
    if isinstance(function, FunctionType):
        files.add(Path(function.__code__.co_filename))
        yield f"{function.__module__}.{function.__qualname__}".encode()
        yield function.__code__.co_code
        for cell in function.__closure__ or ():
            yield from _described(cell.cell_contents, files)
    elif isinstance(value, tuple | list):
        yield f"{type(value).__name__} of {len(value)}".encode()
        for item in value:
            yield from _described(item, files)
    else:
        yield pickle.dumps(value)


@functools.cache
def source_digest(path: Path, package: str) -> str:
    """A digest of a file, of the files of its folder that it imports, and of those that they import."""
    digest = hashlib.sha256()
    for file in sorted(_reachable(path, package)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _reachable(path: Path, package: str) -> set[Path]:
    found, waiting = {path}, [path]
    while waiting:
        new = imported(waiting.pop(), package) - found
        found |= new
        waiting.extend(new)
    return found


@functools.cache
def imported(path: Path, package: str) -> frozenset[Path]:
    """The files of its own folder, which is ``package``, that a file imports, anywhere in it."""
    names: set[str] = set()
    for source, members, modules in IMPORT.findall(path.read_text(encoding="utf-8")):
        if source.strip(".") in ("", package):
            names.update(re.findall(r"\w+", members))
        elif source.startswith((".", f"{package}.")):
            names.add(source.removeprefix(package).strip(".").split(".")[0])
        names.update(re.findall(rf"\b{re.escape(package)}\.(\w+)", modules))
    files = (path.parent / f"{name}.py" for name in names)
    return frozenset(file for file in files if file.exists())
