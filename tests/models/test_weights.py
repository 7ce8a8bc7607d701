import json
import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DeviceError, DTypeError, RunError, UnsupportedError
from tinyconv.core.layout import is_engine_order
from tinyconv.models.weights import load, load_metadata, save


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.safetensors"


def test_channels_last_weights_are_saved_in_the_order_that_others_read(path):
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    weight = tc.tensor(values)
    assert not weight.array.flags.c_contiguous  # or the test would prove nothing
    save({"weight": weight}, path)
    np.testing.assert_array_equal(safetensors.numpy.load_file(path)["weight"], values)
    loaded = load(path)["weight"]
    np.testing.assert_array_equal(loaded.numpy(), values)
    assert is_engine_order(loaded.array)


@given(
    array=arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]),
        array_shapes(min_dims=0, max_dims=4, max_side=4),
    ),
    order=st.randoms(use_true_random=False),
)
def test_any_memory_order_and_type_comes_back_equal(array, order, tmp_path_factory):
    axes = list(range(array.ndim))
    order.shuffle(axes)
    view = array.transpose(axes)[..., ::-1] if array.ndim else array
    file = tmp_path_factory.mktemp("any") / "w.safetensors"
    save({"a": view, "reversed": np.flip(view)}, file)
    loaded = load(file)
    assert loaded["a"].array.dtype == view.dtype
    np.testing.assert_array_equal(loaded["a"].numpy(), view)
    np.testing.assert_array_equal(loaded["reversed"].numpy(), np.flip(view))


def test_a_networks_state_comes_back_into_another_of_its_kind(path):
    def network():
        return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))

    one, other = network(), network()
    one(tc.randn(5, 2, 4, 4))  # moves the running statistics and the int64, 0-d counter of batches
    save(one.state_dict(), path)
    other.load_state_dict(load(path))
    for name, tensor in other.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), one.state_dict()[name].numpy(), err_msg=name)
    assert other.state_dict()["1.num_batches_tracked"].item() == 1


def test_what_is_loaded_can_be_written_to_and_outlives_the_file(path):
    save({"a": tc.zeros(3)}, path)
    loaded = load(path)["a"]
    path.unlink()
    loaded.add_(1)
    assert loaded.numpy().tolist() == [1, 1, 1]


def test_metadata_is_whatever_json_expresses(path):
    metadata = {"epoch": 3, "classes": ["a", "ü"], "nested": {"lr": 0.1, "none": None}}
    save({"a": tc.zeros(1)}, path, metadata)
    assert load_metadata(path) == metadata
    save({"a": tc.zeros(1)}, path)
    assert load_metadata(path) == {}


def test_metadata_of_another_writer_is_given_as_it_is(path):
    safetensors.numpy.save_file({"a": np.zeros(1)}, path, metadata={"format": "pt"})
    assert load_metadata(path) == {"format": "pt"}


def test_equal_contents_make_equal_bytes_in_every_process(tmp_path):
    code = (
        "import sys, tinyconv as tc; from tinyconv.models.weights import save; "
        "save({'b': tc.zeros(2, 3, 4, 4), 'a': tc.ones(2)}, sys.argv[1], {c: c for c in 'abcdefghij'})"
    )
    for name in "12":
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)], check=True, env={**os.environ, "PYTHONHASHSEED": name}
        )
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_the_public_names_are_on_the_package(path):
    tc.save({"a": tc.ones(2)}, path)
    assert tc.load(path, map_location="cpu", weights_only=True)["a"].numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"model": {"a": 1}}, "metadata"),
        ({"epoch": 3}, "'epoch' is a int.*metadata"),
        ({"a": None}, "NoneType"),
        ([1, 2], "takes a state dict, got list"),
        (nn.Linear(1, 1), r"save module\.state_dict\(\)"),
        ({3: np.zeros(1)}, "names of tensors are strings"),
    ],
)
def test_what_would_need_pickle_is_refused_with_the_alternative(path, content, words):
    with pytest.raises(UnsupportedError, match=words):
        save(content, path)
    assert not path.exists()


def test_other_unsupported_arguments_are_refused(path):
    import io

    save({"a": tc.zeros(1)}, path)
    with pytest.raises(UnsupportedError, match="path of a file"):
        save({"a": tc.zeros(1)}, io.BytesIO())
    with pytest.raises(UnsupportedError, match="weights_only"):
        load(path, weights_only=False)
    with pytest.raises(UnsupportedError, match="map_location"):
        load(path, map_location=lambda storage, location: storage)
    with pytest.raises(DeviceError, match="cuda"):
        load(path, map_location="cuda")
    with pytest.raises(ArgumentError, match="JSON"):
        save({"a": tc.zeros(1)}, path, {"object": object()})
    with pytest.raises(DTypeError, match="float16"):
        save({"a": np.zeros(1, np.float16)}, path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(RunError, match=r"no\.safetensors does not exist"):
        load(tmp_path / "no.safetensors")
    with pytest.raises(RunError, match="is a folder"):
        load(tmp_path)


def test_a_pytorch_pickle_is_recognised_and_not_opened(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.zeros(2)}, tmp_path / "model.pt")
    with pytest.raises(RunError, match=r"safetensors\.torch\.save_file"):
        load(tmp_path / "model.pt")


@given(data=st.data())
def test_a_damaged_file_is_one_line_or_still_reads(data, tmp_path_factory):
    file = tmp_path_factory.mktemp("damaged") / "w.safetensors"
    save({"weight": tc.arange(6.0).reshape(2, 3), "n": tc.tensor(3)}, file, {"epoch": 1})
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    try:
        load(file)
        load_metadata(file)
    except (RunError, DTypeError) as error:
        assert "\n" not in str(error)  # noqa: PT017  # it may also read: a changed weight is a weight


def test_types_that_tinyconv_lacks_are_named(path):
    safetensors.numpy.save_file({"half": np.zeros(2, np.float16)}, path)
    with pytest.raises(DTypeError, match="'half' has type F16"):
        load(path)


def test_a_shortened_file_is_called_damaged(path):
    save({"a": tc.zeros(100)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="damaged"):
        load(path)


def test_a_failed_save_keeps_the_old_file(path):
    save({"a": tc.zeros(2)}, path)
    before = path.read_bytes()
    with pytest.raises(UnsupportedError):
        save({"a": tc.zeros(2), "b": object()}, path)
    assert path.read_bytes() == before


def test_the_header_is_readable_by_hand(path):
    save({"a": tc.zeros(2)}, path, {"epoch": 1})
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert header["a"] == {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    assert json.loads(header["__metadata__"]["tinyconv"]) == {"epoch": 1}
