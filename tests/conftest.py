"""The suite tests what is installed: the checkout's own `tinyconv` lacks the command, so it must not be found."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

root = Path(__file__).resolve().parent.parent
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != root]
# The same for the processes that tests start: Python would put the current folder first.
os.environ["PYTHONSAFEPATH"] = "1"
# What `tinyconv bench --tune` has learned of the machine is no part of what is tested. The processes that share the
# tests share the folder, and with it the kernels for GPUs that one of them has compiled.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["TINYCONV_CACHE_DIR"] = tempfile.mkdtemp()
# Their threads together are more than the cores, and one that waits for another must not keep a core from it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

pytest_plugins = ["tables"]

# A first call compiles a kernel, which no deadline can allow for; the examples are the same on every machine.
settings.register_profile("tinyconv", deadline=None, derandomize=True)
settings.load_profile("tinyconv")


MOST_PROCESSES = 8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """A process for each core, which most tests leave half idle; a few files are sooner tested by this one."""
    return min(os.cpu_count() or 1, MOST_PROCESSES) if _whole_folders(config.args) else 0


def _whole_folders(arguments):
    return any(Path(argument).is_dir() for argument in arguments)


@pytest.fixture(scope="module")
def exact():
    """float32 as it is written, without the noise of faster convolutions: for what is held against another library."""
    from tinyconv.core.precision import set_float32_precision

    with set_float32_precision("exact"):
        yield


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, where there is one; one for all, for a process can hold no two."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'tinyconv[browser]'")
    executable = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if executable is None:
        pytest.skip("there is no Chromium here")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()
