"""The suite tests what is installed: the checkout's own `tinyconv` lacks the command, so it must not be found."""

import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

root = Path(__file__).resolve().parent.parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != root]
# The same for the processes that tests start: Python would put the current folder first.
os.environ["PYTHONSAFEPATH"] = "1"
# What `tinyconv bench --tune` has learned of the machine is no part of what is tested.
os.environ["TINYCONV_CACHE_DIR"] = tempfile.mkdtemp()

# A first call compiles a kernel, which no deadline can allow for; the examples are the same on every machine.
settings.register_profile("tinyconv", deadline=None, derandomize=True)
settings.load_profile("tinyconv")


@pytest.fixture(scope="module")
def exact():
    """float32 as it is written, without the noise of faster convolutions: for what is held against another library."""
    from tinyconv.core.precision import set_float32_precision

    with set_float32_precision("exact"):
        yield
