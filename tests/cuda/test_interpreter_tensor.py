"""The interpreter's matrix products, asynchronous copies and barriers, against NumPy."""

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, run
from ptx_programs import HEAD

REGISTERS = """
    .reg .b32 %tid, %lane, %warp, %base, %x, %y, %z, %a<4>, %b<4>, %size;
    .reg .b64 %from, %out, %at, %offset, %descA, %descB;
    .reg .f32 %c<128>;
    .reg .pred %p, %q;
    mov.u32 %tid, %tid.x;
    and.b32 %lane, %tid, 31;
    shr.u32 %warp, %tid, 5;
    mov.u32 %base, tiles;
"""


def launch(body, parameters, arguments, threads, shared=0):
    declared = ", ".join(f".param .{kind} {name}" for name, kind in parameters.items())
    text = f"{HEAD}\n.visible .entry one({declared})\n{{{REGISTERS}{body}\nret;\n}}"
    memory = Memory()
    places = [memory.put(argument) if isinstance(argument, np.ndarray) else argument for argument in arguments]
    out = next(place for place, argument in zip(places, arguments, strict=True) if isinstance(argument, np.ndarray))
    statistics = run(Program(text), memory, 1, threads, places, shared)
    return memory.get(out, arguments[0].shape, arguments[0].dtype), statistics


def truncated(values):
    return (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)


@pytest.mark.parametrize("k", [4, 8])
def test_a_product_of_a_warp(k):
    """The fragments are as the manual draws them, and the lowest 13 bits of an operand do not count."""
    rng = np.random.default_rng(0)
    a, b, c = (rng.standard_normal(shape).astype(np.float32) for shape in ((16, k), (k, 8), (16, 8)))
    lane = np.arange(32)
    group, member = lane // 4, lane % 4
    in_a = [a[group + 8 * (i % 2), member + 4 * (i // 2)] for i in range(k // 2)]
    in_b = [b[member + 4 * i, group] for i in range(k // 4)]
    in_c = [c[group + 8 * (i // 2), 2 * member + i % 2] for i in range(4)]
    registers = np.stack([*in_a, *in_b, *in_c])
    names = [f"%{name}{i}" for name, rows in (("a", in_a), ("b", in_b), ("c", in_c)) for i in range(len(rows))]
    loads = "".join(f"ld.global.b32 {name}, [%at+{128 * row}];\n" for row, name in enumerate(names))
    vectors = [f"{{{', '.join(name for name in names if name[1] == kind)}}}" for kind in "abc"]
    d, _ = launch(
        f"""
        ld.param.u64 %at, [operands];
        mul.wide.u32 %offset, %tid, 4;
        add.u64 %at, %at, %offset;
        {loads}
        mma.sync.aligned.m16n8k{k}.row.col.f32.tf32.tf32.f32 {vectors[2]}, {vectors[0]}, {vectors[1]}, {vectors[2]};
        ld.param.u64 %out, [result];
        add.u64 %out, %out, %offset;
        st.global.f32 [%out], %c0;
        st.global.f32 [%out+128], %c1;
        st.global.f32 [%out+256], %c2;
        st.global.f32 [%out+384], %c3;
        """,
        {"result": "u64", "operands": "u64"},
        [np.zeros((4, 32), np.float32), registers],
        32,
    )
    expected = truncated(a) @ truncated(b) + c
    for i, row in enumerate(d):
        np.testing.assert_allclose(row, expected[group + 8 * (i // 2), 2 * member + i % 2], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("one", [1.0, -1.0])
def test_tensor_cores_cut_off_what_they_add_up(one, sign):
    """Eight products of 2^-24, each below the last bit of the number that they are added to."""
    product = "{%c0, %c1, %c2, %c3}, {%a0, %a1, %a2, %a3}, {%b0, %b1}, {%c0, %c1, %c2, %c3}"
    small, number = (np.float32(value).view(np.uint32) for value in (sign * 2.0**-12, one))
    body = "".join(f"mov.b32 %a{i}, 0x39800000; mov.b32 %c{i}, {number:#x};" for i in range(4))
    body += "".join(f"mov.b32 %b{i}, {small:#x};" for i in range(2))
    body += f"mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {product}; mov.b32 %y, %c0;"
    np.testing.assert_array_equal(own(body, 32).view(np.float32), np.full(32, one, np.float32))


def laid_out(matrix, width):
    """A (rows, 8) matrix in shared memory, rows of ``width`` bytes swizzled by the manual; 16: as 8 x 16 byte cores."""
    rows = len(matrix)
    image = np.zeros(rows * max(width, 32) // 4, np.float32)
    for row in range(rows):
        for column in range(8):
            if width == 16:
                at = row // 8 * 256 + column // 4 * 128 + row % 8 * 16 + column % 4 * 4
            else:
                at = row * width + column * 4
                chunk, line = at // 16, at // 128
                at = (chunk ^ line % (width // 16)) * 16 + at % 16
            image[at // 4] = matrix[row, column]
    return image


def describe(width):
    """A matrix descriptor, without its address: the leading and the stride offset, and the swizzle."""
    kind = {16: 0, 128: 1, 64: 2, 32: 3}[width]
    return kind << 62 | (max(width, 32) * 8 >> 4) << 32 | (128 >> 4) << 16


@pytest.mark.parametrize("source", ["shared", "registers"])
@pytest.mark.parametrize("width", [16, 32, 64, 128])
@pytest.mark.parametrize("n", [8, 40, 128])
def test_a_product_of_a_warp_group(n, width, source):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((64, 8)).astype(np.float32), rng.standard_normal((n, 8)).astype(np.float32)
    image = np.concatenate([laid_out(a, width), laid_out(b, width)])
    start = laid_out(a, width).nbytes
    thread = np.arange(128)
    row = thread // 32 * 16 + thread % 32 // 4
    fragments = np.stack([a[row + 8 * (i % 2), thread % 4 + 4 * (i // 2)] for i in range(4)])
    results = ", ".join(f"%c{i}" for i in range(n // 2))
    stores = "\n".join(f"st.global.f32 [%out+{512 * i}], %c{i};" for i in range(n // 2))
    operand = "%descA" if source == "shared" else "{%a0, %a1, %a2, %a3}"
    d, _ = launch(
        f"""
        add.u32 %base, %base, 1023;
        and.b32 %base, %base, 0xfffffc00;
        ld.param.u64 %from, [image];
        mul.wide.u32 %offset, %tid, 4;
        mov.u32 %x, %tid;
    COPY:
        mul.wide.u32 %at, %x, 4;
        add.u64 %at, %at, %from;
        ld.global.b32 %y, [%at];
        mad.lo.u32 %z, %x, 4, %base;
        st.shared.b32 [%z], %y;
        add.u32 %x, %x, 128;
        setp.lt.u32 %p, %x, {image.size};
        @%p bra COPY;
        fence.proxy.async;
        bar.sync 0;
        ld.param.u64 %at, [fragments];
        add.u64 %at, %at, %offset;
        ld.global.b32 %a0, [%at];
        ld.global.b32 %a1, [%at+512];
        ld.global.b32 %a2, [%at+1024];
        ld.global.b32 %a3, [%at+1536];
        shr.u32 %x, %base, 4;
        cvt.u64.u32 %descA, %x;
        or.b64 %descA, %descA, {describe(width):#x};
        add.u64 %descB, %descA, {start // 16};
        setp.ne.u32 %p, 0, 0;
        setp.eq.u32 %q, 0, 0;
        wgmma.fence.sync.aligned;
        wgmma.mma_async.sync.aligned.m64n{n}k8.f32.tf32.tf32 {{{results}}}, {operand}, %descB, %p, 1, 1;
        wgmma.mma_async.sync.aligned.m64n{n}k8.f32.tf32.tf32 {{{results}}}, {operand}, %descB, %q, -1, 1;
        wgmma.mma_async.sync.aligned.m64n{n}k8.f32.tf32.tf32 {{{results}}}, {operand}, %descB, %q, 1, 1;
        wgmma.commit_group.sync.aligned;
        wgmma.wait_group.sync.aligned 0;
        ld.param.u64 %out, [result];
        add.u64 %out, %out, %offset;
        {stores}
        """,
        {"result": "u64", "image": "u64", "fragments": "u64"},
        [np.zeros((n // 2, 128), np.float32), image, fragments],
        128,
        image.nbytes + 1024,
    )
    expected = truncated(a) @ truncated(b).T
    for i, values in enumerate(d):
        column = 8 * (i // 4) + 2 * (thread % 4) + i % 2
        np.testing.assert_allclose(values, expected[row + 8 * (i // 2 % 2), column], rtol=1e-6, atol=1e-6)


EACH_OWN = """
    ld.param.u64 %out, [result];
    mul.wide.u32 %offset, %tid, 4;
    add.u64 %out, %out, %offset;
    shl.b32 %x, %tid, 2;
    add.u32 %x, %x, %base;
"""


def own(body, threads=64, parameters=(), arguments=(), shared=1024):
    """Threads store %y; %x is the address of each thread's own word of shared memory."""
    declared = {"result": "u64"} | dict.fromkeys(parameters, "u64")
    result = np.full(threads, 9999, np.uint32)
    code = EACH_OWN + body + "st.global.b32 [%out], %y;"
    return launch(code, declared, [result, *arguments], threads, shared)[0]


def test_copies_are_padded_with_zeros():
    """Of 16 bytes a copy reads as many as it is told to: none even from an address that does not exist."""
    body = """
        ld.param.u64 %from, [source];
        shl.b32 %z, %tid, 4;
        add.u32 %z, %z, %base;
        and.b32 %size, %tid, 3;
        mul.lo.u32 %size, %size, 4;
        setp.eq.u32 %p, %size, 0;
        selp.u64 %from, 16, %from, %p;
        cp.async.ca.shared.global [%z], [%from], 16, %size;
        cp.async.wait_all;
        ld.shared.v4.b32 {%a0, %a1, %a2, %a3}, [%z];
        add.u32 %y, %a0, %a1;
        add.u32 %y, %y, %a2;
        add.u32 %y, %y, %a3;
    """
    source = np.array([1, 10, 100, 1000], np.uint32)
    np.testing.assert_array_equal(own(body, 32, ["source"], [source]), np.tile([0, 1, 11, 111], 8))


@pytest.mark.parametrize(("pending", "works"), [(0, True), (1, False)])
def test_groups_are_each_threads_own(pending, works):
    """Only the upper half commits a second group: for the others the first is the latest, and may be in flight."""
    body = f"""
        ld.param.u64 %from, [source];
        add.u64 %from, %from, %offset;
        cp.async.ca.shared.global [%x], [%from], 4;
        cp.async.commit_group;
        setp.ge.u32 %p, %lane, 16;
        @%p cp.async.commit_group;
        cp.async.wait_group {pending};
        ld.shared.b32 %y, [%x];
    """
    source = np.arange(32, dtype=np.uint32)
    if works:
        np.testing.assert_array_equal(own(body, 32, ["source"], [source]), source)
    else:
        with pytest.raises(PtxError, match=r"thread \(0, 0, 0\) .* still filling"):
            own(body, 32, ["source"], [source])


def test_threads_of_a_warp_race_too():
    read_neighbour = "st.shared.b32 [%x], %tid; {} xor.b32 %x, %x, 4; ld.shared.b32 %y, [%x];"
    found = own(read_neighbour.format("bar.warp.sync 0xffffffff;"))
    np.testing.assert_array_equal(found, np.arange(64) ^ 1)
    with pytest.raises(PtxError, match=r"\(RAW\)"):
        own(read_neighbour.format(""))


def test_a_warp_barrier_orders_one_warp_only():
    body = "st.shared.b32 [%x], %tid; bar.warp.sync 0xffffffff; xor.b32 %x, %tid, 32; shl.b32 %x, %x, 2;"
    body += "add.u32 %x, %x, %base; {} ld.shared.b32 %y, [%x];"
    np.testing.assert_array_equal(own(body.format("bar.sync 0;")), np.arange(64) ^ 32)
    with pytest.raises(PtxError, match=r"\(RAW\)"):
        own(body.format(""))


PRODUCER = """
    mov.u32 %y, 0;
    setp.eq.u32 %p, %warp, 0;
    @!%p bra CONSUMER;
    st.shared.b32 [%x], %tid;
    bar.arrive 1, 64;
    bra DONE;
CONSUMER:
    bar.sync 1, 64;
    sub.u32 %x, %x, 128;
    ld.shared.b32 %y, [%x];
DONE:
"""


def test_a_producer_and_a_consumer():
    np.testing.assert_array_equal(own(PRODUCER), [*np.zeros(32), *np.arange(32)])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "bar.arrive 1, 64;",
            "",
            "deadlock: barrier 1 is never complete: 32 of the 64 threads of its block wait here, 32",
        ),
        ("bar.arrive 1, 64;", "bar.arrive 2, 64;", "deadlock: barrier 1"),
        ("bar.arrive 1, 64;", "bar.arrive 1, 96;", "expects 64 threads at barrier 1, others 96"),
        ("bar.sync 1, 64;", "", r"\(RAW\)"),
        ("bar.arrive 1, 64;", "bar.arrive 1, 64; st.shared.b32 [%x], %lane;", r"\(RAW\)"),
        ("bar.arrive 1, 64;", "bar.arrive 17, 64;", "names barrier 17: a block has 16"),
    ],
)
def test_a_fault_between_a_producer_and_a_consumer(old, new, message):
    assert old in PRODUCER
    with pytest.raises(PtxError, match=message):
        own(PRODUCER.replace(old, new))


def test_two_producers_and_a_consumer():
    """Who waits learns what each of those knew that arrived."""
    body = """
        mov.u32 %y, 0;
        setp.eq.u32 %p, %warp, 2;
        @%p bra CONSUMER;
        st.shared.b32 [%x], %tid;
        bar.arrive 1, 96;
        bra DONE;
    CONSUMER:
        bar.sync 1, 96;
        ld.shared.b32 %y, [%x+-128];
        ld.shared.b32 %z, [%x+-256];
        add.u32 %y, %y, %z;
    DONE:
    """
    lane = np.arange(32)
    np.testing.assert_array_equal(own(body, 96), [*np.zeros(64), *(lane + 32 + lane)])


def test_two_threads_store_different_words_in_one_place():
    with pytest.raises(PtxError, match="another thread of the same instruction writes something else"):
        own("st.shared.b32 [%base], %tid; mov.u32 %y, 0;")
    own("mov.u32 %y, 5; st.shared.b32 [%base], %y;", threads=32)


def test_atomics_do_not_race_but_reading_them_does():
    body = "setp.eq.u32 %p, %tid, 0; mov.u32 %y, 0; @%p st.shared.b32 [%base], %y; bar.sync 0;"
    body += "red.shared.add.u32 [%base], 1; {} ld.shared.b32 %y, [%base];"
    np.testing.assert_array_equal(own(body.format("bar.sync 0;")), np.full(64, 64))
    with pytest.raises(PtxError, match=r"\(RAW\)"):
        own(body.format(""))


def test_a_shuffle_of_part_of_a_warp():
    body = "mov.u32 %y, %lane; setp.lt.u32 %p, %lane, 16; @%p shfl.sync.bfly.b32 %y, %lane, 1, 31, {};"
    found = own(body.format("0x0000ffff"), threads=32)
    np.testing.assert_array_equal(found, np.r_[np.arange(16) ^ 1, 16:32])
    with pytest.raises(PtxError, match="is executed by part of a warp: 16 of the 32 threads of its warp wait here"):
        own(body.format("0xffffffff"), threads=32)
    with pytest.raises(PtxError, match="takes no part in the shuffle"):
        own(body.format("0x0000ffff").replace("1, 31", "16, 31"), threads=32)
    with pytest.raises(PtxError, match="mask does not name it"):
        own(body.format("0x00007fff"), threads=32)


@pytest.mark.parametrize(
    ("mode", "by", "bound", "expected"),
    [
        ("up", 3, 0, lambda lane: np.where(lane >= 3, lane - 3, lane)),
        ("down", 3, 31, lambda lane: np.where(lane + 3 < 32, lane + 3, lane)),
        ("down", 3, 0x181F, lambda lane: np.where(lane % 8 + 3 < 8, lane + 3, lane)),
        ("up", 3, 0x1800, lambda lane: np.where(lane % 8 >= 3, lane - 3, lane)),
        ("idx", 5, 31, lambda lane: np.full(32, 5)),
        ("idx", 5, 0x181F, lambda lane: lane // 8 * 8 + 5),
        ("bfly", 12, 31, lambda lane: lane ^ 12),
    ],
)
def test_a_shuffle_in_segments(mode, by, bound, expected):
    found = own(f"shfl.sync.{mode}.b32 %y|%p, %lane, {by}, {bound}, 0xffffffff;", threads=32)
    np.testing.assert_array_equal(found, expected(np.arange(32)))


@pytest.mark.parametrize(
    ("place", "kind", "conflicts"),
    [
        ("%tid", "b32", 0),
        ("%tid * 2", "b32", 1),
        ("%tid * 8", "b32", 7),
        ("%tid * 32", "b32", 31),
        ("0", "b32", 0),
        ("%tid * 4", "v4.b32", 0),
        ("%tid * 8", "v4.b32", 4),
        ("%tid * 2", "v2.b32", 0),
    ],
)
def test_bank_conflicts(place, kind, conflicts):
    """One warp stores zeros: what it takes beyond the passes that its bytes need."""
    factor = int(place.split("*")[1]) if "*" in place else int(place != "0")
    values = "{%y, %y, %y, %y}" if "v4" in kind else "{%y, %y}" if "v2" in kind else "%y"
    code = f"mov.u32 %y, 0; mad.lo.u32 %x, %tid, {4 * factor}, %base; st.shared.{kind} [%x], {values};"
    _, statistics = launch(
        f"{EACH_OWN}{code} st.global.b32 [%out], %y;", {"result": "u64"}, [np.zeros(32, np.uint32)], 32, 4096
    )
    assert statistics.conflicts[f"st.shared.{kind}"] == conflicts


NEIGHBOUR = "st.global.b32 [%out], %tid; {} xor.b32 %x, %tid, {}; mul.wide.u32 %offset, %x, 4;"
NEIGHBOUR += "ld.param.u64 %at, [result]; add.u64 %at, %at, %offset; ld.global.b32 %y, [%at];"


def test_global_memory_is_ordered_by_barriers_of_a_block():
    found = own(NEIGHBOUR.format("bar.sync 0;", 33) + "bar.sync 0;")
    np.testing.assert_array_equal(found, np.arange(64) ^ 33)
    with pytest.raises(PtxError, match=r"reads global memory that another thread wrote \(RAW\)"):
        own(NEIGHBOUR.format("", 33))


@pytest.mark.parametrize(("counted", "message"), [("", r"\(RAW\)"), ("atom.global.add.u32 %y, [%at], 1;", None)])
def test_blocks_do_not_know_of_each_other_unless_they_count(counted, message):
    text = f"""{HEAD}
    .visible .entry one(.param .u64 result, .param .u64 counter)
    {{{REGISTERS}
        mov.u32 %x, %ctaid.x;
        ld.param.u64 %out, [result];
        mul.wide.u32 %offset, %x, 4;
        add.u64 %out, %out, %offset;
        setp.ne.u32 %p, %x, 0;
        @%p bra LATER;
        st.global.b32 [%out], %x;
    LATER:
        ld.param.u64 %at, [counter];
        {counted}
        ld.param.u64 %at, [result];
        ld.global.b32 %y, [%at];
        ret;
    }}"""
    memory = Memory()
    arguments = [memory.put(np.zeros(2, np.uint32)), memory.put(np.zeros(1, np.uint32))]
    if message is None:
        run(Program(text), memory, 2, 1, arguments)
    else:
        with pytest.raises(PtxError, match=message):
            run(Program(text), memory, 2, 1, arguments)


def test_two_blocks_write_the_same_word():
    text = f"{HEAD}.visible .entry one(.param .u64 result)\n{{{REGISTERS}ld.param.u64 %out, [result];"
    memory = Memory()
    with pytest.raises(PtxError, match=r"block .* races: writes global memory that another thread wrote \(WAW\)"):
        run(Program(f"{text}st.global.b32 [%out], 0; ret; }}"), memory, 2, 1, [memory.put(np.zeros(1, np.uint32))])


def test_two_copies_to_one_place():
    body = "ld.param.u64 %from, [source]; add.u64 %from, %from, %offset; mov.u32 %y, 0;"
    body += "cp.async.ca.shared.global [%base], [%from], 4; cp.async.wait_all;"
    with pytest.raises(PtxError, match="copies to where another thread of the same instruction copies too"):
        own(body, 32, ["source"], [np.arange(32, dtype=np.uint32)])


def test_a_copy_of_what_another_thread_writes():
    body = "st.global.b32 [%out], %tid; {} ld.param.u64 %from, [result]; xor.b32 %y, %tid, 1; mul.wide.u32 %at, %y, 4;"
    body += "add.u64 %from, %from, %at; cp.async.ca.shared.global [%x], [%from], 4; cp.async.wait_all;"
    body += "ld.shared.b32 %y, [%x]; bar.sync 0;"
    np.testing.assert_array_equal(own(body.format("bar.sync 0;")), np.arange(64) ^ 1)
    with pytest.raises(PtxError, match=r"reads global memory that another thread wrote \(RAW\)"):
        own(body.format(""))
