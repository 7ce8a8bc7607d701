"""Every kernel compiled, by several processes at once, and loaded: what comes after it finds them there."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from bench.gpu.case import Case, Lines
from bench.gpu.place import Place
from tinyconv.core import gpu

Wanted = tuple[str, str]
"""A kernel's name, and its working type."""


def cases(place: Place) -> Iterator[Case]:
    """First all PTX, then what the driver makes of it. The simulator compiles nothing."""
    if gpu.is_simulated():
        return
    found = kernels(gpu.compute_capability())
    wanted = [(kernel.name, working) for kernel in found for working in kernel.working_types]
    yield Case("PTX", lambda: compiled(wanted, place.processes))
    yield Case("loaded", lambda: loaded(wanted))


def kernels(capability: tuple[int, int]) -> list[Any]:
    """All that a GPU of ``capability`` can run."""
    from tinyconv.backends.cuda.kernels import all_kernels

    return [kernel for kernel in all_kernels() if kernel.runs_on(capability)]


def compiled(wanted: list[Wanted], processes: int) -> Lines:
    """Seconds of each that was not on the disk yet."""
    start = time.monotonic()
    capability = gpu.compute_capability()
    shares = [(wanted[index::processes], capability) for index in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        seconds = {name: took for share in pool.map(compile_share, shares) for name, took in share.items()}
    slowest = max(seconds, key=seconds.__getitem__, default="")
    says = f"{len(seconds)} kernels in {time.monotonic() - start:.0f} s by {processes} processes"
    return [{"compile_seconds": seconds, "says": f"{says}; {slowest} took {seconds.get(slowest, 0):.1f} s"}]


def compile_share(share: tuple[list[Wanted], tuple[int, int]]) -> dict[str, float]:
    """Compile some of them in this process. What does not compile says so when it is loaded."""
    wanted, capability = share
    found = {kernel.name: kernel for kernel in kernels(capability)}
    seconds = {}
    for name, working in wanted:
        start = time.monotonic()
        try:
            found[name].ptx(working, found[name].target(capability))
        except Exception:  # noqa: S112  the same error comes when it is loaded, in a case of its own
            continue
        seconds[f"{name} {working}"] = round(time.monotonic() - start, 3)
    return seconds


def loaded(wanted: list[Wanted]) -> Lines:
    """Milliseconds in which the driver makes its own instructions of the PTX; it may refuse one and take the others."""
    from tinyconv.backends.cuda import launch

    found = {kernel.name: kernel for kernel in kernels(gpu.compute_capability())}
    lines: Lines = []
    for name, working in wanted:
        start = time.monotonic()
        try:
            launch.loaded(found[name], np.dtype(working).char)
            passed, says = True, ""
        except Exception as error:
            passed, says = False, f"{name} {working}: {type(error).__name__}: {error}"
        milliseconds = round(1000 * (time.monotonic() - start), 1)
        lines.append({"kernel": name, "working": working, "milliseconds": milliseconds, "passed": passed, "says": says})
    return lines
