"""Schedules: their closed forms, their state, and what they refuse."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv import optim
from tinyconv.core.errors import ArgumentError, UnsupportedError
from tinyconv.nn import Parameter
from tinyconv.ops.tensor import Tensor
from tinyconv.optim import lr_scheduler


def optimizer(lr=0.5, **options):
    return optim.SGD([Parameter(Tensor(np.zeros(1)))], lr=lr, **options)


def rates(schedule, steps):
    """The rate before each of ``steps`` steps."""
    result = []
    for _ in range(steps):
        result.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return result


@given(st.integers(1, 7), st.floats(0.1, 1), st.floats(0.01, 2))
def test_step_lr_is_a_staircase(size, gamma, lr):
    schedule = lr_scheduler.StepLR(optimizer(lr), size, gamma)
    assert rates(schedule, 15) == pytest.approx([lr * gamma ** (t // size) for t in range(15)])


@given(st.lists(st.integers(0, 12), max_size=4), st.floats(0.1, 1))
def test_multi_step_lr_falls_at_its_milestones(milestones, gamma):
    schedule = lr_scheduler.MultiStepLR(optimizer(), milestones, gamma)
    expected = [0.5 * gamma ** sum(m <= t for m in milestones) for t in range(15)]
    assert rates(schedule, 15) == pytest.approx(expected)


def test_exponential_and_lambda_lr():
    assert rates(lr_scheduler.ExponentialLR(optimizer(), 0.9), 5) == pytest.approx([0.5 * 0.9**t for t in range(5)])
    schedule = lr_scheduler.LambdaLR(optimizer(), lambda t: 1 / (t + 1))
    assert rates(schedule, 5) == pytest.approx([0.5 / (t + 1) for t in range(5)])


@given(st.integers(1, 12), st.floats(0, 0.1), st.floats(0.2, 2))
def test_cosine_annealing_is_a_cosine_there_and_back(period, eta_min, lr):
    schedule = lr_scheduler.CosineAnnealingLR(optimizer(lr), period, eta_min)
    expected = [eta_min + (lr - eta_min) * (1 + math.cos(math.pi * t / period)) / 2 for t in range(3 * period)]
    assert rates(schedule, 3 * period) == pytest.approx(expected, abs=1e-9)


def test_one_cycle_rises_to_its_maximum_and_falls_below_its_start():
    sgd = optimizer(momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(
        sgd, max_lr=1.0, total_steps=11, pct_start=0.5, div_factor=10, final_div_factor=100
    )
    got, momenta = [], []
    for _ in range(11):
        got.append(sgd.param_groups[0]["lr"])
        momenta.append(sgd.param_groups[0]["momentum"])
        sgd.step()
        schedule.step()
    peak = 0.5 * 11 - 1
    up = [1 + (0.1 - 1) / 2 * (1 + math.cos(math.pi * t / peak)) for t in range(5)]
    down = [0.001 + (1 - 0.001) / 2 * (1 + math.cos(math.pi * (t - peak) / (10 - peak))) for t in range(5, 11)]
    assert got == pytest.approx(up + down)
    assert got[0] == pytest.approx(0.1)
    assert got[-1] == pytest.approx(0.001)
    # The momentum is the mirror image: least where the rate is highest.
    assert momenta[0] == momenta[-1] == pytest.approx(0.95)
    assert min(momenta) == pytest.approx(0.85, abs=0.01)
    assert int(np.argmin(momenta)) == int(np.argmax(got))


def test_one_cycle_in_three_phases_comes_back_to_its_start_before_it_ends():
    sgd = optimizer(momentum=0.9)
    got = rates(lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=20, pct_start=0.4, three_phase=True), 20)
    assert [got[0], got[7], got[14], got[19]] == pytest.approx([0.04, 1.0, 0.04, 0.04 / 1e4])
    assert got[:8] == sorted(got[:8])
    assert got[7:] == sorted(got[7:], reverse=True)


def test_one_cycle_moves_the_first_beta_of_adam():
    adam = optim.Adam([Parameter(Tensor(np.zeros(1)))], betas=(0.9, 0.98))
    schedule = lr_scheduler.OneCycleLR(adam, max_lr=1.0, total_steps=10)
    assert adam.param_groups[0]["betas"] == pytest.approx((0.95, 0.98))
    for _ in range(2):
        adam.step()
        schedule.step()
    assert adam.param_groups[0]["betas"] == pytest.approx((0.85, 0.98))


def test_one_cycle_warms_up_within_a_single_step():
    schedule = lr_scheduler.OneCycleLR(optimizer(), max_lr=1.0, total_steps=10, pct_start=0.1, cycle_momentum=False)
    assert schedule.get_last_lr() == [1.0]
    assert lr_scheduler.OneCycleLR(optimizer(), 1.0, total_steps=1, cycle_momentum=False).get_last_lr()[0] < 1e-4


def test_one_cycle_ends_with_its_steps():
    schedule = lr_scheduler.OneCycleLR(optimizer(), max_lr=1.0, total_steps=3)
    rates(schedule, 3)
    with pytest.raises(ArgumentError, match="OneCycleLR: step 4 of a cycle of 3 total_steps"):
        schedule.step()


def test_each_group_has_its_own_rate():
    groups = [{"params": [Parameter(Tensor(np.zeros(1)))], "lr": lr} for lr in (1.0, 0.1)]
    sgd = optim.SGD(groups, lr=9)
    schedule = lr_scheduler.LambdaLR(sgd, [lambda t: 1 - t / 10, lambda t: 1 + t])
    sgd.step()
    schedule.step()
    assert schedule.get_last_lr() == pytest.approx([0.9, 0.2])
    assert [group["initial_lr"] for group in sgd.param_groups] == [1.0, 0.1]


MAKERS = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [3, 5]),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 1.0, 12),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (t + 1)),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 1 / (t + 1)),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, 6),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, 0.5, 0.1, 6),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 7, 2.0),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, 3, mode="exp_range", gamma=0.9),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.LinearLR(o, 0.5, total_iters=3), lr_scheduler.CosineAnnealingLR(o, 5)], [3]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.LinearLR(o, 0.5, total_iters=3), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_schedule_saved_as_json_continues_where_it_was(make):
    whole = make(optimizer(momentum=0.9))
    expected = rates(whole, 10)
    first = make(optimizer(momentum=0.9))
    start = rates(first, 4)
    saved = json.dumps([first.optimizer.state_dict()["param_groups"], first.state_dict()])
    second = make(optimizer(momentum=0.9))
    groups, state = json.loads(saved)
    second.optimizer.load_state_dict({"state": {}, "param_groups": groups})
    second.load_state_dict(state)
    assert start + rates(second, 6) == pytest.approx(expected)


def test_warm_restarts_start_over_after_longer_and_longer_periods():
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(optimizer(1.0), 2, 2)
    cosine = [(1 + math.cos(math.pi * t / period)) / 2 for period in (2, 4, 8) for t in range(period)]
    assert rates(schedule, 14) == pytest.approx(cosine)
    schedule.step(3.5)  # 1.5 epochs into the period of 4
    assert schedule.get_last_lr() == pytest.approx([(1 + math.cos(math.pi * 1.5 / 4)) / 2])


def test_warm_up_lines_and_constants_end_at_their_rate():
    assert rates(lr_scheduler.LinearLR(optimizer(), 0.5, 1.0, 2), 4) == pytest.approx([0.25, 0.375, 0.5, 0.5])
    assert rates(lr_scheduler.ConstantLR(optimizer(), 0.5, 2), 4) == pytest.approx([0.25, 0.25, 0.5, 0.5])
    assert rates(lr_scheduler.ConstantLR(optimizer(), 0.0, 2), 4) == pytest.approx([0, 0, 0.5, 0.5])
    assert rates(lr_scheduler.PolynomialLR(optimizer(), 2, 2.0), 4) == pytest.approx([0.5, 0.125, 0, 0])


def test_a_cycle_goes_up_and_down_and_momentum_the_other_way():
    sgd = optimizer(momentum=0.9)
    schedule = lr_scheduler.CyclicLR(sgd, 0.0, 1.0, 2, 1, mode="triangular2", base_momentum=0.5, max_momentum=0.9)
    momenta = []
    got = []
    for _ in range(7):
        got += schedule.get_last_lr()
        momenta.append(sgd.param_groups[0]["momentum"])
        sgd.step()
        schedule.step()
    assert got == pytest.approx([0, 0.5, 1, 0, 0.25, 0.5, 0], abs=1e-12)
    assert momenta == pytest.approx([0.9 - 0.4 * rate for rate in got])


def test_a_plateau_lowers_the_rate_once_patience_is_over():
    sgd = optimizer(1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(sgd, factor=0.5, patience=2, cooldown=1, min_lr=0.2)
    seen = []
    for metric in [1.0, 0.9, 0.9, math.nan, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9]:
        schedule.step(metric)
        seen += schedule.get_last_lr()
    assert seen == [1.0] * 4 + [0.5] * 4 + [0.25] * 4 + [0.2] * 2
    with pytest.raises(ArgumentError, match="the metric as a number, got 'low'"):
        schedule.step("low")


def test_a_plateau_gives_added_groups_its_lowest_rate_or_asks_for_one():
    sgd = optimizer(1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(sgd, patience=0, min_lr=0.3)
    listed = lr_scheduler.ReduceLROnPlateau(sgd, patience=0, min_lr=[0.3])
    sgd.add_param_group({"params": [Parameter(Tensor(np.zeros(1)))]})
    for _ in range(2):
        schedule.step(1.0)
    assert schedule.get_last_lr() == [0.3, 0.3]
    listed.step(1.0)
    with pytest.raises(ArgumentError, match="min_lr has 1 entries, there are 2 groups now"):
        listed.step(1.0)


def test_asking_a_schedule_to_compute_its_next_rate_warns():
    schedule = lr_scheduler.StepLR(optimizer(), 2)
    with pytest.warns(UserWarning, match=r"StepLR.get_lr\(\) computes the next rate .* get_last_lr\(\)"):
        schedule.get_lr()


def test_the_attributes_of_a_callable_object_are_part_of_the_state():
    class Warm:
        def __init__(self, steps):
            self.steps = steps

        def __call__(self, step):
            return min(1.0, (step + 1) / self.steps)

    saved = lr_scheduler.LambdaLR(optimizer(), Warm(4)).state_dict()
    assert saved["lr_lambdas"] == [{"steps": 4}]
    schedule = lr_scheduler.LambdaLR(optimizer(), Warm(9))
    schedule.load_state_dict(saved)
    assert schedule.lr_lambdas[0].steps == 4
    assert lr_scheduler.LambdaLR(optimizer(), abs).state_dict()["lr_lambdas"] == [{}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o, s: lr_scheduler.SequentialLR(o, [], []), "SequentialLR: the list of schedules is empty"),
        (lambda o, s: lr_scheduler.SequentialLR(o, [s, s], []), "2 schedules meet at 1 milestones, got 0"),
        (lambda o, s: lr_scheduler.SequentialLR(o, [s, 3], [1]), r"schedulers\[1\] is a int, no schedule"),
        (lambda o, s: lr_scheduler.SequentialLR(optimizer(), [s], []), "StepLR, belongs to another optimiser"),
        (lambda o, s: lr_scheduler.ChainedScheduler([s, lr_scheduler.StepLR(optimizer(), 2)]), "another optimiser"),
        (
            lambda o, s: lr_scheduler.ChainedScheduler([s, lr_scheduler.ReduceLROnPlateau(o)]),
            r"schedulers\[1\] is a ReduceLROnPlateau, whose step needs a metric",
        ),
        (
            lambda o, s: lr_scheduler.CyclicLR(o, 0.1, 1.0, mode="square"),
            "triangular, .*, got 'square'; or give scale_fn",
        ),
        (lambda o, s: lr_scheduler.CyclicLR(o, 0.1, 1.0, 0), "must be above 0, got 0 and 0"),
        (lambda o, s: lr_scheduler.CyclicLR(o, 0.1, 1.0, scale_mode="step"), "'cycle' or 'iterations', got 'step'"),
        (lambda o, s: lr_scheduler.ReduceLROnPlateau(o, factor=1.0), "factor must be below 1, got 1.0"),
        (lambda o, s: lr_scheduler.LinearLR(o, 0.0), "start_factor must be above 0 and at most 1, got 0.0"),
        (lambda o, s: lr_scheduler.CosineAnnealingWarmRestarts(o, 3).step(-1), "step to epoch -1"),
        (lambda o, s: lr_scheduler.MultiplicativeLR(o, 0.5), "lr_lambda must be a function of the step"),
        (
            lambda o, s: lr_scheduler.ChainedScheduler([s]).load_state_dict({"schedulers": [{}, {}]}),
            "the state is of 2 schedules, this is one of 1",
        ),
    ],
)
def test_impossible_compositions_and_cycles_are_refused(make, message):
    sgd = optimizer(momentum=0.9)
    with pytest.raises(ArgumentError, match=message):
        make(sgd, lr_scheduler.StepLR(sgd, 2))


def test_stepping_before_the_optimizer_warns_once():
    schedule = lr_scheduler.StepLR(optimizer(), 2)
    with pytest.warns(UserWarning, match=r"Call optimizer.step\(\) first"):
        schedule.step()
    schedule.step()


def test_an_optimizer_with_a_step_of_its_own_is_not_suspected():
    class Own(optim.SGD):
        def step(self, closure=None):
            return None

    own = Own([Parameter(Tensor(np.zeros(1)))])
    schedule = lr_scheduler.StepLR(own, 2)
    own.step()
    schedule.step()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o: lr_scheduler.StepLR(object(), 2), "StepLR: object is not an Optimizer"),
        (lambda o: lr_scheduler.OneCycleLR(3, 1.0, 2), "OneCycleLR: int is not an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 0), "StepLR: step_size must be an int of at least 1, got 0"),
        (lambda o: lr_scheduler.StepLR(o, 2, last_epoch=3), r"param_groups\[0\] has no 'initial_lr'"),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 2.5), "T_max must be an int of at least 1, got 2.5"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), "LambdaLR: lr_lambda has 2 entries for 1 groups"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), "got total_steps=None, epochs=None, steps_per_epoch=None"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, epochs=3, steps_per_epoch=0), "epochs=3, steps_per_epoch=0"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 9, pct_start=1.5), "pct_start must lie between 0 and 1, got 1.5"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 9, anneal_strategy="step"), "'cos' or 'linear', got 'step'"),
        (lambda o: lr_scheduler.OneCycleLR(o, [1.0, 2.0], 9), "max_lr has 2 entries for 1 groups"),
        (
            lambda o: lr_scheduler.OneCycleLR(optim.Optimizer(o.param_groups[0]["params"], {"lr": 1}), 1.0, 9),
            "Optimizer has neither momentum nor betas to cycle; pass cycle_momentum=False",
        ),
    ],
)
def test_impossible_arguments_are_refused_with_their_values(make, message):
    with pytest.raises(ArgumentError, match=message):
        make(optimizer())


def test_jumping_to_a_step_is_not_offered():
    with pytest.raises(UnsupportedError, match=r"step\(epoch\) is not offered"):
        lr_scheduler.StepLR(optimizer(), 2).step(3)


def test_a_schedule_of_ones_own_writes_get_lr():
    class Halving(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    assert rates(Halving(optimizer()), 3) == [0.5, 0.25, 0.125]
    with pytest.raises(UnsupportedError, match="LRScheduler has no get_lr"):
        lr_scheduler.LRScheduler(optimizer())
