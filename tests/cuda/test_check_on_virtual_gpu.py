"""The checks of `python -m bench cuda --check` on the virtual GPU: tensor cores, one tile after another."""

import bench_folder  # noqa: F401  (so that the benchmarks are found)
import numpy as np
import pytest
from numba import types
from ptx.compiling import compiled
from virtual_gpu import virtual_gpu

from bench.gpu import compiling, tiles
from bench.gpu.clock import HostClock
from bench.gpu.convolution_checks import convolution
from bench.gpu.place import Place
from tinyconv.backends import cpu
from tinyconv.core.devices import Device
from tinyconv.utils.speed.shapes import ConvolutionShape

SHAPE = ConvolutionShape((1, 4, 3, 4), 12, (2, 2))


def nothing():
    """A kernel that does nothing."""


@pytest.fixture(autouse=True, scope="module")
def compiler():
    """Skips where kernels for GPUs cannot be compiled. What Numba imports late must be there before the mocks."""
    compiled(nothing, types.void())
    cpu.relu(np.ones(1))


@pytest.fixture
def driver():
    with virtual_gpu() as driver:
        yield driver


def test_every_tile_is_the_only_one_in_its_turn_and_passes(driver):
    place = Place(Device("cuda"), HostClock(), ("tf32",))
    (check,) = (each for each in convolution(SHAPE) if each.function == "conv2d" and "bias" not in each.title)
    names = [tile.name for tile in tiles.offered("conv2d", SHAPE, "tf32")]
    assert len(names) > 1
    seen = []
    for line in check.lines(place):
        assert line["passed"], line["says"]
        if line["algorithm"]:
            seen.append([name for name in names if any(name in each for each in driver.launched)])
        driver.launched.clear()
    assert seen == [[name] for name in names]


def test_kernels_are_compiled_and_loaded(driver, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYCONV_CACHE_DIR", str(tmp_path))
    found = [kernel.name for kernel in compiling.kernels((9, 0))]
    assert len(found) > 50
    wanted = [(next(name for name in found if "erf" in name), "float32")]
    (name,) = compiling.compile_share(([*wanted, ("none", "float32")], (9, 0)))
    assert name == " ".join(wanted[0])
    assert len(list((tmp_path / "ptx").iterdir())) == 1
    good, bad = compiling.loaded([*wanted, ("none", "float32")])
    assert good["passed"], good["says"]
    assert not bad["passed"]
    assert "KeyError" in bad["says"]
