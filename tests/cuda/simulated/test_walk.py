"""Every operation on the CUDA kernels themselves, in Numba's simulator: forward, backward and a few steps of training.

Its numbers are those of the CPU. What is added to the table of operations is walked here too.
"""

import numpy as np
import pytest
from operation_cases import CASES
from walk import walk_case

import tinyconv as tc
from tinyconv import nn, optim


@pytest.fixture(autouse=True, scope="module")
def as_written(exact):
    """float32 by plain tiles: the simulator has no tensor cores."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_gives_what_the_cpu_gives(case):
    walk_case(case, tc.float32, 1e-5, twice=False)


def losses_of_a_training(device):
    """Of a network that has a layer of each kind with kernels; the last is of an evaluation."""
    tc.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Conv2d(2, 3, 1), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.LayerNorm(3), nn.Linear(3, 3),
    )  # fmt: skip
    model.double().to(device)
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    images = tc.tensor(np.random.default_rng(0).standard_normal((3, 1, 6, 6)), device=device)
    labels = tc.tensor([0, 2, 1], device=device)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return [*losses, nn.functional.cross_entropy(model(images), labels).item()]


def test_a_training_comes_to_the_losses_of_the_cpu():
    np.testing.assert_allclose(losses_of_a_training("cuda"), losses_of_a_training("cpu"), rtol=1e-9)
