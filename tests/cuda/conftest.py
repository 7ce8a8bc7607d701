"""Numba decides when it is imported whether kernels run in its simulator: those tests have processes of their own.

``test_simulator.py`` waits for one for each file of ``simulated``; by hand: ``NUMBA_ENABLE_CUDASIM=1 pytest FILE``.
They are started with the first test of this folder, and so is a process that compiles the kernels.
"""

import importlib.util
import os
import sys
from pathlib import Path

import ahead
import pytest

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

collect_ignore = [] if SIMULATED else ["simulated"]
"""Kernels to interpret are compiled in processes without the simulator."""

COMPILING = (sys.executable, str(Path(ahead.__file__).with_name("compile_kernels.py")))
FEW = 20
"""Tests of kernels, for which compiling all of them takes longer than it spares."""


@pytest.fixture(autouse=True, scope="session")
def others_work_ahead(request):
    """Start what these tests will wait for; not sooner, because tests before them keep both cores busy."""
    if SIMULATED:
        yield
        return
    folder = Path(__file__).parent
    items = [item for item in request.session.items if folder in item.path.parents]
    simulators = [item for item in items if item.path.name == "test_simulator.py"]
    if len(items) - len(simulators) > FEW and importlib.util.find_spec("numba_cuda") is not None:
        ahead.start(COMPILING)
    for item in simulators:
        item.module.start(item.callspec.params["file"])
    yield
    ahead.stop()
