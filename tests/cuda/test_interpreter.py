"""The PTX interpreter on small kernels, against NumPy."""

import math

import numpy as np
import pytest
from ptx import Memory, Program, PtxError, array_arguments, run
from ptx.compiling import compiled

CAPABILITIES = [(8, 0), (9, 0), (9, 0, "a")]


@pytest.fixture(autouse=True)
def _needs_numba_cuda():
    pytest.importorskip("numba_cuda", reason="kernels are compiled by numba-cuda, which is not installed")


def signature(*arguments):
    """Numba's types of arrays and Python's numbers."""
    from numba import from_dtype, types

    kinds = {int: types.int32, float: types.float32}
    return types.void(
        *(
            types.Array(from_dtype(argument.dtype), argument.ndim, "C")
            if isinstance(argument, np.ndarray)
            else kinds[type(argument)]
            for argument in arguments
        )
    )


def call(function, grid, block, *arguments, shared=0, capability=(8, 0)):
    """Run a kernel; its arrays as it leaves them, and the statistics."""
    memory, flat, places = Memory(), [], []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            places.append((memory.put(argument), argument.shape, argument.dtype))
            flat += array_arguments(*places[-1])
        else:
            flat.append(argument)
    program = Program(compiled(function, signature(*arguments), capability))
    statistics = run(program, memory, grid, block, flat, shared)
    return [memory.get(*place) for place in places], statistics


def random(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("capability", CAPABILITIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementwise(capability, dtype):
    from numba import cuda

    def leaky(x, y, n):
        i = cuda.grid(1)
        if i < n:
            y[i] = x[i] if x[i] > 0 else x[i] * x.dtype.type(0.25)

    x = random(1000, dtype=dtype)
    (_, y), _ = call(leaky, 8, 128, x, np.zeros_like(x), 1000, capability=capability)
    np.testing.assert_array_equal(y, np.where(x > 0, x, x * dtype(0.25)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_library_functions(dtype):
    """What NVVM makes of libdevice: polynomials, bit tricks, tables, and calls of functions."""
    from numba import cuda

    names = ["exp", "log1p", "tanh", "erf", "sin", "cos", "expm1", "sqrt", "floor"]
    functions = [math.exp, math.log1p, math.tanh, math.erf, math.sin, math.cos, math.expm1, math.sqrt, math.floor]
    exp, log1p, tanh, erf, sin, cos, expm1, sqrt, floor = functions

    def library(x, y):
        i = cuda.grid(1)
        if i < x.size:
            v = x[i]
            y[0, i] = exp(v)
            y[1, i] = log1p(abs(v))
            y[2, i] = tanh(v)
            y[3, i] = erf(v)
            y[4, i] = sin(v)
            y[5, i] = cos(v)
            y[6, i] = expm1(v)
            y[7, i] = sqrt(abs(v))
            y[8, i] = floor(v)

    x = np.concatenate([random(200), [0, 1e-6, -30, 20, 1e5, -3e6]]).astype(dtype)
    (_, y), _ = call(library, 2, 128, x, np.zeros((9, x.size), dtype))
    for row, name, function in zip(y, names, functions, strict=True):
        operand = np.abs(x) if name in ("log1p", "sqrt") else x
        with np.errstate(over="ignore"):
            expected = np.array([_clamped(function, float(v)) for v in operand]).astype(dtype)
        np.testing.assert_allclose(row, expected, rtol=16 * np.finfo(dtype).eps, atol=1e-300, err_msg=name)


def _clamped(function, value):
    try:
        return function(value)
    except OverflowError:
        return math.inf


def test_powers():
    from numba import cuda

    def powers(x, p, y):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = x[i] ** p[i]

    x, p = np.abs(random(100, dtype=np.float64)) + 0.1, random(100, dtype=np.float64) * 5
    (_, _, y), _ = call(powers, 1, 128, x, p, np.zeros(100))
    np.testing.assert_allclose(y, x**p, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint64])
def test_integers(dtype):
    from numba import cuda

    def integers(a, b, y):
        i = cuda.grid(1)
        if i < a.size:
            s = b[i] & a.dtype.type(15)
            y[0, i] = a[i] // b[i]
            y[1, i] = a[i] % b[i]
            y[2, i] = a[i] * b[i]
            y[3, i] = a[i] << s
            y[4, i] = a[i] >> s
            y[5, i] = (a[i] ^ b[i]) | (a[i] & ~b[i])
            y[6, i] = min(a[i], b[i]) - max(a[i], b[i])
            y[7, i] = a[i] // a.dtype.type(7)

    limits, rng = np.iinfo(dtype), np.random.default_rng(0)
    a = np.concatenate(
        [rng.integers(limits.min, limits.max, 90, dtype), np.array([limits.max, limits.min, 0, 1], dtype)]
    )
    b = np.concatenate([rng.integers(1, 1000, 47, dtype), rng.integers(limits.max // 2, limits.max, 47, dtype)])
    b[::3] = np.where(limits.min < 0, -b[::3].astype(np.int64), b[::3]).astype(dtype)
    (_, _, y), _ = call(integers, 1, 128, a, b, np.zeros((8, 94), dtype))
    s = b & dtype(15)
    with np.errstate(over="ignore"):
        expected = [a // b, a % b, a * b, a << s, a >> s, (a ^ b) | (a & ~b), np.minimum(a, b) - np.maximum(a, b)]
    np.testing.assert_array_equal(y, [*expected, a // dtype(7)])


def test_counting_bits():
    from numba import cuda

    def bits(a, y):
        i = cuda.grid(1)
        if i < a.size:
            y[0, i] = cuda.popc(a[i])
            y[1, i] = cuda.clz(a[i])
            y[2, i] = cuda.brev(a[i])
            y[3, i] = cuda.ffs(a[i])

    a = np.array([0, 1, 0x80000000, 0xFFFFFFFF, 0x00F0F000, 12345], np.uint32)
    (_, y), _ = call(bits, 1, 32, a, np.zeros((4, a.size), np.uint32))
    words = [f"{number:032b}" for number in a]
    np.testing.assert_array_equal(y[0], [word.count("1") for word in words])
    np.testing.assert_array_equal(y[1], [32 - len(word.lstrip("0")) for word in words])
    np.testing.assert_array_equal(y[2], [int(word[::-1], 2) for word in words])
    np.testing.assert_array_equal(y[3], [word[::-1].find("1") + 1 for word in words])


def test_narrow_types():
    from numba import cuda

    def narrow(x, y, z):
        i = cuda.grid(1)
        if i < x.size:
            y[i] = x[i] + x[i]
            z[i] = np.float32(x[i]) / np.float32(255)

    x = np.arange(256, dtype=np.uint8)
    (_, y, z), _ = call(narrow, 2, 128, x, np.zeros(256, np.int64), np.zeros(256, np.float32))
    np.testing.assert_array_equal(y, 2 * np.arange(256))
    np.testing.assert_array_equal(z, np.arange(256, dtype=np.float32) / np.float32(255))


def test_reduction_by_shuffles():
    from numba import cuda, float32

    def total(x, y):
        partial = cuda.shared.array(32, float32)
        t = cuda.threadIdx.x
        v = float32(0)
        for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
            v += x[i]
        for offset in (16, 8, 4, 2, 1):
            v += cuda.shfl_down_sync(0xFFFFFFFF, v, offset)
        if t % 32 == 0:
            partial[t // 32] = v
        cuda.syncthreads()
        if t < 32:
            v = partial[t] if t < cuda.blockDim.x // 32 else float32(0)
            for offset in (16, 8, 4, 2, 1):
                v += cuda.shfl_xor_sync(0xFFFFFFFF, v, offset)
            if t == 0:
                cuda.atomic.add(y, 0, v)

    x = random(5000)
    (_, y), statistics = call(total, 3, 128, x, np.zeros(1, np.float32))
    np.testing.assert_allclose(y, [x.sum(dtype=np.float64)], atol=1e-3)
    assert statistics.executed("shfl.sync.down") == 3 * 4 * 5
    assert statistics.executed("atom") == 3


def test_votes():
    from numba import cuda

    def votes(x, y):
        i = cuda.grid(1)
        y[0, i] = cuda.ballot_sync(0xFFFFFFFF, x[i] > 0)
        y[1, i] = cuda.any_sync(0xFFFFFFFF, x[i] > 2.5)
        y[2, i] = cuda.all_sync(0xFFFFFFFF, x[i] > -9)
        y[3, i] = cuda.syncthreads_count(np.int32(x[i] > 0))
        y[4, i] = cuda.match_any_sync(0xFFFFFFFF, i // 8)

    x = random(64)
    (_, y), _ = call(votes, 1, 64, x, np.zeros((5, 64), np.uint32))
    warps = (x > 0).reshape(2, 32)
    np.testing.assert_array_equal(y[0], np.repeat((warps << np.arange(32)).sum(1), 32))
    np.testing.assert_array_equal(y[1], np.repeat((x > 2.5).reshape(2, 32).any(1), 32))
    np.testing.assert_array_equal(y[2], np.ones(64))
    np.testing.assert_array_equal(y[3], np.full(64, (x > 0).sum()))
    np.testing.assert_array_equal(y[4], np.tile(np.repeat([0xFF << place for place in (0, 8, 16, 24)], 8), 2))


def test_tiled_product():
    from numba import cuda, float32

    def product(a, b, c):
        left = cuda.shared.array((8, 8), float32)
        right = cuda.shared.array((8, 8), float32)
        column, row = cuda.threadIdx.x, cuda.threadIdx.y
        x, y = cuda.grid(2)
        total = float32(0)
        for step in range(a.shape[1] // 8):
            left[row, column] = a[y, 8 * step + column]
            right[row, column] = b[8 * step + row, x]
            cuda.syncthreads()
            for k in range(8):
                total += left[row, k] * right[k, column]
            cuda.syncthreads()
        c[y, x] = total

    a, b = random(16, 32), random(32, 24)
    (_, _, c), statistics = call(product, (3, 2), (8, 8), a, b, np.zeros((16, 24), np.float32))
    np.testing.assert_allclose(c, a @ b, rtol=1e-5, atol=1e-5)
    assert sum(statistics.wavefronts.values()) > 0


def test_atomics():
    from numba import cuda

    def histogram(x, counts, largest, tickets):
        i = cuda.grid(1)
        shared = cuda.shared.array(4, np.int32)
        if cuda.threadIdx.x < 4:
            shared[cuda.threadIdx.x] = 0
        cuda.syncthreads()
        if i < x.size:
            cuda.atomic.add(shared, x[i] % 4, 1)
            cuda.atomic.max(largest, 0, x[i])
            tickets[cuda.atomic.add(counts, 4, 1)] = i
        cuda.syncthreads()
        if cuda.threadIdx.x < 4:
            cuda.atomic.add(counts, cuda.threadIdx.x, shared[cuda.threadIdx.x])

    x = np.random.default_rng(0).integers(0, 100, 200).astype(np.int32)
    empty = np.zeros(5, np.int32), np.zeros(1, np.int32), np.zeros(200, np.int32)
    (_, counts, largest, tickets), _ = call(histogram, 4, 64, x, *empty)
    np.testing.assert_array_equal(counts, [*np.bincount(x % 4, minlength=4), 200])
    assert largest[0] == x.max()
    np.testing.assert_array_equal(np.sort(tickets), np.arange(200))


def test_local_memory():
    from numba import cuda, float32, int32

    def table(x, y):
        i = cuda.grid(1)
        squares = cuda.local.array(8, float32)
        for j in range(8):
            squares[j] = x[i] * j
        y[i] = squares[int32(x[i]) & 7]

    x = np.arange(64, dtype=np.float32)
    (_, y), statistics = call(table, 1, 64, x, np.zeros_like(x))
    np.testing.assert_array_equal(y, x * (x.astype(int) & 7))
    assert statistics.executed("ld.local")


def test_threads_part_and_meet():
    """Loops of different lengths, and branches in them."""
    from numba import cuda

    def collatz(y):
        i = cuda.grid(1)
        if i < y.size:
            n, steps = i + 1, 0
            while n != 1:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                steps += 1
            y[i] = steps

    def steps(n):
        return 0 if n == 1 else 1 + steps(n // 2 if n % 2 == 0 else 3 * n + 1)

    (y,), _ = call(collatz, 2, 40, np.zeros(77, np.int32))
    np.testing.assert_array_equal(y, [steps(n) for n in range(1, 78)])


def test_blocks_that_do_not_run_at_once():
    from numba import cuda

    def numbers(y):
        y[cuda.grid(1)] = cuda.blockIdx.x

    (y,), statistics = call(numbers, 20, 1024, np.zeros(20 * 1024, np.int32))
    np.testing.assert_array_equal(y, np.repeat(np.arange(20), 1024))
    assert statistics.executed("st.global") == 20 * 32


def test_coalescing_is_counted():
    from numba import cuda

    def copy(x, y, step):
        i = cuda.grid(1)
        y[i] = x[i * step]

    x = random(64 * 8)
    for step, sectors in ((1, 8), (8, 64)):
        (_, y), statistics = call(copy, 1, 64, x, np.zeros(64, np.float32), step)
        np.testing.assert_array_equal(y, x[: 64 * step : step])
        loads = {name: count for name, count in statistics.sectors.items() if name.startswith("ld")}
        assert sum(loads.values()) == sectors


def test_a_fresh_array_is_nan_until_written():
    memory = Memory()
    address = memory.fresh((3, 5), np.float32)
    assert np.isnan(memory.get(address, (3, 5), np.float32)).all()
    with pytest.raises(PtxError, match="not all inside one array"):
        memory.get(address, (3, 200), np.float32)


def test_arguments_are_counted():
    from numba import cuda

    def nothing(x):
        x[cuda.grid(1)] = 0

    x = np.zeros(32, np.float32)
    program = Program(compiled(nothing, signature(x)))
    with pytest.raises(PtxError, match="has 7 parameters, and 1 arguments came"):
        run(program, Memory(), 1, 32, [5])
