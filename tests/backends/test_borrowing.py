"""A function borrows its arguments: nothing counts who holds them, unless a part of one may leave it."""

import numpy as np
import pytest
from numba import typeof, types

from tinyconv.backends.cpu import parallel
from tinyconv.backends.cpu.borrowing import holds_array
from tinyconv.backends.cpu.compilation import helper, kernel


@helper
def add_row(x, out):
    for i in range(x.shape[0]):
        out[i] += x[i]


@helper
def add_rows(pair, out):
    """Slices of arrays that come in a tuple too."""
    for row in range(pair[0].shape[0]):
        add_row(pair[0][row], out)
        add_row(pair[1][row, ::2], out[2:])


@kernel
def add_all(job, pair, out):
    add_rows(pair, out[job])


@helper
def middle(x):
    return x[1:-1]


@kernel
def keep_a_part(job, out):
    """The whole is used for the last time before the part of it is."""
    whole = np.full(1000, job)
    part = middle(whole)
    other = np.full(1000, -1)
    out[job] = part.sum() + other[0]


def counts(dispatcher, *arguments) -> int:
    """How often the function counts up or down, compiled for these arguments: what a cache gave has no source."""
    signature = tuple(map(typeof, arguments))
    dispatcher.compile(signature)
    lines = dispatcher.inspect_llvm(signature).splitlines()
    return sum("call void @NRT_incref" in line or "call void @NRT_decref" in line for line in lines)


def test_slices_of_arguments_are_not_counted():
    x, out = np.arange(24.0).reshape(4, 6), np.zeros((3, 6))
    parallel.launch(add_all, 3, (x, x), out)
    expected = x.sum(axis=0)
    expected[2:5] += x[:, ::2].sum(axis=0)
    np.testing.assert_array_equal(out, [expected] * 3)
    assert counts(add_row, x[0], x[0]) == 0
    assert counts(add_rows, (x, x), x[0]) == 0


def test_a_part_that_a_function_returns_keeps_the_whole():
    out = np.zeros(5, np.int64)
    parallel.launch(keep_a_part, 5, out)
    assert out.tolist() == [998 * job - 1 for job in range(5)]
    assert counts(middle, out) > 0


@pytest.mark.parametrize(
    ("kind", "holds"),
    [
        (types.float32, False),
        (types.boolean, False),
        (types.none, False),
        (types.UniTuple(types.intp, 2), False),
        (types.Array(types.float32, 1, "C"), True),
        (types.Tuple([types.intp, types.Array(types.float32, 1, "C")]), True),
        (types.ListType(types.intp), True),
    ],
)
def test_what_may_hold_an_array(kind, holds):
    assert holds_array(kind) is holds
