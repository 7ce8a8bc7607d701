"""Values that meet at one element, on a GPU, against their definition: the same bits, whatever the threads do."""

import numpy as np
from device_arrays import synchronisations
from hypothesis import given, settings
from meeting_values import meetings
from on_device import on_device, on_host

from tinyconv.backends import cuda, reference


@settings(max_examples=40)
@given(case=meetings())
def test_each_value_counts_in_its_order(case):
    part, index, values, function = case
    expected = part.copy()
    reference.combine_at(expected, index, values, function)
    whole = on_device(np.ascontiguousarray(part.transpose(2, 1, 0)))
    ours = whole.transpose(2, 1, 0)  # a view in another memory order
    with synchronisations() as waits:
        cuda.combine_at(ours, on_device(index), on_device(values), function)
    assert waits == []
    np.testing.assert_array_equal(on_host(ours), expected)
