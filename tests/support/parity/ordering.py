"""Running sums, differences, order, counting."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.both import FORMS, OTHER_NAME, both
from parity.draws import arrays, dims_of, filled, integers, separated, shapes
from parity.entry import Type, call, constant, ones
from parity.reductions import alone, equal_ones, everything, tied, whole, with_nan

STABLE = "PyTorch's docstring leaves stable= out, or stands for another form"


def along(drawn: st.SearchStrategy, **options: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.flatmap(
        lambda x: st.builds(
            lambda dim, more: call(x, dim, **more), dims_of(x), st.fixed_dictionaries({}, optional=options)
        )
    )


BAD = (call(ones(2, 3), 2), call(ones(2, 3), -3), call(ones(2)), call(ones(2), "text"))
zeros_within = shapes(min_dims=1).flatmap(lambda shape: integers(shape, -1, 2, "float64"))
distinct = shapes(max_side=3).flatmap(separated)
distinct_integers = st.integers(1, 6).flatmap(lambda n: st.permutations(range(n))).map(lambda order: np.array(order))
ordered_rows = st.tuples(st.integers(1, 5), st.integers(1, 3)).flatmap(
    lambda size: filled((size[1], size[0])).map(lambda x: np.sort(x, 1))
)


def sorting(drawn: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.flatmap(
        lambda x: st.builds(lambda dim, descending: call(x, dim, descending), dims_of(x), st.booleans())
    )


def stably(drawn: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.flatmap(
        lambda x: st.builds(
            lambda dim, descending: call(x, dim=dim, descending=descending, stable=True), dims_of(x), st.booleans()
        )
    )


def ranked(low: int) -> st.SearchStrategy:
    """A dimension, and a rank within it."""
    drawn = st.one_of(distinct, distinct_integers)
    return drawn.flatmap(
        lambda x: dims_of(x).flatmap(
            lambda dim: st.integers(low if x.ndim else 1, x.shape[dim] if x.ndim else 1).map(lambda k: (x, k, dim))
        )
    )


odd = shapes(min_dims=1, max_dims=2).flatmap(separated)
median_calls = st.one_of(
    alone(distinct),
    alone(tied(min_dims=1)),
    alone(distinct_integers),
    alone(with_nan().map(constant)),
    distinct.flatmap(lambda x: st.builds(lambda d, k: call(x, d, keepdim=k), dims_of(x), st.booleans())),
    # Which of several NaN is meant is open, so only one is drawn.
    odd.flatmap(lambda x: st.integers(0, x.size - 1).map(lambda i: call(constant(spoiled(x, i)), -1))),
)


def spoiled(x: np.ndarray, place: int) -> np.ndarray:
    x = x.copy()
    x.flat[place] = np.nan
    return x


quantiles = st.one_of(arrays(), with_nan().map(constant).map(lambda c: c.array)).flatmap(
    lambda x: st.builds(
        lambda q, dim, keepdim, interpolation: call(
            constant(x) if np.isnan(x).any() else x, q, dim, keepdim, interpolation=interpolation
        ),
        st.one_of(st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0]), st.just(constant([0.1, 0.5, 0.9]))),
        st.none() | dims_of(x),
        st.booleans(),
        st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest"]),
    )
)
countable = st.one_of(tied().map(constant), whole(), arrays().map(constant))
flags = st.fixed_dictionaries({}, optional={"return_inverse": st.booleans(), "return_counts": st.booleans()})


def uniques(x: object) -> st.SearchStrategy:
    array = x if isinstance(x, np.ndarray) else x.array
    dims = st.none() | dims_of(array) if array.ndim and array.dtype != np.bool_ else st.none()
    return st.builds(lambda dim, more: call(x, dim=dim, **more), dims, flags)


ENTRIES = [
    *both("cumsum", calls=along(everything, dtype=st.sampled_from([Type("float64"), Type("float32")])), bad=BAD),
    *both("cumprod", calls=st.one_of(along(everything), along(zeros_within)), bad=BAD),
    *both(
        "cummax",
        example_count=40,
        calls=st.one_of(
            along(tied()),
            along(whole()),
            along(with_nan().map(constant).map(lambda c: c.array)).map(lambda c: call(constant(c.args[0]), c.args[1])),
        ),
        bad=BAD,
    ),
    *both(
        "cummin",
        example_count=40,
        calls=st.one_of(
            along(tied()), along(whole()), along(with_nan()).map(lambda c: call(constant(c.args[0]), c.args[1]))
        ),
        bad=BAD,
    ),
    *both(
        "logcumsumexp",
        calls=st.one_of(along(arrays(-30, 30)), st.just(call(np.array([-1000.0, 0.0, 900.0, 899.0]), 0))),
        bad=(*BAD, call(np.arange(3), 0)),
    ),
    *both(
        "diff",
        calls=st.one_of(
            st.one_of(arrays(min_dims=1), whole(min_dims=1)).flatmap(
                lambda x: st.builds(lambda n, dim: call(x, n, dim), st.integers(0, 5), dims_of(x))
            ),
            arrays(min_dims=1).flatmap(
                lambda x: dims_of(x).map(lambda dim: call(x, dim=dim, prepend=x + 1, append=x * 2))
            ),
        ),
        bad=(call(np.array(1.0)), call(ones(2), -1), call(ones(2), 1, 2), call(ones(2), prepend=ones(2, 2))),
    ),
    *both(
        "sort",
        example_count=40,
        method=STABLE,
        calls=st.one_of(
            alone(distinct),
            sorting(distinct),
            sorting(distinct_integers),
            stably(equal_ones),
            stably(tied()),
            stably(whole()),
        ),
        bad=BAD[:2],
    ),
    *both(
        "argsort",
        example_count=40,
        method=STABLE,
        calls=st.one_of(
            alone(distinct),
            sorting(distinct),
            sorting(distinct_integers),
            stably(equal_ones),
            stably(tied()),
            stably(whole()),
        ),
        bad=BAD[:2],
    ),
    *both("msort", calls=alone(st.one_of(distinct, distinct_integers)), bad=(call(ones(2), 1), call())),
    *both(
        "topk",
        tc=OTHER_NAME,
        method=OTHER_NAME,
        calls=ranked(0).flatmap(lambda drawn: st.builds(lambda largest: call(*drawn, largest=largest), st.booleans())),
        bad=(call(ones(3), 4), call(ones(3), -1), call(ones(3), 1, 1)),
    ),
    *both(
        "kthvalue",
        tc=OTHER_NAME,
        method=OTHER_NAME,
        calls=ranked(1).flatmap(lambda drawn: st.builds(lambda keepdim: call(*drawn, keepdim), st.booleans())),
        bad=(call(ones(3), 4), call(ones(3), 0), call(ones(3), 1, 1)),
    ),
    *both("median", tc=FORMS, calls=median_calls, bad=(call(ones(2), 1), call(np.zeros((2, 0)), 1))),
    *both("nanmedian", tc=FORMS, calls=median_calls, bad=(call(ones(2), 1), call(np.zeros((2, 0)), 1))),
    *both(
        "quantile",
        calls=quantiles,
        bad=(call(ones(3), 1.5), call(np.arange(3), 0.5), call(ones(3), 0.5, 1), call(ones(3), 0.5, interpolation="x")),
    ),
    *both("unique", calls=countable.flatmap(uniques), bad=(call(ones(2), dim=1), call(ones(2), nonsense=1))),
    *both(
        "unique_consecutive",
        calls=countable.flatmap(uniques),
        bad=(call(ones(2), dim=1), call(ones(2), nonsense=1)),
    ),
    *both(
        "bincount",
        calls=st.integers(0, 6).flatmap(
            lambda n: st.tuples(
                st.sampled_from(["int64", "int32", "uint8"]).flatmap(lambda kind: integers((n,), 0, 5, kind)),
                st.none() | filled((n,)).map(constant),
                st.integers(0, 7),
            ).map(lambda drawn: call(*drawn))
        ),
        bad=(call(ones(2)), call(np.array([-1])), call(np.array([[1]])), call(np.array([1]), constant([1.0, 2.0]))),
    ),
    *both(
        "histc",
        calls=arrays(min_dims=1).flatmap(
            lambda x: st.one_of(
                st.integers(1, 7).map(lambda bins: call(constant(x), bins)),
                st.just(call(constant(x), 4, -1, 1)),
                st.just(call(constant(x), bins=3, min=0.5, max=1.5)),
            )
        ),
        bad=(call(constant(np.ones(2)), 0), call(constant(np.ones(2)), 2, 3, 1), call(constant([np.nan]), 2)),
    ),
    *both(
        "searchsorted",
        only="tc",
        calls=ordered_rows.flatmap(
            lambda rows: st.builds(
                lambda right, narrow, flat: call(
                    constant(rows[0] if flat else rows),
                    constant(np.sort(rows, 1)[:, ::-1][:, :2].copy()),
                    right=right,
                    out_int32=narrow,
                ),
                st.booleans(),
                st.booleans(),
                st.booleans(),
            )
        ),
        bad=(
            call(constant(ones(2, 3)), constant(ones(3, 3))),
            call(constant(np.array(1.0)), constant(ones(1))),
            call(constant(ones(3)), constant(ones(1)), side="text"),
        ),
    ),
    *both(
        "bucketize",
        only="tc",
        calls=arrays().flatmap(
            lambda x: st.builds(
                lambda right, narrow: call(constant(x), constant([-1.0, 0.0, 0.5]), right=right, out_int32=narrow),
                st.booleans(),
                st.booleans(),
            )
        ),
        bad=(call(constant(ones(2)), constant(ones(2, 2))), call(ones(2))),
    ),
]
