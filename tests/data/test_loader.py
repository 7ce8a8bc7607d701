import gc
import inspect
import itertools
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, ShapeError, UnsupportedError
from tinyconv.utils import data as public
from tinyconv.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)


class Noisy(Dataset):
    """Samples that draw from tinyconv's random numbers."""

    def __getitem__(self, index):
        return tc.tensor([float(index)]) + tc.rand(2)

    def __len__(self):
        return 23


class Fails(Dataset):
    def __init__(self, bad, error):
        self.bad, self.error = bad, error

    def __getitem__(self, index):
        if index == self.bad:
            raise self.error
        return index

    def __len__(self):
        return 40


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("DataLoader worker")]


def passes(loader, count=2):
    return [[np.asarray(batch.numpy()).tolist() for batch in loader] for _ in range(count)]


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind():
    yield
    gc.collect()
    for thread in workers():
        thread.join(5)
    assert not workers()


def numbers(count=10):
    return TensorDataset(tc.arange(count))


def test_batches_come_in_order_and_the_last_may_be_short():
    batches = [batch.numpy().tolist() for (batch,) in DataLoader(numbers(), batch_size=4)]
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@given(st.integers(1, 30), st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 3))
def test_every_sample_comes_once_and_the_length_is_true(count, batch_size, shuffle, drop_last, num_workers):
    loader = DataLoader(list(range(count)), batch_size, shuffle, drop_last=drop_last, num_workers=num_workers)
    batches = [batch.numpy() for batch in loader]
    assert len(batches) == len(loader)
    seen = np.concatenate([*batches, []]).tolist()
    assert len(set(seen)) == len(seen) == (count // batch_size * batch_size if drop_last else count)


@pytest.mark.parametrize("num_workers", [1, 3])
@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}, {"prefetch_factor": 5}])
def test_any_number_of_workers_gives_the_same_batches_to_the_last_bit(num_workers, options):
    def run(**how):
        tc.manual_seed(11)
        return passes(DataLoader(Noisy(), batch_size=4, shuffle=True, **how)), tc.rand(1).item()

    assert run(num_workers=num_workers, **options) == run(num_workers=0)


def test_each_pass_has_an_order_and_random_numbers_of_its_own():
    tc.manual_seed(0)
    first, second = passes(DataLoader(Noisy(), batch_size=23))
    assert first != second
    first, second = passes(DataLoader(numbers(50).tensors[0], batch_size=50, shuffle=True))
    assert first != second


def test_batches_of_one_pass_do_not_repeat_each_others_random_numbers():
    tc.manual_seed(0)
    noise = [batch.numpy() - np.floor(batch.numpy()) for batch in DataLoader(Noisy(), batch_size=4, drop_last=True)]
    assert np.unique(noise).size == 5 * 4 * 2


@pytest.mark.parametrize("num_workers", [0, 2])
def test_the_order_is_drawn_when_a_pass_begins_and_not_when_its_first_batch_is_asked_for(num_workers):
    def order(draws):
        tc.manual_seed(0)
        batches = iter(DataLoader(list(range(50)), 5, shuffle=True, num_workers=num_workers))
        for _ in range(draws):
            tc.rand(1)
        return [batch.numpy().tolist() for batch in batches]

    assert order(draws=3) == order(draws=0)


def test_a_seeded_generator_repeats_and_leaves_the_default_one_alone():
    tc.manual_seed(1)
    untouched = tc.rand(3).numpy()
    tc.manual_seed(1)
    one = passes(DataLoader(Noisy(), 4, True, generator=tc.Generator(5)))
    np.testing.assert_array_equal(tc.rand(3).numpy(), untouched)
    tc.manual_seed(2)
    assert passes(DataLoader(Noisy(), 4, True, generator=tc.Generator(5))) == one


def test_work_is_done_in_the_workers_and_they_know_themselves():
    class Where(Dataset):
        def __getitem__(self, index):
            info = get_worker_info()
            assert info.dataset is self
            return info.id, info.num_workers

        def __len__(self):
            return 8

    ids, counts = next(iter(DataLoader(Where(), batch_size=8, num_workers=2)))
    assert set(ids.numpy().tolist()) <= {0, 1}
    assert set(counts.numpy().tolist()) == {2}
    assert get_worker_info() is None


def test_two_workers_work_at_the_same_time():
    meeting = threading.Barrier(2, timeout=10)

    class Meets(Dataset):
        def __getitem__(self, index):
            meeting.wait()  # would break if one thread did all the work
            return index

        def __len__(self):
            return 4

    assert len(list(DataLoader(Meets(), num_workers=2))) == 4


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("error", [ValueError("bad sample"), KeyError("gone"), IndexError("out"), TimeoutError("slow")])
def test_an_exception_of_the_dataset_keeps_its_type_and_message(num_workers, error):
    loader = DataLoader(Fails(7, error), batch_size=2, num_workers=num_workers)
    seen = []
    with pytest.raises(type(error), match=str(error).strip("'")) as caught:
        seen.extend(number for batch in loader for number in batch.numpy().tolist())
    assert caught.value is error
    assert seen == [0, 1, 2, 3, 4, 5]
    if num_workers:
        assert any("DataLoader worker" in note for note in error.__notes__)


def test_an_error_in_collating_surfaces_from_a_worker():
    with pytest.raises(ShapeError, match="different shapes"):
        list(DataLoader([tc.zeros(2), tc.zeros(3)], batch_size=2, num_workers=1))


@pytest.mark.parametrize("persistent", [False, True])
def test_leaving_the_loop_early_leaves_no_thread(persistent):
    loader = DataLoader(list(range(1000)), batch_size=2, num_workers=3, persistent_workers=persistent)
    for batch in loader:
        assert batch.numpy().tolist() == [0, 1]
        break
    if persistent:
        assert len(workers()) == 3
        assert [batch.numpy().tolist() for batch in loader][-1] == [998, 999]
        del loader  # the fixture sees the threads end with it
    else:
        assert not workers()


def test_persistent_workers_are_the_same_threads_in_every_pass():
    idents = set()

    class Ident(Dataset):
        def __getitem__(self, index):
            idents.add(threading.get_ident())
            return index

        def __len__(self):
            return 6

    loader = DataLoader(Ident(), num_workers=1, persistent_workers=True)
    passes(loader, 3)
    assert len(idents) == 1


def test_a_sample_that_never_comes_is_a_timeout():
    release = threading.Event()

    class Hangs(Dataset):
        def __getitem__(self, index):
            release.wait(30)
            return index

        def __len__(self):
            return 4

    with pytest.raises(RuntimeError, match=r"no batch within 0\.05 s"):
        list(DataLoader(Hangs(), num_workers=1, timeout=0.05))
    release.set()


def test_worker_init_fn_runs_once_in_each_worker_and_its_error_surfaces():
    seen = []
    list(DataLoader(list(range(9)), num_workers=3, worker_init_fn=seen.append))
    assert sorted(seen) == [0, 1, 2]

    def fails(worker):
        raise OSError("no licence")

    with pytest.raises(OSError, match="no licence"):
        list(DataLoader(list(range(9)), num_workers=2, worker_init_fn=fails))


def test_not_more_than_the_prefetched_batches_are_prepared_ahead():
    prepared = []

    class Counts(Dataset):
        def __getitem__(self, index):
            prepared.append(index)
            return index

        def __len__(self):
            return 100

    batches = iter(DataLoader(Counts(), num_workers=2, prefetch_factor=3))
    next(batches)
    del batches  # waits for what is under way
    assert len(prepared) <= 7, "three for each of two workers, beside the one in hand"


def test_without_batching_single_samples_or_ready_batches_are_handed_on():
    rows = np.arange(12.0).reshape(6, 2)
    assert [row.shape for row in DataLoader(rows, batch_size=None)] == [(2,)] * 6
    sampler = BatchSampler(SequentialSampler(rows), 4, drop_last=False)
    assert [batch.shape for batch in DataLoader(rows, sampler=sampler, batch_size=None)] == [(4, 2), (2, 2)]


def test_a_batch_sampler_chooses_whole_batches():
    loader = DataLoader(numbers(), batch_sampler=[[9, 0], [3]])
    assert [batch.numpy().tolist() for (batch,) in loader] == [[9, 0], [3]]
    assert len(loader) == 2


def test_a_collate_fn_replaces_the_stacking_and_getitems_fetches_whole_batches():
    class Whole:
        def __getitem__(self, index):
            raise AssertionError("one by one")

        def __getitems__(self, indices):
            return [index * 10 for index in indices]

        def __len__(self):
            return 5

    assert list(DataLoader(Whole(), batch_size=3, collate_fn=tuple)) == [(0, 10, 20), (30, 40)]


def test_an_empty_dataset_gives_no_batches():
    loader = DataLoader([], batch_size=3, shuffle=True, num_workers=1)
    assert list(loader) == []
    assert len(loader) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"num_workers": -1},
        {"timeout": -1, "num_workers": 1},
        {"timeout": 1},
        {"prefetch_factor": 2},
        {"prefetch_factor": 0, "num_workers": 1},
        {"persistent_workers": True},
        {"sampler": [1], "shuffle": True},
        {"batch_sampler": [[1]], "batch_size": 2},
        {"batch_sampler": [[1]], "drop_last": True},
        {"batch_size": None, "drop_last": True},
    ],
)
def test_contradictory_arguments_are_refused(options):
    with pytest.raises(ArgumentError):
        DataLoader(list(range(3)), **options)


@pytest.mark.parametrize(
    "options", [{"multiprocessing_context": "spawn"}, {"pin_memory_device": "cuda"}, {"in_order": False}]
)
def test_what_is_not_offered_is_refused_and_not_ignored(options):
    with pytest.raises(UnsupportedError, match="not offered"):
        DataLoader(list(range(3)), **options)


def test_iterable_datasets_are_refused_with_the_way_out():
    with pytest.raises(ArgumentError, match="or derive it from IterableDataset"):
        DataLoader(iter([1, 2]))


class Stream(IterableDataset):
    """0, 1, 2, ..., of which each worker takes its part; with noise from tinyconv's random numbers if asked for."""

    def __init__(self, count, shared=True, noisy=False):
        self.count, self.shared, self.noisy = count, shared, noisy
        self.start = 0

    def __iter__(self):
        worker = get_worker_info() if self.shared else None
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(self.start + first, self.count, stride):
            yield number + (tc.rand(1).item() / 2 if self.noisy else 0)

    def __len__(self):
        return self.count


def test_an_iterable_dataset_is_gone_through_in_its_own_order():
    loader = DataLoader(Stream(7), batch_size=3)
    assert [batch.tolist() for batch in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert len(loader) == 3
    assert [batch.tolist() for batch in DataLoader(Stream(7), batch_size=3, drop_last=True)] == [[0, 1, 2], [3, 4, 5]]
    assert len(DataLoader(Stream(7), batch_size=3, drop_last=True)) == 2
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Stream(3), batch_size=None)) == 3


@pytest.mark.parametrize("options", [{}, {"persistent_workers": True}, {"prefetch_factor": 1}])
def test_workers_share_an_iterable_dataset_and_their_batches_come_in_turn(options):
    loader = DataLoader(Stream(7), batch_size=2, num_workers=2, **options)
    expected = [[0, 2], [1, 3], [4, 6], [5]]
    assert passes(loader) == [expected, expected]
    unshared = DataLoader(Stream(3, shared=False), batch_size=2, num_workers=2, **options)
    assert passes(unshared, 1) == [[[0, 1], [0, 1], [2], [2]]]


def test_a_stream_that_ends_sooner_is_passed_over():
    class Uneven(IterableDataset):
        def __iter__(self):
            return iter([[0], [10, 11, 12]][get_worker_info().id])

    assert [batch.item() for batch in DataLoader(Uneven(), num_workers=2)] == [0, 10, 11, 12]


def test_worker_init_fn_may_give_each_worker_its_part_of_an_iterable_dataset():
    def take_half(worker):
        info = get_worker_info()
        info.dataset.start = 5 * worker
        info.dataset.count = 5 * (worker + 1)

    data = Stream(10, shared=False)
    batches = [b.tolist() for b in DataLoader(data, batch_size=5, num_workers=2, worker_init_fn=take_half)]
    assert batches == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert (data.start, data.count) == (0, 10)


def test_a_streams_random_numbers_are_each_workers_own_and_repeat():
    def run():
        tc.manual_seed(3)
        return passes(DataLoader(Stream(6, noisy=True), batch_size=2, num_workers=2))

    first, second = run()
    assert [first, second] == run()
    assert first != second
    noise = [number - int(number) for batch in first for number in batch]
    assert len(set(noise)) == 6


def test_an_error_in_a_stream_surfaces_and_leaves_no_thread():
    class Breaks(IterableDataset):
        def __iter__(self):
            yield 1
            raise OSError("the disk is gone")

    batches = iter(DataLoader(Breaks(), num_workers=2))
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches)
    assert not workers()


def test_leaving_a_stream_early_leaves_no_thread():
    class Endless(IterableDataset):
        def __iter__(self):
            return itertools.count()

    for batch in DataLoader(Endless(), batch_size=2, num_workers=3):
        assert batch.tolist() == [0, 1]
        break
    assert not workers()


def test_a_stream_that_hangs_is_a_timeout():
    release = threading.Event()

    class Hangs(IterableDataset):
        def __iter__(self):
            yield 1
            release.wait(30)

    with pytest.raises(RuntimeError, match=r"no batch within 0\.05 s"):
        list(DataLoader(Hangs(), num_workers=1, timeout=0.05))
    release.set()


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_an_iterable_dataset_takes_no_other_order(options):
    with pytest.raises(ArgumentError, match="Stream is an IterableDataset, which has an order of its own"):
        DataLoader(Stream(3), **options)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_an_error_says_which_sample_raised_it_and_keeps_its_traceback(num_workers):
    with pytest.raises(ValueError, match="bad") as caught:
        list(DataLoader(Fails(7, ValueError("bad")), batch_size=2, num_workers=num_workers))
    assert any("raised for sample 7 of the dataset, in batch 3" in note for note in caught.value.__notes__)
    assert "__getitem__" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("persistent", [False, True])
def test_two_iterators_of_one_loader_go_on_side_by_side(persistent):
    loader = DataLoader(list(range(12)), batch_size=3, num_workers=2, persistent_workers=persistent)
    pairs = [(one.tolist(), other.tolist()) for one, other in zip(loader, loader, strict=True)]
    assert pairs == [([n, n + 1, n + 2],) * 2 for n in range(0, 12, 3)]


def test_a_worker_has_a_seed_of_its_own():
    class Seeds(Dataset):
        def __getitem__(self, index):
            return get_worker_info().seed - get_worker_info().id

        def __len__(self):
            return 8

    tc.manual_seed(4)
    (first,) = {int(seed) for batch in DataLoader(Seeds(), num_workers=3) for seed in batch}
    (second,) = {int(seed) for batch in DataLoader(Seeds(), num_workers=3) for seed in batch}
    assert first != second


WITH_KERNELS = """
import sys
import tinyconv as tc
from tinyconv import nn
from tinyconv.nn import functional as F
from tinyconv.utils.data import DataLoader, Dataset
from tinyconv.backends.cpu.parallel import threading_layer

weight = tc.randn(4, 1, 3, 3)
images = tc.randn(24, 1, 8, 8)

class Convolved(Dataset):
    def __getitem__(self, index):
        return F.relu(F.conv2d(images[index : index + 1], weight))[0]

    def __len__(self):
        return 24

expected = F.relu(F.conv2d(images, weight)).numpy()
for batch_number, batch in enumerate(DataLoader(Convolved(), batch_size=2, num_workers=3)):
    F.conv2d(images, weight).sum().item()  # the loop computes while the workers do
    assert abs(batch.numpy() - expected[2 * batch_number : 2 * batch_number + 2]).max() < 1e-5
print(threading_layer())
"""


class Convolved(Dataset):
    """Samples that are computed with a kernel; notes how many threads Numba ran it on."""

    def __init__(self):
        self.threads = []

    def __len__(self):
        return 6

    def __getitem__(self, index):
        image = tc.full((1, 4, 4), float(index))
        result = tc.nn.functional.conv2d(image, tc.ones(1, 1, 3, 3))
        self.threads.append(numba.get_num_threads())
        return result


def test_a_kernel_in_a_worker_runs_on_that_thread_alone():
    dataset = Convolved()
    prepared = list(DataLoader(dataset, batch_size=2, num_workers=2))
    assert set(dataset.threads) == {1}
    here = Convolved()
    expected = list(DataLoader(here, batch_size=2))
    assert set(here.threads) == {tc.get_num_threads()}
    assert all(tc.equal(mine, other) for mine, other in zip(prepared, expected, strict=True))


@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_datasets_may_compute_with_tensors_in_the_workers(layer):
    ran = subprocess.run(
        [sys.executable, "-c", WITH_KERNELS],
        env={**os.environ, "NUMBA_THREADING_LAYER": layer},
        capture_output=True,
        text=True,
        timeout=300,
    )
    if "No threading layer could be loaded" in ran.stderr:
        pytest.skip(f"no {layer} on this machine")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [layer]


def test_a_sampler_of_ones_own_chooses_the_order():
    class EveryOther(public.Sampler[int]):
        def __iter__(self):
            return iter(range(0, 6, 2))

        def __len__(self):
            return 3

    loader = DataLoader(list(range(6)), batch_size=2, sampler=EveryOther())
    assert [batch.numpy().tolist() for batch in loader] == [[0, 2], [4]]
    assert len(loader) == 2


def test_a_random_sampler_draws_with_and_without_replacement():
    source = range(10)
    assert sorted(RandomSampler(source)) == list(range(10))
    twice = list(RandomSampler(source, num_samples=15))
    assert len(twice) == 15
    assert sorted(twice[:10]) == list(range(10))
    drawn = list(RandomSampler(source, replacement=True, num_samples=500))
    assert set(drawn) == set(source)
    assert len(drawn) == 500


def test_a_subset_sampler_gives_its_indices_in_an_order_of_its_own():
    orders = {tuple(SubsetRandomSampler([3, 5, 7, 9], generator=tc.Generator(seed))) for seed in range(20)}
    assert all(sorted(order) == [3, 5, 7, 9] for order in orders)
    assert len(orders) > 5


def test_a_weighted_sampler_follows_its_weights():
    drawn = np.bincount(list(WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=tc.Generator(0))), minlength=3)
    assert drawn[0] == 0
    assert drawn[2] / drawn[1] == pytest.approx(3, rel=0.15)
    assert sorted(WeightedRandomSampler([1, 1, 0, 1], 3, replacement=False)) == [0, 1, 3]
    with pytest.raises(ArgumentError, match="without replacement"):
        WeightedRandomSampler([1, 0], 2, replacement=False)


def test_names_signature_and_defaults_are_pytorchs():
    torch_data = pytest.importorskip("torch.utils.data")
    for name in public.__all__:
        assert hasattr(torch_data, name)
    theirs = inspect.signature(torch_data.DataLoader).parameters
    ours = inspect.signature(DataLoader).parameters
    shared = [name for name in theirs if name in ours]  # PyTorch's versions differ by the newest ones
    assert len(shared) >= 16
    for name in shared:
        assert theirs[name].kind == ours[name].kind
        assert theirs[name].default == ours[name].default
    assert [name for name in ours if name in theirs] == shared


@pytest.mark.parametrize("name", ["batch_size", "batch_sampler", "dataset", "drop_last", "sampler"])
def test_what_the_order_was_made_from_cannot_change_any_more(name):
    loader = DataLoader(Noisy(), batch_size=2)
    with pytest.raises(ArgumentError, match=f"DataLoader: {name} cannot be set any more"):
        setattr(loader, name, 3)
    loader.collate_fn = len
    assert next(iter(loader)) == 2
