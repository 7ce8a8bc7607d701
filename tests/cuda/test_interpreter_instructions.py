"""The interpreter's instructions one by one, against Python's integers and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, rounding, run

TYPES = {"u32": np.uint32, "s32": np.int32, "u64": np.uint64, "s64": np.int64, "f32": np.float32, "f64": np.float64}
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def program(code, result, operands):
    """A thread loads its operands into %a, %b, %c, carries out the code, and stores %d."""
    names = "abc"[: len(operands)]
    size = {kind: np.dtype(dtype).itemsize for kind, dtype in TYPES.items()}
    loads = "\n".join(
        f"ld.param.u64 %at, [{name}]; add.u64 %at, %at, %by{size[kind]}; ld.global.{kind} %{name}, [%at];"
        for name, kind in zip(names, operands, strict=True)
    )
    declarations = "\n".join(
        f".reg .{kind} %{name};" for name, kind in zip([*names, "d"], [*operands, result], strict=True)
    )
    return f"""
    .version 8.0
    .target sm_90
    .address_size 64
    .visible .entry one({", ".join(f".param .u64 {name}" for name in [*names, "d"])})
    {{
        {declarations}
        .reg .b32 %i, %x, %y, %z;
        .reg .b64 %at, %by4, %by8;
        .reg .pred %p, %q;
        mov.u32 %i, %tid.x;
        mul.wide.u32 %by4, %i, 4;
        mul.wide.u32 %by8, %i, 8;
        {loads}
        {code}
        ld.param.u64 %at, [d];
        add.u64 %at, %at, %by{size[result]};
        st.global.{result} [%at], %d;
        ret;
    }}"""


def outcome(code, result, *operands):
    """``operands``: (type, values)."""
    memory = Memory()
    arrays = [np.asarray(values, TYPES[kind]) for kind, values in operands]
    d = memory.fresh(arrays[0].shape, TYPES[result])
    text = program(code, result, [kind for kind, _ in operands])
    run(Program(text), memory, 1, arrays[0].size, [*(memory.put(array) for array in arrays), d])
    return memory.get(d, arrays[0].shape, TYPES[result])


def draw(kind, seed, count=64):
    """Integers of every length, and the edges."""
    limits, rng = np.iinfo(TYPES[kind]), np.random.default_rng(seed)
    numbers = rng.integers(limits.min, limits.max, count - 4, TYPES[kind], endpoint=True)
    numbers >>= rng.integers(0, limits.bits, count - 4).astype(TYPES[kind])
    return np.array([*numbers, limits.min, limits.max, 0, 1], TYPES[kind])


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def field(value, start, length, bits):
    """PTX's bfe on an unsigned number."""
    start, length = start & 255, length & 255
    return (value >> start) & ((1 << length) - 1) if start < bits else 0


def signed_field(value, start, length, bits):
    start, length = start & 255, length & 255
    if length == 0:
        return 0
    sign = value >> min(start + length - 1, bits - 1) & 1
    kept = [value >> (start + bit) & 1 if start + bit < bits and bit < length else sign for bit in range(bits)]
    return signed(sum(bit << place for place, bit in enumerate(kept)), bits)


def inserted(a, b, start, length, bits):
    start, length = start & 255, length & 255
    mask = (((1 << length) - 1) << start) & ((1 << bits) - 1)
    return b & ~mask | a << start & mask


def permuted(a, b, selector):
    octets = [(b << 32 | a) >> 8 * place & 255 for place in range(8)]
    chosen = [selector >> 4 * place & 15 for place in range(4)]
    return sum((octets[c & 7] if c < 8 else 255 * (octets[c & 7] >> 7)) << 8 * place for place, c in enumerate(chosen))


def logic(a, b, c, table):
    return sum((table >> ((a >> i & 1) * 4 + (b >> i & 1) * 2 + (c >> i & 1)) & 1) << i for i in range(32))


def truncated(a, b):
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


INTEGERS = [
    ("mul.hi.u32 %d, %a, %b;", "u32", ("u32", "u32"), lambda a, b: a * b >> 32),
    ("mul.hi.s32 %d, %a, %b;", "s32", ("s32", "s32"), lambda a, b: a * b >> 32),
    ("mul.hi.u64 %d, %a, %b;", "u64", ("u64", "u64"), lambda a, b: a * b >> 64),
    ("mul.hi.s64 %d, %a, %b;", "s64", ("s64", "s64"), lambda a, b: a * b >> 64),
    ("mul.wide.s32 %d, %a, %b;", "s64", ("s32", "s32"), lambda a, b: a * b),
    ("mad.lo.s32 %d, %a, %b, %c;", "s32", ("s32",) * 3, lambda a, b, c: signed(a * b + c, 32)),
    ("mad.wide.u32 %d, %a, %b, %c;", "u64", ("u32", "u32", "u64"), lambda a, b, c: (a * b + c) & M64),
    ("mad.hi.s32 %d, %a, %b, %c;", "s32", ("s32",) * 3, lambda a, b, c: signed((a * b >> 32) + c, 32)),
    ("div.s32 %d, %a, %b;", "s32", ("s32", "s32"), lambda a, b: signed(truncated(a, b), 32)),
    ("rem.s64 %d, %a, %b;", "s64", ("s64", "s64"), lambda a, b: a - b * truncated(a, b)),
    ("div.u64 %d, %a, %b;", "u64", ("u64", "u64"), lambda a, b: a // b),
    ("abs.s32 %d, %a;", "s32", ("s32",), lambda a: signed(abs(a), 32)),
    ("sad.u32 %d, %a, %b, %c;", "u32", ("u32",) * 3, lambda a, b, c: (abs(a - b) + c) & M32),
    ("shl.b32 %d, %a, %b;", "u32", ("u32", "u32"), lambda a, b: a << min(b, 32) & M32),
    ("shr.u64 %d, %a, %b;", "u64", ("u64", "u32"), lambda a, b: a >> min(b, 64)),
    ("shr.s64 %d, %a, %b;", "s64", ("s64", "u32"), lambda a, b: a >> min(b, 64)),
    ("shf.l.wrap.b32 %d, %a, %b, %c;", "u32", ("u32",) * 3, lambda a, b, c: (b << 32 | a) << (c & 31) >> 32 & M32),
    ("shf.r.wrap.b32 %d, %a, %b, %c;", "u32", ("u32",) * 3, lambda a, b, c: (b << 32 | a) >> (c & 31) & M32),
    ("shf.r.clamp.b32 %d, %a, %b, %c;", "u32", ("u32",) * 3, lambda a, b, c: (b << 32 | a) >> min(c, 32) & M32),
    ("bfe.u32 %d, %a, %b, %c;", "u32", ("u32",) * 3, lambda a, b, c: field(a, b, c, 32)),
    ("bfe.u64 %d, %a, %b, %c;", "u64", ("u64", "u32", "u32"), lambda a, b, c: field(a, b, c, 64)),
    ("bfe.s32 %d, %a, %b, %c;", "s32", ("s32", "u32", "u32"), lambda a, b, c: signed_field(a, b, c, 32)),
    ("bfi.b32 %d, %a, %b, %c, 5;", "u32", ("u32",) * 3, lambda a, b, c: inserted(a, b, c, 5, 32)),
    ("bfi.b64 %d, %a, %b, 31, %c;", "u64", ("u64", "u64", "u32"), lambda a, b, c: inserted(a, b, 31, c, 64)),
    ("prmt.b32 %d, %a, %b, %c;", "u32", ("u32",) * 3, permuted),
    ("lop3.b32 %d, %a, %b, %c, 0xD8;", "u32", ("u32",) * 3, lambda a, b, c: logic(a, b, c, 0xD8)),
    ("popc.b64 %d, %a;", "u32", ("u64",), lambda a: a.bit_count()),
    ("clz.b64 %d, %a;", "u32", ("u64",), lambda a: 64 - a.bit_length()),
    ("bfind.u32 %d, %a;", "u32", ("u32",), lambda a: (a.bit_length() - 1) & M32),
    ("bfind.s32 %d, %a;", "u32", ("s32",), lambda a: ((~a if a < 0 else a).bit_length() - 1) & M32),
    ("brev.b64 %d, %a;", "u64", ("u64",), lambda a: int(f"{a:064b}"[::-1], 2)),
    ("cnot.b32 %d, %a;", "u32", ("u32",), lambda a: int(a == 0)),
    ("slct.u32.s32 %d, %a, %b, %c;", "u32", ("u32", "u32", "s32"), lambda a, b, c: a if c >= 0 else b),
    ("cvt.s64.s32 %d, %a;", "s64", ("s32",), lambda a: a),
    ("cvt.u32.s64 %d, %a;", "u32", ("s64",), lambda a: a & M32),
    ("cvt.s8.s32 %x, %a; mov.b32 %d, %x;", "s32", ("s32",), lambda a: signed(a, 8)),
    ("cvt.sat.u8.s32 %x, %a; mov.b32 %d, %x;", "s32", ("s32",), lambda a: min(max(a, 0), 255)),
    (
        "mov.b64 {%x, %y}, %a; mov.b64 {%z, %i}, %b; add.cc.u32 %x, %x, %z; addc.u32 %y, %y, %i; mov.b64 %d, {%x, %y};",
        "u64",
        ("u64", "u64"),
        lambda a, b: (a + b) & M64,
    ),
    (
        "mov.b64 {%x, %y}, %a; mov.b64 {%z, %i}, %b; sub.cc.u32 %x, %x, %z; subc.u32 %y, %y, %i; mov.b64 %d, {%x, %y};",
        "u64",
        ("u64", "u64"),
        lambda a, b: (a - b) & M64,
    ),
    (
        "mad.lo.cc.u32 %x, %a, %b, %c; madc.hi.u32 %y, %a, %b, 0; mov.b64 %d, {%x, %y};",
        "u64",
        ("u32",) * 3,
        lambda a, b, c: a * b + c,
    ),
    ("setp.lt.s32 %p|%q, %a, %b; selp.s32 %d, %a, %b, %q;", "s32", ("s32", "s32"), max),
    ("setp.hi.and.u32 %p, %a, %b, !%p; @%p mov.u32 %d, 7; @!%p mov.u32 %d, 9;", "u32", ("u32", "u32"), None),
]


@pytest.mark.parametrize(("code", "result", "kinds", "expected"), INTEGERS, ids=[case[0][:20] for case in INTEGERS])
def test_an_integer_instruction(code, result, kinds, expected):
    values = [draw(kind, seed) for seed, kind in enumerate(kinds)]
    if code.startswith(("sh", "bf")) and len(kinds) > 1:  # amounts that mean something, and some that do not
        values[1:] = [
            value % 80 if kind == "u32" and value is not values[0] else value
            for kind, value in zip(kinds[1:], values[1:], strict=True)
        ]
    if code.startswith(("div", "rem")):
        values[1][values[1] == 0] = 3
    if expected is None:
        code = "setp.ne.u32 %p, 0, 0;" + code
        expected = lambda a, b: 7 if a > b else 9  # noqa: E731
    found = outcome(code, result, *zip(kinds, values, strict=True))
    wanted = [expected(*(int(value) for value in row)) for row in zip(*values, strict=True)]
    np.testing.assert_array_equal(found, np.array(wanted, dtype=object).astype(TYPES[result]))


def floats(dtype, seed, count=200):
    """Numbers of many magnitudes, with few and with many bits, so that sums cancel and ties occur."""
    rng = np.random.default_rng(seed)
    numbers = rng.standard_normal(count) * 2.0 ** rng.integers(-30, 30, count)
    numbers[::3] = rng.integers(-(1 << 12), 1 << 12, len(numbers[::3]))
    return numbers.astype(dtype)


def correctly_rounded(exact, dtype, mode):
    """A fraction, rounded: by the neighbours of the nearest float."""
    nearest = dtype(float(exact)) if dtype is np.float64 else _nearest_float32(exact)
    error = exact - Fraction(float(nearest))
    down = error < 0 and (mode == "rm" or (mode == "rz" and exact > 0))
    up = error > 0 and (mode == "rp" or (mode == "rz" and exact < 0))
    return np.nextafter(nearest, dtype(-np.inf if down else np.inf)) if down or up else nearest


def _nearest_float32(exact):
    guess = np.float32(float(exact))
    around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(around, key=lambda f: (abs(Fraction(float(f)) - exact), int(f.view(np.uint32)) & 1))


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_float_arithmetic_rounds_once(kind, mode):
    dtype = TYPES[kind]
    a, b = floats(dtype, 1), floats(dtype, 2)
    c = floats(dtype, 3)
    c[::2] = -(a * b)[::2]  # what is left is the rounding of the product
    for code, expected in (
        (f"fma.{mode}.{kind} %d, %a, %b, %c;", lambda a, b, c: a * b + c),
        (f"mul.{mode}.{kind} %d, %a, %b;", lambda a, b, c: a * b),
        (f"add.{mode}.{kind} %d, %a, %c;", lambda a, b, c: a + c),
    ):
        found = outcome(code, kind, (kind, a), (kind, b), (kind, c))
        exact = [expected(*(Fraction(float(value)) for value in row)) for row in zip(a, b, c, strict=True)]
        wanted = [correctly_rounded(value, dtype, mode) for value in exact]
        np.testing.assert_array_equal(found, np.array(wanted, dtype), err_msg=code)


def test_a_product_that_hardly_is_a_float():
    """Where the error-free transformations overflow or underflow, the fraction itself is rounded."""
    a = np.array([1e300, 1e-300, 5e-324, 1e308, np.inf, np.nan, 3e-160])
    b = np.array([1e-300, 1e-20, 0.5, 10.0, 0.0, 1.0, 7e-161])
    c = np.array([-1.0, 1e-320, 5e-324, -1e308, 1.0, 1.0, -0.0])
    with np.errstate(all="ignore"):
        found = rounding.fma(a, b, c)
    for x, y, z, value in zip(a, b, c, found, strict=True):
        if not all(map(math.isfinite, (x, y, z))):
            assert math.isnan(value)
        else:
            try:
                assert value == float(Fraction(x) * Fraction(y) + Fraction(z))
            except OverflowError:
                assert value == math.inf


@pytest.mark.parametrize(("kind", "digits"), [("f32", 24), ("f64", 53)])
def test_a_sum_just_below_a_tie(kind, digits):
    """2^d + 3 - tiny lies nearer to 2^d + 2; rounded twice, the tiny part is lost and the tie goes to 2^d + 4."""
    small = 2.0 ** (1 - digits)
    operands = [(kind, [value]) for value in (1 + small, 1 - small, 2.0**digits + 2)]
    assert outcome(f"fma.rn.{kind} %d, %a, %b, %c;", kind, *operands)[0] == 2.0**digits + 2


def test_a_fused_product_differs_from_two_roundings():
    a = np.array([1 + 2.0**-23], np.float32)
    found = outcome(
        "neg.f32 %b, %a; mul.f32 %c, %a, %a; neg.f32 %c, %c; fma.rn.f32 %d, %a, %a, %c;", "f32", *[("f32", a)] * 3
    )
    assert found[0] == 2.0**-46


CONVERSIONS = [
    ("cvt.rzi.s32.f32", "s32", "f32", [1.9, -1.9, 3e9, -3e9, np.nan, 0.5], [1, -1, 2**31 - 1, -(2**31), 0, 0]),
    ("cvt.rni.s32.f32", "s32", "f32", [0.5, 1.5, 2.5, -0.5, -1.5, 7.0], [0, 2, 2, 0, -2, 7]),
    ("cvt.rmi.s64.f64", "s64", "f64", [1.9, -1.1, 1e300, -1e300, np.nan], [1, -2, 2**63 - 1, -(2**63), 0]),
    ("cvt.rpi.u32.f32", "u32", "f32", [1.1, -5.0, 4e9, 5e9], [2, 0, 4000000000, 2**32 - 1]),
    ("cvt.rmi.f32.f32", "f32", "f32", [1.9, -1.1], [1, -2]),
    ("cvt.sat.f32.f32", "f32", "f32", [1.9, -1.1, 0.25, np.nan], [1, 0, 0.25, 0]),
    ("cvt.rn.f32.s32", "f32", "s32", [16777217, -16777219, 5], [16777216, -16777220, 5]),
    ("cvt.rz.f32.u32", "f32", "u32", [16777217, 16777219, 2**32 - 1], [16777216, 16777218, 4294967040]),
    ("cvt.rn.f64.u64", "f64", "u64", [2**63, 2**64 - 1, 3], [2.0**63, 2.0**64, 3]),
    ("cvt.rn.f32.f64", "f32", "f64", [1 + 2.0**-25, 1e300, 0.1], [1, np.inf, np.float32(0.1)]),
    ("cvt.rp.f32.f64", "f32", "f64", [1 + 2.0**-25, -1 - 2.0**-25], [1 + 2.0**-23, -1]),
    ("cvt.f64.f32", "f64", "f32", [0.1, np.inf], [np.float32(0.1), np.inf]),
    (
        "cvt.rna.tf32.f32",
        "f32",
        "f32",
        [1 + 2.0**-11, 1 + 2.0**-12, -1 - 3 * 2.0**-11],
        [1 + 2.0**-10, 1, -1 - 2.0**-9],
    ),
    ("cvt.rn.tf32.f32", "f32", "f32", [1 + 2.0**-11, 1 + 3 * 2.0**-11], [1, 1 + 2.0**-9]),
]


@pytest.mark.parametrize(
    ("name", "result", "kind", "values", "expected"), CONVERSIONS, ids=[case[0] for case in CONVERSIONS]
)
def test_a_conversion(name, result, kind, values, expected):
    found = outcome(f"{name} %d, %a;", result, (kind, values))
    np.testing.assert_array_equal(found, np.array(expected, TYPES[result]))


def test_a_carry_runs_through_a_word():
    """2^32 - 1 and a carry leave a word as it is, and carry on."""
    code = "add.cc.u32 %x, %a, 1; addc.cc.u32 %y, 5, %a; addc.u32 %z, 0, 0; mad.lo.u32 %d, %y, 16, %z;"
    np.testing.assert_array_equal(outcome(code, "u32", ("u32", [M32, 0])), [5 * 16 + 1, 5 * 16])


def test_not_a_number_stays_one_in_tf32():
    nan = np.uint32(0x7FFFFFFF).view(np.float32)
    assert np.isnan(outcome("cvt.rna.tf32.f32 %d, %a;", "f32", ("f32", np.array([nan])))[0])


def test_a_vector_is_aligned_to_its_whole_size():
    code = "ld.param.u64 %at, [a]; ld.global.v2.u32 {%x, %d}, [%at+{}];"
    np.testing.assert_array_equal(outcome(code.replace("{}", "8"), "u32", ("u32", [1, 2, 3, 4])), [4] * 4)
    with pytest.raises(PtxError, match=r"reads 8 bytes at 0x[0-9a-f]+, which is no multiple of 8"):
        outcome(code.replace("{}", "4"), "u32", ("u32", [1, 2, 3, 4]))


def test_comparisons_with_nan():
    a, b = [1.0, np.nan, np.nan, 2.0], [1.0, 1.0, np.nan, 1.0]
    for how, expected in {
        "eq": [1, 0, 0, 0],
        "ne": [0, 0, 0, 1],
        "equ": [1, 1, 1, 0],
        "neu": [0, 1, 1, 1],
        "lt": [0, 0, 0, 0],
        "geu": [1, 1, 1, 1],
        "num": [1, 0, 0, 1],
        "nan": [0, 1, 1, 0],
    }.items():
        code = f"setp.{how}.f32 %p, %a, %b; selp.s32 %d, 1, 0, %p;"
        np.testing.assert_array_equal(outcome(code, "s32", ("f32", a), ("f32", b)), expected, err_msg=how)


def test_extremes_with_nan():
    a, b = [1.0, np.nan, -0.0], [np.nan, np.nan, 5.0]
    np.testing.assert_array_equal(outcome("min.f32 %d, %a, %b;", "f32", ("f32", a), ("f32", b)), [1.0, np.nan, 0.0])
    np.testing.assert_array_equal(
        outcome("max.NaN.f32 %d, %a, %b;", "f32", ("f32", a), ("f32", b)), [np.nan, np.nan, 5]
    )


def test_denormals_are_flushed_where_it_is_asked_for():
    a = np.array([1e-40, -1e-40, 1.0], np.float32)
    np.testing.assert_array_equal(outcome("add.ftz.f32 %d, %a, %a;", "f32", ("f32", a)), [0, 0, 2])
    np.testing.assert_array_equal(outcome("add.f32 %d, %a, %a;", "f32", ("f32", a)), a + a)


def test_division_by_zero_is_named():
    with pytest.raises(PtxError, match=r"thread \(1, 0, 0\) .* divides an integer by zero"):
        outcome("div.u32 %d, %a, %b;", "u32", ("u32", [1, 2, 3]), ("u32", [1, 0, 3]))


def test_an_unknown_instruction_is_named():
    with pytest.raises(PtxError, match="does not know this instruction"):
        outcome("dp4a.u32.u32 %d, %a, %b, %a;", "u32", ("u32", [1]), ("u32", [1]))


def test_a_name_that_is_declared_nowhere():
    with pytest.raises(PtxError, match="does not know the special register %nowhere"):
        outcome("mov.u32 %d, %nowhere;", "u32", ("u32", [1]))


def test_an_endless_loop_ends():
    text = program("AGAIN: add.u32 %d, %d, 1; bra AGAIN;", "u32", ["u32"])
    memory = Memory()
    with pytest.raises(PtxError, match="still running"):
        run(Program(text), memory, 1, 32, [memory.put(np.zeros(32, np.uint32))] * 2, limit=1000)


def test_a_scope_hides_a_name():
    code = (
        "mov.u32 %d, 1; { .reg .u32 %d; mov.u32 %d, 2; { .reg .f32 %d; mov.f32 %d, 0f3F800000; } } add.u32 %d, %d, %a;"
    )
    np.testing.assert_array_equal(outcome(code, "u32", ("u32", [5, 6])), [6, 7])


def test_generic_addresses_find_their_space():
    code = """
        .shared .align 16 .b8 mine[256];
        .local .align 8 .b8 own[16];
        .reg .b64 %to;
        mov.u64 %at, mine;
        cvta.shared.u64 %at, %at;
        add.u64 %at, %at, %by4;
        st.u32 [%at], %a;
        mov.u64 %to, own;
        cvta.local.u64 %to, %to;
        ld.u32 %x, [%at];
        st.u32 [%to+4], %x;
        ld.u32 %d, [%to+4];
    """
    values = np.arange(50)
    np.testing.assert_array_equal(outcome(code, "u32", ("u32", values)), values)
