"""Numba decides when it is imported whether kernels run in its simulator: those tests have processes of their own.

``test_simulator.py`` waits for one for each file of ``simulated``; by hand: ``NUMBA_ENABLE_CUDASIM=1 pytest FILE``.
They are started before the first test of all, and so is a process that compiles the kernels.
"""

import importlib.util
import os
import sys
from pathlib import Path

import ahead

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"

collect_ignore = [] if SIMULATED else ["simulated"]
"""Kernels to interpret are compiled in processes without the simulator."""

COMPILING = (sys.executable, str(Path(ahead.__file__).with_name("compile_kernels.py")))
FEW = 20
"""Tests of kernels, for which compiling all of them takes longer than it spares."""


def pytest_collection_finish(session):
    """Start what the tests will wait for."""
    if SIMULATED or session.config.option.collectonly:
        return
    items = [item for item in session.items if Path(__file__).parent in item.path.parents]
    simulators = [item for item in items if item.path.name == "test_simulator.py"]
    if len(items) - len(simulators) > FEW and importlib.util.find_spec("numba_cuda") is not None:
        ahead.start(COMPILING)
    for item in simulators:
        item.module.start(item.callspec.params["file"])


def pytest_sessionfinish():
    ahead.stop()
