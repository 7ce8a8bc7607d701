"""The stand-in for CuPy refuses what CuPy refuses, and knows the names and arguments of the CuPy that is installed."""

import importlib.util

import numpy as np
import pytest
from device_arrays import DeviceArray, facts, synchronisations, xp


@pytest.fixture
def x():
    return xp.asarray(np.arange(6.0, dtype=np.float32).reshape(2, 3))


REFUSED = {
    "an array of the host beside one of the device": lambda x: x + np.ones(3, np.float32),
    "the other way round": lambda x: np.ones(3, np.float32) + x,
    "one without dimensions": lambda x: x + np.array(1.0),
    "a comparison with it": lambda x: x == np.array(1.0),
    "a silent copy to the host": np.asarray,
    "a list of arrays for NumPy": lambda x: np.array([x[0], x[1]]),
    "a list for CuPy": lambda x: xp.sum([1.0, 2.0]),
    "accumulate of what is no sum": lambda x: np.maximum.accumulate(x),
    "the same, of CuPy's": lambda x: xp.maximum.accumulate(x),
    "where= of a ufunc": lambda x: xp.add(x, 1, where=x > 2),
    "order= of a ufunc": lambda x: xp.add(x, 1, order="K"),
    "initial= of a reduction": lambda x: x.max(initial=0),
    "where= of a reduction": lambda x: xp.sum(x, where=x > 2),
    "a mode of take": lambda x: xp.take(x, xp.asarray([0]), mode="wrap"),
    "a list of indices": lambda x: x[[0, 1]],
    "indices of the host": lambda x: x[np.array([0, 1])],
    "two masks": lambda x: x[xp.asarray([True, False]), xp.asarray([True, False, True])],
    "casting= of astype": lambda x: x.astype(np.int32, casting="unsafe"),
    "kind= of a sort": lambda x: xp.sort(x, kind="mergesort"),
    "atomic sums of fractions": lambda x: xp.add.at(x, xp.asarray([0]), 1.0),
    "atomic sums of int64": lambda x: xp.add.at(xp.zeros(2, np.int64), xp.asarray([0]), 1),
    "objects": lambda x: xp.asarray([None]),
    "a result that does not fit": lambda x: xp.add(x, 0.5, out=xp.zeros((2, 3), np.int64)),
    "a truth value subtracted": lambda x: xp.subtract(x > 1, x > 2),
    "an array as an index of Python's": lambda x: range(x.sum().astype(np.int64)),
    "a flag that CuPy has not": lambda x: x.flags.writeable,
    "NumPy's interface": lambda x: x.__array_interface__,
    "errstate": lambda x: xp.errstate(all="ignore"),
    "a function that CuPy has not": lambda x: xp.insert(x, 0, 1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses(x, what):
    with pytest.raises((TypeError, AttributeError, ValueError, IndexError, NotImplementedError)):
        REFUSED[what](x)


def test_numbers_of_python_and_numpy_are_welcome(x):
    for result in (x + 1, 2.0 * x, np.float32(2) * x, np.sqrt(x), np.where(x > 1, x, 0)):
        assert isinstance(result, DeviceArray)
        assert result.dtype == np.float32
    assert (x + np.float64(1)).dtype == np.float64


def test_a_reduction_and_an_element_are_arrays_without_dimensions(x):
    assert isinstance(x.sum(), DeviceArray)
    assert x.sum().shape == x[0, 1].shape == ()
    x[0, 1][...] = 7
    assert x.get()[0, 1] == 7


def test_fresh_results_are_in_c_order(x):
    image = x.reshape(1, 2, 3, 1).transpose(0, 3, 1, 2)
    assert not image.flags.c_contiguous or image.shape[1] == 1
    assert (x.T + 1).flags.c_contiguous
    assert not x.T.astype(np.float64).flags.c_contiguous


def test_indices_beyond_the_ends_wrap_around(x):
    assert x[:, xp.asarray([3, 4])].get().tolist() == [[0, 1], [3, 4]]


def test_the_host_waits_where_numbers_are_asked_for(x):
    with synchronisations() as waits:
        (x.sum() + x[0]).mean()
        assert waits == []
        float(x.sum()), bool(x[0, 0] == 0), x.tolist(), x[x > 2], x.get(), xp.nonzero(x), f"{x.sum():.1f}"
    assert [wait.partition(" at ")[0] for wait in waits] == [
        "float()", "bool()", "tolist()", "an index that is a mask", "get()", "nonzero()", "format()",
    ]  # fmt: skip
    assert all("test_device_arrays" in wait for wait in waits)


def test_empty_memory_holds_no_zeros():
    assert np.isnan(xp.empty(3).get()).all()


def test_the_facts_are_those_of_the_installed_cupy():
    if importlib.util.find_spec("cupy") is None:
        pytest.skip("CuPy is not installed")
    known, found = facts.load(), facts.collect()
    if known["version"].split(".")[:2] != found["version"].split(".")[:2]:
        pytest.skip(f"the facts are of CuPy {known['version']}, this is {found['version']}")
    assert found | {"version": ""} == known | {"version": ""}
