"""Memory that is used again: never while anybody can see it, in blocks cut and joined, and never much of it."""

import gc
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

import tinyconv as tc
from tinyconv.core import layout, pool
from tinyconv.core.pool import SLACK, SMALLEST, Pool

MB = 1 << 20
ELEMENTS = SMALLEST  # of float32: well above the smallest size


@pytest.fixture(autouse=True)
def without_the_garbage_collector():
    gc.collect()
    pool.empty_cache()
    gc.disable()
    yield
    gc.enable()


def array_of(memory: Pool, size: int) -> np.ndarray:
    return memory.array((size,), np.dtype(np.uint8), size)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def scribble(count: int = 20) -> None:
    """Write into new arrays of the size that the tests' arrays have: whatever waits is overwritten."""
    for _ in range(2):
        held = [layout.full((ELEMENTS,), -1, np.float32) for _ in range(count)]
        del held


# --- used again -----------------------------------------------------------------------------------------------------


def test_the_memory_of_an_array_that_is_gone_is_that_of_the_next():
    memory = Pool()
    first, second = array_of(memory, MB), array_of(memory, MB)
    places = address(first), address(second)
    assert abs(places[0] - places[1]) >= MB
    gc.collect()  # which finds no loan
    del first
    again = array_of(memory, MB)
    assert address(again) == places[0]
    assert memory.statistics() == (2 * MB, 0, 2 * MB)


def test_the_block_returned_last_is_taken_first():
    memory = Pool()
    arrays = [array_of(memory, MB) for _ in range(3)]
    places = [address(array) for array in arrays]
    for position in (1, 0, 2):
        arrays[position] = None
    again = [array_of(memory, MB) for _ in range(3)]
    assert [address(array) for array in again] == [places[2], places[0], places[1]]


def test_large_arrays_are_pooled_begin_at_a_line_and_have_the_engines_layout():
    array = layout.empty((4, 8, 32, 64), np.float32)
    assert layout.is_engine_order(array)
    assert pool.statistics().in_use >= array.nbytes
    assert address(array) % 64 == 0
    before = pool.statistics().in_use
    small = layout.empty((4, 8, 4, 4), np.float32)
    assert pool.statistics().in_use == before
    assert layout.zeros((4, 8, 32, 64), np.float32).max() == 0 == layout.zeros(small.shape, np.int64).max()


def test_a_failed_request_takes_nothing():
    memory = Pool()
    with pytest.raises(ValueError, match="negative"):
        memory.array((-1, -MB), np.dtype(np.uint8), MB)
    assert memory.statistics().in_use == 0
    with pytest.raises((MemoryError, ValueError)):
        layout.empty((1 << 46,), np.float64)
    with pytest.raises((MemoryError, ValueError)):
        layout.empty((1 << 62, 2), np.float64)


# --- never under whoever holds it -----------------------------------------------------------------------------------


class Foreign:
    """Reads an array through its description, as another library does."""

    def __init__(self, array: np.ndarray) -> None:
        self.owner = array
        self.__array_interface__ = array.__array_interface__


HOLDERS = {
    "the array": lambda array: array,
    "a view": lambda array: array.reshape(2, -1).T,
    "a view of a view": lambda array: array.reshape(4, -1)[1:][::2][:, 3:],
    "another type": lambda array: array.view(np.int32).view(np.float32),
    "a broadcast": lambda array: np.broadcast_to(array[None], (3, array.size)),
    "strides": lambda array: np.lib.stride_tricks.as_strided(array, (5, 7), (8, 4)),
    "an iterator": lambda array: np.nditer(array).operands[0],
    "a memoryview": lambda array: memoryview(array)[5:],
    "a buffer": lambda array: np.frombuffer(array, np.float32, offset=16),
    "dlpack": lambda array: np.from_dlpack(array),
    "an interface": lambda array: np.asarray(Foreign(array)),
    "a tensor": lambda array: tc.from_numpy(array),
    "a tensor's array": lambda array: tc.from_numpy(array).view(2, -1)[1].numpy(),
    "a detached view": lambda array: tc.from_numpy(array)[10:].requires_grad_().detach(),
    "a subclass": lambda array: array.view(np.matrix),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_what_somebody_holds_is_not_overwritten(holder):
    array = layout.empty((ELEMENTS,), np.float32)
    array[:] = np.arange(ELEMENTS)
    held = HOLDERS[holder](array)
    before = np.array(held)
    del array
    scribble()
    np.testing.assert_array_equal(np.array(held), before)
    in_use = pool.statistics().in_use
    del held
    assert pool.statistics().in_use < in_use, "and afterwards it is free"


def test_torch_holds_what_it_was_given():
    torch = pytest.importorskip("torch")
    ours = layout.full((ELEMENTS,), 7, np.float32)
    shared, through_dlpack = torch.from_numpy(ours)[3:], torch.from_dlpack(ours)[::2]
    del ours
    scribble()
    assert (shared == 7).all()
    assert (through_dlpack == 7).all()


def test_a_result_given_to_a_user_and_a_saved_file_stay_as_they_are(tmp_path):
    x = tc.randn(8, 16, 32, 32)
    kept = (x * 2).relu().numpy()
    before = kept.copy()
    saved = save({"maps": np.ascontiguousarray((x * 3).numpy())})
    expected = (x * 3).numpy().copy()
    for _ in range(3):
        (x * -1).abs()
    scribble()
    np.testing.assert_array_equal(kept, before)
    np.testing.assert_array_equal(load(saved)["maps"], expected)


@settings(max_examples=60)
@given(
    program=st.lists(
        st.tuples(st.sampled_from(["make", "make", "view", "drop"]), st.integers(0, 2**32), st.integers(0, 7)),
        max_size=60,
    )
)
def test_programs_that_make_view_and_drop_arrays_never_see_a_foreign_byte(program):
    """Arrays, and views of them, each filled with its own number; blocks are cut, joined and let go on the way."""
    memory = Pool()
    held: list[tuple[np.ndarray, int]] = []
    for number, (action, draw, magnitude) in enumerate(program):
        if action == "make":
            size = SMALLEST + draw % (SMALLEST << magnitude)
            array = array_of(memory, size)
            array[:] = number % 251
            held.append((array, number % 251))
        elif held and action == "view":
            array, filled = held[draw % len(held)]
            held.append((array[draw % array.size :][::3], filled))
        elif held:
            del held[draw % len(held)]
            array = None
        assert all((array == filled).all() for array, filled in held)
    array = None
    held.clear()
    found = memory.statistics()
    assert found.in_use == 0
    assert found.waiting <= found.peak + SLACK


# --- never much of it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALLEST, SMALLEST + 1, 100_000, 1_000_000, 3_333_333, 50_000_001])
def test_a_block_is_at_most_an_eighth_larger_than_its_array(size):
    memory = Pool()
    array = array_of(memory, size)
    assert array.nbytes == size <= memory.statistics().in_use <= size * 9 / 8


def test_no_more_waits_than_was_in_use_and_a_little():
    memory = Pool()
    for size in range(2 * MB, 60 * MB, MB):
        array = array_of(memory, size)
        del array
    found = memory.statistics()
    assert found.in_use == 0
    assert found.waiting <= found.peak + SLACK


def test_blocks_are_cut_for_smaller_arrays_and_joined_for_larger_ones():
    memory = Pool()
    large = [array_of(memory, 64 * MB) for _ in range(2)]
    places = {address(array) for array in large}
    del large
    small = [array_of(memory, 8 * MB) for _ in range(16)]
    assert sum(any(place <= address(array) < place + 64 * MB for place in places) for array in small) >= 14
    del small
    again = [array_of(memory, 64 * MB) for _ in range(2)]
    assert {address(array) for array in again} == places
    assert memory.statistics().waiting <= SLACK


def test_the_cache_is_emptied_on_request():
    array = layout.empty((MB,), np.float32)
    other = layout.empty((MB,), np.float32)
    del array
    assert pool.statistics().waiting >= 4 * MB
    in_use = pool.statistics().in_use
    tc.empty_cache()
    assert pool.statistics() == (in_use, 0, in_use)
    assert other.size == MB


def test_where_memory_is_short_what_waits_is_given_back_first(monkeypatch):
    memory = Pool()
    array = array_of(memory, MB)
    del array
    attempts = []
    segment = pool._segment

    def scarce(size):
        attempts.append(memory.statistics().waiting)
        if memory.statistics().waiting:
            raise MemoryError
        return segment(size)

    monkeypatch.setattr(pool, "_segment", scarce)
    assert array_of(memory, 2 * MB).size == 2 * MB
    assert attempts == [MB, 0]


def test_a_training_step_finds_all_its_memory(monkeypatch):
    model = tc.nn.Sequential(
        tc.nn.Conv2d(3, 16, 3, padding=1), tc.nn.BatchNorm2d(16), tc.nn.ReLU(), tc.nn.MaxPool2d(2), tc.nn.Flatten(),
        tc.nn.Linear(16 * 16 * 16, 10),
    )  # fmt: skip
    optimizer = tc.optim.AdamW(model.parameters())
    images, labels = tc.randn(32, 3, 32, 32), tc.randint(0, 10, (32,))

    def step():
        optimizer.zero_grad()
        tc.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    for _ in range(3):
        step()
    monkeypatch.setattr(pool, "_segment", lambda size: pytest.fail(f"{size} bytes from the system"))
    before = pool.statistics()
    for _ in range(3):
        step()
        assert pool.statistics() == before


# --- threads, processes, the end ------------------------------------------------------------------------------------


def test_many_threads_at_once():
    memory, wrong = Pool(), []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        draw, held = np.random.default_rng(number), []
        start.wait()
        for _ in range(400):
            array = array_of(memory, int(draw.integers(SMALLEST, 8 * SMALLEST)))
            array[:] = number
            held.append(array)
            if len(held) > 5:
                gone = held.pop(int(draw.integers(len(held))))
                if (gone != number).any():
                    wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    assert memory.statistics().in_use == 0


def test_an_array_may_die_while_its_thread_is_inside_the_pool():
    memory = Pool()
    array = array_of(memory, MB)
    with memory._lock:
        del array
        assert memory._returned
    assert memory.statistics() == (0, MB, MB)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_its_own():
    finished = run("""
import os, threading
import numpy as np
from tinyconv.core import pool
kept = pool.empty((100_000,), np.float32); kept[:] = 3
inside, over = threading.Event(), threading.Event()
def hold():
    with pool._pool._lock:
        inside.set(); over.wait()
thread = threading.Thread(target=hold); thread.start(); inside.wait()
child = os.fork()
if child == 0:
    other = pool.empty((100_000,), np.float32); other[:] = 5
    os._exit(0 if (kept == 3).all() and pool.statistics().in_use == 2 * 425984 else 1)
over.set(); thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert (kept == 3).all()
""")
    assert finished.returncode == 0, finished.stderr


def test_arrays_may_outlive_everything_at_the_end_of_a_process():
    finished = run("""
import atexit, builtins, os, sys
import numpy as np
from tinyconv.core import pool
class Last:
    def __init__(self): self.arrays = [pool.empty((100_000,), np.float32) for _ in range(5)]
    def __del__(self, write=os.write):
        for array in self.arrays: array[:] = 1
        write(1, b"%d " % sum([array.item(-1) for array in self.arrays]))
sys.last = Last()
builtins.last = Last()
cycle = [Last()]; cycle.append(cycle)
atexit.register(lambda: pool.empty((100_000,), np.float32).fill(0))
""")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert set(finished.stdout.split()) == {"5"}
