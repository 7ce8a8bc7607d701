"""The kernels in Numba's simulator: each file of ``simulated`` is tested by a process that has no other CUDA."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "simulated"
FILES = sorted(path.name for path in FOLDER.glob("test_*.py"))
LIMIT = 900
"""Seconds, for what hangs: a simulated kernel waits for ever at a barrier that one thread never reaches."""


@pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM") == "1", reason="this process is the simulator's own")
@pytest.mark.parametrize("file", FILES)
def test_the_kernels_pass_in_the_simulator(file):
    process = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", str(FOLDER / file)],
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert process.returncode == 0, f"{process.stdout[-8000:]}\n{process.stderr[-4000:]}"
