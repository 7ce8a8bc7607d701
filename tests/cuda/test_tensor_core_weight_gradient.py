"""The tensor cores' weight gradient, run by the PTX interpreter, against float64."""

import numpy as np
import pytest
from tensor_core_cases import BOUNDS, assert_near, drawn, geometry, interpret, weight_gradient

from tinyconv.backends import reference
from tinyconv.backends.cuda.tensor_cores import weight_gradient_plans
from tinyconv.backends.cuda.tensor_cores.catalog import WEIGHT_GRADIENTS, Arithmetic, Choice
from tinyconv.backends.cuda.tensor_cores.plans import Machine, Role
from tinyconv.backends.cuda.tensor_cores.weight_gradient_plans import plan_weight_gradient

CASES = {
    "padded": geometry(1, 32, 64, (8, 8), (3, 3), padding=(1, 1)),
    "ragged": geometry(2, 20, 68, (9, 7), (3, 2), (2, 1), (1, 1), (2, 1)),
    "groups": geometry(1, 16, 24, (7, 10), (3, 3), (2, 3), (2, 1), (1, 2), groups=2),
    "colours": geometry(1, 3, 5, (13, 12), (5, 7), (2, 2), (2, 3)),
    "grey": geometry(3, 1, 17, (6, 9), (3, 3), padding=(1, 1)),
    "points, stride 2": geometry(2, 8, 68, (7, 9), (1, 1), (2, 2)),
    "one pixel": geometry(37, 36, 12, (3, 3), (3, 3)),
}

EVERY_WAY = [(Arithmetic.FAST, case) for case in CASES] + [
    (arithmetic, case) for arithmetic in (Arithmetic.EXACT, Arithmetic.TF32) for case in ("ragged", "groups", "colours")
]


def check(plan, g, arithmetic):
    values = drawn(g)
    arrays = {Role.X: values["x"], Role.Y: values["y"], Role.WEIGHT: values["weight"]}
    found, statistics = interpret(plan, arrays, Role.WEIGHT)
    size = weight_gradient(abs(values["x"]), abs(values["y"]), g)
    assert_near(found, weight_gradient(values["x"], values["y"], g), BOUNDS[arithmetic] * size)
    return statistics


def test_the_expected_values_are_the_definition():
    g = geometry(2, 4, 6, (5, 6), (3, 2), (2, 1), (1, 0), (1, 2), groups=2)
    values = {name: value.astype(np.float64) for name, value in drawn(g).items()}
    x, dy = (np.moveaxis(values[name], 3, 1) for name in ("x", "y"))
    dweight = reference.conv2d_weight_gradient(x, dy, g.kernel_size, g.stride, g.padding, g.dilation, g.groups)
    np.testing.assert_allclose(weight_gradient(values["x"], values["y"], g), np.moveaxis(dweight, 1, 3), atol=1e-12)


@pytest.mark.parametrize(("arithmetic", "case"), EVERY_WAY)
def test_the_weight_gradient_is_near_float64(arithmetic, case):
    g = CASES[case]
    check(plan_weight_gradient(g, arithmetic, True, Machine(1)), g, arithmetic)


@pytest.mark.parametrize("arithmetic", Arithmetic)
def test_sums_over_splits_of_the_pixels_are_added_up(arithmetic):
    g = geometry(5, 8, 12, (20, 19), (3, 3), padding=(1, 1))
    plan = plan_weight_gradient(g, arithmetic, True, Machine(12))
    assert plan.steps[0].grid[2] > 3
    check(plan, g, arithmetic)


@pytest.mark.parametrize(
    ("arithmetic", "width", "tile"),
    [
        pytest.param(arithmetic, width, tile, id=kernel.name)
        for (arithmetic, width), choice in WEIGHT_GRADIENTS.items()
        for tile, kernel in choice.kernels.items()
    ],
)
def test_every_kernel_is_near_float64_without_conflicts_of_banks(monkeypatch, arithmetic, width, tile):
    choice = WEIGHT_GRADIENTS[arithmetic, width]
    only = Choice({tile: choice.kernels[tile]}, choice.rates, choice.shared)
    monkeypatch.setitem(weight_gradient_plans.WEIGHT_GRADIENTS, (arithmetic, width), only)
    g = geometry(2, 16 if width == 4 else 15, 132, (11, 9), (3, 3), padding=(1, 1))
    statistics = check(plan_weight_gradient.__wrapped__(g, arithmetic, True, Machine(1)), g, arithmetic)
    reads = [name for name in statistics[0].conflicts if name.startswith("ld.shared")]
    assert reads
    assert {name: statistics[0].conflicts[name] for name in reads} == dict.fromkeys(reads, 0)
