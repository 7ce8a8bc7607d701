"""Register tiles of other processors, and the launching of kernels on threads."""

import contextlib
import functools
import inspect
import os
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from tinyconv.backends import backend, cpu, reference
from tinyconv.backends.cpu import parallel
from tinyconv.backends.cpu.host import Host, Shape, host
from tinyconv.core.devices import CPU
from tinyconv.core.errors import ArgumentError

CONVOLVE = """
import numpy as np
from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu.host import host
from tinyconv.core.algorithms import set_convolution_algorithm

random = np.random.default_rng(0)
for channels, outputs in ((3, 5), (5, 21), (50, 40)):
    arrays = (random.standard_normal(shape).astype(np.float32) for shape in
              ((1, channels, 5, 6), (outputs, channels, 3, 2), (1, outputs, 3, 5)))
    x, weight, dy = arrays
    parameters = ((2, 1), (1, 0), (1, 1), 1)
    for backend in (cpu, reference):
        results = (
            backend.conv2d(x, weight, None, *parameters),
            backend.conv2d_input_gradient(dy, weight, (5, 6), *parameters),
            backend.conv2d_weight_gradient(x, dy, (3, 2), *parameters),
        )
        if backend is cpu:
            ours = results
    for one, other in zip(ours, results):
        np.testing.assert_allclose(one, other, atol=1e-4)

with set_convolution_algorithm("winograd"):  # (groups, channels, outputs): winograd where it can, else depthwise
    for groups, channels, outputs in ((1, 20, 70), (1, 70, 20), (21, 1, 1)):
        arrays = (random.standard_normal(shape).astype(np.float32) for shape in
                  ((1, groups * channels, 5, 11), (groups * outputs, channels, 3, 3), (1, groups * outputs, 5, 11)))
        x, weight, dy = arrays
        parameters = ((1, 1), (1, 1), (1, 1), groups)
        np.testing.assert_allclose(
            cpu.conv2d(x, weight, None, *parameters), reference.conv2d(x, weight, None, *parameters), atol=1e-3
        )
        dx, dweight = (cpu.conv2d_input_gradient(dy, weight, (5, 11), *parameters),
                       cpu.conv2d_weight_gradient(x, dy, (3, 3), *parameters))
        doubles = x.astype(np.float64), weight.astype(np.float64), dy.astype(np.float64)
        y = cpu.conv2d(doubles[0], doubles[1], None, *parameters)  # adjoint to both gradients
        size = np.linalg.norm(y) * np.linalg.norm(dy)
        assert abs(np.vdot(y, doubles[2]) - np.vdot(doubles[0], dx)) <= 1e-5 * size
        assert abs(np.vdot(y, doubles[2]) - np.vdot(doubles[1], dweight)) <= 1e-5 * size
print(host().vector_bytes, *host().wide)
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma"}, "32 6 2"),
        ({"NUMBA_CPU_NAME": "generic"}, "16 6 2"),
    ],
    ids=["AVX2", "generic"],
)
@pytest.mark.skipif(Host(64, 32) != host() and Host(32, 16) != host(), reason="needs an x86 processor with AVX2")
def test_convolution_is_right_on_the_tile_of_another_processor(environment, expected, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CONVOLVE],
        env={**os.environ, **environment, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected


def test_every_tile_fits_its_registers():
    """Sums, one row of weights and one broadcast number; at least 8 sums hide the latency of a multiply-add."""
    for processor in (Host(64, 32), Host(32, 16), Host(16, 32), Host(16, 16)):
        for tile in (processor.wide, processor.middle, processor.narrow):
            assert 8 <= tile.rows * tile.vectors <= processor.vector_registers - tile.vectors - 1


def test_few_columns_take_the_narrow_tile():
    processor = Host(64, 32)
    assert processor.tile(16, np.dtype(np.float32)) == processor.narrow
    assert processor.tile(17, np.dtype(np.float32)) == processor.middle
    assert processor.tile(9, np.dtype(np.float64)) == processor.middle
    assert processor.tile(64, np.dtype(np.float32)) == processor.wide


def test_a_tile_is_chosen_that_rows_and_columns_fill():
    processor = Host(64, 32)
    assert processor.tile(96, np.dtype(np.float32)) == processor.middle
    assert processor.tile(32, np.dtype(np.float32), rows=6) == processor.wide
    assert isinstance(processor.wide, Shape)


def test_the_thread_count_has_limits_and_an_error_that_names_them():
    for count in (0, parallel.max_threads() + 1):
        with pytest.raises(ArgumentError, match=f"set_num_threads\\({count}\\).*1 and {parallel.max_threads()}"):
            parallel.set_num_threads(count)


def test_the_thread_count_holds_in_every_python_thread(threads):
    threads(1)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(parallel.get_num_threads()))
    thread.start()
    thread.join()
    assert seen == [1]


def test_python_threads_may_launch_kernels_at_once():
    a = np.random.default_rng(0).standard_normal((40, 40)).astype(np.float32)
    expected, right = cpu.matmul(a, a), []

    def multiply():
        right.extend(np.array_equal(cpu.matmul(a, a), expected) for _ in range(20))

    workers = [threading.Thread(target=multiply) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert right == [True] * 80


@pytest.mark.parametrize("wanted", [False, True])
def test_two_first_launches_start_the_threads_once_and_put_the_environment_back(monkeypatch, wanted):
    monkeypatch.setattr(parallel, "_are_processors_wanted", lambda: wanted)
    both, starts, layers = threading.Barrier(2), [], []

    def starting():
        starts.append(os.environ[parallel.SPIN_COUNT])
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)  # the time in which a second caller would come in
        return "omp"

    monkeypatch.setattr(parallel, "numba", SimpleNamespace(set_num_threads=int, threading_layer=starting))
    monkeypatch.setattr(parallel, "_started_layer", functools.cache(parallel._started_layer.__wrapped__))
    for name in (parallel.SPIN_COUNT, "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    callers = [threading.Thread(target=lambda: layers.append(parallel.threading_layer())) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (starts, layers) == ([parallel.SHORT_SPIN if wanted else parallel.LONG_SPIN], ["omp", "omp"])
    assert parallel.SPIN_COUNT not in os.environ


@pytest.mark.parametrize(
    ("text", "wanted"), [("0.1 0.2 0.3 1/99 7", False), ("0.1 0.2 0.3 900/999 7", True), ("", True), (None, True)]
)
def test_the_processors_are_wanted_where_others_run_on_all_of_them_or_nobody_can_tell(
    tmp_path, monkeypatch, text, wanted
):
    monkeypatch.setattr(parallel, "RUNNING_NOW", tmp_path / "loadavg")
    if text is not None:
        parallel.RUNNING_NOW.write_text(text)
    assert parallel._are_processors_wanted() is wanted


def test_starting_the_threads_survives_that_someone_else_cleans_the_environment(monkeypatch):
    def starting():
        del os.environ[parallel.SPIN_COUNT]
        return "omp"

    monkeypatch.setattr(parallel, "numba", SimpleNamespace(set_num_threads=int, threading_layer=starting))
    for name in (parallel.SPIN_COUNT, "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    assert parallel._started_layer.__wrapped__() == "omp"


def test_launches_wait_for_each_other_where_the_layer_needs_it():
    """The workqueue layer aborts the process at concurrent launches: the whole process must survive them."""
    code = """
        import threading
        import numpy as np
        from tinyconv.backends import cpu
        from tinyconv.backends.cpu import parallel
        x = np.ones((4, 16, 8, 8), np.float32)
        cpu.channel_sum(x)
        workers = [threading.Thread(target=lambda: [cpu.channel_sum(x) for _ in range(200)]) for _ in range(4)]
        [worker.start() for worker in workers]
        [worker.join() for worker in workers]
        print(parallel.threading_layer())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "NUMBA_THREADING_LAYER": "workqueue"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "workqueue"), done.stderr


def test_the_backend_of_a_device_is_its_module_and_both_have_the_same_functions():
    assert backend(CPU) is cpu
    assert set(cpu.__all__) == set(reference.__all__)
    for name in cpu.__all__:
        ours, theirs = getattr(cpu, name), getattr(reference, name)
        assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters), name


def test_naming_the_floor_does_not_load_the_compiler():
    code = "import sys, tinyconv.backends; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
