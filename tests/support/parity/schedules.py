"""Schedules: rates, and momenta where they move, over more than 50 steps; going on from a saved state."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from parity.entry import Entry, call

STEPS = 55
COMPOSED = ("SequentialLR", "ChainedScheduler")

factors = st.floats(0.1, 0.99)
counts = st.integers(1, 20)
functions = st.sampled_from([lambda t: 1 / (1 + t), lambda t: 0.95**t, lambda t: 1 + 0.1 * math.sin(t)])
per_group = st.one_of(functions, st.lists(functions, min_size=2, max_size=2))

OPTIONS = {
    "LambdaLR": {"lr_lambda": per_group},
    "MultiplicativeLR": {"lr_lambda": st.one_of(st.just(lambda t: 0.9 + 0.1 / (1 + t)), per_group)},
    "StepLR": {"step_size": counts, "gamma": factors},
    "MultiStepLR": {"milestones": st.lists(st.integers(0, 50), max_size=5), "gamma": factors},
    "ExponentialLR": {"gamma": factors},
    "ConstantLR": {"factor": factors, "total_iters": st.integers(0, 20)},
    "LinearLR": {"start_factor": factors, "end_factor": factors, "total_iters": st.integers(1, 20)},
    "PolynomialLR": {"total_iters": counts, "power": st.floats(0.5, 3)},
    "CosineAnnealingLR": {"T_max": counts, "eta_min": st.floats(0, 0.05)},
    "CosineAnnealingWarmRestarts": {"T_0": counts, "T_mult": st.integers(1, 3), "eta_min": st.floats(0, 0.05)},
}
"""What the schedules of one formula are drawn with."""

one_or_two = st.one_of(st.floats(0.1, 2), st.lists(st.floats(0.1, 2), min_size=2, max_size=2))
momenta = st.one_of(st.floats(0.7, 0.85), st.lists(st.floats(0.7, 0.85), min_size=2, max_size=2))
higher = st.one_of(st.floats(0.86, 0.99), st.lists(st.floats(0.86, 0.99), min_size=2, max_size=2))
one_cycle = {
    "max_lr": one_or_two,
    "total_steps": st.integers(STEPS, 100),
    # Not where pct_start · total_steps is 1: PyTorch divides by zero, tinyconv warms up within a single step.
    "pct_start": st.floats(0.1, 0.45),
    "anneal_strategy": st.sampled_from(["cos", "linear"]),
    "cycle_momentum": st.booleans(),
    "base_momentum": momenta,
    "max_momentum": higher,
    "div_factor": st.floats(2, 30),
    "final_div_factor": st.floats(10, 1e4),
    "three_phase": st.booleans(),
}
cyclic = {
    "base_lr": st.one_of(st.floats(0.01, 0.1), st.lists(st.floats(0.01, 0.1), min_size=2, max_size=2)),
    "max_lr": one_or_two,
    "step_size_up": counts,
    "step_size_down": st.one_of(st.none(), counts),
    "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
    "gamma": st.floats(0.8, 1),
    "scale_fn": st.one_of(st.none(), st.just(lambda x: 1 / (1 + x))),
    "scale_mode": st.sampled_from(["cycle", "iterations"]),
    "cycle_momentum": st.booleans(),
    "base_momentum": momenta,
    "max_momentum": higher,
}


def recipes(names=tuple(OPTIONS)):
    """A schedule as a pair (name, arguments)."""
    return st.sampled_from(list(names)).flatmap(
        lambda name: (
            st.tuples(st.just(name), st.fixed_dictionaries({}, optional={**OPTIONS[name]}))
            if name not in REQUIRED
            else st.tuples(st.just(name), st.fixed_dictionaries(OPTIONS[name]))
        )
    )


REQUIRED = {name for name in OPTIONS if name not in ("ConstantLR", "LinearLR", "PolynomialLR")}


def build(lib, optimizer, recipe, **more):
    name, options = recipe
    options = dict(options)
    if name in COMPOSED:
        options["schedulers"] = [build(lib, optimizer, inner) for inner in options["schedulers"]]
    positional = [options.pop("schedulers")] if name == "ChainedScheduler" else [optimizer]
    return getattr(lib.lr_scheduler, name)(*positional, **options, **more)


def optimizer_of(lib, kind):
    groups = [{"params": [lib.nn.Parameter(lib.tensor(np.zeros(1)))]} for _ in range(2)]
    groups[1]["lr"] = 0.7
    return getattr(lib.optim, kind)(groups, lr=0.2, **({"momentum": 0.9} if kind == "SGD" else {}))


def rates_over(lib, recipe, kind, resumed_after, by_count=False):
    """The rates and momenta before each of 55 steps. The schedule may be built anew on the way, from its state."""
    optimizer = optimizer_of(lib, kind)
    schedule = build(lib, optimizer, recipe)
    seen = []
    for step in range(STEPS):
        seen.append(look(schedule, optimizer))
        optimizer.step()
        schedule.step()
        if step == resumed_after:
            saved = optimizer.state_dict(), schedule.state_dict()
            last_epoch = getattr(schedule, "last_epoch", None)
            optimizer = optimizer_of(lib, kind)
            if by_count:
                optimizer.load_state_dict(saved[0])
                schedule = build(lib, optimizer, recipe, last_epoch=last_epoch)
            else:
                schedule = build(lib, optimizer, recipe)
                optimizer.load_state_dict(saved[0])
                schedule.load_state_dict(saved[1])
            optimizer.step()
    return seen, getattr(schedule, "last_epoch", None)


def look(schedule, optimizer):
    groups = optimizer.param_groups
    cycled = [[group[key] for group in groups] for key in ("momentum", "betas") if key in groups[0]]
    return list(schedule.get_last_lr()), [group["lr"] for group in groups], cycled


def calls(recipes, counted=True):
    return st.builds(
        lambda recipe, kind, resumed, by_count: call(recipe, kind, resumed, by_count=by_count and counted),
        recipes,
        st.sampled_from(["SGD", "AdamW"]),
        st.one_of(st.none(), st.integers(0, STEPS - 2)),
        st.booleans(),
    )


def refused(name, *options):
    return tuple(call((name, option), "SGD", None) for option in options)


def entry(name, *bad):
    return Entry(
        f"lr_scheduler.{name}",
        calls=calls(recipes([name])),
        program=rates_over,
        bad=refused(name, *bad),
        tolerances=(1e-12, 1e-12),
    )


def on_a_plateau(lib, options, metrics, kind, resumed_after):
    """The rates after each metric."""
    optimizer = optimizer_of(lib, kind)
    schedule = lib.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
    seen = []
    for step, metric in enumerate(metrics):
        optimizer.step()
        schedule.step(lib.tensor(metric) if step % 3 == 0 else metric)
        seen.append((look(schedule, optimizer), schedule.num_bad_epochs, schedule.best, schedule.in_cooldown))
        if step == resumed_after:
            saved = optimizer.state_dict(), schedule.state_dict()
            optimizer = optimizer_of(lib, kind)
            schedule = lib.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
            optimizer.load_state_dict(saved[0])
            schedule.load_state_dict(saved[1])
    return seen


def to_any_epoch(lib, recipe, kind, resumed_after, by_count=False, epochs=None):
    """Warm restarts that are also sent to epochs, whole or not."""
    seen = rates_over(lib, recipe, kind, resumed_after, by_count)
    optimizer = optimizer_of(lib, kind)
    schedule = build(lib, optimizer, recipe)
    for epoch in epochs or []:
        optimizer.step()
        schedule.step(epoch)
        seen[0].append((look(schedule, optimizer), schedule.last_epoch))
    return seen


def ones_own(lib, kind, base):
    """A schedule as a user derives it; and one that is given no optimiser."""

    class Own(lib.lr_scheduler.LRScheduler):
        def get_lr(self):
            return [rate * base**self.last_epoch for rate in self.base_lrs]

    if kind is None:
        return Own(object())
    optimizer = optimizer_of(lib, kind)
    schedule = Own(optimizer)
    seen = []
    for _ in range(STEPS):
        seen.append((look(schedule, optimizer), schedule.last_epoch))
        optimizer.step()
        schedule.step()
    with_state = Own(optimizer, last_epoch=schedule.last_epoch)
    return seen, with_state.last_epoch, with_state.get_last_lr()


parts = recipes()

ENTRIES = [
    Entry(
        "lr_scheduler.LRScheduler",
        calls=st.builds(call, st.sampled_from(["SGD", "AdamW"]), factors),
        program=ones_own,
        bad=(call(None, 0.5),),
        tolerances=(1e-12, 1e-12),
    ),
    entry("LambdaLR", {"lr_lambda": [abs, abs, abs]}, {}, {"lr_lambda": abs, "last_epoch": 3}),
    entry("MultiplicativeLR", {"lr_lambda": [abs]}, {"lr_lambda": 0.5}, {"lr_lambda": abs, "last_epoch": 3}),
    entry("StepLR", {}, {"step_size": 0}, {"step_size": 2, "last_epoch": 3}),
    entry("MultiStepLR", {}, {"milestones": 3}, {"milestones": [2], "last_epoch": 3}),
    entry("ExponentialLR", {}, {"gamma": 0.5, "last_epoch": 3}),
    entry("ConstantLR", {"factor": 1.5}, {"factor": -0.1}, {"last_epoch": 3}),
    entry("LinearLR", {"start_factor": 0.0}, {"start_factor": 1.5}, {"end_factor": -0.5}, {"last_epoch": 3}),
    entry("PolynomialLR", {"last_epoch": 3}, {"gamma": 0.5}),
    entry("CosineAnnealingLR", {}, {"T_max": 0}, {"T_max": 2, "last_epoch": 3}),
    Entry(
        "lr_scheduler.CosineAnnealingWarmRestarts",
        calls=st.builds(
            lambda drawn, epochs: call(*drawn.args, **drawn.kwargs, epochs=epochs),
            calls(recipes(["CosineAnnealingWarmRestarts"])),
            st.lists(st.one_of(st.none(), st.integers(0, 60), st.floats(0, 60)), max_size=20),
        ),
        program=to_any_epoch,
        bad=(
            *refused(
                "CosineAnnealingWarmRestarts",
                {"T_0": 0},
                {"T_0": 2.5},
                {"T_0": 2, "T_mult": 0},
                {"T_0": 2, "eta_min": "0"},
            ),
            call(("CosineAnnealingWarmRestarts", {"T_0": 3}), "SGD", None, epochs=[-1]),
        ),
        tolerances=(1e-12, 1e-12),
    ),
    Entry(
        "lr_scheduler.OneCycleLR",
        calls=calls(
            st.tuples(
                st.just("OneCycleLR"),
                st.fixed_dictionaries(
                    {key: one_cycle[key] for key in ("max_lr", "total_steps")},
                    optional={key: one_cycle[key] for key in one_cycle if key not in ("max_lr", "total_steps")},
                ),
            )
        ),
        program=rates_over,
        bad=refused(
            "OneCycleLR",
            {"max_lr": 1.0},
            {"max_lr": 1.0, "total_steps": 0},
            {"max_lr": 1.0, "epochs": 3, "steps_per_epoch": 0},
            {"max_lr": 1.0, "total_steps": 10},  # 55 steps are taken
            {"max_lr": 1.0, "total_steps": 60, "pct_start": 1.5},
            {"max_lr": 1.0, "total_steps": 60, "anneal_strategy": "step"},
            {"max_lr": [1.0, 2.0, 3.0], "total_steps": 60},
        ),
        tolerances=(1e-12, 1e-12),
    ),
    Entry(
        "lr_scheduler.CyclicLR",
        calls=calls(
            st.tuples(
                st.just("CyclicLR"),
                st.fixed_dictionaries(
                    {key: cyclic[key] for key in ("base_lr", "max_lr", "step_size_up")},
                    optional={key: cyclic[key] for key in cyclic if key not in ("base_lr", "max_lr", "step_size_up")},
                ),
            ),
        ),
        program=rates_over,
        bad=refused(
            "CyclicLR",
            {"base_lr": 0.1},
            {"base_lr": 0.1, "max_lr": 1.0, "mode": "square"},
            {"base_lr": [0.1], "max_lr": 1.0},
            {"base_lr": 0.1, "max_lr": [1.0, 2.0, 3.0]},
            {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 0},
        ),
        tolerances=(1e-12, 1e-12),
    ),
    Entry(
        "lr_scheduler.ReduceLROnPlateau",
        calls=st.builds(
            lambda options, metrics, kind, resumed: call(options, metrics, kind, resumed),
            st.fixed_dictionaries(
                {},
                optional={
                    "mode": st.sampled_from(["min", "max"]),
                    "factor": factors,
                    "patience": st.integers(0, 4),
                    "threshold": st.floats(0, 0.1),
                    "threshold_mode": st.sampled_from(["rel", "abs"]),
                    "cooldown": st.integers(0, 4),
                    "min_lr": st.one_of(st.floats(0, 0.05), st.lists(st.floats(0, 0.1), min_size=2, max_size=2)),
                    "eps": st.floats(0, 0.01),
                },
            ),
            st.lists(
                st.one_of(st.floats(-2, 2, width=32), st.sampled_from([math.nan, math.inf, 0.0, 0.5])),
                min_size=50,
                max_size=60,
            ),
            st.sampled_from(["SGD", "AdamW"]),
            st.one_of(st.none(), st.integers(0, 40)),
        ),
        program=on_a_plateau,
        bad=(
            call({"factor": 1.0}, [], "SGD", None),
            call({"mode": "most"}, [], "SGD", None),
            call({"threshold_mode": "relative"}, [], "SGD", None),
            call({"min_lr": [0.1, 0.1, 0.1]}, [], "SGD", None),
            call({}, [1.0, "low"], "SGD", None),
        ),
        tolerances=(1e-12, 1e-12),
    ),
    Entry(
        "lr_scheduler.SequentialLR",
        calls=calls(
            st.lists(parts, min_size=1, max_size=4).flatmap(
                lambda inner: st.tuples(
                    st.just("SequentialLR"),
                    st.lists(st.integers(1, 50), min_size=len(inner) - 1, max_size=len(inner) - 1, unique=True).map(
                        lambda milestones: {"schedulers": inner, "milestones": sorted(milestones)}
                    ),
                )
            ),
            counted=False,
        ),
        program=rates_over,
        bad=refused(
            "SequentialLR",
            {"schedulers": [], "milestones": []},
            {"schedulers": [("ExponentialLR", {"gamma": 0.5})] * 2, "milestones": []},
            {"schedulers": [("ExponentialLR", {"gamma": 0.5}), ("ReduceLROnPlateau", {})], "milestones": [3]},
        ),
        tolerances=(1e-12, 1e-12),
    ),
    Entry(
        "lr_scheduler.ChainedScheduler",
        calls=calls(
            st.lists(parts, min_size=1, max_size=3).map(lambda inner: ("ChainedScheduler", {"schedulers": inner})),
            counted=False,
        ),
        program=rates_over,
        bad=refused(
            "ChainedScheduler",
            {"schedulers": []},
            {"schedulers": [("ExponentialLR", {"gamma": 0.5}), ("ReduceLROnPlateau", {})]},
        ),
        tolerances=(1e-12, 1e-12),
    ),
]
