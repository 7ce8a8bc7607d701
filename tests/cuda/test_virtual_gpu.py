"""Training steps on a virtual GPU: the engine as it is, its kernels' own PTX, in an interpreter.

What is compared with the CPU in float64 here has gone through everything that a GPU would be given: the choice of
kernels, their workspaces, the packing of their arguments, the programs for tensor cores.
"""

import numpy as np
import pytest
from numba import types
from ptx.compiling import compiled
from virtual_gpu import virtual_gpu

import tinyconv as tc
from tinyconv import nn, optim


def nothing():
    """A kernel that does nothing."""


@pytest.fixture(autouse=True, scope="module")
def compiler():
    """Skips where kernels for GPUs cannot be compiled."""
    compiled(nothing, types.void())


def network():
    """Kinds of layers that the paper's networks have, on maps of odd sizes; each kernel is to be compiled once."""
    tc.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.25),
        nn.Linear(12 * 3 * 2, 5),
    )


def train(device, dtype, steps=1):
    """The losses of some steps, and the parameters after them, on the CPU."""
    model = network().to(device, dtype)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    loss_function = nn.CrossEntropyLoss(label_smoothing=0.1)
    generator = np.random.default_rng(3)
    images = tc.tensor(generator.standard_normal((3, 1, 11, 7)), dtype=dtype).to(device)
    labels = tc.tensor(generator.integers(0, 5, 3)).to(device)
    tc.manual_seed(7)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, {name: value.cpu().numpy() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def expected():
    return {steps: train("cpu", tc.float64, steps) for steps in (1, 2)}


@pytest.mark.parametrize(
    ("precision", "capability", "dtype", "steps", "tolerance", "kernels"),
    [
        ("fast", (9, 0), tc.float32, 2, 1e-5, "correlation_3xtf32"),
        ("tf32", (8, 0), tc.float32, 1, 3e-2, "correlation_tf32"),
        ("exact", (9, 0), tc.float32, 1, 1e-5, "correlation_float32"),
        ("fast", (7, 5), tc.float32, 1, 1e-5, "forward"),
        ("fast", (9, 0), tc.float64, 1, 1e-11, "forward"),
    ],
)
def test_training_steps_are_those_of_the_cpu(precision, capability, dtype, steps, tolerance, kernels, expected):
    losses, state = expected[steps]
    with virtual_gpu(capability) as driver, tc.set_float32_precision(precision):
        found, weights = train("cuda", dtype, steps)
    assert any(name.startswith(kernels) for name in driver.launched), sorted(set(driver.launched))
    assert np.allclose(found, losses, rtol=tolerance)
    for name, value in weights.items():
        # The first steps of Adam have the size of the learning rate, whatever that of the gradient.
        assert np.abs(value - state[name]).max() < max(10 * tolerance, 1e-9), name


def test_the_same_seed_gives_the_same_bits():
    with virtual_gpu():
        first, second = train("cuda", tc.float32), train("cuda", tc.float32)
    assert first[0] == second[0]
    for name, value in first[1].items():
        assert np.array_equal(value, second[1][name]), name
