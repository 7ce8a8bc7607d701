"""What the kernels for GPUs become, without a GPU: registers, memory, spills and instructions."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.report import keep
from tinyconv.backends.cuda.kernels import Capability, Kernel, all_kernels

CAPABILITIES: tuple[tuple[int, int], ...] = ((8, 0), (9, 0))

INSTRUCTIONS = {
    "mma": r"\bmma\.sync",
    "wgmma": r"\bwgmma\.mma_async",
    "ldmatrix": r"\bldmatrix",
    "cp.async": r"\bcp\.async\.c[ag]",
    "fma": r"\bfma\.rn\.f(?:32|64)",
    "barrier": r"\bbar\.sync|\bbarrier\.sync",
}
"""What is counted in a program's text: each stands there once, however often it runs."""


@dataclass(frozen=True)
class Assembled:
    """What ptxas says of a program: registers of a thread, bytes of memory."""

    registers: int
    shared: int
    stack: int
    spill_stores: int
    spill_loads: int


def find_ptxas() -> str | None:
    """NVIDIA's assembler: on the PATH, or in one of NVIDIA's packages."""
    on_path = shutil.which("ptxas")
    if on_path is not None:
        return on_path
    try:
        folders = list(importlib.import_module("nvidia").__path__)
    except ImportError:
        return None
    found = (path for folder in folders for path in sorted(Path(folder).glob("*/bin/ptxas")))
    return next((str(path) for path in found), None)


def version_of(ptxas: str) -> str:
    """The assembler's own line, such as "Cuda compilation tools, release 13.0, V13.0.88"."""
    said = subprocess.run([ptxas, "--version"], capture_output=True, text=True, check=True).stdout
    return next((line for line in said.splitlines() if "release" in line), said.strip())


def architecture(capability: Capability) -> str:
    """sm_90a for (9, 0, "a")."""
    return "sm_" + "".join(map(str, capability))


def counted(ptx: str) -> dict[str, int]:
    """How often each of ``INSTRUCTIONS`` stands in a program."""
    return {name: len(re.findall(pattern, ptx)) for name, pattern in INSTRUCTIONS.items()}


def assemble(ptxas: str, ptx: str, capability: Capability) -> Assembled:
    """Assemble a program for a GPU, and read what the assembler tells of it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(ptx, encoding="ascii")
        command = [
            ptxas,
            "-v",
            f"-arch={architecture(capability)}",
            str(source),
            "-o",
            str(source.with_suffix(".cubin")),
        ]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise ValueError(f"ptxas refuses the program:\n{process.stderr[:2000]}")
    said = process.stderr

    def number(pattern: str) -> int:
        return sum(map(int, re.findall(pattern, said)))

    return Assembled(
        registers=number(r"Used (\d+) registers"),
        shared=number(r"(\d+) bytes smem"),
        stack=number(r"(\d+) bytes stack frame"),
        spill_stores=number(r"(\d+) bytes spill stores"),
        spill_loads=number(r"(\d+) bytes spill loads"),
    )


def rows_of(kernels: Iterable[Kernel], ptxas: str | None) -> Iterator[dict[str, object]]:
    """One row for each kernel, working type and capability that it runs on."""
    for kernel in kernels:
        for working in kernel.working_types:
            for capability in CAPABILITIES:
                if not kernel.runs_on(capability):
                    continue
                ptx = kernel.ptx(working, kernel.target(capability))
                target = kernel.least if len(kernel.least) == 3 else capability
                row: dict[str, object] = {
                    "kernel": kernel.name,
                    "type": working,
                    "target": architecture(target),
                    "threads": kernel.threads,
                    "local": ".local" in ptx,
                    **counted(ptx),
                }
                yield row | (asdict(assemble(ptxas, ptx, target)) if ptxas else {})


def report(out: Path | None, only: str) -> None:
    """Print the table of all kernels whose names have ``only`` in them; with ``out``, write it to that folder too."""
    ptxas = find_ptxas()
    assembler = version_of(ptxas) if ptxas else "none was found: no registers, no spills"
    click.echo(f"assembler: {assembler}")
    columns = ("registers", "shared", "stack", "spill_stores", "spill_loads", *INSTRUCTIONS)
    heading = f"{'kernel':44} {'type':8} {'target':7} {'threads':>7} "
    click.echo(heading + " ".join(f"{name.removeprefix('spill_'):>9}" for name in columns))
    rows = []
    chosen = sorted((kernel for kernel in all_kernels() if only in kernel.name), key=lambda kernel: kernel.name)
    for row in rows_of(chosen, ptxas):
        rows.append(row)
        start = f"{row['kernel']:44} {row['type']:8} {row['target']:7} {row['threads'] or '':>7} "
        click.echo(start + " ".join(f"{row.get(name, ''):>9}" for name in columns))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        keep(out / "compiled_kernels.json", "compiled_kernels", rows, assembler=assembler)
