"""The kernels as the compiler and the assembler leave them: nothing spilled, the instructions there."""

import json
from concurrent.futures import ThreadPoolExecutor

import bench_folder  # noqa: F401  (the benchmarks' folder can be imported after it)
import pytest
from click.testing import CliRunner
from tensor_core_cases import ptx_of

from bench.compiled_kernels import assemble, counted, find_ptxas
from bench.suites.cuda import command
from tinyconv.backends.cuda.kernels import all_kernels
from tinyconv.backends.cuda.tensor_cores.catalog import (
    CORRELATIONS,
    PRODUCTS,
    WARP_GROUP_TILE,
    WEIGHT_GRADIENTS,
    Arithmetic,
)
from tinyconv.backends.cuda.tensor_cores.passes import add_partial_sums
from tinyconv.backends.cuda.tensor_cores.products import PIECES

KERNELS = [
    pytest.param(kernel, tile, PRODUCTS.get(arithmetic, 0), choices is CORRELATIONS, id=kernel.name)
    for choices in (CORRELATIONS, WEIGHT_GRADIENTS)
    for (arithmetic, _), choice in choices.items()
    for tile, kernel in choice.kernels.items()
    if tile is not WARP_GROUP_TILE
]

MOST_REGISTERS = 65536
"""Of a processor, all threads of a block together."""


@pytest.mark.parametrize(("kernel", "tile", "products", "along"), KERNELS)
def test_the_instructions_of_a_tile_are_there(kernel, tile, products, along):
    ptx = ptx_of(kernel)
    found = counted(ptx)
    steps, results = tile.depth // 8, tile.warp_rows * tile.warp_columns
    assert ".local" not in ptx
    assert f".maxntid {tile.threads}" in ptx
    assert found["mma"] == products * steps * results // (16 * 8)
    parts = PIECES // 2 if along else 1  # of a tile's depth, in a loop
    assert found["fma"] == (0 if products else tile.depth * results // 32 // parts)
    assert found["ldmatrix"] == (steps * (tile.warp_rows + tile.warp_columns) // 16 if products and along else 0)
    assert found["cp.async"] > 1
    assert found["barrier"] == 1


def test_warp_groups_multiply_by_their_own_instructions():
    tile, kernel = WARP_GROUP_TILE, CORRELATIONS[Arithmetic.TF32, 4].kernels[WARP_GROUP_TILE]
    ptx = ptx_of(kernel)
    found = counted(ptx)
    assert ".local" not in ptx
    assert (found["wgmma"], found["mma"], found["ldmatrix"]) == (tile.depth // 8, 0, tile.depth // 8)
    ptxas = find_ptxas()
    if ptxas is None:
        pytest.skip("NVIDIA's assembler is not installed")
    assembled = assemble(ptxas, ptx, kernel.least)
    assert (assembled.spill_stores, assembled.spill_loads, assembled.stack) == (0, 0, 0)
    assert assembled.registers <= MOST_REGISTERS // (2 * tile.threads)  # two blocks share a processor


def every_kernel():
    kernels = sorted(all_kernels(), key=lambda kernel: kernel.name)
    return [
        pytest.param(kernel, working, id=kernel.entry(working))
        for kernel in kernels
        for working in kernel.working_types
    ]


@pytest.mark.parametrize(("kernel", "working"), every_kernel())
def test_nothing_is_spilled(kernel, working):
    """On the two generations of large GPUs with tensor cores for TF32."""
    ptx_of(add_partial_sums)  # skips where nothing compiles
    ptxas = find_ptxas()
    if ptxas is None:
        pytest.skip("NVIDIA's assembler is not installed")
    ptx = kernel.ptx(working, kernel.target((9, 0)))
    assert ".local" not in ptx
    targets = [kernel.least] if len(kernel.least) == 3 else [(8, 0), (9, 0)]
    with ThreadPoolExecutor(2) as executor:
        for assembled in executor.map(lambda target: assemble(ptxas, ptx, target), targets):
            assert (assembled.spill_stores, assembled.spill_loads, assembled.stack) == (0, 0, 0)
            assert assembled.registers * (kernel.threads or 256) <= MOST_REGISTERS


def test_the_table_lists_kernels_without_a_gpu(tmp_path):
    ptx_of(add_partial_sums)  # skips where nothing compiles
    result = CliRunner().invoke(command, ["--compile", "--only", "add_partial_sums", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "compiled_kernels.json").read_text())["rows"]
    assert [row["target"] for row in rows] == ["sm_80", "sm_90"]
    assert all(row["mma"] == 0 and not row["local"] for row in rows)
