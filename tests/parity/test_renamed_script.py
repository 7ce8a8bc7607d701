"""An ordinary PyTorch script, with its imports renamed: the same losses, step for step, and digits that are learnt."""

import importlib.util
import re
from pathlib import Path

import pytest

import tinyconv as tc

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STEPS_PER_EPOCH = 23  # 1,437 digits in batches of 64


def comparison():
    spec = importlib.util.spec_from_file_location("compare_curves", EXAMPLES / "compare_curves.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compare_curves = comparison()
ORIGINAL = compare_curves.SCRIPT.read_text()
RENAMED = compare_curves.rename_imports(ORIGINAL)


def test_only_the_lines_that_import_pytorch_are_changed():
    changed = [
        (before, after)
        for before, after in zip(ORIGINAL.splitlines(), RENAMED.splitlines(), strict=True)
        if before != after
    ]
    assert changed == [
        ("import torch", "import tinyconv as torch"),
        ("import torch.nn as nn", "import tinyconv.nn as nn"),
        ("import torch.nn.functional as F", "import tinyconv.nn.functional as F"),
        ("import torch.optim as optim", "import tinyconv.optim as optim"),
        ("from torch.optim.lr_scheduler import StepLR", "from tinyconv.optim.lr_scheduler import StepLR"),
        (
            "from torch.utils.data import DataLoader, Dataset, Sampler",
            "from tinyconv.utils.data import DataLoader, Dataset, Sampler",
        ),
    ]
    assert re.findall(r"^.*\bimport\b.*torch.*$", RENAMED, re.MULTILINE) == ["import tinyconv as torch"]
    assert "tinyconv" not in re.sub(r'^""".*?"""', "", ORIGINAL, flags=re.DOTALL)


def test_both_go_down_the_same_curve_in_float64():
    pytest.importorskip("torch")
    options = [*compare_curves.SAME, "--epochs", "3"]
    theirs, ours = (compare_curves.run(text, *options) for text in (ORIGINAL, RENAMED))
    assert len(ours["losses"]) == 3 * STEPS_PER_EPOCH
    assert ours["losses"] == pytest.approx(theirs["losses"], rel=1e-9, abs=1e-9)
    assert ours["accuracies"] == theirs["accuracies"]
    assert ours["losses"][-1] < 0.5 < ours["losses"][0]


def test_with_dropout_it_learns_the_digits_and_its_weights_come_back(tmp_path):
    file = tmp_path / "mnist_cnn.pt"
    record = compare_curves.run(RENAMED, "--save-model", str(file))
    assert record["accuracies"][-1] == record["accuracies"][-2] > 95
    weights = tc.load(file)
    assert weights["conv2.weight"].shape == (32, 16, 3, 3)
    assert sorted(weights) == [
        f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc1", "fc2") for kind in ("bias", "weight")
    ]
