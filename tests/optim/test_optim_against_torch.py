"""Optimisers and schedules step for step beside PyTorch's, where it is installed."""

import numpy as np
import pytest

from tinyconv import optim
from tinyconv.core import layout
from tinyconv.nn import Parameter
from tinyconv.ops.tensor import Tensor

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("exact")

SHAPES = [(4, 3, 3, 3), (4,), (5, 36)]

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.2}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "maximize": True, "weight_decay": 1e-2}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.3, "amsgrad": True, "maximize": True}),
]


def pair_of_parameters(dtype):
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for shape in SHAPES:
        values = rng.normal(size=shape).astype(dtype)
        ours.append(Parameter(Tensor(layout.copy(values))))
        theirs.append(torch.nn.Parameter(torch.from_numpy(values.copy())))
    return ours, theirs


def give_gradients(ours, theirs, rng):
    for mine, other in zip(ours, theirs, strict=True):
        gradient = rng.normal(size=mine.shape).astype(mine.array.dtype)
        mine.grad = Tensor(layout.copy(gradient))
        other.grad = torch.from_numpy(gradient)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_twenty_steps_give_pytorchs_parameters_and_state(name, options, dtype, tolerance):
    ours, theirs = pair_of_parameters(dtype)
    mine = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **options)
    rng = np.random.default_rng(1)
    for _ in range(20):
        give_gradients(ours, theirs, rng)
        mine.step()
        other.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)
    theirs_state, ours_state = other.state_dict()["state"], mine.state_dict()["state"]
    assert set(ours_state) == {
        number for number, entry in theirs_state.items() if entry.get("momentum_buffer", 0) is not None
    }
    for number, entry in ours_state.items():
        assert set(entry) == set(theirs_state[number])
        for key, value in entry.items():
            np.testing.assert_allclose(
                np.asarray(value), theirs_state[number][key].numpy(), rtol=tolerance, atol=tolerance, err_msg=key
            )


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, 20),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9], "gamma": 0.5}, 20),
    ("ExponentialLR", {"gamma": 0.9}, 20),
    ("LambdaLR", {"lr_lambda": lambda step: 1 / (1 + step)}, 20),
    ("CosineAnnealingLR", {"T_max": 10, "eta_min": 0.01}, 45),
    ("CosineAnnealingLR", {"T_max": 1}, 5),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20}, 20),
    ("OneCycleLR", {"max_lr": [1.0, 2.0], "epochs": 4, "steps_per_epoch": 5, "anneal_strategy": "linear"}, 20),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "three_phase": True, "pct_start": 0.4}, 20),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "pct_start": 0.0, "div_factor": 10.0}, 20),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "cycle_momentum": False, "final_div_factor": 10.0}, 20),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20, "base_momentum": [0.7, 0.8], "max_momentum": 0.9}, 20),
]


@pytest.mark.parametrize(("name", "options", "steps"), SCHEDULES)
@pytest.mark.parametrize(("kind", "arguments"), [("SGD", {"momentum": 0.9}), ("AdamW", {})], ids=str)
def test_schedules_give_pytorchs_rates_and_momenta(name, options, steps, kind, arguments):
    ours, theirs = pair_of_parameters(np.float64)
    optimizers = [
        getattr(optim, kind)([{"params": ours[:2]}, {"params": ours[2:], "lr": 0.5}], lr=0.2, **arguments),
        getattr(torch.optim, kind)([{"params": theirs[:2]}, {"params": theirs[2:], "lr": 0.5}], lr=0.2, **arguments),
    ]
    mine = getattr(optim.lr_scheduler, name)(optimizers[0], **options)
    other = getattr(torch.optim.lr_scheduler, name)(optimizers[1], **options)
    for step in range(steps + 1):
        np.testing.assert_allclose(mine.get_last_lr(), other.get_last_lr(), rtol=1e-10, atol=1e-14, err_msg=str(step))
        for group, reference in zip(optimizers[0].param_groups, optimizers[1].param_groups, strict=True):
            assert group["lr"] == pytest.approx(reference["lr"], rel=1e-10, abs=1e-14)
            for key in {"momentum", "betas"} & set(group):
                assert group[key] == pytest.approx(reference[key], rel=1e-10)
        if step < steps:
            optimizers[0].step()
            optimizers[1].step()
            mine.step()
            other.step()


def test_two_schedules_on_one_optimizer_act_together_as_in_pytorch():
    rates = []
    for module, p in zip((optim, torch.optim), pair_of_parameters(np.float64), strict=True):
        optimizer = module.SGD(p, lr=1.0)
        schedules = [
            module.lr_scheduler.ExponentialLR(optimizer, 0.9),
            module.lr_scheduler.StepLR(optimizer, 2),
            module.lr_scheduler.CosineAnnealingLR(optimizer, 7, eta_min=0.001),
        ]
        rates.append([])
        for _ in range(10):
            optimizer.step()
            for schedule in schedules:
                schedule.step()
            rates[-1].append(optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-10)
