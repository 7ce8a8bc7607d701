"""Between the CPU and a GPU: tensors, weights, files, batches; and the errors of those who mix the two."""

import io

import numpy as np
import pytest
from device_arrays import DeviceArray, xp
from stand_in import cuda_without_gpu

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd import gradcheck, gradgradcheck
from tinyconv.core.errors import DeviceError, DimensionError, GraphError
from tinyconv.utils import data


@pytest.fixture(autouse=True)
def device():
    with cuda_without_gpu():
        yield


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def cuda(*shape, seed=0, **options):
    return tc.tensor(numbers(*shape, seed=seed), device="cuda", **options)


# --- there and back -------------------------------------------------------------------------------------------------


def test_a_tensor_says_where_it_is():
    x = cuda(2, 3)
    assert x.is_cuda
    assert not x.cpu().is_cuda
    assert x.device == tc.device("cuda:0")
    assert isinstance(x.array, DeviceArray)
    assert isinstance(x.cpu().array, np.ndarray)
    assert x.to("cuda") is x
    assert x.cuda() is x
    np.testing.assert_array_equal(x.cpu().numpy(), numbers(2, 3))


def test_its_order_in_memory_and_its_gradient_come_along():
    x = tc.tensor(numbers(2, 3, 4, 5), requires_grad=True)
    y = x.to("cuda")
    assert y.is_contiguous()
    assert y.cpu().is_contiguous()
    assert y[:, 1:].cpu().is_contiguous()
    (y * y).sum().cpu().backward()
    assert not x.grad.is_cuda
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy())


def test_copy_and_data_bring_numbers_from_the_other_side():
    x, y = cuda(2, 3), tc.tensor(numbers(2, 3, seed=1))
    x.copy_(y)
    np.testing.assert_array_equal(x.cpu().numpy(), y.numpy())
    y.copy_(cuda(2, 3, seed=2))
    np.testing.assert_array_equal(y.numpy(), numbers(2, 3, seed=2))


def test_numpy_gets_a_copy_or_an_error_that_tells_how():
    x = cuda(2)
    for convert in (np.asarray, np.array, lambda x: x.numpy(), lambda x: np.add(x, np.ones(2))):
        with pytest.raises(TypeError):
            convert(x)
    with pytest.raises(TypeError, match=r"\.cpu\(\)"):
        x.numpy()
    np.testing.assert_array_equal(x.numpy(force=True), numbers(2))
    np.testing.assert_array_equal(x.requires_grad_().numpy(force=True), numbers(2))


def test_python_gets_numbers():
    x = cuda(2, 2)
    assert x.tolist() == numbers(2, 2).tolist()
    assert x[0, 1].item() == float(x[0, 1]) == numbers(2, 2)[0, 1]
    assert f"{x[0, 0]:.3f}" == f"{numbers(2, 2)[0, 0]:.3f}"
    assert [float(row[1]) for row in x] == numbers(2, 2)[:, 1].tolist()
    assert x[0, 0] in x
    assert int(tc.tensor([7], device="cuda")) == 7


def test_it_prints_itself_with_its_device():
    assert repr(tc.tensor([1.5, 2.0], device="cuda")) == "tensor([1.5, 2. ], device='cuda')"
    assert repr(tc.tensor([1, 2])) == "tensor([1, 2])"


def test_new_tensors_are_where_they_are_asked_for_with_the_same_numbers():
    for make in (tc.rand, tc.randn, tc.zeros, tc.ones):
        tc.manual_seed(3)
        here = make(4, 3)
        tc.manual_seed(3)
        there = make(4, 3, device="cuda")
        assert there.is_cuda
        np.testing.assert_array_equal(there.cpu().numpy(), here.numpy())
    x = cuda(2)
    assert all(y.is_cuda for y in (tc.tensor(x), tc.as_tensor(x), x.new_zeros(3), tc.zeros_like(x), tc.rand_like(x)))


# --- mixtures -------------------------------------------------------------------------------------------------------


def test_operands_must_be_on_one_device():
    x, y = cuda(2, 3), tc.tensor(numbers(2, 3))
    for mix in (
        lambda: x + y,
        lambda: tc.where(x > 0, x, y),
        lambda: x @ y.T,
        lambda: tc.cat([x, y]),
        lambda: nn.functional.cross_entropy(x, tc.zeros(2).long()),
    ):
        with pytest.raises(DeviceError, match="move one"):
            mix()
    with pytest.raises(DeviceError, match="layer Linear"):
        nn.Linear(3, 2).double()(x)


def test_numbers_and_lists_of_the_host_are_welcome():
    x = cuda(2, 3)
    assert (x + 1).is_cuda
    assert (np.float64(2) * x).is_cuda
    x[0, [0, 2]] = 5.0
    x[1] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(x[:, tc.tensor([0, 2])].cpu().numpy(), [[5, 5], [1, 3]])
    with pytest.raises(DeviceError, match="an index on cuda"):
        tc.zeros(3)[tc.tensor([0], device="cuda")]
    with pytest.raises(DimensionError, match="index 3"):
        x[:, [3]]


# --- files and batches ----------------------------------------------------------------------------------------------


def test_weights_move_between_the_cpu_and_a_gpu_through_files():
    there = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to("cuda")
    file = io.BytesIO()
    tc.save(there.state_dict(), file)
    here = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    here.load_state_dict(tc.load(io.BytesIO(file.getvalue())))
    for name, value in there.state_dict().items():
        np.testing.assert_array_equal(value.cpu().numpy(), here.state_dict()[name].numpy())
    again = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).to("cuda")
    again.load_state_dict(here.state_dict())
    assert all(value.is_cuda for value in again.state_dict().values())
    mapped = tc.load(io.BytesIO(file.getvalue()), map_location="cuda")
    assert all(value.is_cuda for value in mapped.values())
    assert mapped["0.weight"].is_contiguous()


def test_batches_are_made_on_the_cpu_and_moved_or_made_of_what_is_there():
    set_ = data.TensorDataset(tc.tensor(numbers(6, 1, 4, 4)), tc.arange(6))
    for images, labels in data.DataLoader(set_, batch_size=4):
        assert not images.is_cuda
        moved = images.to("cuda"), labels.cuda()
        assert all(part.is_cuda and part.is_contiguous() for part in moved)
    there = data.TensorDataset(cuda(6, 1, 4, 4), tc.arange(6, device="cuda"))
    images, labels = next(iter(data.DataLoader(there, batch_size=4)))
    assert images.is_cuda
    assert labels.tolist() == [0, 1, 2, 3]


# --- the tape -------------------------------------------------------------------------------------------------------


def test_gradients_are_checked_on_the_device_too():
    x, w = cuda(2, 2, 4, 4, requires_grad=True), cuda(3, 2, 3, 3, seed=1, requires_grad=True)
    assert gradcheck(lambda x, w: nn.functional.conv2d(x, w).tanh(), (x, w), directions=2)
    assert gradgradcheck(lambda x: (x * x).sin().mean(1), x, directions=2)
    assert gradcheck(lambda x: x.exp(), cuda(2, requires_grad=True))


def test_writes_in_place_and_through_views_are_recorded():
    x = cuda(2, 3, requires_grad=True)
    y = x * 2
    y[0].mul_(3)
    y[:, 1] = 0
    y.add_(1).relu_()
    y.sum().backward()
    here = tc.tensor(numbers(2, 3), requires_grad=True)
    z = here * 2
    z[0].mul_(3)
    z[:, 1] = 0
    z.add_(1).relu_()
    z.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), here.grad.numpy())
    with pytest.raises(GraphError, match="repeated"):
        cuda(1).expand(3).add_(1)


def test_the_stand_in_is_what_computes():
    assert cuda(2).sum().array.__class__ is DeviceArray
    assert tc.core.devices.array_module(tc.device("cuda")) is xp
