"""The same bits for any number of threads: every common layer, forward and backward, and whole training steps."""

from functools import partial
from pathlib import Path
from unittest import mock

import bench_folder  # noqa: F401  (lets the tests import the benchmarks)
import numpy as np
import pytest
from command import tinyconv
from tiny_run import write_dataset

import tinyconv as tc
from bench.killing import differences
from tinyconv import nn, optim
from tinyconv.models import registry
from tinyconv.train import Recipe
from tinyconv.train.warmup import CONVOLUTIONS, ON_IMAGES, ON_ROWS, OPTIMIZERS, WIDTH

LAYERS = [
    *((partial(nn.Conv2d, WIDTH, WIDTH, **options), (5, WIDTH, 19, 17)) for options in CONVOLUTIONS),
    *((layer, (5, WIDTH, 19, 17)) for layer in ON_IMAGES),
    *((layer, (2051, WIDTH)) for layer in ON_ROWS),
]


@pytest.fixture(autouse=True)
def as_many_threads_as_before():
    before = tc.get_num_threads()
    yield
    tc.set_num_threads(before)


def both(run) -> None:
    """Run with one thread, and with two."""
    results = []
    for threads in (1, 2):
        tc.set_num_threads(threads)
        tc.manual_seed(1)
        results.append([tensor.detach().numpy().copy() for tensor in run()])
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_a_layer_and_its_gradients(layer, shape):
    def run():
        module, x = layer(), tc.randn(*shape, requires_grad=True)
        y = module(x)
        y.backward(tc.randn(*y.shape))
        return [y, x.grad, *(parameter.grad for parameter in module.parameters())]

    both(run)


@pytest.mark.parametrize("family", OPTIMIZERS)
@pytest.mark.parametrize("name", ["facenet", "resnet18"])
def test_two_training_steps(name, family):
    def run():
        model = registry.build(name, 3, 10, (32, 32))
        optimizer: optim.Optimizer = family(model.parameters(), lr=1e-2)
        images, labels = tc.randn(9, 3, 32, 32), tc.randint(0, 10, (9,))
        for _ in range(2):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels, label_smoothing=0.1)
            loss.backward()
            optimizer.step()
        return [loss, *model.parameters()]

    both(run)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_whole_training_twice_and_with_another_number_of_threads(optimizer: str, tmp_path: Path) -> None:
    """Every file that it writes, but for times: weights, averages, moments, metrics, curves, feature maps."""
    data = write_dataset(tmp_path / "data.npz", images=96, side=20)
    recipe = Recipe(
        model_options={"widths": [8, 16]}, epochs=2, batch_size=12, accumulate=2, ema=0.9, mixup=0.2, clip_norm=1.0,
        brightness=0.2, contrast=0.2, optimizer=optimizer,
    )  # fmt: skip
    for name, threads in {"one": 1, "two": 2, "two again": 2}.items():
        with mock.patch("tinyconv.train.recipe_for", return_value=recipe):
            outcome = tinyconv(
                "train", "--data", f"npz:{data}", "--out", tmp_path / name, "--threads", threads, "--probes", 1
            )
        assert outcome.code == 0, outcome.stderr
    assert differences(tmp_path / "two", tmp_path / "two again") == []
    assert differences(tmp_path / "one", tmp_path / "two") == []
