import enum
import io
import json
import math
import os
import subprocess
import sys
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, DeviceError, DTypeError, RunError, UnsupportedError
from tinyconv.core.layout import is_engine_order
from tinyconv.core.random import default_generator
from tinyconv.models.weights import METADATA_KEY, STRUCTURE_KEY, load, load_metadata, save


class Colour(enum.IntEnum):
    RED = 1


DEEP = []
DEEP.append(DEEP)


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
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
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
        (nn.Linear(1, 1), r"the object is a Linear.*save module\.state_dict\(\)"),
        ({"model": [nn.Linear(1, 1)]}, r"object\['model'\]\[0\] is a Linear.*save object\['model'\]\[0\]\.state_dict"),
        ({"epoch": 3, "loss": nn.functional.relu}, r"object\['loss'\] is a function.*would need pickle"),
        ({"a": {3: {1, 2}}}, r"object\['a'\]\[3\] is a set.*save tuple\(\.\.\.\) of it"),
        ({"a": defaultdict(int)}, r"object\['a'\] is a defaultdict.*save dict\(\.\.\.\) of it"),
        ({"a": Colour.RED}, r"object\['a'\] is a Colour.*save its plain int"),
        ({b"a": 1}, r"the object has a key of type bytes, b'a'"),
        (DEEP, r"nested deeper than 100 levels; does it contain itself\?"),
    ],
)
def test_what_would_need_pickle_is_refused_with_the_alternative(path, content, words):
    with pytest.raises(UnsupportedError, match=words):
        save(content, path)
    assert not path.exists()


def test_other_unsupported_arguments_are_refused(path):
    save({"a": tc.zeros(1)}, path)
    with pytest.raises(UnsupportedError, match="f is a int; give a path, or a file opened in mode 'wb'"):
        save({"a": tc.zeros(1)}, 3)
    with pytest.raises(UnsupportedError, match="f is a int; give a path, or a file opened in mode 'rb'"):
        load(3)
    with pytest.raises(ArgumentError, match="open it in mode 'rb'"):
        load(io.StringIO("text"))
    with pytest.raises(ArgumentError, match="metadata may not have the key"):
        save({"a": tc.zeros(1)}, path, {STRUCTURE_KEY: 1})
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
    with pytest.raises(RunError, match=r"model\.pt is a pickle.*safetensors\.torch\.save_file"):
        load(tmp_path / "model.pt")
    torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RunError, match=r"old\.pt is a pickle.*safetensors\.torch\.save_file"):
        load(tmp_path / "old.pt")


# --- nested checkpoints -----------------------------------------------------------------------------------------------

keys = st.one_of(
    st.text(max_size=3), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False), st.tuples(st.integers())
)
tensors = st.builds(
    lambda array: tc.tensor(array),
    arrays(
        st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_]),
        array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
)
leaves = st.one_of(
    tensors,
    tensors.map(lambda tensor: tensor.numpy()),
    st.sampled_from([np.float32(0.1), np.int64(3), np.float64(math.pi), np.bool_(True)]),
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(),
    st.text(max_size=5),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
    ),
    max_leaves=12,
)


def assert_identical(one, other):
    """The same types all the way down, the same order of keys, the same bits of every number."""
    assert type(one) is type(other)
    if isinstance(one, tc.Tensor):
        assert is_engine_order(one.array)
        one, other = one.numpy(), other.numpy()
    if isinstance(one, np.ndarray | np.generic):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)
    elif isinstance(one, dict):
        for (key, value), (other_key, other_value) in zip(one.items(), other.items(), strict=True):
            assert_identical(key, other_key)
            assert_identical(value, other_value)
    elif isinstance(one, list | tuple):
        for value, other_value in zip(one, other, strict=True):
            assert_identical(value, other_value)
    elif isinstance(one, float):
        assert math.isnan(one) == math.isnan(other)
        assert math.isnan(one) or (one == other and math.copysign(1, one) == math.copysign(1, other))
    else:
        assert one == other


@given(objects)
def test_nested_objects_come_back_exactly_as_they_were(value):
    file = io.BytesIO()
    save([value], file, {"epoch": 1})
    file.seek(0)
    assert_identical(load(file), [value])
    file.seek(0)
    assert load_metadata(file) == {"epoch": 1}


def test_a_checkpoint_continues_the_training_bit_for_bit(path):
    def training():
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(8, 2))
        optimizer = optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
        return model, optimizer, optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=20)

    def step(model, optimizer, schedule, count):
        for _ in range(count):
            optimizer.zero_grad()
            model(tc.randn(3, 1, 4, 4)).square().sum().backward()
            optimizer.step()
            schedule.step()

    tc.manual_seed(5)
    one = training()
    step(*one, 4)
    names = ("model", "optimizer", "schedule")
    checkpoint = {name: part.state_dict() for name, part in zip(names, one, strict=True)}
    save({**checkpoint, "epoch": 3, "random": default_generator.get_state()}, path)
    step(*one, 4)
    other = training()
    loaded = load(path)
    for name, part in zip(names, other, strict=True):
        part.load_state_dict(loaded[name])
    default_generator.set_state(loaded["random"])
    assert loaded["epoch"] == 3
    step(*other, 4)
    assert_identical(dict(one[0].state_dict()), dict(other[0].state_dict()))
    assert_identical(one[1].state_dict()["state"], other[1].state_dict()["state"])
    assert one[2].get_last_lr() == other[2].get_last_lr()


def test_the_tensors_of_a_checkpoint_are_entries_that_others_read_by_their_key_path(path):
    save({"model": {"conv.weight": tc.ones(2)}, "state": {0: [tc.zeros(1)]}, "__metadata__": tc.ones(1)}, path)
    assert set(safetensors.numpy.load_file(path)) == {"model.conv.weight", "state.0.0", "__metadata__#2"}


def test_the_structure_is_json_as_others_read_it_too(path):
    def no_json(name):
        raise AssertionError(f"{name} is no JSON")

    save({"best": math.inf, "loss": math.nan, "low": [-math.inf, 0.1]}, path)
    with safetensors.safe_open(path, "numpy") as file:
        structure = json.loads(file.metadata()[METADATA_KEY], parse_constant=no_json)[STRUCTURE_KEY]
    assert structure["dict"][1] == ["loss", {"float": "nan"}]
    assert structure["dict"][2] == ["low", {"list": [{"float": "-inf"}, 0.1]}]


def test_equal_key_paths_do_not_overwrite_each_other(path):
    value = {"a": {"b": tc.zeros(1)}, "a.b": tc.ones(1), "other": None, "\ud800": tc.ones(2), "?": tc.zeros(2)}
    save(value, path)
    assert_identical(load(path), value)


def test_a_flat_dictionary_is_written_without_a_structure(path):
    save({"a": tc.zeros(1)}, path)
    with safetensors.safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()[METADATA_KEY]) == {}


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        ({"tensor": "gone"}, "names an entry 'gone', which the file has not"),
        ({"tensor": ["a"]}, "names an entry"),
        ([1], "which stands for nothing"),
        ({"function": "os.system"}, "has a 'function', which stands for nothing"),
        ({"float": "1"}, "which stands for nothing"),
        ({"dict": [[1, 2, 3]]}, "for a key and a value"),
        ({"dict": [[{"list": []}, 2]]}, "has the key"),
        ({"dict": 3}, "which stands for nothing"),
    ],
)
def test_a_structure_that_nobody_wrote_is_called_damaged(path, structure, words):
    text = json.dumps({STRUCTURE_KEY: structure})
    safetensors.numpy.save_file({"a": np.zeros(1)}, path, metadata={METADATA_KEY: text})
    with pytest.raises(RunError, match=f"is damaged: its structure.*{words}"):
        load(path)


def test_a_structure_without_end_is_called_damaged(path):
    text = '{"list":[' * 5000 + "1" + "]}" * 5000
    safetensors.numpy.save_file({}, path, metadata={METADATA_KEY: f'{{"{STRUCTURE_KEY}":{text}}}'})
    with pytest.raises(RunError, match="is damaged"):
        load(path)


def test_open_files_are_written_and_read_where_they_stand(tmp_path):
    with (tmp_path / "own").open("wb") as file:
        save({"a": tc.ones(2)}, file)
    with (tmp_path / "own").open("rb") as file:
        assert load(file)["a"].tolist() == [1, 1]


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


def test_a_missing_file_is_the_error_that_scripts_look_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weights file .* does not exist"):
        tc.load(tmp_path / "nothing.safetensors")
