"""Values that meet at one element, on the processor, against their definition."""

import numpy as np
from hypothesis import given
from meeting_values import meetings

from tinyconv.backends import cpu, reference


@given(case=meetings())
def test_each_value_counts_in_its_order(case):
    part, index, values, function = case
    ours, expected = part.copy(order="K"), part.copy(order="K")
    cpu.combine_at(ours, index, values, function)
    reference.combine_at(expected, index, values, function)
    np.testing.assert_array_equal(ours, expected)
