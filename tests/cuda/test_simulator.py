"""The kernels in Numba's simulator: each file of ``simulated`` is tested by a process that has no other CUDA."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "simulated"
FILES = sorted(path.name for path in FOLDER.glob("test_*.py"))
LIMIT = 600
"""Seconds, for what hangs: a simulated kernel waits for ever at a barrier that one thread never reaches."""


@pytest.fixture(scope="module")
def running(request):
    """The processes of all files that were asked for, two at a time: the simulator keeps one core busy."""
    wanted = [item.callspec.params["file"] for item in request.session.items if item.module is request.module]
    with ThreadPoolExecutor(2) as executor:
        yield {file: executor.submit(simulate, file) for file in wanted}


def simulate(file):
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", str(FOLDER / file)]
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT)


@pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM") == "1", reason="this process is the simulator's own")
@pytest.mark.parametrize("file", FILES)
def test_the_kernels_pass_in_the_simulator(file, running):
    process = running[file].result()
    assert process.returncode == 0, f"{process.stdout[-8000:]}\n{process.stderr[-4000:]}"
