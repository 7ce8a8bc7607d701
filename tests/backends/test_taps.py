"""The tap lists: every product of the definition exactly once."""

from collections import Counter

import numpy as np
from convolution_cases import convolutions
from hypothesis import given

from tinyconv.backends.cpu.taps import forward_taps, gradient_taps


def products(taps, inside):
    """Counts (output pixel, kernel index, input pixel) of a tap list, for input pixels in a map of size ``inside``."""
    found = Counter()
    for phase in taps.phases:
        tap = phase[2]
        for y, x, length in taps.runs[phase[0] : phase[1]]:
            for step in range(length):
                kernel = (int(taps.kernel_rows[tap]), int(taps.kernel_columns[tap]))
                for i, j in np.ndindex(phase[5], phase[6]):
                    seen = (int(i * taps.in_stride[0] + y), int(j * taps.in_stride[1] + x + step))
                    output = (int(phase[3] + i * taps.out_stride[0]), int(phase[4] + j * taps.out_stride[1]))
                    if 0 <= seen[0] < inside[0] and 0 <= seen[1] < inside[1]:
                        found[output, kernel, seen] += 1
                tap += 1
    return found


def definition(case):
    return Counter(
        ((i, j), (r, s), (row, column))
        for i, j in np.ndindex(*case.output_size)
        for r, s in np.ndindex(*case.kernel_size)
        for row in [i * case.stride[0] + r * case.dilation[0] - case.padding[0]]
        for column in [j * case.stride[1] + s * case.dilation[1] - case.padding[1]]
        if 0 <= row < case.size[0] and 0 <= column < case.size[1]
    )


@given(convolutions())
def test_forward_taps_list_each_product_once(case):
    taps = forward_taps(case.kernel_size, *case.parameters[:3], case.output_size)
    assert products(taps, case.size) == definition(case)


@given(convolutions())
def test_gradient_taps_list_each_product_once_from_the_other_side(case):
    taps = gradient_taps(case.kernel_size, *case.parameters[:3], case.size)
    swapped = Counter({(x, kernel, y): count for (y, kernel, x), count in definition(case).items()})
    assert products(taps, case.output_size) == swapped


@given(convolutions())
def test_every_input_pixel_belongs_to_one_phase_of_its_gradient(case):
    taps = gradient_taps(case.kernel_size, *case.parameters[:3], case.size)
    covered = np.zeros(case.size, int)
    for phase in taps.phases:
        rows = phase[3] + np.arange(phase[5]) * taps.out_stride[0]
        columns = phase[4] + np.arange(phase[6]) * taps.out_stride[1]
        covered[np.ix_(rows, columns)] += 1
    assert (covered == 1).all()


def test_taps_beside_each_other_become_one_run():
    dense = forward_taps((3, 3), (1, 1), (1, 1), (1, 1), (5, 5))
    assert dense.runs.tolist() == [[-1, -1, 3], [0, -1, 3], [1, -1, 3]]
    dilated = forward_taps((1, 3), (1, 1), (0, 0), (1, 2), (5, 5))
    assert dilated.runs.tolist() == [[0, 0, 1], [0, 2, 1], [0, 4, 1]]
