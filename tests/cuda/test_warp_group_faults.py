"""Faults planted into the kernel for warp groups, in its PTX: each is caught."""

import re

import numpy as np
import pytest
from ptx import Program, PtxError
from tensor_core_cases import drawn, forward, geometry, interpret, ptx_of

from tinyconv.backends.cuda.tensor_cores import correlation_plans
from tinyconv.backends.cuda.tensor_cores.catalog import CORRELATIONS, WARP_GROUP_TILE, Arithmetic, Choice
from tinyconv.backends.cuda.tensor_cores.plans import Machine, Role
from tinyconv.backends.cuda.tensor_cores.warp_group_products import DESCRIPTOR

GEOMETRY = geometry(1, 32, 60, (6, 7), (3, 3), padding=(1, 1))
SUMS = 2.0**-18
"""Of the sum of an element's terms by size: 36 sums, each of which may lose 2^-23 of it."""
KERNEL = CORRELATIONS[Arithmetic.TF32, 4].kernels[WARP_GROUP_TILE]
HALF_A_WARP = r"{ .reg .pred half; .reg .b32 own; mov.u32 own, %laneid; setp.lt.u32 half, own, 16; @half \g<0> }"


@pytest.fixture(scope="module")
def plan():
    """The forward, for which a catalogue of this one tile leaves no choice."""
    choice = CORRELATIONS[Arithmetic.TF32, 4]
    only = Choice({WARP_GROUP_TILE: KERNEL}, choice.rates, choice.shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(correlation_plans.CORRELATIONS, (Arithmetic.TF32, 4), only)
        machine = Machine(1, warp_groups=True)
        return correlation_plans.plan_forward.__wrapped__(GEOMETRY, True, False, Arithmetic.TF32, True, machine)


def rounded(numbers):
    """To the nearest number of TF32, which has 10 bits after the point; halves away from zero."""
    return ((numbers.view(np.uint32) + np.uint32(1 << 12)) & ~np.uint32((1 << 13) - 1)).view(np.float32)


def error(plan, text):
    """The largest error of an element beside products of rounded numbers, as a share of what cutting off sums costs."""
    values = drawn(GEOMETRY)
    arrays = {Role.X: values["x"], Role.WEIGHT: values["weight"], Role.BIAS: values["bias"], Role.Y: values["y"]}
    found, _ = interpret(plan, arrays, Role.Y, {KERNEL: Program(text)})
    x, weight = rounded(values["x"]), rounded(values["weight"])
    size = forward(abs(x), abs(weight), GEOMETRY) + abs(values["bias"])
    return (abs(found - forward(x, weight, GEOMETRY) - values["bias"]) / (SUMS * size)).max()


def planted(pattern, new):
    changed, found = re.subn(pattern, new, ptx_of(KERNEL))
    assert found
    return changed


def test_the_kernel_works_as_it_is(plan):
    assert error(plan, ptx_of(KERNEL)) < 1


@pytest.mark.parametrize(
    ("fault", "pattern", "new", "message"),
    [
        ("tensor cores are not told of the copies", r"fence\.proxy\.async[^;]*;", "", "proxy"),
        ("the registers are not fenced", r"wgmma\.fence[^;]*;", "", "fence"),
        ("the barrier is dropped", r"bar\.sync\s+0;", "", r"races|still filling|proxy"),
        ("nothing is waited for", r"cp\.async\.wait_group \d;", "", "still filling"),
        ("the product is not waited for", r"wgmma\.wait_group[^;]*;", "", "an unfinished wgmma still reads"),
        ("half a warp multiplies", r"wgmma\.mma_async[^;]*;", HALF_A_WARP, "part of a warp|warps"),
    ],
)
def test_a_fault_that_hardware_would_not_tell_of(plan, fault, pattern, new, message):
    with pytest.raises(PtxError, match=message):
        error(plan, planted(pattern, new))


@pytest.mark.parametrize(
    ("fault", "pattern", "new"),
    [
        ("pieces are read as if they were not swapped", str(DESCRIPTOR), str(DESCRIPTOR ^ 1 << 62)),
        ("the depth does not go on", r"add\.s64 place, place, 2;", ""),
        ("what went before is forgotten", r"setp\.eq\.s32 added, 0, 0;", "setp.ne.s32 added, 0, 0;"),
        ("numbers are cut off", r"cvt\.rna\.tf32\.f32\s+(\S+), (\S+);", r"mov.b32 \1, \2;"),
    ],
)
def test_a_fault_that_gives_other_numbers(plan, fault, pattern, new):
    found = error(plan, planted(pattern, new))
    assert np.isnan(found) or found > 1
