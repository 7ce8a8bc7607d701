"""The tables of windows against the definition of each window."""

import numpy as np
from convolution_cases import max_poolings
from hypothesis import given

from tinyconv.core.windows import adaptive_windows, sliding_windows


@given(case=max_poolings)
def test_a_table_names_the_pixels_of_each_window_and_repeats_the_last(case):
    windows = case.windows()
    for axis, table in enumerate((windows.down, windows.across)):
        expected = case.pixels(axis)
        assert len(table) == len(expected)
        for named, pixels in zip(table.tolist(), expected, strict=True):
            assert named == pixels + [pixels[-1]] * (len(named) - len(pixels))


@given(case=max_poolings)
def test_no_window_that_sees_a_row_is_missed(case):
    windows = case.windows()
    for row in range(windows.size[0]):
        seeing = [index for index, pixels in enumerate(case.pixels(0)) if row in pixels]
        first, end = windows.covering[row].tolist()
        assert all(first <= index < end for index in seeing)


def test_a_table_is_made_once():
    arguments = ((8, 8), (2, 2), (2, 2), (0, 0), (1, 1), False)
    assert sliding_windows(*arguments) is sliding_windows(*arguments)


def test_a_switch_names_its_pixel():
    windows = adaptive_windows((5, 4), (2, 2))
    assert windows.down.tolist() == [[0, 1, 2], [2, 3, 4]]
    assert windows.across.tolist() == [[0, 1], [2, 3]]
    switches = np.array([[[[0, 3], [5, 2]]]], np.uint8)
    assert windows.indices(switches).tolist() == [[[[0, 7], [17, 14]]]]
