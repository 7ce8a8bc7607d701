"""Memory shared with NumPy, PyTorch, JAX and Pillow, by every protocol; where one is missing its tests skip."""

import gc

import numpy as np
import pytest
from device_arrays import xp
from stand_in import cuda_without_gpu

import tinyconv as tc
from tinyconv.core import layout, pool
from tinyconv.core.errors import ArgumentError, DeviceError, DTypeError, ExchangeError, GraphError
from tinyconv.utils.dlpack import from_dlpack, to_dlpack

TYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


def address(array):
    return array.__array_interface__["data"][0]


# --- NumPy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_numpy_reads_a_tensors_memory_in_place(kind):
    x = tc.ones(2, 3, 4, 5).to(getattr(tc, kind))
    for array in (np.asarray(x), np.from_dlpack(x), np.array(x, copy=False)):
        assert array.dtype == kind
        assert array.shape == (2, 3, 4, 5)
        assert layout.is_engine_order(array), "channels-last, as it lies"
        assert address(array) == address(x.array)
        array[0, 0, 0, 0] = 0
        assert x[0, 0, 0, 0].item() == 0


def test_numpy_copies_where_it_is_asked_to_or_must():
    x = tc.ones(3)
    assert address(np.array(x)) != address(x.array)
    assert np.asarray(x, np.float64).tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.array(x, np.float64, copy=False)


def test_a_view_is_read_with_its_strides():
    x = tc.arange(12.0).reshape(3, 4)
    assert np.asarray(x.t()[1:]).tolist() == x.numpy().T[1:].tolist()
    assert address(np.asarray(x.t()[1:])) == address(x.array) + 4


def test_what_numpy_reads_outlives_the_tensor_and_an_assignment_to_its_data():
    x = tc.full((1 << 15,), 7.0)  # as large as what the pool lends, so that dead memory would be used again
    array = np.asarray(x)
    x.data = tc.zeros(3)
    del x
    gc.collect()
    scribbled = [layout.full((1 << 15,), 3, np.float32) for _ in range(3)]
    assert (array == 7).all()
    assert len(scribbled) == 3
    before = pool.statistics().in_use
    del array
    gc.collect()
    assert pool.statistics().in_use < before


def test_a_tensor_that_requires_a_gradient_is_not_handed_over(torch):
    x = tc.ones(2, requires_grad=True)
    assert not hasattr(x, "__array_interface__")
    with pytest.raises(GraphError, match="detach"):
        np.asarray(x)
    for take in (np.from_dlpack, torch.from_dlpack, tc.from_dlpack, to_dlpack):
        with pytest.raises(BufferError, match=r"requires a gradient.*detach"):
            take(x)
    assert np.from_dlpack(x.detach()).tolist() == [1, 1]


def test_memory_that_is_read_only_stays_so():
    array = np.ones(3)
    array.flags.writeable = False
    for x in (tc.from_dlpack(array), tc.as_tensor(array), tc.from_dlpack(tc.from_numpy(array))):
        assert address(x.array) == address(array)
        with pytest.raises(GraphError, match=r"add_.*read-only.*clone"):
            x.add_(1)
        assert x.clone().add_(1).tolist() == [2, 2, 2]
    assert not np.asarray(tc.from_numpy(array)).flags.writeable
    with pytest.raises(BufferError):
        to_dlpack(tc.from_numpy(array))  # the old protocol cannot say so


def test_a_capsule_is_taken_once_and_its_memory_may_be_written():
    x = tc.zeros(2)
    capsule = to_dlpack(x)
    from_dlpack(capsule).add_(1)
    assert x.tolist() == [1, 1]
    with pytest.raises(ArgumentError, match="can be taken once"):
        from_dlpack(capsule)
    newer = from_dlpack(x.__dlpack__(max_version=(1, 0)))
    assert newer.add_(1).tolist() == x.tolist() == [2, 2]


def test_a_copy_is_made_as_asked():
    array = np.ones(2)
    assert address(tc.from_dlpack(array, copy=False).array) == address(array)
    assert address(tc.from_dlpack(array, copy=True).array) != address(array)
    assert address(tc.from_dlpack(array, device="cpu").array) == address(array)


def test_types_and_objects_that_cannot_come_are_refused_by_name():
    with pytest.raises(DTypeError, match="float16"):
        tc.from_dlpack(np.ones(2, np.float16))
    with pytest.raises(DTypeError, match="a list has no __dlpack__"):
        tc.from_dlpack([1.0])
    with pytest.raises(ExchangeError, match="cannot be taken over"):
        tc.from_dlpack(np.ones(2, ">f4"))
    with pytest.raises(DTypeError, match="takes a tensor, got ndarray"):
        to_dlpack(np.ones(2))

    class Elsewhere:
        def __dlpack_device__(self):
            return 8, 0  # Metal

        def __dlpack__(self, **_):
            raise AssertionError

    with pytest.raises(DeviceError, match="Elsewhere on a device of DLPack's kind 8"):
        tc.from_dlpack(Elsewhere())


def test_anything_that_becomes_an_array_becomes_a_tensor():
    class Readable:
        def __init__(self, values):
            self.values = values

        def __array__(self, dtype=None, copy=None):
            return self.values

    values = np.arange(3)
    assert tc.tensor(Readable(values)).dtype is tc.int64
    assert tc.tensor(Readable(values), dtype=tc.float32).tolist() == [0, 1, 2]
    assert address(tc.as_tensor(Readable(values)).array) == address(values)
    assert address(tc.tensor(Readable(values)).array) != address(values)
    with pytest.raises(DTypeError, match="Readable holds Python objects"):
        tc.tensor(Readable(np.array([None])))


def test_an_image_of_pillows_is_its_pixels():
    image = pytest.importorskip("PIL.Image").new("RGB", (4, 3), (1, 2, 3))
    for x in (tc.tensor(image), tc.as_tensor(image)):
        assert x.dtype is tc.uint8
        assert x.shape == (3, 4, 3)
        assert x[0, 0].tolist() == [1, 2, 3]


# --- PyTorch ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4, 5)], ids=str)
def test_pytorch_and_we_share_memory_both_ways(torch, kind, shape):
    x = tc.ones(shape).to(getattr(tc, kind))
    for theirs in (torch.from_dlpack(x), torch.utils.dlpack.from_dlpack(to_dlpack(x))):
        assert theirs.data_ptr() == address(x.array)
        assert theirs.shape == torch.Size(shape)
        assert theirs.dtype == getattr(torch, kind)
    for ours in (tc.from_dlpack(theirs), tc.as_tensor(theirs), from_dlpack(torch.utils.dlpack.to_dlpack(theirs))):
        assert address(ours.array) == address(x.array)
        ours.fill_(0)
        assert not x.any()
        ours.fill_(1)
    assert address(tc.tensor(theirs).array) != address(x.array)


def test_images_keep_their_memory_order_with_pytorch(torch):
    assert torch.from_dlpack(tc.zeros(2, 3, 4, 5)).is_contiguous(memory_format=torch.channels_last)
    theirs = torch.arange(120.0).reshape(2, 3, 4, 5)
    ours = tc.from_dlpack(theirs)
    assert ours.array.strides == tuple(4 * stride for stride in theirs.stride())
    weight = torch.randn(4, 3, 3, 3)
    expected = torch.nn.functional.conv2d(theirs, weight)
    found = tc.nn.functional.conv2d(ours, tc.from_dlpack(weight))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-4, atol=1e-4)


def test_a_tensor_of_pytorchs_that_requires_a_gradient_or_has_another_type_is_refused(torch):
    theirs = torch.ones(2, requires_grad=True)
    for take in (tc.from_dlpack, tc.as_tensor, tc.tensor):
        with pytest.raises(ExchangeError, match=r"torch Tensor.*detach"):
            take(theirs)
    with pytest.raises(DTypeError, match="float16"):
        tc.as_tensor(torch.ones(2).half())
    with pytest.raises(ExchangeError, match="torch Tensor"):
        tc.as_tensor(torch.ones(2).bfloat16())


# --- JAX and GPUs -----------------------------------------------------------------------------------------------------


def test_jax_and_we_share_memory(jax):
    x = tc.ones(200, 200)  # large enough to begin at a line of the cache, without which JAX copies
    theirs = jax.numpy.from_dlpack(x)
    assert theirs.unsafe_buffer_pointer() == address(x.array)
    array = jax.numpy.arange(6.0).reshape(2, 3)
    ours = tc.from_dlpack(array)
    assert address(ours.array) == array.unsafe_buffer_pointer()
    assert (ours * 2).tolist() == [[0, 2, 4], [6, 8, 10]]
    with pytest.raises(GraphError, match="clone"):
        ours.add_(1)  # JAX's arrays never change
    assert jax.numpy.asarray(tc.ones(1, 2, 3, 4)).shape == (1, 2, 3, 4)


def test_a_tensor_of_the_gpu_describes_itself_as_one():
    assert not hasattr(tc.ones(2), "__cuda_array_interface__")
    assert tc.ones(2).__dlpack_device__() == (1, 0)
    with cuda_without_gpu():
        x = tc.ones(2, device="cuda")
        assert x.__dlpack_device__() == (2, 0)
        assert not hasattr(x, "__array_interface__")
        with pytest.raises(DeviceError, match=r"\.cpu\(\)"):
            np.asarray(x)
        assert np.from_dlpack(x, device="cpu").tolist() == [1, 1]
        with pytest.raises(ExchangeError, match="copy"):
            np.from_dlpack(x, device="cpu", copy=False)
        with pytest.raises(GraphError, match="detach"):
            _ = x.requires_grad_().__cuda_array_interface__
        with pytest.raises(ExchangeError, match="copy=False forbids"):
            tc.from_dlpack(np.ones(2), device="cuda", copy=False)
        assert tc.from_dlpack(np.ones(2), device="cuda").is_cuda


def test_memory_of_the_gpu_becomes_a_tensor_there(monkeypatch):
    class Elsewhere:
        """As PyTorch's tensors on a GPU and CuPy's arrays are."""

        __cuda_array_interface__ = None

        def __dlpack_device__(self):
            return 2, 0

        def __dlpack__(self, **_):
            raise AssertionError("NumPy was asked")

    with cuda_without_gpu():
        array = xp.ones((2, 3), np.float32)
        monkeypatch.setattr(type(xp), "from_dlpack", lambda module, source: array, raising=False)
        for take in (tc.from_dlpack, tc.as_tensor):
            x = take(Elsewhere())
            assert x.array is array
            assert x.is_cuda
        assert tc.from_dlpack(Elsewhere(), device="cpu").tolist() == [[1, 1, 1], [1, 1, 1]]
        assert tc.tensor(Elsewhere()).is_cuda
