"""Fixtures of the files that run in the simulator."""

import pytest
from on_device import standing_in


@pytest.fixture(autouse=True, scope="session")
def _stand_in():
    with standing_in():
        yield


def pytest_collection_modifyitems(items):
    """A GPU divides by zero and overflows in silence. Each thread of a kernel is a new one, with NumPy's defaults."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore::RuntimeWarning"))
