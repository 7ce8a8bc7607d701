"""The memory of training steps is measured from the same start on every side."""

import sys

import pytest

from bench.peak import give_back_what_waits
from bench.suites.leak import resident
from tinyconv.core import pool


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries keep less of what is freed")
def test_what_is_left_over_from_before_is_given_back():
    """The C library keeps freed memory below memory in use; the pool keeps freed arrays."""
    blocks, array = [bytes(60_000) for _ in range(1000)], pool.empty((10_000_000,), "float32")
    array.fill(1)
    last = bytes(60_000)
    full = resident()
    del blocks, array
    give_back_what_waits()
    assert full - resident() > 80_000_000, len(last)
