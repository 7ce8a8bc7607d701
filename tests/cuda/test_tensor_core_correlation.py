"""The tensor cores' forward and input gradient, run by the PTX interpreter, against float64."""

import numpy as np
import pytest
from tensor_core_cases import BOUNDS, assert_near, drawn, forward, geometry, input_gradient, interpret

from tinyconv.backends import reference
from tinyconv.backends.cuda.tensor_cores import correlation_plans
from tinyconv.backends.cuda.tensor_cores.catalog import (
    CORRELATIONS,
    WARP_GROUP_TILE,
    Arithmetic,
    Choice,
)
from tinyconv.backends.cuda.tensor_cores.correlation_plans import plan_forward, plan_input_gradient
from tinyconv.backends.cuda.tensor_cores.plans import Machine, Role

CASES = {
    "padded": geometry(1, 32, 64, (8, 8), (3, 3), padding=(1, 1)),
    "ragged": geometry(2, 20, 70, (9, 7), (3, 2), (2, 1), (1, 1), (2, 1)),
    "groups": geometry(1, 16, 24, (7, 10), (3, 3), (2, 3), (2, 1), (1, 2), groups=2),
    "colours": geometry(1, 3, 5, (13, 12), (5, 7), (2, 2), (2, 3)),
    "grey": geometry(3, 1, 17, (6, 9), (3, 3), padding=(1, 1)),
    "points, stride 2": geometry(1, 8, 68, (7, 9), (1, 1), (2, 2)),
    "pixels that no window sees": geometry(2, 4, 8, (9, 8), (2, 3), (3, 2), (0, 0), (1, 1)),
    "one pixel": geometry(5, 36, 12, (3, 3), (3, 3)),
    "dilation and stride share a factor": geometry(1, 4, 4, (12, 11), (3, 3), (4, 2), (3, 2), (2, 4)),
}


def each_kernel():
    for (arithmetic, width), choice in CORRELATIONS.items():
        for tile in choice.kernels:
            if tile is not WARP_GROUP_TILE:
                yield pytest.param(arithmetic, width, tile, id=choice.kernels[tile].name)


def arguments(g, values, gradient):
    names = ("y", "weight", "shift", "x") if gradient else ("x", "weight", "bias", "y")
    roles = (Role.Y, Role.WEIGHT, Role.BIAS, Role.X) if gradient else (Role.X, Role.WEIGHT, Role.BIAS, Role.Y)
    return {role: values[name] for role, name in zip(roles, names, strict=True)}


def check_forward(plan, g, arithmetic, relu):
    values = drawn(g)
    found, statistics = interpret(plan, arguments(g, values, gradient=False), Role.Y)
    expected = forward(values["x"], values["weight"], g) + values["bias"]
    size = forward(abs(values["x"]), abs(values["weight"]), g) + abs(values["bias"])
    assert_near(found, np.maximum(expected, 0) if relu else expected, BOUNDS[arithmetic] * size)
    return statistics


def test_the_expected_values_are_the_definition():
    g = geometry(2, 4, 6, (5, 6), (3, 2), (2, 1), (1, 0), (1, 2), groups=2)
    values = {name: value.astype(np.float64) for name, value in drawn(g).items()}
    x, weight, dy = (np.moveaxis(values[name], 3, 1) for name in ("x", "weight", "y"))
    parameters = g.stride, g.padding, g.dilation, g.groups
    y = reference.conv2d(x, weight, None, *parameters)
    np.testing.assert_allclose(forward(values["x"], values["weight"], g), np.moveaxis(y, 1, 3), atol=1e-12)
    dx = reference.conv2d_input_gradient(dy, weight, g.input_size, *parameters)
    np.testing.assert_allclose(input_gradient(values["y"], values["weight"], g), np.moveaxis(dx, 1, 3), atol=1e-12)


EVERY_WAY = [(Arithmetic.FAST, case) for case in CASES] + [
    (arithmetic, case) for arithmetic in (Arithmetic.EXACT, Arithmetic.TF32) for case in ("ragged", "groups", "colours")
]


@pytest.mark.parametrize(("arithmetic", "case"), EVERY_WAY)
def test_forward_is_near_float64(arithmetic, case):
    g = CASES[case]
    check_forward(plan_forward(g, True, True, arithmetic, True, Machine(1)), g, arithmetic, relu=True)


@pytest.mark.parametrize(("arithmetic", "case"), EVERY_WAY)
def test_the_input_gradient_is_near_float64_and_writes_every_pixel(arithmetic, case):
    g = CASES[case]
    values = drawn(g)
    found, _ = interpret(
        plan_input_gradient(g, True, arithmetic, True, Machine(4)), arguments(g, values, gradient=True), Role.X
    )
    size = input_gradient(abs(values["y"]), abs(values["weight"]), g) + abs(values["shift"])
    assert_near(found, input_gradient(values["y"], values["weight"], g) + values["shift"], BOUNDS[arithmetic] * size)


@pytest.mark.parametrize(("arithmetic", "width", "tile"), list(each_kernel()))
def test_every_kernel_is_near_float64_without_conflicts_of_banks(monkeypatch, arithmetic, width, tile):
    choice = CORRELATIONS[arithmetic, width]
    only = Choice({tile: choice.kernels[tile]}, choice.rates, choice.shared)
    monkeypatch.setitem(correlation_plans.CORRELATIONS, (arithmetic, width), only)
    g = geometry(2, 24 if width == 4 else 7, 132, (11, 9), (3, 3), padding=(1, 1))
    statistics = check_forward(
        plan_forward.__wrapped__(g, True, False, arithmetic, True, Machine(1)), g, arithmetic, relu=False
    )
    reads = [name for name in statistics[0].conflicts if name.startswith(("ldmatrix", "ld.shared"))]
    assert reads
    assert {name: statistics[0].conflicts[name] for name in reads} == dict.fromkeys(reads, 0)


@pytest.mark.parametrize("case", ["padded", "ragged", "groups"])
def test_warp_groups_multiply_rounded_weights(monkeypatch, case):
    tile, choice = WARP_GROUP_TILE, CORRELATIONS[Arithmetic.TF32, 4]
    only = Choice({tile: choice.kernels[tile]}, choice.rates, choice.shared)
    monkeypatch.setitem(correlation_plans.CORRELATIONS, (Arithmetic.TF32, 4), only)
    g, machine = CASES[case], Machine(1, warp_groups=True)
    plan = plan_forward.__wrapped__(g, True, True, Arithmetic.TF32, True, machine)
    assert [step.kernel.name for step in plan.steps] == ["round_weight", choice.kernels[tile].name]
    statistics = check_forward(plan, g, Arithmetic.TF32, relu=True)
    assert statistics[1].conflicts["ldmatrix.sync.aligned.m8n8.x4.shared.b16"] == 0
    values = drawn(g)
    plan = plan_input_gradient.__wrapped__(g, True, Arithmetic.TF32, True, machine)
    found, _ = interpret(plan, arguments(g, values, gradient=True), Role.X)
    size = input_gradient(abs(values["y"]), abs(values["weight"]), g) + abs(values["shift"])
    expected = input_gradient(values["y"], values["weight"], g) + values["shift"]
    assert_near(found, expected, BOUNDS[Arithmetic.TF32] * size)


@pytest.mark.parametrize("arithmetic", Arithmetic)
def test_sums_in_parts_are_added_up_in_order(arithmetic):
    g = geometry(1, 256, 20, (5, 6), (3, 3), padding=(1, 1))
    plan = plan_forward(g, True, True, arithmetic, True, Machine(16))
    assert plan.steps[0].grid[2] > 1
    check_forward(plan, g, arithmetic, relu=True)


def test_arrays_that_are_not_aligned_are_copied_float_by_float():
    g = CASES["padded"]
    values = drawn(g)
    padded = {name: np.concatenate([np.zeros(1, np.float32), value.ravel()]) for name, value in values.items()}
    plan = plan_forward(g, True, False, Arithmetic.FAST, False, Machine(1))
    shifted = plan._replace(
        steps=tuple(
            step._replace(places=tuple(place._replace(floats=1) for place in step.places)) for step in plan.steps
        )
    )
    found, _ = interpret(shifted, arguments(g, padded, gradient=False), Role.Y)
    assert np.isnan(found[0])
    expected = forward(values["x"], values["weight"], g) + values["bias"]
    np.testing.assert_allclose(found[1:].reshape(expected.shape), expected, atol=1e-4)


def test_not_a_number_and_infinity_are_seen():
    g = geometry(1, 4, 4, (3, 3), (1, 1))
    values = drawn(g)
    values["x"][0, 0, 0, 0], values["x"][0, 1, 1, 2] = np.nan, np.inf
    for arithmetic in Arithmetic:
        plan = plan_forward(g, True, True, arithmetic, True, Machine(1))
        found, _ = interpret(plan, arguments(g, values, gradient=False), Role.Y)
        assert np.isnan(found[0, 0, 0]).all()
        assert not np.isfinite(found[0, 1, 1]).all()
        assert np.isfinite(found[0, 2]).all()
