"""Arrays in pickles: what NumPy's own loading gives, without ever running what the file says."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import MissingFileError, RunError
from tinyconv.interop.pickled_arrays import parse, parse_npy, read_npy

ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(1, 2, 3),
    np.zeros(0, ">f8"),
    np.array(True),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
]
PLAIN = {"epochs": 3, "rate": 0.5, "name": "pnet ü", "large": 2**40, "none": None, "pair": (1, False, (2.0,))}
CONTENT = {"net": ARRAYS, "bytes": b"\xff", **PLAIN}


def assert_same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_protocol_that_numpy_has_written_is_read(protocol):
    assert_same(parse(pickle.dumps(CONTENT, protocol)), CONTENT)


def test_a_dictionary_and_an_array_in_a_file_of_numpys(tmp_path):
    np.save(tmp_path / "weights.npy", CONTENT, allow_pickle=True)
    assert_same(read_npy(tmp_path / "weights.npy"), CONTENT)
    np.save(tmp_path / "list.npy", np.array([None, np.ones(2)], object), allow_pickle=True)
    assert_same(read_npy(tmp_path / "list.npy"), [None, np.ones(2)])
    np.save(tmp_path / "array.npy", np.eye(2))
    assert_same(read_npy(tmp_path / "array.npy"), np.eye(2))


class Attack:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, Path.touch, eval, np.load], ids=["system", "touch", "eval", "load"])
def test_what_a_pickle_calls_is_not_called(tmp_path, monkeypatch, protocol, function):
    monkeypatch.chdir(tmp_path)
    argument = {"system": "touch harm", "touch": Path("harm"), "eval": "open('harm', 'w')", "load": "x"}
    content = pickle.dumps({"a": Attack(function, argument.get(function.__name__))}, protocol)
    with pytest.raises((ValueError, TypeError)):
        parse(content)
    assert not Path("harm").exists()


def test_the_message_says_what_the_file_would_have_called(tmp_path):
    np.save(tmp_path / "evil.npy", np.array({"a": Attack(os.system, "true")}, object), allow_pickle=True)
    with pytest.raises(
        RunError, match=r"evil\.npy cannot be read as arrays without running code \(it calls posix\.system"
    ):
        read_npy(tmp_path / "evil.npy")
    with pytest.raises(MissingFileError, match=r"none\.npy does not exist"):
        read_npy(tmp_path / "none.npy")
    with pytest.raises(RunError, match="cannot be read"):
        read_npy(tmp_path)
    (tmp_path / "text.npy").write_text("hello")
    with pytest.raises(RunError, match=r"text\.npy cannot be read as arrays"):
        read_npy(tmp_path / "text.npy")


def test_other_types_of_elements_are_refused():
    with pytest.raises(ValueError, match="arrays of type 'c16' are not read"):
        parse(pickle.dumps(np.ones(1, complex), 2))


def npy(content):
    file = io.BytesIO()
    np.save(file, content, allow_pickle=True)
    return bytearray(file.getvalue())


@given(data=st.data())
def test_a_damaged_file_is_one_line_or_still_reads(data):
    content = npy({"a": [np.arange(3), np.ones((2, 2), np.float32)], "b": (1, "x")})
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parse_npy(bytes(content), "file")
    except RunError as error:
        assert "\n" not in str(error)  # noqa: PT017  # it may also read: a changed number is a number
