"""What was measured on this machine: for a convolution's shape, its algorithms, the fastest first.

A file in the user's cache folder, named after the processor and the digest of the kernels: after an update, or on
another machine, nothing measured holds any more. It has JSON,

    {"format": 1, "processor": "...", "kernels": "...", "fastest_first": {"forward n8 ...": ["winograd", "direct"]}}

and a file that has anything else is ignored, with one warning.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from tinyconv.backends.cpu.cache_key import source_digest
from tinyconv.core import cache
from tinyconv.core.errors import RunError

FORMAT = 1


def path() -> Path:
    """The file of this processor and these kernels."""
    name = hashlib.sha256(f"{_processor()} {_kernels()}".encode()).hexdigest()[:16]
    return cache.folder() / f"tuning-{name}.json"


def _processor() -> str:
    features = "".join(f"{name}{present:d}" for name, present in sorted(llvm.get_host_cpu_features().items()))
    return f"{llvm.get_host_cpu_name()} {hashlib.sha256(features.encode()).hexdigest()[:8]}"


def _kernels() -> str:
    """A digest of the convolutions as they are."""
    return source_digest(Path(__file__).with_name("convolution.py"), __name__.rpartition(".")[0])


def key(problem: Any) -> str:
    """A ``choice.Problem`` as text, such as ``forward images8 groups1 channels64 ...``."""
    parts = problem._asdict()
    product = parts.pop("product")
    texts = ("x".join(map(str, value)) if isinstance(value, tuple) else str(value) for value in parts.values())
    named = (name + text for name, text in zip(parts, texts, strict=True))
    return " ".join((product.value, *named))


@functools.cache
def learned() -> dict[str, list[str]]:
    """Everything measured, read once; empty where there is nothing."""
    file = path()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return {}
    try:
        content = json.loads(text)
        found = content["fastest_first"]
        own = (content["format"], content["processor"], content["kernels"]) == (FORMAT, _processor(), _kernels())
        names = [name for order in found.values() for name in order]
        sound = own and all(isinstance(name, str) for name in [*found, *names])
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        warnings.warn(f"{file} holds no measurements of this machine and is not used", RuntimeWarning, stacklevel=2)
        return {}
    return dict(found)


def save(orders: dict[str, list[str]]) -> None:
    """Add ``orders`` to what the file has; a reader sees the old file or the new one, never a part.

    Raises: ``RunError`` where it cannot be written.
    """
    file = path()
    content = {"format": FORMAT, "processor": _processor(), "kernels": _kernels()}
    temporary = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content | {"fastest_first": learned() | orders}, indent=1), encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        raise RunError(
            f"{file} cannot be written: {(error.strerror or str(error)).lower()}; {cache.FOLDER} names another folder"
        ) from None
    learned.cache_clear()
