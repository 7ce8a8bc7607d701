"""Parts of tensors by position: reading, writing, adding, with index tensors and masks."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.both import FORMS, OTHER_NAME, both
from parity.draws import arrays, broadcastable, dims_of, filled, integers, shapes, truths
from parity.entry import Entry, call, constant, ones
from parity.reductions import whole

POSITIONS = np.array([0, 1])


def permutation_along(x: np.ndarray, dim: int) -> st.SearchStrategy:
    """For each line along ``dim`` its positions in some order, so that none is written twice."""
    return filled(x.shape).map(lambda keys: np.argsort(keys, dim))


def gathered(x: np.ndarray) -> st.SearchStrategy:
    """A dimension and an index that is no larger elsewhere."""

    def index(dim: int) -> st.SearchStrategy:
        smaller = st.tuples(*(st.integers(0, size) for size in x.shape))
        return smaller.flatmap(lambda shape: integers(shape, 0, x.shape[dim])).map(lambda found: call(x, dim, found))

    return dims_of(x).flatmap(index)


def cut_to(shape: tuple, index: np.ndarray, source: np.ndarray) -> tuple:
    """A part of the index. PyTorch has a gradient only for a source of the index's own shape, so others get none."""
    part = index[tuple(slice(size) for size in shape)]
    return (part, source) if part.shape == source.shape else (part, constant(source))


def scattered(x: np.ndarray, repeats: bool) -> st.SearchStrategy:
    def values(dim: int) -> st.SearchStrategy:
        index = integers(x.shape, 0, x.shape[dim]) if repeats else permutation_along(x, dim)
        cut = st.tuples(*(st.integers(0, size) for size in x.shape))
        return st.tuples(index, cut, filled(x.shape)).map(lambda drawn: call(x, dim, *cut_to(drawn[1], *drawn[0::2])))

    return dims_of(x).flatmap(values)


def slices_of(x: np.ndarray, repeats: bool = False) -> st.SearchStrategy:
    """A dimension, positions along it, and as many slices."""

    def values(dim: int) -> st.SearchStrategy:
        size = x.shape[dim]
        chosen = st.lists(st.integers(0, size - 1), max_size=size, unique=not repeats).map(
            lambda listed: np.array(listed, np.int64)
        )

        def sources(index: np.ndarray) -> st.SearchStrategy:
            shape = tuple(len(index) if own == dim % x.ndim else n for own, n in enumerate(x.shape))
            return filled(shape).map(lambda source: (x, dim, index, source))

        return chosen.flatmap(sources)

    return dims_of(x).flatmap(values)


some = arrays(min_dims=1, max_dims=3)
NUMBER = st.just(call(np.array(1.5), 0, np.array([0]), np.array([2.5])))
picked = some.flatmap(gathered)
BAD_INDEX = (
    call(ones(2, 3), 0, np.array([[2]])),
    call(ones(2, 3), 0, np.array([[-1]])),
    call(ones(2, 3), 2, np.array([[0]])),
    call(ones(2, 3), 0, constant([[0.0]])),
    call(ones(2, 3), 0, np.array([[0]] * 2 + [[1]])[:, [0, 0, 0, 0]]),
)
BAD_SCATTER = (
    call(ones(2, 3), 0, np.array([[2]]), ones(1, 1)),
    call(ones(2, 3), 0, np.array([[-1]]), ones(1, 1)),
    call(ones(2, 3), 2, np.array([[0]]), ones(1, 1)),
    call(ones(2, 3), 0, np.array([[0, 1]]), ones(1, 1)),
    call(ones(2, 3), 0, np.array([0]), ones(1)),
    call(ones(2, 3), 0, np.array([[0]]), np.array([[1]])),
    call(ones(2, 3), 0, np.array([[0]])),
    call(ones(2, 3), 0, np.array([[0]]), ones(1, 1), value=1),
    call(ones(2, 3), 0, np.array([[0]]), value="one"),
)
BAD_SLICES = (
    call(ones(2, 3), 0, np.array([2]), ones(1, 3)),
    call(ones(2, 3), 0, np.array([0]), ones(2, 3)),
    call(ones(2, 3), 2, np.array([0]), ones(1, 3)),
    call(ones(2, 3), 0, np.array([[0]]), ones(1, 3)),
    call(ones(2, 3), 0, np.array([0]), np.array([[1, 2, 3]])),
)

# PyTorch fails in the gradient where the index is smaller than the source, so it is not.
uncut = some.flatmap(lambda x: scattered(x, True)).filter(lambda drawn: drawn.args[2].shape == drawn.args[0].shape)


def apart(x: np.ndarray, dim: int, index: np.ndarray, values: np.ndarray) -> tuple:
    """The same arguments without ties: in PyTorch a tie with what is left out takes a share of the gradient."""
    return x, dim, index, values + 0.125


reduced = uncut.flatmap(
    lambda drawn: st.builds(
        lambda reduce, include: call(*(drawn.args if include else apart(*drawn.args)), reduce, include_self=include),
        st.sampled_from(["sum", "mean", "amax", "amin", "prod"]),
        st.booleans(),
    )
)


def put_calls(x: np.ndarray) -> st.SearchStrategy:
    rows = st.lists(
        st.integers(-x.shape[0], x.shape[0] - 1), min_size=1, max_size=3, unique_by=lambda n: n % x.shape[0]
    )
    return st.one_of(
        rows.flatmap(lambda listed: filled((len(listed), *x.shape[1:])).map(lambda v: call(x, (np.array(listed),), v))),
        integers((3,), 0, x.shape[0]).flatmap(
            lambda index: filled((3, *x.shape[1:])).map(lambda v: call(x, (index,), v, True))
        ),
        truths(x.shape).map(lambda mask: call(x, (mask,), np.array(2.5))),
    )


def flat(x: np.ndarray, repeats: bool) -> st.SearchStrategy:
    places = st.lists(
        st.integers(-x.size, x.size - 1), max_size=x.size, unique_by=None if repeats else lambda n: n % x.size
    )
    return places.flatmap(
        lambda listed: filled((len(listed),)).map(lambda v: call(x, np.array(listed, np.int64), v, repeats))
    )


masked = broadcastable(2).flatmap(lambda pair: st.tuples(filled(pair[0]), truths(pair[1])))

ENTRIES = [
    *both("gather", tc="sparse_grad= is not offered: all gradients are dense", calls=picked, bad=BAD_INDEX),
    *both(
        "take_along_dim",
        method="PyTorch's docstring gives dim no default",
        # Of an index beyond the dimension PyTorch takes the remainder; tinyconv refuses it.
        calls=st.one_of(
            some.flatmap(
                lambda x: dims_of(x).flatmap(lambda dim: permutation_along(x, dim).map(lambda i: call(x, i, dim)))
            ),
            some.flatmap(lambda x: integers((3,), 0, x.size).map(lambda index: call(x, index))),
            some.flatmap(lambda x: dims_of(x).map(lambda dim: call(x, np.zeros((1,) * x.ndim, np.int64), dim))),
        ),
        bad=(
            call(ones(2, 3), np.array([[0]]), 2),
            call(ones(2, 3), np.array([0]), 0),
            call(ones(2), constant([0.0]), 0),
        ),
    ),
    *both(
        "index_select",
        calls=some.flatmap(
            lambda x: dims_of(x).flatmap(
                lambda dim: st.integers(0, 4).flatmap(
                    lambda n: integers((n,), 0, x.shape[dim], "int32" if n % 2 else "int64").map(
                        lambda i: call(x, dim, i)
                    )
                )
            )
        ),
        bad=(
            call(ones(2, 3), 0, np.array([2])),
            call(ones(2, 3), 0, np.array([-1])),
            call(ones(2, 3), 0, np.array([[0]])),
            call(ones(2, 3), 2, np.array([0])),
            call(ones(2, 3), 0, constant([0.0])),
        ),
    ),
    *both(
        "masked_select",
        calls=masked.map(lambda pair: call(*pair)),
        bad=(call(ones(2), np.array([True, False, True])), call(ones(2), np.array([1, 0])), call(ones(2))),
    ),
    *both(
        "take",
        method=OTHER_NAME,
        calls=some.flatmap(
            lambda x: (
                shapes(max_dims=2, min_side=0).flatmap(lambda s: integers(s, -x.size, x.size)).map(lambda i: call(x, i))
            )
        ),
        bad=(call(ones(3), np.array([3])), call(ones(3), np.array([-4])), call(ones(3), constant([0.0]))),
    ),
    *both(
        "nonzero",
        method="PyTorch's docstring leaves as_tuple= out",
        calls=st.tuples(
            st.one_of(whole(), truths((3, 2)), arrays().map(lambda x: constant(np.round(x)))), st.booleans()
        ).map(lambda drawn: call(drawn[0], as_tuple=drawn[1])),
        bad=(call(ones(2), 1), call()),
    ),
    *both("argwhere", calls=st.one_of(whole(), truths((3, 2))).map(call), bad=(call(ones(2), 1), call())),
    *both(
        "scatter",
        tc=FORMS,
        method=FORMS,
        calls=st.one_of(
            some.flatmap(lambda x: scattered(x, False)),
            some.flatmap(gathered).map(lambda c: call(*c.args, 2.5)),
            some.flatmap(gathered).map(lambda c: call(*c.args, value=-1)),
        ),
        bad=BAD_SCATTER,
    ),
    *both(
        "scatter_",
        only="method",
        method=FORMS,
        calls=st.one_of(
            some.flatmap(lambda x: scattered(x, False)),
            some.flatmap(gathered).map(lambda c: call(*c.args, 2.5)),
            some.flatmap(gathered).map(lambda c: call(*c.args, value=-1)),
        ),
        bad=BAD_SCATTER,
    ),
    *both(
        "scatter_add",
        calls=some.flatmap(lambda x: scattered(x, True)),
        bad=(*BAD_SCATTER, call(ones(2), 0, POSITIONS, 2.0)),
    ),
    *both("scatter_add_", only="method", calls=some.flatmap(lambda x: scattered(x, True)), bad=BAD_SCATTER),
    *both(
        "scatter_reduce",
        calls=reduced,
        bad=(call(ones(2), 0, POSITIONS, ones(2), "text"), call(ones(2), 0, POSITIONS, ones(2))),
    ),
    *both("scatter_reduce_", only="method", calls=reduced, bad=(call(ones(2), 0, POSITIONS, ones(2), "text"),)),
    *(
        entry
        for name in ("index_add", "index_add_")
        for entry in both(
            name,
            only="method" if name.endswith("_") else "",
            calls=some.flatmap(lambda x: slices_of(x, True)).flatmap(
                lambda drawn: st.sampled_from([1, 2, -0.5]).map(lambda alpha: call(*drawn, alpha=alpha))
            ),
            bad=BAD_SLICES,
        )
    ),
    *(
        entry
        for name in ("index_copy", "index_copy_")
        for entry in both(
            name,
            only="method" if name.endswith("_") else "",
            method=OTHER_NAME,
            calls=some.flatmap(slices_of).map(lambda drawn: call(*drawn)),
            bad=BAD_SLICES,
        )
    ),
    *(
        entry
        for name in ("index_fill", "index_fill_")
        for entry in both(
            name,
            only="method" if name.endswith("_") else "",
            calls=some.flatmap(slices_of).map(lambda drawn: call(*drawn[:3], 2.5)),
            bad=(
                call(ones(2, 3), 0, np.array([2]), 1.0),
                call(ones(2, 3), 2, np.array([0]), 1.0),
                call(ones(2), 0, np.array([0]), "text"),
                call(ones(2), 0, np.array([0]), constant(ones(2))),
            ),
        )
    ),
    *(
        entry
        for name in ("index_put", "index_put_")
        for entry in both(
            name,
            only="method" if name.endswith("_") else "",
            calls=some.flatmap(put_calls),
            bad=(
                call(ones(2), (np.array([2]),), ones(1)),
                call(ones(2), (np.array([0]),), ones(3)),
                call(ones(2), (constant([0.0]),), ones(1)),
                call(ones(2), (np.array([0]),), np.array([1])),
            ),
        )
    ),
    *(
        entry
        for name in ("masked_scatter", "masked_scatter_")
        for entry in both(
            name,
            only="method" if name.endswith("_") else "",
            method="" if name.endswith("_") else OTHER_NAME,
            calls=masked.map(
                lambda pair: call(
                    np.broadcast_to(pair[0], np.broadcast_shapes(pair[0].shape, pair[1].shape)).copy(), pair[1]
                )
            ).flatmap(lambda drawn: filled((drawn.args[0].size + 2,)).map(lambda source: call(*drawn.args, source))),
            bad=(
                call(ones(2), np.array([True, True]), ones(1)),
                call(ones(2), np.array([1, 0]), ones(2)),
                call(ones(2), np.array([True, True]), np.array([1, 2])),
            ),
        )
    ),
    Entry(
        "Tensor.put",
        "Tensor.put_",
        calls=st.one_of(some.flatmap(lambda x: flat(x, False)), some.flatmap(lambda x: flat(x, True))),
        bad=(
            call(ones(3), np.array([3]), ones(1)),
            call(ones(3), np.array([0]), ones(2)),
            call(ones(3), constant([0.0]), ones(1)),
        ),
    ),
    Entry(
        "F.one_hot",
        calls=shapes(max_dims=3)
        .flatmap(lambda s: integers(s, 0, 4))
        .flatmap(lambda x: st.sampled_from([-1, 4, 6]).map(lambda n: call(x, n))),
        bad=(
            call(np.array([3]), 3),
            call(np.array([-1])),
            call(constant([1.0])),
            call(np.zeros(0, np.int64)),
            call(np.array([0]), 0),
        ),
    ),
]
