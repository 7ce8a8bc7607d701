"""Fixtures for the kernels' tests."""

import pytest

from tinyconv.backends.cpu import parallel


@pytest.fixture
def threads():
    """A function that sets the number of threads until the test ends."""
    before = parallel.get_num_threads()
    yield parallel.set_num_threads
    parallel.set_num_threads(before)
