"""The state of a training in a file: with it, every optimiser and every schedule goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.core import layout, random
from tinyconv.models import weights
from tinyconv.optim import lr_scheduler
from tinyconv.train import load_checkpoint, save_checkpoint

Schedule = Callable[[optim.Optimizer], lr_scheduler.LRScheduler]

OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "Adadelta": (optim.Adadelta, {"weight_decay": 0.01}),
    "Adagrad": (optim.Adagrad, {"lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    "Adam": (optim.Adam, {}),
    "Adam, amsgrad": (optim.Adam, {"amsgrad": True, "weight_decay": 0.01}),
    "AdamW": (optim.AdamW, {}),
    "Adamax": (optim.Adamax, {}),
    "ASGD": (optim.ASGD, {"t0": 2.0}),
    "NAdam": (optim.NAdam, {}),
    "RAdam": (optim.RAdam, {}),
    "RMSprop": (optim.RMSprop, {"momentum": 0.9, "centered": True}),
    "Rprop": (optim.Rprop, {}),
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD, momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
}
SCHEDULES: dict[str, Schedule] = {
    "ChainedScheduler": lambda optimizer: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4), lr_scheduler.ExponentialLR(optimizer, 0.9)]
    ),
    "ConstantLR": lambda optimizer: lr_scheduler.ConstantLR(optimizer, total_iters=4),
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 9, 1e-5),
    "CosineAnnealingWarmRestarts": lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 2, 2),
    "CyclicLR": lambda optimizer: lr_scheduler.CyclicLR(
        optimizer, 1e-4, 1e-2, 3, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "CyclicLR, own scale": lambda optimizer: lr_scheduler.CyclicLR(
        optimizer, 1e-4, 1e-2, 3, scale_fn=lambda cycle: 0.5**cycle, cycle_momentum=True
    ),
    "ExponentialLR": lambda optimizer: lr_scheduler.ExponentialLR(optimizer, 0.7),
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step)),
    "LinearLR": lambda optimizer: lr_scheduler.LinearLR(optimizer, 0.3, total_iters=7),
    "MultiStepLR": lambda optimizer: lr_scheduler.MultiStepLR(optimizer, [2, 4, 4, 6], 0.3),
    "MultiplicativeLR": lambda optimizer: lr_scheduler.MultiplicativeLR(optimizer, lambda step: 0.9),
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=12),
    "PolynomialLR": lambda optimizer: lr_scheduler.PolynomialLR(optimizer, 9, 2.0),
    "ReduceLROnPlateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, cooldown=1),
    "SequentialLR": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=3), lr_scheduler.CosineAnnealingLR(optimizer, 9)],
        [5],
    ),
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 3, 0.5),
}
BATCHES = [(np.random.default_rng(n).normal(size=(4, 3, 6, 6)).astype(np.float32), np.arange(4) % 3) for n in range(9)]


class Work:
    """A small network with everything that has a state, and steps on it."""

    def __init__(self, family: Any = optim.AdamW, options: dict[str, Any] | None = None, schedule: Any = None) -> None:
        tc.manual_seed(1)
        self.model = nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(5, 4, 3),
            nn.Flatten(), nn.Linear(64, 3),
        )  # fmt: skip
        self.optimizer = family(self.model.parameters(), **(options or {}))
        self.schedule = schedule(self.optimizer) if schedule else None
        self.rates: list[float] = []

    def steps(self, first: int, last: int) -> None:
        for number in range(first, last):
            images, labels = BATCHES[number]
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(tc.from_numpy(images)), tc.from_numpy(labels))
            loss.backward()
            self.optimizer.step()
            if isinstance(self.schedule, lr_scheduler.ReduceLROnPlateau):
                self.schedule.step(1.0 + number % 2)
            elif self.schedule is not None:
                self.schedule.step()
            self.rates += [*(float(group["lr"]) for group in self.optimizer.param_groups), float(loss.item())]

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule else None,
            "generator": random.default_generator.get_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        random.default_generator.set_state(state["generator"])


def assert_equal(one: Any, other: Any, path: str = "") -> None:
    """Equal to the last bit, types and all."""
    if isinstance(one, tc.Tensor):
        one, other = one.detach().numpy(), other.detach().numpy()
    assert type(one) is type(other), path
    if isinstance(one, dict):
        assert list(one) == list(other), path
        for key in one:
            assert_equal(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_equal(left, right, f"{path}.{number}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), path
    else:
        assert one == other, path


def goes_on_bit_for_bit(path: Path, *arguments: Any) -> None:
    whole = Work(*arguments)
    whole.steps(0, 4)
    save_checkpoint(path, whole.state())
    whole.steps(4, 9)
    tc.manual_seed(99)
    resumed = Work(*arguments)
    resumed.load(load_checkpoint(path))
    resumed.steps(4, 9)
    assert_equal(resumed.rates, whole.rates[-len(resumed.rates) :])
    assert_equal(resumed.state(), whole.state())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    goes_on_bit_for_bit(tmp_path / "state.safetensors", *OPTIMIZERS[name])


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on_bit_for_bit(tmp_path: Path, name: str) -> None:
    options = {"lr": 0.01, "momentum": 0.9}
    goes_on_bit_for_bit(tmp_path / "state.safetensors", optim.SGD, options, SCHEDULES[name])


def test_no_optimiser_and_no_schedule_is_left_out() -> None:
    def families(module: Any, base: type) -> set[str]:
        found = (getattr(module, name) for name in module.__all__)
        return {thing.__name__ for thing in found if isinstance(thing, type) and issubclass(thing, base)}

    named = {name.partition(",")[0] for name in OPTIMIZERS}
    assert families(optim, optim.Optimizer) - {"Optimizer"} == named
    named = {name.partition(",")[0] for name in SCHEDULES}
    assert families(lr_scheduler, lr_scheduler.LRScheduler) - {"LRScheduler"} == named


def test_moments_come_back_in_the_layout_that_the_kernels_take(tmp_path: Path) -> None:
    work = Work()
    work.steps(0, 1)
    save_checkpoint(tmp_path / "state.safetensors", work.state())
    resumed = Work()
    resumed.load(load_checkpoint(tmp_path / "state.safetensors"))
    moments = [entry["exp_avg"].array for entry in resumed.optimizer.state.values()]
    assert any(moment.ndim == 4 for moment in moments)
    assert all(layout.is_engine_order(moment) for moment in moments)


def test_a_state_of_any_shape_comes_back_as_it_was(tmp_path: Path) -> None:
    channels_last = layout.empty((2, 3, 4, 5), np.float32)
    channels_last[...] = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    state = {
        "history": [{"loss": 0.1 + 0.2, "best": float("inf"), "accuracy": None}, {}],
        "generator": (2**63 - 1, 7),
        "nested": {0: {"a": [np.float32(0.1), np.arange(3)]}, "ü.ö": (True, "text", -1)},
        "turned": channels_last,
        "strided": np.arange(24).reshape(4, 6)[::2, 1::2],
        "nan": float("nan"),
    }
    save_checkpoint(tmp_path / "state.safetensors", state)
    loaded = load_checkpoint(tmp_path / "state.safetensors")
    assert np.isnan(loaded.pop("nan"))
    assert np.isnan(state.pop("nan"))
    assert_equal(loaded, state)


def test_equal_states_make_equal_files_and_nothing_else_stays(tmp_path: Path) -> None:
    work = Work()
    work.steps(0, 1)
    for name in ("a", "b"):
        save_checkpoint(tmp_path / name, work.state(), {"epoch": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert weights.load_metadata(tmp_path / "a")["epoch"] == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    ("facts", "message"),
    [({"format": "other"}, "is not the state of a training"), ({"format_version": 99}, "format version 99")],
)
def test_another_format_is_refused_in_one_sentence(
    tmp_path: Path, facts: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyconv.train import checkpoint

    monkeypatch.setattr(checkpoint, "STATE_FORMAT", facts.get("format", checkpoint.STATE_FORMAT))
    monkeypatch.setattr(checkpoint, "STATE_VERSION", facts.get("format_version", checkpoint.STATE_VERSION))
    save_checkpoint(tmp_path / "state.safetensors", {})
    monkeypatch.undo()
    with pytest.raises(TinyconvError, match=rf"state\.safetensors.*{message}"):
        load_checkpoint(tmp_path / "state.safetensors")


def test_weights_and_damaged_files_are_refused_by_name(tmp_path: Path) -> None:
    tc.save(nn.Linear(2, 1).state_dict(), tmp_path / "weights.safetensors")
    with pytest.raises(TinyconvError, match=r"weights\.safetensors is not the state of a training"):
        load_checkpoint(tmp_path / "weights.safetensors")
    save_checkpoint(tmp_path / "state.safetensors", Work().state())
    content = (tmp_path / "state.safetensors").read_bytes()
    for length in (0, 7, 100, len(content) - 1):
        (tmp_path / "state.safetensors").write_bytes(content[:length])
        with pytest.raises(TinyconvError, match=r"state\.safetensors is damaged"):
            load_checkpoint(tmp_path / "state.safetensors")
