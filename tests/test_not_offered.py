"""Names that scripts for PyTorch use and tinyconv lacks say why, and what to do instead."""

import importlib
from pathlib import Path

import build
import pytest
from api_reference.not_offered import not_offered

import tinyconv as tc
from tinyconv.core.absent import NOT_OFFERED

NAMES = [(module, name) for module, names in NOT_OFFERED.items() for name in names]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_that_is_not_offered_says_why(module: str, name: str) -> None:
    found = importlib.import_module(module)
    with pytest.raises(AttributeError) as error:
        getattr(found, name)
    assert str(error.value) == f"{module}.{name} is not offered: {NOT_OFFERED[module][name]}"
    assert len(NOT_OFFERED[module][name]) > 10
    assert name not in dir(found)
    assert not hasattr(found, name)


def test_pytorch_has_what_is_not_offered() -> None:
    pytest.importorskip("torch")
    importlib.import_module("torch.nn.utils.prune")
    for module, name in NAMES:
        assert hasattr(importlib.import_module(module.replace("tinyconv", "torch")), name), (module, name)


@pytest.mark.parametrize("module", NOT_OFFERED)
def test_a_name_that_nobody_has_is_an_ordinary_attribute_error(module: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'bogus'"):
        _ = importlib.import_module(module).bogus


def test_the_settings_of_cudnn_are_refused_with_the_way_out_and_the_kernels_folder_does_not_stand_there() -> None:
    tc.nn.functional.relu(tc.ones(2))
    importlib.import_module("tinyconv.backends.reference")
    with pytest.raises(AttributeError, match=r"there is no cuDNN.*delete the line"):
        tc.backends.cudnn.benchmark = True


def test_seeding_a_gpu_that_is_not_there_does_nothing_but_refuses_what_is_no_seed() -> None:
    tc.manual_seed(3)
    expected = tc.rand(2).tolist()
    tc.manual_seed(3)
    assert tc.cuda.manual_seed(7) is None
    assert tc.cuda.manual_seed_all(7) is None
    assert tc.rand(2).tolist() == expected
    for seed in (tc.cuda.manual_seed, tc.cuda.manual_seed_all):
        with pytest.raises(tc.TinyconvError, match="a seed is a whole number"):
            seed("seven")


def test_results_that_need_not_be_deterministic_are_refused() -> None:
    tc.use_deterministic_algorithms(True)
    with pytest.raises(NotImplementedError, match="all algorithms are deterministic; delete the line"):
        tc.use_deterministic_algorithms(False)


def test_the_committed_list_is_that_of_the_table() -> None:
    page = Path(build.__file__).parent / "not-offered.md"
    assert page.read_text(encoding="utf-8") == not_offered(), "run python docs/build.py"
    assert "`LSTM`" in page.read_text(encoding="utf-8")
