"""After a warm-up no training waits for a kernel."""

import subprocess
import sys

import pytest
from command import tinyconv

import tinyconv as tc
from tinyconv.train import warm_up

TRAININGS = """
import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.models import registry
from tinyconv.ops import machine
from tinyconv.train import warm_up

warm_up()
late = []
machine.on_preparation(lambda kernel, begins: late.append(kernel))
linear = {"head": "linear"}
nets = ("facenet", 1, 64, {}), ("lenet", 1, 28, {}), ("vgg11_bn", 3, 32, linear), ("resnet18", 3, 32, {})
for name, channels, side, options in nets:
    model = registry.build(name, channels, 10, (side, side), **options)
    for family in (optim.SGD, optim.AdamW):
        optimizer = family(model.parameters(), lr=1e-3)
        images, labels = tc.randn(8, channels, side, side), tc.randint(0, 10, (8,))
        nn.functional.cross_entropy(model.train()(images), labels).backward()
        optimizer.step()
    with tc.no_grad():
        model.eval()(images)
print(late)
"""


def test_afterwards_trainings_of_all_models_prepare_no_kernel():
    finished = subprocess.run(
        [sys.executable, "-c", TRAININGS], capture_output=True, text=True, timeout=280, check=False
    )
    assert (finished.stdout, finished.returncode) == ("[]\n", 0), finished.stderr


def test_a_model_that_does_not_exist_is_named_before_anything_is_compiled():
    with pytest.raises(tc.TinyconvError, match="no model 'lenat'; did you mean 'lenet'"):
        warm_up(["lenat"], callback=lambda kernel, done: pytest.fail(kernel))
    assert tinyconv("warmup", "lenat").code == 2


def test_random_numbers_go_on_where_they_were():
    tc.manual_seed(5)
    expected = tc.rand(3).tolist()
    tc.manual_seed(5)
    warm_up(["lenet"])
    assert tc.rand(3).tolist() == expected


def test_the_command_counts_the_kernels_and_says_where_they_are():
    assert tinyconv("warmup", "lenet").code == 0
    outcome = tinyconv("warmup", "lenet", "--float64")
    assert outcome.code == 0, outcome.stderr
    first, second = outcome.stdout.splitlines()
    assert "there already" in first
    assert second.startswith("cache      ")
