"""One thread: thousands of kernels on a handful of numbers each; waking a second takes longer than the work."""

import pytest

import tinyconv as tc


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = tc.get_num_threads()
    tc.set_num_threads(1)
    yield
    tc.set_num_threads(threads)
