"""The setting of float32: at once, for a block, for the whole process, and what is exact whatever is set."""

import threading

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.precision import float32_precision, set_float32_precision
from tinyconv.features import capture


@pytest.fixture(autouse=True)
def fast():
    with set_float32_precision("fast"):
        yield


def test_it_is_set_at_once():
    set_float32_precision("exact")
    assert tc.get_float32_precision() == float32_precision() == "exact"
    tc.set_float32_precision("fast")
    assert float32_precision() == "fast"


def test_a_block_ends_with_the_setting_before_it_also_after_an_error():
    with set_float32_precision("exact"):
        with set_float32_precision("fast"):
            assert float32_precision() == "fast"
        assert float32_precision() == "exact"
    assert float32_precision() == "fast"
    with pytest.raises(ZeroDivisionError), set_float32_precision("exact"):
        raise ZeroDivisionError
    assert float32_precision() == "fast"


def test_it_is_that_of_all_threads():
    seen = []
    with set_float32_precision("exact"):
        thread = threading.Thread(target=lambda: seen.append(float32_precision()))
        thread.start()
        thread.join()
    assert seen == ["exact"]


@pytest.mark.parametrize("mode", ["high", "EXACT", None, 1])
def test_other_modes_are_refused_and_change_nothing(mode):
    with pytest.raises(ValueError, match=f"'exact', 'fast', 'tf32', got {mode!r}"):
        set_float32_precision(mode)
    assert float32_precision() == "fast"


def test_tf32_is_refused_where_no_gpu_computes():
    with pytest.raises(ValueError, match="'tf32' is a mode of GPUs, and none can be used here: "):
        set_float32_precision("tf32")
    assert float32_precision() == "fast"


class Asking(nn.Module):
    """Keeps the setting that its forward finds."""

    def __init__(self):
        super().__init__()
        self.found = None

    def forward(self, x):
        self.found = float32_precision()
        return x.relu()


def test_captured_maps_are_exact():
    model = Asking()
    with capture(model):
        model(tc.ones(1, 1, 2, 2))
    assert model.found == "exact"
    assert float32_precision() == "fast"


@pytest.mark.parametrize("check", [tc.autograd.gradcheck, tc.autograd.gradgradcheck])
def test_gradient_checks_are_exact(check):
    model = Asking()
    check(model, tc.tensor(np.array([0.5, 1.5]), requires_grad=True))
    assert model.found == "exact"
    assert float32_precision() == "fast"
