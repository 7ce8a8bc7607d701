"""``tinyconv warmup``: compile the kernels now, so that no training waits for them."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from .options import device, say

if TYPE_CHECKING:
    from tinyconv.train.warmup import Prepared


@click.command("warmup")
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@click.option("--float64", is_flag=True, help="The kernels for float64 too.")
@device
def command(models: tuple[str, ...], float64: bool, device: str) -> None:
    """Compile the kernels of common layers, losses and optimisers, and of the MODELs.

    Without one, of the models for small images: facenet, lenet, vgg11_bn (with a linear head) and resnet18.

    Kernels are compiled for this processor or GPU on their first use, which takes seconds, and kept on disk. What is
    there already is not compiled again.

    \b
    Examples:
      tinyconv warmup
      tinyconv warmup facenet --float64
      tinyconv warmup --device cuda
    """
    from tinyconv.core import dtypes
    from tinyconv.core.devices import Device
    from tinyconv.ops import machine
    from tinyconv.train.warmup import warm_up

    where = Device(device)
    start, live = time.perf_counter(), _Live(sys.stderr.isatty())
    ready: list[Prepared] = []
    try:
        for dtype in (dtypes.float32, dtypes.float64)[: 1 + float64]:
            ready += warm_up(models, dtype, live, where)
    finally:
        live.stop()
    compiled = sum(kernel.compiled for kernel in ready)
    seconds = time.perf_counter() - start
    if compiled:
        say(f"{compiled} kernels compiled in {seconds:.0f} s, {len(ready) - compiled} were there already")
    else:
        say(f"all {len(ready)} kernels are there already")
    folder = machine.kernel_cache_folder(where)
    say(f"cache      {folder}" if folder else "no folder is writable: every process will compile them again")


class _Live:
    """A line for each kernel that was compiled; in a terminal also the name of the one that is being compiled."""

    def __init__(self, terminal: bool) -> None:
        self._status = None
        if terminal:
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()

    def __call__(self, kernel: str, done: Prepared | None) -> None:
        if done is not None and done.compiled:
            say(f"{kernel:32}  {done.seconds:5.1f} s", err=True)
        elif done is None and self._status is not None:
            self._status.update(f"compiling {kernel}")

    def stop(self) -> None:
        if self._status is not None:
            self._status.stop()
