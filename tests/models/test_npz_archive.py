"""Weights as ``.npz``: what NumPy reads, what comes back, and what is not opened."""

import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import DTypeError, RunError
from tinyconv.core.layout import is_engine_order
from tinyconv.models.weights import load_metadata


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npz"


def network():
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))


def test_numpy_reads_what_was_saved_and_it_comes_back_into_another_network(path):
    one, other = network(), network()
    one[1].running_mean.fill_(0.5)
    tc.save(one.state_dict(), path, {"epoch": 3, "classes": ["ä", "b"]})
    with np.load(path) as archive:
        assert sorted(archive.files) == sorted([*one.state_dict(), "__metadata__"])
        np.testing.assert_array_equal(archive["0.weight"], one[0].weight.detach().numpy())
        assert archive["0.weight"].flags.c_contiguous
        assert json.loads(archive["__metadata__"].item()) == {"epoch": 3, "classes": ["ä", "b"]}
    loaded = tc.load(path)
    assert all(is_engine_order(tensor.array) for tensor in loaded.values())
    other.load_state_dict(loaded)
    for name, tensor in other.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), one.state_dict()[name].numpy(), err_msg=name)
    assert load_metadata(path) == {"epoch": 3, "classes": ["ä", "b"]}


def test_a_nested_checkpoint_comes_back(path):
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = tc.ones_like(parameter)
    optimizer.step()
    tc.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 2}, path)
    loaded = tc.load(path)
    assert loaded["epoch"] == 2
    optimizer.load_state_dict(loaded["optimizer"])
    assert loaded["optimizer"]["state"][0]["momentum_buffer"].shape == (3, 2, 3, 3)


def test_an_archive_of_somebody_else_is_a_dictionary_of_its_arrays(path):
    np.savez_compressed(path, a=np.ones((2, 1, 3, 3), np.float32, order="F"), b=np.arange(3, dtype=">f8"))
    loaded = tc.load(path)
    assert loaded["a"].shape == (2, 1, 3, 3)
    assert loaded["b"].dtype is tc.float64
    assert loaded["b"].tolist() == [0, 1, 2]
    assert load_metadata(path) == {}
    loaded["b"].add_(1)


def test_the_kind_of_a_file_shows_in_its_bytes_not_in_its_name(tmp_path):
    tc.save({"a": tc.ones(2)}, tmp_path / "a.NPZ")
    (tmp_path / "a.NPZ").rename(tmp_path / "a.weights")
    assert tc.load(tmp_path / "a.weights")["a"].tolist() == [1, 1]
    with (tmp_path / "a.weights").open("rb") as file:
        assert tc.load(file)["a"].tolist() == [1, 1]


def test_any_name_is_kept_and_equal_contents_make_equal_bytes(tmp_path):
    state = {name: tc.ones(1) for name in ("file", "a/b", "x.npy", "ü", "0.weight")}
    for number in range(2):
        tc.save(state, tmp_path / f"{number}.npz")
        state = dict(reversed(state.items()))
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    assert set(tc.load(tmp_path / "0.npz")) == set(state)


@given(
    arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    )
)
def test_any_array_comes_back_equal(array):
    file = io.BytesIO()
    np.savez(file, a=array.T)
    file.seek(0)
    loaded = tc.load(file)["a"].numpy()
    assert loaded.dtype == array.dtype
    np.testing.assert_array_equal(loaded, array.T, strict=True)


def test_types_and_pickles_are_refused_by_name(path):
    np.savez(path, half=np.zeros(2, np.float16))
    with pytest.raises(DTypeError, match=r"weights\.npz: array 'half'.*float16"):
        tc.load(path)
    np.savez(path, a=np.array([None, 1]))
    with pytest.raises(RunError, match=r"weights\.npz holds Python objects, a pickle"):
        tc.load(path)


def test_pytorchs_archives_are_still_told_apart(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
    with pytest.raises(RunError, match=r"model\.pt is a pickle.*safetensors"):
        tc.load(tmp_path / "model.pt")


@given(data=st.data())
def test_a_damaged_archive_is_one_line_or_still_reads(data, tmp_path_factory):
    file = tmp_path_factory.mktemp("damaged") / "w.npz"
    tc.save({"weight": tc.arange(6.0).reshape(2, 3), "n": tc.tensor(3)}, file, {"epoch": 1})
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    try:
        tc.load(file)
        load_metadata(file)
    except (RunError, DTypeError) as error:
        assert "\n" not in str(error)  # noqa: PT017  # it may also read: a changed date is no damage
