"""Kernels: plain Python functions whose annotations are their signature, compiled to PTX, each once per machine.

PTX is compiled here, from Numba, and kept on disk under a key that knows all that it was made of. The driver turns it
into the GPU's own instructions when it is loaded, and keeps those itself.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import os
import pkgutil
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba

from tinyconv.backends import notices
from tinyconv.backends.cuda.compiler import SIMULATED, cuda
from tinyconv.backends.cuda.parameters import WORKING_TYPES, Parameter
from tinyconv.core import cache

Capability = tuple[int, int] | tuple[int, int, str]
"""What a GPU can: (9, 0), or (9, 0, "a") with the instructions that only this generation has."""

TARGETS: tuple[tuple[int, int], ...] = ((7, 5), (8, 0))
"""What kernels are compiled for: all GPUs from one on run its PTX, of which the driver makes instructions of their own,
and newer PTX has nothing that the kernels use, but for those of one generation alone."""

_registered: dict[str, Kernel] = {}


class Kernel:
    """A function to be run by every thread of a grid.

    ``threads``: the most that a block will have, for which the compiler then may take as many registers as there are.
    ``blocks``: how many of those a multiprocessor shall hold at once: as few registers as that takes.
    ``least``: the capability that the instructions in it need; kernels of one generation alone have its letter there.
    """

    def __init__(
        self,
        function: Callable[..., None],
        name: str,
        threads: int | None = None,
        least: Capability = (5, 0),
        blocks: int | None = None,
    ) -> None:
        self.function, self.name, self.least = function, name, least
        self.threads, self.blocks = threads, blocks
        annotations = inspect.get_annotations(function, eval_str=True)
        annotations.pop("return", None)
        self.parameters: tuple[Parameter, ...] = tuple(annotations.values())
        self.working_index = next((i for i, each in enumerate(self.parameters) if each.element is None), None)
        self.simulated = cuda.jit(function) if SIMULATED else None

    def __repr__(self) -> str:
        return f"<kernel {self.name}>"

    @property
    def working_types(self) -> tuple[str, ...]:
        """The types T that the kernel is compiled for."""
        return WORKING_TYPES if self.working_index is not None else WORKING_TYPES[:1]

    def runs_on(self, capability: tuple[int, int]) -> bool:
        """Whether a GPU of ``capability`` has the instructions: with a letter, those of one generation alone."""
        return capability == self.least[:2] if len(self.least) == 3 else capability >= self.least

    def target(self, capability: tuple[int, int]) -> Capability:
        """What to compile for on a GPU of ``capability``."""
        if len(self.least) == 3:
            return self.least
        return max((each for each in TARGETS if each <= capability), default=TARGETS[0])

    def ptx(self, working: str, capability: Capability) -> str:
        """The kernel in PTX: from the disk, else compiled, and kept there if it can be."""
        path = cache.folder() / "ptx" / f"{self._key(working, capability)}.ptx"
        notices.prepare(self.name, begins=True)
        text = _kept(path)
        if self.entry(working) not in text:  # not there, or cut off
            notices.compiles(self.name)
            text = self.compiled(working, capability)
            _keep(path, text)
        notices.prepare(self.name, begins=False)
        return text

    def compiled(self, working: str, capability: Capability) -> str:
        """The kernel in PTX, compiled now."""
        signature = numba.types.void(*(each.numba_type(working) for each in self.parameters))
        text, _ = cuda.compile_ptx(self.function, signature, cc=capability)
        text = text.replace(_entry(text), self.entry(working))
        return text if self.threads is None else _bounded(text, self.threads, self.blocks)

    def entry(self, working: str) -> str:
        """What the kernel is called in PTX, where profilers read it: Numba's own name has all types, in code."""
        return self.name if self.working_index is None else f"{self.name}_{working}"

    def _key(self, working: str, capability: Capability) -> str:
        parts = (self.name, working, str(capability), str(self.threads), str(self.blocks), _sources(), *_versions())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def kernel(
    function: Callable[..., None] | None = None,
    *,
    name: str | None = None,
    threads: int | None = None,
    least: Capability = (5, 0),
    blocks: int | None = None,
) -> Any:
    """Make a kernel of ``function``. A factory gives each of its kernels a ``name`` that has its constants.

    Used as ``@kernel`` or as ``@kernel(threads=256)``.
    """
    if function is None:
        return functools.partial(kernel, name=name, threads=threads, least=least, blocks=blocks)
    made = Kernel(function, name or function.__name__, threads, least, blocks)
    if made.name in _registered:
        raise ValueError(f"two kernels are called {made.name}")
    _registered[made.name] = made
    return made


def all_kernels() -> Iterator[Kernel]:
    """Every kernel, for what compiles or lists them all: whatever module of the backend it stands in."""
    package = __name__.rpartition(".")[0]
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], f"{package}."):
        importlib.import_module(module.name)
    yield from _registered.values()


def _entry(ptx: str) -> str:
    """The name that Numba gave the kernel."""
    return ptx.partition(".visible .entry ")[2].partition("(")[0].strip()


def _bounded(ptx: str, threads: int, blocks: int | None) -> str:
    """``ptx`` with the promise that a block has no more than ``threads``, and the wish for ``blocks`` at once."""
    wish = "" if blocks is None else f".minnctapersm {blocks}\n"
    return re.sub(r"\n\)\s*\n\{", f"\n)\n.maxntid {threads}, 1, 1\n{wish}{{", ptx, count=1)


@functools.cache
def _sources() -> str:
    """A digest of the backend: Numba's own key does not see an edit of a function that a kernel calls."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.cache
def _versions() -> tuple[str, ...]:
    """Of all that has a part in the PTX."""
    from importlib import metadata

    names = ("numba", "numba-cuda", "nvidia-nvvm", "llvmlite")
    return tuple(f"{each.name} {each.version}" for name in names for each in metadata.distributions(name=name))


def _kept(path: Path) -> str:
    """What the disk has; nothing if there is none."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeError):
        return ""


def _keep(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="ascii")
        temporary.replace(path)
    except OSError as error:
        notices.uncached(error)
