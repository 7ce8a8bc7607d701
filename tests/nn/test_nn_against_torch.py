"""A network beside its twin in PyTorch, where that is installed: the same outputs, gradients and training steps."""

import numpy as np
import pytest

from tinyconv import nn, optim
from tinyconv.ops.tensor import Tensor

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("exact")


def network(nn):
    """The same code builds both: that is the point of using PyTorch's names."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same", bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, (3, 2), stride=(2, 1), padding=1, dilation=(1, 2), groups=4),
        nn.BatchNorm2d(12, momentum=None),
        nn.Tanh(),
        nn.AvgPool2d(3, 2, 1, ceil_mode=True),
        nn.Conv2d(12, 6, 1),
        nn.Sigmoid(),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Flatten(),
        nn.Linear(36, 5),
    )


def twins():
    torch.manual_seed(0)
    theirs = network(torch.nn).double()
    ours = network(nn).double()
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs


def batch(rng):
    return rng.normal(size=(6, 3, 12, 14)), rng.integers(0, 5, 6)


def assert_same_state(ours, theirs, tolerance):
    expected = theirs.state_dict()
    state = ours.state_dict()
    assert list(state) == list(expected)
    for name, value in state.items():
        np.testing.assert_allclose(value.numpy(), expected[name].numpy(), atol=tolerance, err_msg=name)


def test_both_print_alike():
    # Newer releases of PyTorch also show the bias of a batch normalisation.
    assert repr(network(nn)) == repr(network(torch.nn)).replace("affine=True, bias=True", "affine=True")


def test_outputs_and_gradients_are_pytorchs():
    ours, theirs = twins()
    x, labels = batch(np.random.default_rng(0))
    for mode in (True, False):
        ours.train(mode).zero_grad()
        theirs.train(mode).zero_grad()
        loss = nn.CrossEntropyLoss(label_smoothing=0.1)(ours(Tensor(x)), Tensor(labels))
        expected = torch.nn.CrossEntropyLoss(label_smoothing=0.1)(theirs(torch.from_numpy(x)), torch.from_numpy(labels))
        assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
        loss.backward()
        expected.backward()
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-12, err_msg=name)
    assert_same_state(ours, theirs, 1e-12)


def test_ten_training_steps_end_with_pytorchs_weights_and_statistics():
    ours, theirs = twins()
    setups = []
    for module, optimisers, net in ((nn, optim, ours), (torch.nn, torch.optim, theirs)):
        optimizer = optimisers.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True)
        setups.append((module, net, optimizer, optimisers.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)))
    rng = np.random.default_rng(1)
    for _ in range(10):
        x, labels = batch(rng)
        losses = []
        for module, net, optimizer, schedule in setups:
            wrap = Tensor if module is nn else torch.from_numpy
            loss = module.CrossEntropyLoss()(net(wrap(x)), wrap(labels))
            optimizer.zero_grad()
            loss.backward()
            module.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], abs=1e-10)
    assert_same_state(ours, theirs, 1e-10)
