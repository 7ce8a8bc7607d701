"""Faults in what the tensor cores' kernels compute, planted into their programs: the bounds of the errors show them."""

import re

import numpy as np
import pytest
from ptx import Program, PtxError
from tensor_core_cases import BOUNDS, drawn, forward, geometry, interpret, ptx_of, weight_gradient

from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
from tinyconv.backends.cuda.tensor_cores.correlation_plans import plan_forward
from tinyconv.backends.cuda.tensor_cores.plans import Machine, Role
from tinyconv.backends.cuda.tensor_cores.weight_gradient_plans import plan_weight_gradient

GEOMETRY = geometry(1, 32, 64, (8, 8), (3, 3), padding=(1, 1))
VALUES = drawn(GEOMETRY)
PLANS = {
    "forward": (plan_forward(GEOMETRY, True, False, Arithmetic.FAST, True, Machine(1)), Role.Y),
    "weight gradient": (plan_weight_gradient(GEOMETRY, Arithmetic.FAST, True, Machine(1)), Role.WEIGHT),
}
ROLES = {Role.X: "x", Role.WEIGHT: "weight", Role.BIAS: "bias", Role.Y: "y"}


def run(product, edit):
    """The worst error of a product, in units of what is allowed, with an edited program."""
    plan, result = PLANS[product]
    step = plan.steps[0]
    text = ptx_of(step.kernel)
    edited = edit(text)
    programs = {step.kernel: Program(edited)}
    found, _ = interpret(plan, {role: VALUES[name] for role, name in ROLES.items()}, result, programs)
    x, weight, bias, dy = (VALUES[name] for name in ROLES.values())
    if product == "forward":
        expected, size = forward(x, weight, GEOMETRY) + bias, forward(abs(x), abs(weight), GEOMETRY) + abs(bias)
    else:
        expected, size = weight_gradient(x, dy, GEOMETRY), weight_gradient(abs(x), abs(dy), GEOMETRY)
    assert edited != text
    return np.max(np.nan_to_num(abs(found - expected) / (BOUNDS[Arithmetic.FAST] * size), nan=np.inf))


def replaced(pattern, by, count=0):
    return lambda text: re.sub(pattern, by, text, count=count)


@pytest.mark.parametrize("product", PLANS)
def test_an_edit_that_changes_nothing_is_harmless(product):
    assert run(product, replaced("bar.sync", "bar.sync ")) < 1


@pytest.mark.parametrize("product", PLANS)
def test_without_rounding_the_numbers_are_wrong(product):
    assert run(product, replaced(r"cvt\.rna\.tf32\.f32", "mov.b32")) > 100


@pytest.mark.parametrize("product", PLANS)
def test_a_border_that_is_one_too_far_is_wrong(product):
    try:
        assert run(product, replaced(r"setp\.lt\.u32(\s+%p\d+, %r\d+, %r)", r"setp.le.u32\1")) > 100
    except PtxError as error:
        assert "global memory" in str(error)  # noqa: PT017


def test_pieces_swapped_by_the_wrong_key_are_wrong():
    assert run("forward", replaced(r"(xor\.b32\s+%r\d+, %r\d+), 64;", r"\1, 32;", count=1)) > 100


def test_a_product_of_low_parts_that_is_left_out_is_wrong():
    assert run("forward", replaced(r"sub(\.\w+)*\.f32\s+(%f\d+), %f\d+, %f\d+;", r"mov.f32 \2, 0f00000000;")) > 100
