"""A kernel does each of its jobs once, whatever the number of threads, and says so when it cannot."""

import numpy as np
import pytest

from tinyconv.backends.cpu import parallel
from tinyconv.backends.cpu.compilation import helper, kernel


@kernel
def count(job, jobs, counts, totals, step):
    counts[job] += step
    totals[job] = jobs


@helper
def twice(number):
    return 2 * number


@kernel
def double(job, rows, pair, out):
    first, second = pair
    out[job] = twice(rows[job].sum()) + first - second


@kernel
def allocate(job, sizes, out):
    room = np.empty(sizes[job], np.uint8)
    room[0] = 1
    out[job] = room[0]


@pytest.mark.parametrize("jobs", [0, 1, 2, 3, 100, 1001])
def test_each_job_is_done_once(threads, jobs):
    for number in range(1, parallel.max_threads() + 1):
        threads(number)
        counts, totals = np.zeros((2, jobs + 1), np.int64)
        parallel.launch(count, jobs, counts, totals, 1)
        assert counts.tolist() == [1] * jobs + [0]
        assert totals.tolist() == [jobs] * jobs + [0]


def test_arrays_numbers_and_tuples_reach_the_job_through_helpers():
    rows, out = np.arange(12.0).reshape(4, 3), np.empty(4)
    parallel.launch(double, 4, rows, (5, 2), out)
    np.testing.assert_array_equal(out, 2 * rows.sum(axis=1) + 3)


def test_a_job_that_finds_no_memory_is_an_error_of_the_launch(threads):
    sizes, out = np.full(8, 16), np.zeros(8)
    parallel.launch(allocate, 8, sizes, out)
    assert out.all()
    sizes[5] = 1 << 62
    for number in range(1, parallel.max_threads() + 1):
        threads(number)
        with pytest.raises(MemoryError, match="no memory"):
            parallel.launch(allocate, 8, sizes, out)
