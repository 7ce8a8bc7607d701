"""What the driver is handed at a launch, against the parameters that the compiled kernel has. Nothing is run."""

import struct
from unittest.mock import patch

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="kernels are compiled by numba-cuda, which is not installed")

import virtual_gpu
from on_device import on_device

from tinyconv.backends.cuda import parameters
from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.launch import SHARED_AT_MOST, launch
from tinyconv.backends.cuda.parameters import (
    Address,
    ByteMaps,
    Double,
    Float,
    Floats,
    Int,
    Long,
    Maps,
    Parameter,
)
from tinyconv.core.errors import DeviceError

KINDS = {name: value for name, value in vars(parameters).items() if isinstance(value, Parameter)}


@pytest.fixture
def launches():
    """(driver, what each launch was given: grid, block, the bytes of every parameter, shared memory)."""
    given = []

    def note(program, memory, grid, block, arguments, shared):
        given.append((grid, block, arguments, shared))

    with patch.object(virtual_gpu, "run", note), virtual_gpu.virtual_gpu() as driver:
        yield driver, given


def mixed(count: Int, x: Maps, scale: Float, end: Long, y: Floats, exact: Double, mask: ByteMaps, at: Address):
    """Parameters of 4 and 8 bytes by turns."""


def numbers(letters, parts):
    """The numbers of ``parts``, which are bytes."""
    assert len(letters) == len(parts)
    return [struct.unpack(letter, part)[0] for letter, part in zip(letters, parts, strict=True)]


@pytest.mark.parametrize(("dtype", "letter"), [(np.float32, "f"), (np.float64, "d")])
def test_every_argument_arrives_where_the_kernel_reads_it(launches, dtype, letter):
    driver, given = launches
    x, y = on_device(np.arange(120.0, dtype=dtype).reshape(2, 3, 4, 5)), on_device(np.zeros(7, dtype))
    mask = on_device(np.ones((1, 2, 3, 4), np.uint8))
    maps, bytes_of_maps = x.transpose(0, 2, 3, 1), mask.transpose(0, 2, 3, 1)
    launch(Kernel(mixed, "mixed"), (5, 6), 32, -3, maps, 0.5, 2**40, y, 0.1, bytes_of_maps, 2**63 + 1)
    ((grid, block, parts, shared),) = given
    assert (grid, block, shared) == ((5, 6, 1), (32, 1, 1), 0)
    (name,) = driver.launched
    assert name == ("mixed_float32" if letter == "f" else "mixed_float64")
    size = np.dtype(dtype).itemsize
    expected = [
        -3,
        *(0, 0, 120, size, maps.data.ptr, 2, 4, 5, 3, 60 * size, 15 * size, 3 * size, size),
        0.5,
        2**40,
        *(0, 0, 7, size, y.data.ptr, 7, size),
        0.1,
        *(0, 0, 24, 1, bytes_of_maps.data.ptr, 1, 3, 4, 2, 24, 8, 2, 1),
        2**63 + 1,
    ]
    letters = "i" + "QQqqQqqqqqqqq" + letter + "q" + "QQqqQqq" + "d" + "QQqqQqqqqqqqq" + "Q"
    assert numbers(letters, parts) == expected


@pytest.mark.parametrize("working", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_parameter_of_every_kind_is_as_large_and_as_aligned_as_the_compiler_has_it(kind, working):
    from ptx import Program

    def between(first, value, last):
        pass

    between.__annotations__ = {"first": Int, "value": KINDS[kind], "last": Int}
    made = Kernel(between, f"between_{kind}")
    layout = made.parameters[1].layout(working)
    letters = f"i{layout}i"
    offsets, at = [], 0
    for parameter in Program(made.compiled(working, (8, 0))).parameters:
        at += -at % parameter.align
        offsets.append(at)
        at += parameter.dtype.itemsize
    ours = [struct.calcsize("@" + letters[: i + 1]) - struct.calcsize(letters[i]) for i in range(len(letters))]
    assert offsets == ours
    assert at == struct.calcsize("@" + letters)


def test_much_shared_memory_is_asked_for_once(launches):
    driver, given = launches
    wanted = Kernel(mixed, "mixed")
    arguments = (0, *on_device([np.zeros((1, 1, 1, 1), np.float32)]), 0.0, 0)
    arguments += (*on_device([np.zeros(1, np.float32)]), 0.0, *on_device([np.zeros((1, 1, 1, 1), np.uint8)]), 0)
    with patch.object(driver, "funcSetAttribute", wraps=driver.funcSetAttribute) as ask:
        for shared in (SHARED_AT_MOST, 64 * 1024, 64 * 1024, 96 * 1024, 50 * 1024):
            launch(wanted, 1, 1, *arguments, shared=shared)
    assert [call.args[2] for call in ask.call_args_list] == [64 * 1024, 96 * 1024]
    assert [shared for *_, shared in given] == [48 * 1024, 64 * 1024, 64 * 1024, 96 * 1024, 50 * 1024]


@pytest.mark.parametrize("grid", [0, (0, 4), (3, 0, 1)])
def test_a_grid_without_blocks_reaches_no_driver(launches, grid):
    launch(Kernel(mixed, "mixed"), grid, 32)
    assert launches == (launches[0], [])
    assert launches[0].launched == []


def test_a_wrong_number_of_arguments_is_not_packed(launches):
    with pytest.raises(TypeError):
        launch(Kernel(mixed, "mixed"), 1, 1, 0, on_device(np.zeros((1, 1, 1, 1), np.float32)))
    assert launches[1] == []


def test_a_kernel_that_the_driver_refuses_names_the_way_out(launches):
    driver, _ = launches

    def refuse(self, code):
        raise driver.CUDADriverError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION")

    with (
        patch.object(virtual_gpu.Module, "load", refuse),
        pytest.raises(DeviceError, match=r"mixed.*UNSUPPORTED_PTX_VERSION.*update the driver.*nvidia-nvvm"),
    ):
        launch(Kernel(mixed, "mixed"), 1, 1, 0, on_device(np.zeros((1, 1, 1, 1), np.float32)))
