"""State dicts, ours as PyTorch's and back: the same numbers, the same memory, the same training."""

from collections import OrderedDict

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import DTypeError, UnsupportedError
from tinyconv.interop.pytorch import from_pytorch, to_pytorch


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def network(nn):
    return nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.PReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )


def step(library, model, optimizer, images):
    optimizer.zero_grad()
    model(images).square().mean().backward()
    optimizer.step()


def assert_equal(ours, theirs):
    assert list(ours) == list(theirs)
    for name, tensor in ours.items():
        np.testing.assert_allclose(tensor.numpy(), theirs[name].numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_training_goes_on_in_the_other_library(torch):
    theirs, ours = network(torch.nn), network(nn)
    images = np.random.default_rng(0).normal(size=(5, 2, 6, 6)).astype(np.float32)
    there = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    here = optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
    step(torch, theirs, there, torch.from_numpy(images))
    ours.load_state_dict(from_pytorch(theirs.state_dict()))
    here.load_state_dict(from_pytorch(there.state_dict()))
    assert_equal(ours.state_dict(), theirs.state_dict())
    step(tc, ours, here, tc.from_numpy(images))
    step(torch, theirs, there, torch.from_numpy(images))
    assert_equal(ours.state_dict(), theirs.state_dict())
    again, more = network(torch.nn), network(torch.nn)
    again.load_state_dict(to_pytorch(ours.state_dict()))
    assert_equal(ours.state_dict(), again.state_dict())
    other = torch.optim.SGD(more.parameters(), lr=0.1, momentum=0.9)
    other.load_state_dict(to_pytorch(here.state_dict()))
    assert other.state_dict()["state"][0]["momentum_buffer"].shape == (3, 2, 3, 3)


def test_memory_is_shared_and_kinds_are_kept(torch):
    state = OrderedDict(a=torch.zeros(2), b=(torch.ones(1), 3, None, "x"))
    ours = from_pytorch(state)
    assert type(ours) is OrderedDict
    assert ours["b"][1:] == (3, None, "x")
    ours["a"].add_(1)
    assert state["a"].tolist() == [1, 1]
    back = to_pytorch(ours)
    back["a"].add_(1)
    assert state["a"].tolist() == [2, 2]


def test_with_assign_two_models_have_one_memory(torch):
    theirs, ours = torch.nn.Linear(2, 1), nn.Linear(2, 1)
    ours.load_state_dict(from_pytorch(theirs.state_dict()), assign=True)
    with tc.no_grad():
        ours.weight.fill_(3)
    assert theirs.weight.tolist() == [[3, 3]]


def test_parameters_come_without_their_gradient(torch):
    found = from_pytorch(dict(torch.nn.Linear(2, 1).named_parameters()))
    assert not found["weight"].requires_grad
    assert not to_pytorch(dict(nn.Linear(2, 1).named_parameters()))["weight"].requires_grad


def test_what_has_no_place_is_named_with_its_key_path(torch):
    with pytest.raises(DTypeError, match=r"state\['model'\]\['w'\], of torch\.bfloat16.*\.float\(\)"):
        from_pytorch({"model": {"w": torch.ones(1, dtype=torch.bfloat16)}})
    with pytest.raises(DTypeError, match=r"state\['w'\]: .*float16.*float32"):
        from_pytorch({"w": torch.ones(1).half()})
    with pytest.raises(UnsupportedError, match=r"state\['model'\] is a Linear"):
        from_pytorch({"model": torch.nn.Linear(1, 1)})
    with pytest.raises(UnsupportedError, match=r"to_pytorch: state\[0\] is a ndarray"):
        to_pytorch([np.ones(2)])
