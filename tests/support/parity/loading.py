"""``utils.data``: what datasets, samplers, collating and loaders give, where no random number decides it."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
from hypothesis import strategies as st

from parity.entry import Entry, call

Pair = namedtuple("Pair", ["first", "second"])

truth = st.booleans()
lengths = st.integers(1, 12)
seeds = st.integers(0, 1000)
GENERATOR = "the generator is tinyconv's where PyTorch's default is its own"


class Numbers:
    """0, 1, 4, 9, ...; what a dataset of one's own may be."""

    def __init__(self, count):
        self.count = count

    def __getitem__(self, index):
        return index * index

    def __len__(self):
        return self.count


def streaming(lib, count, known=True):
    """An iterable dataset of ``count`` numbers."""

    class Stream(lib.data.IterableDataset):
        def __iter__(self):
            return iter(range(count))

    if known:
        Stream.__len__ = lambda self: count
    return Stream()


def dataset(lib, kind, count, indices):
    """What ``Dataset`` and its relatives say of length, samples and errors."""
    if kind == "own":

        class Own(lib.data.Dataset):
            def __getitem__(self, index):
                return index + 1

            def __len__(self):
                return count

        one = Own()
        return len(one + one), [(one + one)[index] for index in range(2 * count)]
    if kind == "nothing":
        return lib.data.Dataset()[0]
    if kind == "no list":
        return lib.data.Subset(Numbers(count), indices)[0]
    subset = lib.data.Subset(Numbers(count), [index % count for index in indices])
    return len(subset), [subset[index] for index in range(len(indices))], subset.__getitems__([0] if indices else [])


def tensors(lib, arrays, index):
    data = lib.data.TensorDataset(*(lib.tensor(array) for array in arrays))
    return len(data), data[index], data[:2]


def stack(lib, counts, named):
    parts = [Numbers(count) for count in counts]
    data = lib.data.StackDataset(**dict(zip("abc", parts, strict=False))) if named else lib.data.StackDataset(*parts)
    return len(data), [data[index] for index in range(len(data))]


def concatenation(lib, counts, index=None):
    data = lib.data.ConcatDataset([Numbers(count) for count in counts])
    if index is not None:
        return data[index]
    return len(data), [data[position] for position in range(-len(data), len(data))], data.cumulative_sizes


def chain(lib, counts, broken=False):
    parts = [streaming(lib, count) for count in counts]
    data = lib.data.ChainDataset([*parts, Numbers(2)] if broken else parts)
    return len(data), list(data), list(parts[0] + parts[-1])


def stream(lib, count, **options):
    if count is None:
        return list(lib.data.IterableDataset())
    return list(streaming(lib, count)), list(lib.data.DataLoader(streaming(lib, count), **options))


def split(lib, count, lengths):
    parts = lib.data.random_split(Numbers(count), lengths)
    return [len(part) for part in parts], sorted(index for part in parts for index in part.indices)


def sampler(lib, name, *args, look=None, **kwargs):
    """The indices, or what ``look`` takes from them; twice."""
    made = getattr(lib.data, name)(*args, **kwargs)
    drawn = [list(made), list(made)]
    return len(made), [look(indices) for indices in drawn] if look else drawn


def base_sampler(lib, indices):
    class Own(lib.data.Sampler):
        def __iter__(self):
            return iter(indices)

    if indices is None:
        return list(lib.data.Sampler())
    return list(lib.data.DataLoader(Numbers(20), batch_size=3, sampler=Own()))


def converted(lib, value):
    """Arrays in ``value`` that stand for tensors, as tensors; those in a dict {"numpy": array} stay as they are."""
    if isinstance(value, np.ndarray):
        return lib.tensor(value)
    if isinstance(value, dict):
        return value["numpy"] if "numpy" in value else {key: converted(lib, item) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(converted(lib, item) for item in value)
    if hasattr(value, "_fields"):
        return type(value)(*(converted(lib, item) for item in value))
    return value


def collate(lib, samples):
    return lib.data.default_collate([converted(lib, sample) for sample in samples])


def convert(lib, sample):
    return lib.data.default_convert(converted(lib, sample))


def load(lib, data, options, workers, sorted_only=False):
    """The batches of two passes, and how many there are."""
    if lib.name == "tinyconv" and workers:  # PyTorch's would be processes
        options = {**options, "num_workers": workers}
    if isinstance(data, int):
        data = Numbers(data)
    elif isinstance(data, np.ndarray):
        data = lib.data.TensorDataset(lib.tensor(data), lib.tensor(np.arange(len(data))))
    loader = lib.data.DataLoader(data, **options)
    seen = [list(loader), list(loader)]
    if sorted_only:
        seen = [sorted(number for batch in batches for number in batch.tolist()) for batches in seen]
    return seen, len(loader)


def worker_info(lib, count):
    """Outside a worker there is none."""
    data = [lib.data.get_worker_info() is None for _ in range(count)]
    return data, lib.data.get_worker_info()


def arrays_of(shape):
    return st.one_of(
        seeds.map(lambda seed: np.random.default_rng(seed).standard_normal(shape)),
        seeds.map(lambda seed: np.random.default_rng(seed).integers(0, 9, shape)),
        seeds.map(lambda seed: np.random.default_rng(seed).random(shape) < 0.5),
    )


shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
numpy_arrays = st.builds(
    lambda shape, seed, dtype: {"numpy": np.random.default_rng(seed).uniform(0, 9, shape).astype(dtype)},
    shapes,
    seeds,
    st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "bool"]),
)
leaves = st.one_of(
    shapes.flatmap(arrays_of),
    numpy_arrays,
    st.integers(-5, 5),
    st.floats(-2, 2),
    truth,
    st.sampled_from(["one", "two"]),
)
samples = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, inner),
        st.lists(inner, min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["x", "y"]), inner, min_size=1),
        st.builds(Pair, inner, inner),
    ),
    max_leaves=5,
)

ORDERS = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"batch_size": st.integers(1, 5), "drop_last": truth, "shuffle": st.sampled_from([False, None])}
    ),
    st.fixed_dictionaries({"batch_size": st.none()}),
    st.fixed_dictionaries({"batch_sampler": st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), max_size=4)}),
    st.fixed_dictionaries(
        {"sampler": st.lists(st.integers(0, 2), max_size=6)},
        optional={"batch_size": st.integers(1, 5), "drop_last": truth},
    ),
    st.fixed_dictionaries({"batch_size": st.integers(1, 5), "collate_fn": st.sampled_from([list, tuple])}),
)

fractions = st.lists(st.integers(1, 5), min_size=2, max_size=4).map(lambda parts: [part / sum(parts) for part in parts])
pieces = st.lists(st.integers(0, 5), min_size=1, max_size=4)


def named(name, program, calls, *bad, **options):
    return Entry(f"data.{name}", calls=calls, program=program, bad=bad, **options)


def of_sampler(name, calls, *bad, **options):
    return Entry(
        f"data.{name}",
        calls=calls.map(lambda drawn: call(name, *drawn.args, **drawn.kwargs)),
        program=sampler,
        bad=tuple(call(name, *wrong.args, **wrong.kwargs) for wrong in bad),
        **options,
    )


ENTRIES = [
    named(
        "Dataset",
        dataset,
        st.builds(call, st.just("own"), lengths, st.just([])),
        call("nothing", 1, []),
    ),
    named(
        "Subset",
        dataset,
        st.builds(call, st.just("subset"), lengths, st.lists(st.integers(0, 20), max_size=5)),
        call("no list", 3, 3),
    ),
    named(
        "TensorDataset",
        tensors,
        st.integers(1, 4).flatmap(
            lambda count: st.builds(
                call,
                st.lists(shapes.flatmap(lambda shape: arrays_of((count, *shape))), min_size=1, max_size=3),
                st.integers(-count, count - 1),
            )
        ),
        call([np.ones(2), np.ones(3)], 0),
        call([np.ones(2)], 5),
    ),
    named(
        "StackDataset",
        stack,
        st.builds(lambda count, times, named: call([count] * times, named), lengths, st.integers(1, 3), truth),
        call([2, 3], False),
        call([2, 3], True),
        call([], False),
    ),
    named(
        "ConcatDataset",
        concatenation,
        st.builds(call, st.lists(st.integers(0, 4), min_size=1, max_size=4)),
        call([]),
        call([2, 2], -5),
    ),
    named("ChainDataset", chain, st.builds(call, st.lists(st.integers(0, 4), min_size=1, max_size=4)), call([1], True)),
    named(
        "IterableDataset",
        stream,
        st.builds(
            lambda count, options: call(count, **options),
            st.integers(0, 9),
            st.fixed_dictionaries({}, optional={"batch_size": st.integers(1, 4), "drop_last": truth}),
        ),
        call(None),
        call(3, shuffle=True),
        call(3, sampler=[0]),
        call(3, batch_sampler=[[0]]),
    ),
    named(
        "random_split",
        split,
        st.one_of(
            pieces.map(lambda counts: call(sum(counts), counts)),
            st.builds(call, st.integers(8, 30), fractions),
        ),
        call(10, [5, 4]),
        call(10, [0.5, 0.7]),
        call(10, [1.5, -0.5]),
        signature=GENERATOR,
    ),
    named("Sampler", base_sampler, st.builds(call, st.lists(st.integers(0, 19), max_size=9)), call(None)),
    of_sampler("SequentialSampler", st.builds(call, st.integers(0, 9).map(range)), call(3)),
    of_sampler(
        "RandomSampler",
        st.one_of(
            st.builds(lambda count: call(range(count), look=sorted), lengths),
            st.builds(lambda count, drawn: call(range(count), num_samples=drawn, look=len), lengths, lengths),
            st.builds(lambda drawn: call(range(1), replacement=True, num_samples=drawn), lengths),
        ),
        call(range(3), num_samples=0),
        call(range(3), num_samples=1.5),
        call(range(3), "yes"),
    ),
    of_sampler(
        "SubsetRandomSampler",
        st.builds(lambda indices: call(indices, look=sorted), st.lists(st.integers(0, 9), max_size=6)),
        call(3),
    ),
    # More draws without replacement than positive weights: PyTorch draws those of weight 0, tinyconv refuses.
    of_sampler(
        "WeightedRandomSampler",
        st.one_of(
            st.builds(lambda drawn: call([0.0, 2.0, 0.0], drawn), lengths),
            st.builds(lambda count: call([1.0] * count, count, replacement=False, look=sorted), lengths),
        ),
        call([1.0], 0),
        call([1.0], 2, replacement=False),
        call([[1.0]], 1),
        call([-1.0, 1.0], 1),
        call([1.0], 1, "no"),
    ),
    of_sampler(
        "BatchSampler",
        st.builds(call, st.integers(0, 9).map(range), st.integers(1, 4), truth),
        call(range(3), 0, False),
        call(range(3), 1.5, False),
        call(range(3), True, False),
        call(range(3), 2, "no"),
    ),
    # Samples of one kind: a list that mixes ints and floats becomes float64, as floats do; PyTorch looks at the first
    # one and may choose float32.
    named(
        "default_collate",
        collate,
        st.builds(lambda sample, times: call([sample] * times), samples, st.integers(1, 3)),
        call([]),
        call([np.ones(2), np.ones(3)]),
        call([(1, 2), (1,)]),
        call([None]),
        call([{"numpy": np.array(["text"])}]),
        call([{"x": 1}, {"y": 1}]),
    ),
    named("default_convert", convert, st.builds(call, samples)),
    named(
        "DataLoader",
        load,
        st.one_of(
            st.builds(call, st.integers(3, 9), ORDERS, st.integers(0, 2)),
            st.builds(call, st.integers(3, 5).flatmap(lambda count: arrays_of((count, 2))), ORDERS, st.integers(0, 2)),
            st.builds(
                lambda count, size, workers: call(
                    count, {"shuffle": True, "batch_size": size}, workers, sorted_only=True
                ),
                lengths,
                st.integers(1, 4),
                st.integers(0, 2),
            ),
        ),
        call(3, {"batch_size": 0}, 0),
        call(3, {"batch_size": -1}, 0),
        call(3, {"num_workers": -1}, 0),
        call(3, {"timeout": -1}, 0),
        call(3, {"prefetch_factor": 2}, 0),
        call(3, {"persistent_workers": True}, 0),
        call(3, {"sampler": [1], "shuffle": True}, 0),
        call(3, {"batch_sampler": [[1]], "batch_size": 2}, 0),
        call(3, {"batch_size": None, "drop_last": True}, 0),
        call(3, {"batch": 3}, 0),
    ),
    named("get_worker_info", worker_info, st.builds(call, st.integers(1, 2)), call("two")),
]
