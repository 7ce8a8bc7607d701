"""Faults planted into the kernels for tensor cores, in their PTX or their launches: each is caught."""

import inspect
import re

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, run
from tensor_core_cases import drawn, forward, geometry, interpret, ptx_of

from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
from tinyconv.backends.cuda.tensor_cores.correlation_plans import plan_forward
from tinyconv.backends.cuda.tensor_cores.plans import Role

GEOMETRY = geometry(1, 32, 60, (6, 7), (3, 3), padding=(1, 1))
HALF_A_WARP = "{{ .reg .pred half; .reg .b32 own; mov.u32 own, %laneid; setp.lt.u32 half, own, 16; @half {} }}"


@pytest.fixture(scope="module")
def plan():
    return plan_forward(GEOMETRY, True, False, Arithmetic.TF32, True, 1)


@pytest.fixture(scope="module")
def ptx(plan):
    return ptx_of(plan.steps[0].kernel)


def convolve(plan, text=None):
    """(is it right, statistics) of the plan, with another text for its kernel."""
    values = drawn(GEOMETRY)
    arrays = {Role.X: "x", Role.WEIGHT: "weight", Role.BIAS: "bias", Role.Y: "y"}
    programs = {plan.steps[0].kernel: Program(text)} if text is not None else None
    arrays = {role: values[name] for role, name in arrays.items()}
    found, statistics = interpret(plan, arrays, Role.Y, programs)
    expected = forward(values["x"], values["weight"], GEOMETRY) + values["bias"]
    return np.allclose(found, expected, rtol=0, atol=0.1), statistics[0]


def planted(text, pattern, new, count=0):
    changed, found = re.subn(pattern, new, text, count=count)
    assert found
    return changed


def launched(plan, **changes):
    """The plan with other arguments, or another grid or less shared memory, for its kernel."""
    step = plan.steps[0]
    names = list(inspect.signature(step.kernel.function).parameters)[len(step.places) :]
    numbers = dict(zip(names, step.numbers, strict=True))
    fields = {name: changes.pop(name) for name in list(changes) if name in step._fields}
    assert set(changes) <= set(numbers)
    return plan._replace(steps=(step._replace(**fields, numbers=tuple((numbers | changes).values())),))


def test_the_kernel_works_as_it_is(plan, ptx):
    right, statistics = convolve(plan, ptx)
    assert right
    assert statistics.executed("mma.sync")
    assert not any(count for name, count in statistics.conflicts.items() if name.startswith("ldmatrix"))


@pytest.mark.parametrize(
    ("fault", "pattern", "new", "message"),
    [
        ("the barrier is dropped", r"bar\.sync\s+0;", "", r"races: .*\((RAW|WAR)\)|still filling"),
        ("one group too many may be in flight", r"wait_group 2", "wait_group 3", "still filling: not waited for"),
        ("nothing is waited for", r"cp\.async\.wait_group 2;", "", "still filling: not waited for"),
        ("groups are never committed", r"cp\.async\.commit_group;", "", "still filling: not waited for"),
        ("half a warp multiplies", r"mma\.sync[^;]*;", HALF_A_WARP, "is executed by part of a warp: 16 of the 32"),
        ("half a warp loads", r"ldmatrix[^;]*;", HALF_A_WARP, "is executed by part of a warp: 16 of the 32"),
        ("copies are too narrow for where they go", r"(cp\.async\.cg[^;]*), 16,", r"\1, 8,", "copies of 8 bytes"),
        (
            "shared memory begins beside its alignment",
            r"(mov\.u\d+\s+%\w+, _cudapy_smem\w*)",
            r"\1+4",
            "no multiple of 16",
        ),
        ("the output is written twice over", r"(st\.global\.v4\.f32 \[%rd\d+)\]", r"\1+16]", r"\(WAW\)|out of bounds"),
    ],
)
def test_a_fault_in_the_kernel(plan, ptx, fault, pattern, new, message):
    with pytest.raises(PtxError, match=message):
        convolve(
            plan, planted(ptx, pattern, lambda match: new.format(match[0]) if new is HALF_A_WARP else match.expand(new))
        )


@pytest.mark.parametrize("place", [0, 1], ids=["of the copies", "of the products"])
def test_a_ring_of_stages_that_is_too_short(plan, ptx, place):
    """Copies and products go round the stages, which are 16 KB here: one of them turns back too early."""
    turns = re.findall(r"setp\.lt\.u32\s+%p\d+, %r\d+, 49152;", ptx)
    assert len(turns) == 2
    with pytest.raises(PtxError, match=r"races: .*\((RAW|WAR|WAW)\)|still filling"):
        convolve(plan, ptx.replace(turns[place], turns[place].replace("49152", "32768")))


def test_a_wrong_swizzle(plan, ptx):
    """What is read elsewhere than it was written is wrong: were both changed, the banks would tell."""
    right, _ = convolve(plan, planted(ptx, r"xor\.b32(\s+%r\d+, %r\d+, 32;)", r"or.b32\1"))
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
        ({"block": (64,)}, "deadlock|out of bounds|never written|executed by part of a warp"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_a_fault_in_the_launch(plan, changes, message):
    with pytest.raises(PtxError, match=message):
        convolve(launched(plan, **changes))


def test_an_image_that_nobody_wrote(plan, ptx):
    step, values, memory = plan.steps[0], drawn(GEOMETRY), Memory()
    addresses = {Role.X: memory.fresh(values["x"].shape), Role.Y: memory.fresh(values["y"].shape)}
    addresses |= {Role.WEIGHT: memory.put(values["weight"]), Role.BIAS: memory.put(values["bias"])}
    with pytest.raises(PtxError, match="copies global memory that was never written: at byte 0 of array 0"):
        run(Program(ptx), memory, step.grid, step.block, list(step.arguments(addresses)), step.shared)
