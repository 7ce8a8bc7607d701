"""Faults planted into the kernels for tensor cores, in their PTX or their launches: each is caught."""

import inspect
import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, run
from tensor_core_cases import drawn, forward, geometry, interpret, ptx_of, weight_gradient

from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
from tinyconv.backends.cuda.tensor_cores.correlation_plans import plan_forward
from tinyconv.backends.cuda.tensor_cores.plans import Machine, Plan, Role
from tinyconv.backends.cuda.tensor_cores.weight_gradient_plans import plan_weight_gradient

GEOMETRY = geometry(1, 32, 60, (6, 7), (3, 3), padding=(1, 1))
MORE_PIXELS = geometry(4, 16, 20, (6, 7), (2, 1))
HALF_A_WARP = r"{ .reg .pred half; .reg .b32 own; mov.u32 own, %laneid; setp.lt.u32 half, own, 16; @half \g<0> }"


class Case(NamedTuple):
    """A plan, what it is given, which of it is the result, and what that should be."""

    plan: Plan
    arrays: dict[Role, Any]
    result: Role
    expected: Any

    def outcome(self, text=None, plan=None):
        """(is it right, statistics), with another text for the kernel, or another plan."""
        programs = {self.plan.steps[0].kernel: Program(text)} if text is not None else None
        found, statistics = interpret(plan or self.plan, self.arrays, self.result, programs)
        return np.allclose(found, self.expected, rtol=0, atol=0.1), statistics[0]

    @property
    def ptx(self):
        return ptx_of(self.plan.steps[0].kernel)


def _forward():
    values = drawn(GEOMETRY)
    arrays = {Role.X: values["x"], Role.WEIGHT: values["weight"], Role.BIAS: values["bias"], Role.Y: values["y"]}
    plan = plan_forward(GEOMETRY, True, False, Arithmetic.TF32, True, Machine(1))
    return Case(plan, arrays, Role.Y, forward(values["x"], values["weight"], GEOMETRY) + values["bias"])


def _weight_gradient():
    values = drawn(MORE_PIXELS)
    arrays = {Role.X: values["x"], Role.Y: values["y"], Role.WEIGHT: values["weight"]}
    plan = plan_weight_gradient(MORE_PIXELS, Arithmetic.TF32, True, Machine(1))
    return Case(plan, arrays, Role.WEIGHT, weight_gradient(values["x"], values["y"], MORE_PIXELS))


CASES = {"forward": _forward(), "weight gradient": _weight_gradient()}
both = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def planted(text, pattern, new):
    changed, found = re.subn(pattern, new, text)
    assert found
    return changed


@both
def test_the_kernel_works_as_it_is(case):
    right, statistics = case.outcome(case.ptx)
    assert right
    assert statistics.executed("mma.sync")
    assert statistics.executed("bar.sync") > 4 * 4  # more steps than stages, by each of the four warps
    loads = ("ldmatrix", "ld.shared")
    assert not any(count for name, count in statistics.conflicts.items() if name.startswith(loads))


@both
@pytest.mark.parametrize(
    ("fault", "pattern", "new", "message"),
    [
        ("the barrier is dropped", r"bar\.sync\s+0;", "", r"races: .*\((RAW|WAR)\)|still filling"),
        ("one group too many may be in flight", r"wait_group (\d)", "", "still filling: not waited for"),
        ("nothing is waited for", r"cp\.async\.wait_group \d;", "", "still filling: not waited for"),
        ("groups are never committed", r"cp\.async\.commit_group;", "", "still filling: not waited for"),
        ("half a warp multiplies", r"mma\.sync[^;]*;", HALF_A_WARP, "is executed by part of a warp: 16 of the 32"),
        ("copies are too narrow for where they go", r"(cp\.async\.cg[^;]*), 16,", r"\1, 8,", "copies of 8 bytes"),
        ("tiles begin beside their alignment", r"(mov\.u\d+\s+%\w+, _cudapy_smem\w*)", r"\1+4", "no multiple of 16"),
        ("results overlap", r"(st\.global\.v4\.f32 \[%rd\d+)\]", r"\1+16]", r"\(WAW\)|out of bounds"),
    ],
)
def test_a_fault_in_the_kernel(case, fault, pattern, new, message):
    if "(\\d)" in pattern:
        count = int(re.search(pattern, case.ptx)[1])
        new = f"wait_group {count + 1}"
    with pytest.raises(PtxError, match=message):
        case.outcome(planted(case.ptx, pattern, new))


def test_half_a_warp_loads():
    case = CASES["forward"]
    with pytest.raises(PtxError, match="is executed by part of a warp: 16 of the 32"):
        case.outcome(planted(case.ptx, r"ldmatrix[^;]*;", HALF_A_WARP))


@pytest.mark.parametrize("place", [0, 1], ids=["of the copies", "of the products"])
def test_a_ring_of_stages_that_is_too_short(place):
    """Copies and products go round the stages, which are 16 KB here: one of them turns back too early."""
    case = CASES["forward"]
    turns = re.findall(r"setp\.lt\.u32\s+%p\d+, %r\d+, 49152;", case.ptx)
    assert len(turns) == 2
    with pytest.raises(PtxError, match=r"races: .*\((RAW|WAR|WAW)\)|still filling"):
        case.outcome(case.ptx.replace(turns[place], turns[place].replace("49152", "32768")))


def test_a_wrong_swizzle():
    """What is read elsewhere than it was written is wrong; that the right one is quick, the banks tell."""
    case = CASES["forward"]
    right, _ = case.outcome(planted(case.ptx, r"xor\.b32(\s+%r\d+, %r\d+, 32;)", r"or.b32\1"))
    assert not right


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 7}, "copies 16 bytes of global memory out of bounds"),
        ({"outputs": 64}, "out of bounds|races"),
        ({"pixels": 43}, "out of bounds"),
        ({"terms": 10 * 32, "steps_each": 10}, "copies 16 bytes of global memory out of bounds"),
        ({"shared": 3 * 16384}, "copies to 16 bytes of shared memory out of bounds"),
        ({"grid": (1, 1, 2)}, r"races: writes global memory that another thread wrote \(WAW\)"),
        ({"block": (64,)}, "never written"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_fault_in_the_launch(changes, message):
    """Other arguments, another grid, or less shared memory."""
    case = CASES["forward"]
    step = case.plan.steps[0]
    names = list(inspect.signature(step.kernel.function).parameters)[len(step.places) :]
    numbers = dict(zip(names, step.numbers, strict=True))
    fields = {name: value for name, value in changes.items() if name in step._fields}
    arguments = {name: value for name, value in changes.items() if name not in fields}
    assert set(arguments) <= set(numbers)
    changed = step._replace(**fields, numbers=tuple((numbers | arguments).values()))
    with pytest.raises(PtxError, match=message):
        case.outcome(plan=case.plan._replace(steps=(changed,)))


def test_an_image_that_nobody_wrote():
    case, memory = CASES["forward"], Memory()
    step = case.plan.steps[0]
    addresses = {role: memory.put(array) for role, array in case.arrays.items()}
    addresses[Role.X] = memory.fresh(case.arrays[Role.X].shape)
    with pytest.raises(PtxError, match="copies global memory that was never written: at byte 0 of array 4"):
        run(Program(case.ptx), memory, step.grid, step.block, list(step.arguments(addresses)), step.shared)
