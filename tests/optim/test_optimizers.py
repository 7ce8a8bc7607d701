"""Optimisers: their update rules written out, their groups, their state, and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.autograd import no_grad
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, RunError, ShapeError, UnsupportedError
from tinyconv.nn import Parameter
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import BLOCK


def parameter(*shape, dtype=np.float64, seed=0):
    values = layout.empty(shape, dtype)
    values[...] = np.random.default_rng(seed).normal(size=shape)
    return Parameter(Tensor(values))


def gradients(p, steps, seed=1):
    """Give ``p`` one random gradient after another."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        p.grad = Tensor(rng.normal(size=p.shape).astype(p.array.dtype))
        yield p.grad.numpy()


def value(p):
    return p.detach().numpy()


# --- the rules --------------------------------------------------------------------------------------------------------

SGD_CASES = [
    {},
    {"weight_decay": 0.1},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
    {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    {"momentum": 0.5, "maximize": True, "weight_decay": 0.1},
    {"maximize": True},
]


@pytest.mark.parametrize("options", SGD_CASES, ids=str)
def test_sgd_follows_its_formula(options):
    p = parameter(3, 4)
    expected, velocity = value(p).copy(), None
    momentum, decay = options.get("momentum", 0), options.get("weight_decay", 0)
    optimizer = optim.SGD([p], lr=0.1, **options)
    for g in gradients(p, 4):
        d = (-g if options.get("maximize") else g) + decay * expected
        velocity = d if velocity is None else momentum * velocity + (1 - options.get("dampening", 0)) * d
        expected = expected - 0.1 * (
            d + momentum * velocity if options.get("nesterov") else velocity if momentum else d
        )
        optimizer.step()
        np.testing.assert_allclose(value(p), expected, rtol=1e-13)


ADAM_CASES = [
    (optim.Adam, {}),
    (optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.9), "eps": 1e-3}),
    (optim.Adam, {"amsgrad": True, "betas": (0.5, 0.1)}),
    (optim.Adam, {"maximize": True, "weight_decay": 0.1}),
    (optim.Adam, {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.AdamW, {"weight_decay": 0.2, "amsgrad": True, "betas": (0.5, 0.1), "maximize": True}),
]


@pytest.mark.parametrize(("kind", "options"), ADAM_CASES, ids=str)
def test_adam_and_adamw_follow_their_formula(kind, options):
    p = parameter(3, 4)
    expected = value(p).copy()
    m, v, largest = np.zeros((3, 3, 4))
    beta1, beta2 = options.get("betas", (0.9, 0.999))
    decay = options.get("weight_decay", 0.01 if kind is optim.AdamW else 0)
    decoupled = kind is optim.AdamW or options.get("decoupled_weight_decay", False)
    optimizer = kind([p], lr=0.1, **options)
    for step, gradient in enumerate(gradients(p, 5), start=1):
        g = -gradient if options.get("maximize") else gradient
        if decoupled:
            expected = expected * (1 - 0.1 * decay)
        else:
            g = g + decay * expected
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        mean_square = (largest if options.get("amsgrad") else v) / (1 - beta2**step)
        expected = expected - 0.1 * (m / (1 - beta1**step)) / (np.sqrt(mean_square) + options.get("eps", 1e-8))
        optimizer.step()
        np.testing.assert_allclose(value(p), expected, rtol=1e-11)


MAKERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
    "Adadelta": lambda p: optim.Adadelta(p, weight_decay=0.1),
    "Adagrad": lambda p: optim.Adagrad(p, lr_decay=0.1, maximize=True),
    "RMSprop": lambda p: optim.RMSprop(p, momentum=0.9, centered=True),
    "Adamax": lambda p: optim.Adamax(p, weight_decay=0.1),
    "NAdam": lambda p: optim.NAdam(p, momentum_decay=0.1, weight_decay=0.1),
    "RAdam": lambda p: optim.RAdam(p, betas=(0.9, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
    "ASGD": lambda p: optim.ASGD(p, lambd=0.1, t0=1),
    "Rprop": lambda p: optim.Rprop(p, maximize=True),
}

RULES = {
    "Adadelta": lambda p, g, s, t: (
        s.setdefault("v", 0.0),
        s.update(v=0.9 * s["v"] + 0.1 * g**2),
        s.update(d=np.sqrt((s.get("u", 0.0) + 1e-6) / (s["v"] + 1e-6)) * g),
        s.update(u=0.9 * s.get("u", 0.0) + 0.1 * s["d"] ** 2),
        p - s["d"],
    )[-1],
    "Adagrad": lambda p, g, s, t: (
        s.update(sum=s.get("sum", 0.0) + g**2),
        p - 0.01 * g / (np.sqrt(s["sum"]) + 1e-10),
    )[-1],
    "RMSprop": lambda p, g, s, t: (
        s.update(v=0.99 * s.get("v", 0.0) + 0.01 * g**2),
        p - 0.01 * g / (np.sqrt(s["v"]) + 1e-8),
    )[-1],
    "Adamax": lambda p, g, s, t: (
        s.update(m=0.9 * s.get("m", 0.0) + 0.1 * g, u=np.maximum(0.999 * s.get("u", 0.0), np.abs(g) + 1e-8)),
        p - 0.002 / (1 - 0.9**t) * s["m"] / s["u"],
    )[-1],
    "ASGD": lambda p, g, s, t: (
        s.setdefault("eta", float(np.float32(0.01))),
        s.update(p=(1 - 1e-4 * s["eta"]) * p - s["eta"] * g),
        s.update(eta=float(np.float32(0.01 / (1 + 1e-4 * 0.01 * t) ** 0.75))),
        s["p"],
    )[-1],
    "Rprop": lambda p, g, s, t: (
        s.setdefault("d", np.full(p.shape, 0.01)),
        s.setdefault("g", np.zeros(p.shape)),
        s.update(turn=np.sign(g * s["g"])),
        s.update(d=s["d"] * np.where(s["turn"] > 0, 1.2, np.where(s["turn"] < 0, 0.5, 1))),
        s.update(g=np.where(s["turn"] < 0, 0, g)),
        p - np.sign(s["g"]) * s["d"],
    )[-1],
}
"""One step with the defaults, by the formula: parameter, gradient, what is remembered, number of the step."""


@pytest.mark.parametrize("name", RULES)
def test_the_other_optimizers_follow_their_formula(name):
    p = parameter(3, 4)
    expected, remembered = value(p).copy(), {}
    optimizer = getattr(optim, name)([p])
    for step, gradient in enumerate(gradients(p, 6), start=1):
        expected = RULES[name](expected, gradient, remembered, step)
        optimizer.step()
        np.testing.assert_allclose(value(p), expected, rtol=1e-11)


def test_nadam_and_radam_begin_as_their_formulas_say():
    for name, expected in (
        # m = 0.1 g and √v / √(1 − β₂) = |g|: the step is η ((1 − μ₁) / (1 − μ₁) + 0.1 μ₂ / (1 − μ₁ μ₂)) sign(g)
        ("NAdam", 0.002 * (1 + 0.1 * mu(2) / (1 - mu(1) * mu(2)))),
        # ρ = ρ∞ − 2 β₂ / (1 − β₂) = 1 is not above 5: the step is η g
        ("RAdam", 0.001 * 3),
    ):
        p = Parameter(Tensor(np.zeros(1)))
        p.grad = Tensor(np.array([3.0]))
        getattr(optim, name)([p], eps=0).step()
        assert value(p)[0] == pytest.approx(-expected, rel=1e-6), name


def mu(step):
    return 0.9 * (1 - 0.5 * 0.96 ** (step * 0.004))


every_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@every_optimizer
@given(shape=st.sampled_from([(), (1,), (5, 7), (2, 3, 5, 4), (3, 1, 4, 4), (4, 3, 1, 1), (2, 3, 4)]))
def test_an_update_does_not_depend_on_shape_or_memory_order(make, shape):
    """Elementwise rules: the same numbers come out of a flat parameter, a channels-last one, and a transposed one."""
    p = parameter(*shape)
    flat = Parameter(Tensor(value(p).reshape(-1).copy()))
    turned = Parameter(Tensor(np.array(value(p), order="F")))
    optimizer = make([p, flat, turned])
    for g in gradients(p, 2):
        flat.grad = Tensor(g.reshape(-1).copy())
        turned.grad = Tensor(np.array(g, order="C"))
        optimizer.step()
    np.testing.assert_array_equal(value(flat).reshape(shape), value(p))
    np.testing.assert_array_equal(value(turned), value(p))


@every_optimizer
def test_parameters_larger_than_a_block_are_updated_throughout(make):
    p = parameter(2 * BLOCK + 77)
    ends = [slice(0, 3), slice(BLOCK - 2, BLOCK + 2), slice(-3, None)]
    parts = [Parameter(Tensor(value(p)[end].copy())) for end in ends]
    optimizer = make([p, *parts])
    for g in gradients(p, 2):
        for part, end in zip(parts, ends, strict=True):
            part.grad = Tensor(g[end].copy())
        optimizer.step()
    for part, end in zip(parts, ends, strict=True):
        np.testing.assert_array_equal(value(p)[end], value(part))


@every_optimizer
def test_an_update_writes_in_place_and_counts_as_a_write(make):
    p = parameter(2, 3, 3, 3)
    array, version = p.array, p.version
    optimizer = make([p])
    for gradient in gradients(p, 1):
        before = gradient.copy()
        optimizer.step()
        np.testing.assert_array_equal(gradient, before)
    assert p.array is array
    assert p.version > version
    assert p.is_leaf


@every_optimizer
def test_float32_parameters_stay_float32(make):
    p = parameter(3, 3, dtype=np.float32)
    optimizer = make([p])
    for _ in gradients(p, 2):
        optimizer.step()
    assert p.array.dtype == np.float32
    assert all(v.array.dtype == np.float32 for v in optimizer.state[p].values() if isinstance(v, Tensor))


@every_optimizer
def test_not_a_number_spreads_without_a_warning(make):
    p = parameter(4)
    p.grad = Tensor(np.array([np.nan, np.inf, 1, 1e300]))
    optimizer = make([p])
    optimizer.step()
    assert np.isnan(value(p)[0])
    assert np.isfinite(value(p)[2])


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_override_the_defaults():
    first, second = parameter(2), parameter(2, seed=1)
    optimizer = optim.SGD([{"params": [first]}, {"params": second, "lr": 0.5}], lr=0.1, momentum=0.9)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    before = value(first).copy(), value(second).copy()
    first.grad = second.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(value(first), before[0] - 0.1)
    np.testing.assert_allclose(value(second), before[1] - 0.5)
    optimizer.add_param_group({"params": parameter(3)})
    assert optimizer.param_groups[2]["momentum"] == 0.9


def test_parameters_without_gradient_are_passed_over():
    first, second = parameter(2), parameter(2, seed=1)
    before = value(second).copy()
    optimizer = optim.Adam([first, second])
    first.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_array_equal(value(second), before)
    assert second not in optimizer.state


def test_a_generator_of_parameters_is_taken_once():
    optimizer = optim.SGD(p for p in [parameter(1), parameter(2)])
    assert len(optimizer.param_groups[0]["params"]) == 2


def test_step_calls_the_closure_with_the_tape_recording():
    p = parameter(2)
    optimizer = optim.SGD([p], lr=0.1)
    before = value(p).copy()

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with no_grad():
        assert optimizer.step(closure).item() == pytest.approx((before**2).sum())
    np.testing.assert_allclose(value(p), before - 0.1 * 2 * before)


def test_zero_grad_forgets_or_zeroes():
    p = parameter(2)
    optimizer = optim.SGD([p])
    p.grad = Tensor(np.ones(2))
    optimizer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(p.grad.numpy(), [0, 0])
    optimizer.zero_grad()
    assert p.grad is None


def test_repr_lists_the_hyperparameters():
    text = repr(optim.SGD([parameter(1)], lr=0.25))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    assert "    lr: 0.25\n" in text


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_run_around_a_step_and_can_be_taken_off():
    p = parameter(2)
    optimizer = optim.SGD([p], lr=1.0)
    p.grad = Tensor(np.ones(2))
    start, seen = value(p).copy(), []
    before = optimizer.register_step_pre_hook(lambda own, args, kwargs: seen.append(("before", value(p)[0] - start[0])))
    after = optimizer.register_step_post_hook(lambda own, args, kwargs: seen.append(("after", value(p)[0] - start[0])))
    optimizer.step()
    assert seen == [("before", 0), ("after", pytest.approx(-1))]
    before.remove()
    with after:
        optimizer.step()
    optimizer.step()
    assert [name for name, _ in seen] == ["before", "after", "after"]


def test_a_hook_before_the_step_may_replace_the_closure():
    p = parameter(2)
    optimizer = optim.SGD([p])
    optimizer.register_step_pre_hook(lambda own, args, kwargs: ((own, lambda: "other"), {}))
    assert optimizer.step(lambda: "mine") == "other"
    optimizer.register_step_pre_hook(lambda own, args, kwargs: "nonsense")
    with pytest.raises(ArgumentError, match=r"SGD: a hook before the step returns None, or a pair .* got 'nonsense'"):
        optimizer.step()
    assert optimizer.step_count == 1


def test_a_step_that_calls_its_base_class_runs_the_hooks_once():
    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p = parameter(2)
    optimizer, seen = Twice([p], lr=1.0), []
    optimizer.register_step_post_hook(lambda *arguments: seen.append(1))
    start = value(p).copy()
    p.grad = Tensor(np.ones(2))
    optimizer.step()
    assert seen == [1]
    np.testing.assert_allclose(value(p), start - 2)


def test_an_error_in_a_step_does_not_silence_the_hooks_for_good():
    p = parameter(2)
    optimizer, seen = optim.SGD([p]), []
    optimizer.register_step_pre_hook(lambda *arguments: seen.append(1))

    def fails():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        optimizer.step(fails)
    optimizer.step()
    assert seen == [1, 1]


# --- names ------------------------------------------------------------------------------------------------------------


def test_parameters_may_come_with_their_names():
    model = nn.Linear(2, 3)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][1] is model.bias
    assert "param_names: ['weight', 'bias']" in repr(optimizer)
    with pytest.raises(ArgumentError, match="either all groups have names for their parameters, or none"):
        optimizer.add_param_group({"params": [parameter(2)]})
    renamed = optimizer.state_dict()
    renamed["param_groups"][0].pop("param_names")
    optimizer.load_state_dict(renamed)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]


def test_a_rate_that_a_function_made_in_numpy_keeps_float32():
    p = parameter(3, dtype=np.float32)
    optimizer = optim.Adam([p])
    optimizer.param_groups[0]["lr"] = np.float64(0.1)
    for _ in gradients(p, 1):
        optimizer.step()
    assert p.array.dtype == np.float32


# --- state ------------------------------------------------------------------------------------------------------------


@every_optimizer
def test_a_restored_optimizer_continues_bit_for_bit(make):
    p = parameter(2, 3, 2, 2)
    optimizer = make([p])
    for _ in gradients(p, 3):
        optimizer.step()
    twin = Parameter(Tensor(layout.copy(p.array)))
    restored = make([twin])
    restored.load_state_dict(optimizer.state_dict())
    for _ in zip(gradients(p, 3, seed=2), gradients(twin, 3, seed=2), strict=True):
        optimizer.step()
        restored.step()
    np.testing.assert_array_equal(value(twin), value(p))


@every_optimizer
def test_state_survives_as_plain_arrays_in_any_memory_order(make):
    p = parameter(2, 3, 2, 2)
    optimizer = make([p])
    for _ in gradients(p, 2):
        optimizer.step()
    saved = optimizer.state_dict()
    plain = {
        number: {k: np.array(v.numpy(), order="C") if isinstance(v, Tensor) else v for k, v in entry.items()}
        for number, entry in saved["state"].items()
    }
    twin = Parameter(Tensor(layout.copy(p.array)))
    restored = make([twin])
    restored.load_state_dict({"state": plain, "param_groups": saved["param_groups"]})
    for _ in zip(gradients(p, 2, seed=2), gradients(twin, 2, seed=2), strict=True):
        optimizer.step()
        restored.step()
    np.testing.assert_array_equal(value(twin), value(p))


def test_state_dict_numbers_the_parameters_through_all_groups():
    a, b, c = parameter(1), parameter(2), parameter(3)
    optimizer = optim.Adam([{"params": [a, b]}, {"params": [c], "lr": 0.5}])
    c.grad = Tensor(np.ones(3))
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0, 1], [2]]
    assert state["param_groups"][1]["lr"] == 0.5
    assert list(state["state"]) == [2]
    assert state["state"][2]["step"] == 1
    assert set(state["state"][2]) == {"step", "exp_avg", "exp_avg_sq"}


def test_a_state_for_other_parameters_is_refused_and_nothing_changes():
    p = parameter(2)
    optimizer = optim.SGD([p], lr=0.1, momentum=0.9)
    two = optim.SGD([parameter(2), parameter(3)], lr=0.7)
    with pytest.raises(RunError, match=r"SGD cannot load this state: it is for groups of \[2\] parameters, .* \[1\]"):
        optimizer.load_state_dict(two.state_dict())
    other = parameter(3)
    trained = optim.SGD([other], lr=0.7, momentum=0.9)
    other.grad = Tensor(np.ones(3))
    trained.step()
    with pytest.raises(RunError, match=r'"momentum_buffer" of parameter 0 has shape \(3,\), the parameter \(2,\)'):
        optimizer.load_state_dict(trained.state_dict())
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert not optimizer.state


def test_a_state_of_pytorchs_implementations_loads_without_them():
    p = parameter(2)
    optimizer = optim.SGD([p], lr=0.1)
    saved = optimizer.state_dict()
    saved["param_groups"][0].update(foreach=True, fused=None, lr=0.5, betas=(1, 2))
    optimizer.load_state_dict(saved)
    assert "foreach" not in optimizer.param_groups[0]
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["params"][0] is p


def test_a_state_that_is_none_is_refused():
    with pytest.raises(RunError, match="SGD cannot load this state: it has no 'state' and 'param_groups'"):
        optim.SGD([parameter(2)]).load_state_dict({"weight": 3})


def test_the_steps_are_counted_in_a_tensor_as_in_pytorch():
    p = parameter()
    optimizer = optim.Adam([p])
    for _ in gradients(p, 3):
        optimizer.step()
    step = optimizer.state_dict()["state"][0]["step"]
    assert step.item() == 3
    assert step.array.dtype == np.float32
    restored = optim.Adam([parameter()])
    restored.load_state_dict(optimizer.state_dict())
    assert restored.state_dict()["state"][0]["step"].array.dtype == np.float32


def test_loading_copies_the_state():
    p = parameter(2)
    optimizer = optim.SGD([p], momentum=0.9)
    p.grad = Tensor(np.ones(2))
    optimizer.step()
    restored = optim.SGD([p], momentum=0.9)
    restored.load_state_dict(optimizer.state_dict())
    restored.state[p]["momentum_buffer"].array[...] = 99
    np.testing.assert_array_equal(optimizer.state[p]["momentum_buffer"].numpy(), [1, 1])


def test_an_optimizer_of_ones_own_keeps_state_of_any_kind():
    class Rows(optim.Optimizer):
        def update(self, parameter, group):
            state = self.state[parameter]
            if not state:
                state.update(step=0, rows=tc.zeros(2), seen=True)
            state["step"] += 1
            state["rows"] += parameter.grad.sum(1)

    p = parameter(2, 3)
    first, second = Rows([p], {"lr": 1.0}), Rows([p], {"lr": 1.0})
    p.grad = tc.ones(2, 3, dtype=tc.float64)
    first.step()
    second.load_state_dict(first.state_dict())
    second.step()
    assert type(second.state[p]["step"]) is int
    assert second.state[p]["step"] == 2
    assert second.state[p]["seen"] is True
    assert second.state[p]["rows"].tolist() == [6.0, 6.0]
    assert first.state[p]["rows"].tolist() == [3.0, 3.0]


@pytest.mark.parametrize("make", [optim.Adam, optim.ASGD, optim.NAdam, optim.Adagrad])
def test_numbers_of_a_loaded_state_may_be_plain(make):
    p = parameter(2)
    optimizer, restored = make([p], lr=0.1), make([twin := parameter(2)], lr=0.1)
    for _ in gradients(p, 2):
        optimizer.step()
    saved = optimizer.state_dict()
    saved["state"][0] = {name: v.item() if v.ndim == 0 else v for name, v in saved["state"][0].items()}
    restored.load_state_dict(saved)
    twin.data = p.detach().clone()
    for _ in zip(gradients(p, 1), gradients(twin, 1), strict=True):
        optimizer.step()
        restored.step()
    np.testing.assert_array_equal(value(twin), value(p))


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: optim.SGD(p, lr=-1), "SGD: lr must be at least 0, got -1"),
        (lambda p: optim.SGD(p, lr=math.nan), "SGD: lr must be at least 0, got nan"),
        (lambda p: optim.SGD(p, momentum=-0.5), "SGD: momentum must be at least 0, got -0.5"),
        (lambda p: optim.SGD(p, weight_decay=-0.5), "SGD: weight_decay must be at least 0, got -0.5"),
        (lambda p: optim.SGD(p, nesterov=True), "nesterov needs a momentum above 0 and dampening 0, got momentum=0"),
        (lambda p: optim.SGD(p, momentum=0.9, dampening=0.1, nesterov=True), "dampening=0.1"),
        (lambda p: optim.SGD([{"params": p, "lr": -2}]), "SGD: lr must be at least 0, got -2"),
        (lambda p: optim.Adam(p, betas=(0.9, 1.0)), r"Adam: betas must be two numbers in \[0, 1\), got \(0.9, 1.0\)"),
        (lambda p: optim.AdamW(p, betas=(0.9,)), r"AdamW: betas must be two numbers in \[0, 1\), got \(0.9,\)"),
        (lambda p: optim.Adam(p, eps=-1e-8), "Adam: eps must be at least 0, got -1e-08"),
        (lambda p: optim.SGD([]), "SGD: params is empty"),
        (lambda p: optim.SGD(p[0]), "must be a list of tensors or of groups, got a single Parameter"),
        (lambda p: optim.SGD([1.0]), r"can only optimise Tensors, but params\[0\] is a float"),
        (lambda p: optim.SGD([*p, *p]), r"params\[1\], of shape \(2,\), appears twice"),
        (lambda p: optim.SGD([{"params": p}, {"params": p}]), "appears twice"),
        (lambda p: optim.SGD([p[0] * 2]), "only leaves can be optimised"),
        (lambda p: optim.SGD([Tensor(np.zeros(2, np.int64))]), r"is of type tinyconv.int64; it must be floating point"),
    ],
)
def test_impossible_arguments_are_refused_with_their_values(make, message):
    with pytest.raises(ArgumentError, match=message):
        make([parameter(2)])


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda p: optim.SGD(p, foreach=True), "foreach"),
        (lambda p: optim.SGD(p, differentiable=True), "differentiable"),
        (lambda p: optim.SGD(p, fused=True), "fused"),
        (lambda p: optim.Adam(p, capturable=True), "capturable"),
        (lambda p: optim.AdamW(p, fused=True), "fused"),
    ],
)
def test_pytorchs_choices_of_implementation_are_not_offered(make, name):
    with pytest.raises(UnsupportedError, match=f"{name}=True is not offered; leave {name} out"):
        make([parameter(2)])


def test_a_tensor_as_learning_rate_is_not_offered():
    with pytest.raises(UnsupportedError, match="lr as a Tensor is not offered"):
        optim.SGD([parameter(2)], lr=Tensor(np.array(0.1)))


def test_a_gradient_of_another_shape_is_refused():
    p = parameter(2)
    with pytest.raises(ShapeError, match=r"grad: a gradient of shape \(1,\) does not fit a tensor of shape \(2,\)"):
        p.grad = Tensor(np.ones(1))
    assert p.grad is None
    p.grad = Tensor(np.ones(2))
    p.grad.data = Tensor(np.ones(1))
    with pytest.raises(ShapeError, match=r"a parameter of shape \(2,\) has a gradient of shape \(1,\)"):
        optim.SGD([p]).step()


def test_an_optimizer_of_ones_own_needs_a_rule():
    p = parameter(2)
    p.grad = Tensor(np.ones(2))
    with pytest.raises(UnsupportedError, match="Optimizer has no update rule"):
        optim.Optimizer([p], {}).step()

    class Sign(optim.Optimizer):
        def update(self, parameter, group):
            parameter.array[...] -= group["lr"] * np.sign(parameter.grad.array)
            parameter.bump_version()

    before = value(p).copy()
    Sign([p], {"lr": 0.5}).step()
    np.testing.assert_allclose(value(p), before - 0.5)


@pytest.mark.parametrize("model", [nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)), 3])
def test_an_optimizer_asks_for_the_parameters_of_a_model(model):
    with pytest.raises(ArgumentError, match=rf"SGD: .*got a {type(model).__name__}; pass model.parameters\(\)"):
        optim.SGD(model, lr=0.1)


def test_the_state_of_another_kind_of_optimiser_is_refused_before_anything_changes():
    weight = nn.Parameter(tc.ones(2))
    adam = optim.Adam([weight])
    before = adam.state_dict()
    with pytest.raises(tc.TinyconvError, match=r"Adam cannot load this state.*'betas'.*another kind of optimiser"):
        adam.load_state_dict(optim.SGD([weight], lr=0.1).state_dict())
    assert adam.state_dict() == before
