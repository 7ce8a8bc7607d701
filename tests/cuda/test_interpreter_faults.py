"""Faults that a GPU would not tell of, planted into programs that work: each is caught, and called what it is."""

import re

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, run
from ptx_programs import COLUMNS, GROUP_SHARED, PIPELINE, ROWS, STAGE, WARP_GROUP

STEPS = 3
FULL, FREE = "bar.sync 0;  // the stage is full", "bar.sync 0;  // the stage is free"
WRITTEN, READ = "xor.b32 %x, %chunk, %row;  // the swizzle of what is written", "xor.b32 %y, %y, %x;"
MULTIPLY = "mma.sync.aligned.m16n8k8"


def changed(program, old, new):
    assert old in program
    return program.replace(old, new)


def operands(rows, columns, k):
    """Numbers that TF32 has, so that the product is exact."""
    rng = np.random.default_rng(0)
    return tuple(rng.integers(-8, 9, shape).astype(np.float32) / 4 for shape in ((rows, k), (columns, k)))


def pipeline(program=PIPELINE, shared=2 * STAGE, steps=STEPS, threads=64):
    """(is it right, statistics)."""
    a, b = operands(ROWS, COLUMNS, 32 * STEPS)
    memory = Memory()
    c = memory.fresh((ROWS, COLUMNS), np.float32)
    statistics = run(Program(program), memory, 1, threads, [memory.put(a), memory.put(b), c, steps], shared)
    return np.array_equal(memory.get(c, (ROWS, COLUMNS)), a @ b.T), statistics


def warp_group(program=WARP_GROUP, shared=GROUP_SHARED):
    a, b = operands(64, 8, 32)
    memory = Memory()
    c = memory.fresh((64, 8), np.float32)
    run(Program(program), memory, 1, 128, [memory.put(a), memory.put(b), c], shared)
    return memory.get(c, (64, 8)), a @ b.T


def test_the_pipeline_works():
    right, statistics = pipeline()
    assert right
    assert statistics.executed("mma") == 2 * 4 * STEPS
    assert statistics.conflicts.total() == 0
    copies = "cp.async.cg.shared.global"
    assert statistics.sectors[copies] * 32 == statistics.requested[copies]


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_pipeline_is_exact_for_any_number_of_steps(steps):
    a, b = operands(ROWS, COLUMNS, 32 * steps)
    memory = Memory()
    c = memory.fresh((ROWS, COLUMNS), np.float32)
    run(Program(PIPELINE), memory, 1, 64, [memory.put(a), memory.put(b), c, steps], 2 * STAGE)
    np.testing.assert_array_equal(memory.get(c, (ROWS, COLUMNS)), a @ b.T)


@pytest.mark.parametrize(
    ("fault", "old", "new", "message"),
    [
        (
            "the barrier after the wait is dropped",
            FULL,
            "",
            r"reads what another thread wrote with no barrier .*\(RAW\)",
        ),
        ("the barrier before the next copies is dropped", FREE, "", r"writes what another warp reads .*\(WAR\)"),
        ("one group too many may be in flight", "wait_group 1", "wait_group 2", "still filling: not waited for"),
        ("nothing is waited for", "cp.async.wait_group 1;", "", "still filling: not waited for"),
        ("groups are never committed", "cp.async.commit_group;", "", "still filling: not waited for"),
        ("half a warp multiplies", MULTIPLY, f"@%half {MULTIPLY}", "16 of the 32 threads of its warp wait here"),
        (
            "half a warp loads",
            "ldmatrix.sync.aligned.m8n8.x4",
            "@%half ldmatrix.sync.aligned.m8n8.x4",
            "part of a warp",
        ),
        ("a copy is misaligned", "[%to+4096], [%fromB]", "[%to+4104], [%fromB]", "is no multiple of 16"),
        ("a warp leaves before the barrier", FULL, f"@%second ret;\n{FULL}", "32 have exited"),
        ("a warp waits elsewhere", FULL, "@%second bar.sync 1;\n@!%second bar.sync 0;", "deadlock: barrier"),
        ("a barrier expects too few", FULL, "bar.sync 0, 32;", r"\(RAW\)"),
        ("a register is never set", "mov.u32 %base, tiles;", "", "no multiple of 16|out of bounds"),
    ],
)
def test_a_fault_in_the_pipeline(fault, old, new, message):
    program = changed(PIPELINE, ".reg .pred %p;", ".reg .pred %p, %half, %second;")
    program = changed(
        program,
        "mov.u32 %tid, %tid.x;",
        "mov.u32 %tid, %tid.x;\nsetp.lt.u32 %second, 31, %tid;\nsetp.gt.u32 %half, 16, %lane;",
    )
    program = changed(program, "shr.u32 %warp, %tid, 5;", "shr.u32 %warp, %tid, 5;\nsetp.gt.u32 %half, 16, %lane;")
    assert pipeline(program)[0]
    with pytest.raises(PtxError, match=message):
        pipeline(changed(program, old, new))


def test_the_error_names_the_instruction_and_the_thread():
    with pytest.raises(PtxError) as caught:
        pipeline(changed(PIPELINE, FULL, ""))
    assert re.match(r"thread \(\d+, 0, 0\) of block \(0, 0, 0\) races: reads", str(caught.value))
    assert re.search(r"line \d+: ldmatrix.sync.aligned.m8n8", str(caught.value))


def test_too_little_shared_memory():
    with pytest.raises(PtxError, match=f"shared memory out of bounds: byte .* of {STAGE + 16}"):
        pipeline(shared=STAGE)


def test_an_argument_that_leads_out_of_bounds():
    with pytest.raises(PtxError, match=r"global memory out of bounds: at byte \d+ of array"):
        pipeline(steps=STEPS + 1)


def test_an_operand_that_nobody_wrote():
    memory = Memory()
    a, b, c = (memory.fresh(shape, np.float32) for shape in ((ROWS, 32), (COLUMNS, 32), (ROWS, COLUMNS)))
    with pytest.raises(PtxError, match="global memory that was never written: at byte 0 of array 0"):
        run(Program(PIPELINE), memory, 1, 64, [a, b, c, 1], 2 * STAGE)


def test_a_wrong_swizzle_gives_a_wrong_result():
    right, _ = pipeline(changed(PIPELINE, READ, READ.replace("xor", "or")))
    assert not right


def test_no_swizzle_is_right_and_slow():
    program = changed(changed(PIPELINE, WRITTEN, "mov.u32 %x, %chunk;"), READ, "")
    right, statistics = pipeline(program)
    assert right
    loads = "ldmatrix.sync.aligned.m8n8.x4.shared.b16"
    assert statistics.conflicts[loads] == 7 * statistics.opcodes[loads] * 4


def test_a_warp_group_multiplies():
    c, expected = warp_group()
    np.testing.assert_array_equal(c, expected)


@pytest.mark.parametrize(
    ("fault", "old", "new", "message"),
    [
        ("no fence between the proxies", "fence.proxy.async.shared::cta;", "", "no fence.proxy.async between"),
        (
            "a tile is free too early",
            "wait_group.sync.aligned 0;",
            "wait_group.sync.aligned 0;\n@%first st.shared.b32 [%base], %v0;",
            r"\(WAR\)",
        ),
        ("only one warp fences", "fence.proxy", "@%last fence.proxy", "no fence.proxy.async between"),
        ("no fence of the accumulators", "wgmma.fence.sync.aligned;", "", "without a wgmma.fence"),
        ("no barrier", "bar.sync 0;", "", r"\(RAW\)"),
        (
            "a tile begins anywhere",
            "0xfffffc00;",
            "0xfffffc00;\nsub.u32 %base, %base, 128;",
            "begins at no multiple of 1024",
        ),
        (
            "a tile is overwritten",
            "wgmma.commit",
            "st.shared.b32 [%to], %v0;\nwgmma.commit",
            "unfinished wgmma still reads",
        ),
        (
            "three warps multiply",
            "wgmma.fence.sync",
            "@%last ret;\nwgmma.fence.sync",
            "four warps that are not all here",
        ),
    ],
)
def test_a_fault_in_the_warp_group(fault, old, new, message):
    program = changed(WARP_GROUP, ".reg .pred %adds, %p;", ".reg .pred %adds, %p, %first, %last;")
    program = changed(
        program,
        "setp.ge.u32 %p, %tid, 64;",
        "setp.ge.u32 %p, %tid, 64;\nsetp.ge.u32 %last, %tid, 96;\nsetp.lt.u32 %first, %tid, 32;",
    )
    with pytest.raises(PtxError, match=message):
        warp_group(changed(program, old, new))


def test_accumulators_are_not_there_before_they_are_waited_for():
    c, _ = warp_group(changed(WARP_GROUP, "wgmma.wait_group.sync.aligned 0;", ""))
    assert np.isnan(c).all()
