"""Sums, products, extremes, spread, order and counting."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from parity.both import FORMS, both
from parity.draws import arrays, broadcastable, dims_of, filled, integers, separated, shapes, truths
from parity.entry import Call, Type, call, constant, ones

EMPTY = st.sampled_from([np.zeros(0), np.zeros((2, 0, 3)), np.zeros((0, 2))])
NAN = float("nan")


def whole(low: int = -3, below: int = 4, bools: bool = True, **limits: int) -> st.SearchStrategy:
    """Integers of every type."""
    kinds = [(low, below, "int64"), (low, below, "int32"), (0, max(below, 2), "uint8")]
    return shapes(**limits).flatmap(
        lambda shape: st.one_of(
            *(integers(shape, first, last, kind) for first, last, kind in kinds), *([truths(shape)] if bools else [])
        )
    )


def some_dims(x: np.ndarray) -> st.SearchStrategy:
    """None, a dimension, or several different ones, counted from either end."""
    several = st.lists(st.integers(0, max(x.ndim, 1) - 1), unique=True, max_size=max(x.ndim, 1)).flatmap(
        lambda dims: st.tuples(*(st.sampled_from([dim, dim - max(x.ndim, 1)]) for dim in dims))
    )
    return st.one_of(st.none(), dims_of(x), several)


def tied(**limits: int) -> st.SearchStrategy:
    """Floating-point numbers many of which are equal."""
    return shapes(**limits).flatmap(lambda shape: integers(shape, -2, 3, "float64"))


def with_nan(**limits: int) -> st.SearchStrategy:
    return shapes(**limits).flatmap(
        lambda shape: st.tuples(filled(shape), truths(shape)).map(lambda pair: np.where(pair[1], NAN, pair[0]))
    )


def reducing(drawn: st.SearchStrategy, dims=some_dims, **options: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.flatmap(
        lambda x: st.builds(
            lambda dim, keepdim, more: call(x, dim, keepdim=keepdim, **more),
            dims(x),
            st.booleans(),
            st.fixed_dictionaries({}, optional=options),
        )
    )


def without_gradient(drawn: Call) -> Call:
    return call(constant(drawn.args[0]), *drawn.args[1:], **drawn.kwargs)


def alone(drawn: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.map(call)


numbers = st.one_of(arrays(), EMPTY)
everything = st.one_of(arrays(), EMPTY, whole())
summed = st.one_of(alone(everything), reducing(everything))
typed = summed | reducing(everything, dtype=st.sampled_from([Type("float32"), Type("float64"), Type("int64")]))
BAD_DIM = (
    call(ones(2, 3), 2),
    call(ones(2, 3), -3),
    call(ones(2, 3), (0, 0)),
    call(ones(2, 3), (0, -2)),
    call(ones(2, 3), 0, 1),
    call(ones(2, 3), 0, keepdim=1),
)
BAD_ONE = (
    call(ones(2, 3), 2),
    call(ones(2, 3), -3),
    call(ones(2, 3), "text"),
    call(ones(2), 0.5),
    call(ones(2, 3), (0, 1)),
    call(ones(2, 3), 0, 1),
)
FLOATS_ONLY = (call(np.arange(3)), call(np.array([True, False])))


def spread_calls(first: int = 0) -> st.SearchStrategy:
    return arrays(min_dims=1, min_side=2).flatmap(
        lambda x: st.one_of(
            st.builds(
                lambda dim, keepdim, correction: call(x, dim, keepdim=keepdim, correction=correction),
                some_dims(x),
                st.booleans(),
                st.sampled_from([0, 1, 0.5, 2]),
            ),
            st.builds(lambda dim, unbiased: call(x, dim, unbiased=unbiased), some_dims(x), st.booleans()),
            st.builds(
                lambda dim, unbiased, keepdim: call(x, dim, unbiased, keepdim), dims_of(x), st.booleans(), st.booleans()
            ),
            st.builds(lambda unbiased: call(x, unbiased), st.booleans()),
            st.just(call(x)),
        )
    )


few = st.sampled_from(
    [call(constant(np.zeros(0))), call(constant(3.0)), call(constant([3.0]), 0), call(constant(np.zeros((2, 0))), 1)]
)
equal_rows = st.sampled_from([call(np.full((2, 3), 1.5), 1, correction=0), call(np.zeros((2, 2)), 0, keepdim=True)])
UNBIASED = "unbiased= is here in the same signature; PyTorch's docstring heads another form"

ordinals = [0, 1, 2, 3, 0.5, 1.5, math.inf, -math.inf, -1, "fro"]


def norms(x_of: st.SearchStrategy) -> st.SearchStrategy:
    return x_of.flatmap(
        lambda x: st.builds(
            lambda p, dim, keepdim: call(x, p, dim, keepdim=keepdim),
            st.sampled_from(ordinals),
            some_dims(x),
            st.booleans(),
        )
    )


zero_rows = st.sampled_from([np.zeros(3), np.array([[0.0, 0.0], [3.0, -4.0]])])
norm_calls = st.one_of(
    norms(shapes(min_dims=0).flatmap(separated)),
    zero_rows.flatmap(lambda x: st.sampled_from([1, 2, 3, "fro"]).map(lambda p: call(x, p, -1))),
    arrays(min_dims=1).map(call),
    arrays().map(lambda x: call(x, 2, dtype=Type("float64"))),
)

equal_ones = st.integers(0, 9).map(lambda seed: np.random.default_rng(seed).integers(0, 2, (3, 4)).astype(np.float64))
extreme_input = st.one_of(arrays(), tied(), equal_ones, whole())
distinct = shapes(min_dims=0).flatmap(separated)
positioned = st.one_of(tied(), with_nan(), whole(bools=False))
NOTHING = (call(np.zeros(0)), call(np.zeros((2, 0))), *BAD_ONE)
three_forms = st.one_of(
    alone(st.one_of(arrays(), tied(), equal_ones, whole())),
    st.one_of(tied(), arrays(), whole(), with_nan().map(constant).map(lambda c: c.array)).flatmap(
        lambda x: (
            st.builds(lambda dim, keepdim: call(x, dim, keepdim=keepdim), dims_of(x), st.booleans())
            if not np.isnan(x).any()
            else dims_of(x).map(lambda dim: call(constant(x), dim))
        )
    ),
    broadcastable()
    .flatmap(lambda pair: st.tuples(*(separated(shape) for shape in pair)))
    .map(lambda pair: call(*pair)),
)

ENTRIES = [
    *both("sum", tc=FORMS, calls=typed, bad=(*BAD_DIM, call(ones(2), dtype="text"))),
    *both("nansum", tc=FORMS, calls=st.one_of(summed, reducing(with_nan())), bad=BAD_DIM),
    *both(
        "mean",
        tc=FORMS,
        calls=st.one_of(
            alone(numbers),
            reducing(numbers, dtype=st.sampled_from([Type("float32"), Type("float64")])),
            reducing(whole()).map(lambda drawn: call(*drawn.args, dtype=Type("float32"), **drawn.kwargs)),
        ),
        bad=(*BAD_DIM, *FLOATS_ONLY, call(ones(2), dtype=Type("int64"))),
    ),
    *both(
        "nanmean",
        # Of NaN alone PyTorch's gradient is NaN, tinyconv's 0: the mean does not depend on them.
        calls=st.one_of(reducing(numbers), reducing(with_nan(min_dims=1)).map(without_gradient)),
        bad=(*BAD_DIM, *FLOATS_ONLY),
    ),
    *both(
        "prod",
        tc=FORMS,
        calls=st.one_of(
            alone(everything),
            everything.flatmap(lambda x: st.builds(lambda d, k: call(x, d, keepdim=k), dims_of(x), st.booleans())),
            tied(max_side=3).flatmap(lambda x: dims_of(x).map(lambda dim: call(x, dim))),
            alone(tied(max_side=2)),
        ),
        bad=BAD_ONE,
    ),
    *both(
        "count_nonzero",
        calls=st.one_of(alone(everything), tied().flatmap(lambda x: some_dims(x).map(lambda dim: call(x, dim)))),
        bad=(*BAD_DIM[:4], BAD_DIM[5]),  # PyTorch's method takes several dimensions one by one
    ),
    *both(
        "all",
        tc=FORMS,
        calls=st.one_of(alone(everything), reducing(st.one_of(tied(), whole(0, 2), with_nan()))),
        bad=BAD_DIM,
    ),
    *both(
        "any",
        tc=FORMS,
        calls=st.one_of(alone(everything), reducing(st.one_of(tied(), whole(0, 2), with_nan()))),
        bad=BAD_DIM,
    ),
    *both(
        "var",
        tc=UNBIASED,
        method=UNBIASED,
        calls=st.one_of(spread_calls(), few, equal_rows),
        bad=(*BAD_DIM, *FLOATS_ONLY),
    ),
    *both(
        "std",
        tc=UNBIASED,
        method=UNBIASED,
        calls=st.one_of(spread_calls(), few, equal_rows),
        bad=(*BAD_DIM, *FLOATS_ONLY),
    ),
    *both("var_mean", tc=UNBIASED, only="tc", calls=st.one_of(spread_calls(), few), bad=(*BAD_DIM, *FLOATS_ONLY)),
    *both("std_mean", tc=UNBIASED, only="tc", calls=st.one_of(spread_calls(), few), bad=(*BAD_DIM, *FLOATS_ONLY)),
    *both(
        "norm",
        calls=norm_calls,
        bad=(call(ones(2), "text"), call(np.arange(3)), call(ones(2), 2, 5), call(np.zeros(0), -1.0)),
    ),
    *both(
        "logsumexp",
        calls=st.one_of(
            reducing(arrays(-20, 20), lambda x: dims_of(x)),
            reducing(arrays(), lambda x: some_dims(x).filter(lambda dim: dim not in (None, ()))),
            reducing(whole(bools=False), lambda x: dims_of(x)),
            st.sampled_from(
                [
                    call(np.array([[1000.0, 999.0], [-1000.0, -1001.0]]), 1),
                    call(constant([-np.inf, -np.inf]), 0),
                    call(constant([np.inf, 1.0]), 0),
                    call(constant([NAN, 1.0]), 0),
                    call(np.array([-np.inf, 1.0]), 0),
                    call(constant(np.zeros((2, 0))), 1),
                ]
            ),
        ),
        bad=(call(ones(2, 3), 2), call(ones(2, 3), (0, 0)), call(ones(2))),
    ),
    *both(
        "amax",
        example_count=50,
        calls=st.one_of(alone(extreme_input), reducing(extreme_input)),
        bad=(call(np.zeros(0)), call(np.zeros((2, 0)), 1), *BAD_DIM),
    ),
    *both(
        "amin",
        example_count=50,
        calls=st.one_of(alone(extreme_input), reducing(extreme_input)),
        bad=(call(np.zeros(0)), call(np.zeros((2, 0)), 1), *BAD_DIM),
    ),
    *both(
        "aminmax",
        calls=st.one_of(
            alone(extreme_input),
            distinct.flatmap(lambda x: st.builds(lambda d, k: call(x, dim=d, keepdim=k), dims_of(x), st.booleans())),
        ),
        bad=(call(np.zeros(0)), call(ones(2), dim=1), call(ones(2), 0)),
    ),
    *both(
        "argmax",
        example_count=50,
        tc=FORMS,
        calls=st.one_of(alone(positioned), reducing(positioned, lambda x: st.none() | dims_of(x))),
        bad=(*NOTHING, call(np.array([True, False]))),
    ),
    *both(
        "argmin",
        example_count=50,
        calls=st.one_of(alone(positioned), reducing(positioned, lambda x: st.none() | dims_of(x))),
        bad=(*NOTHING, call(np.array([True, False]))),
    ),
    *both(
        "max",
        example_count=50,
        tc=FORMS,
        method=FORMS,
        calls=three_forms,
        bad=(*NOTHING, call(ones(2, 3), (0, 1)), call(ones(2), ones(3))),
    ),
    *both(
        "min",
        example_count=50,
        tc=FORMS,
        method=FORMS,
        calls=three_forms,
        bad=(*NOTHING, call(ones(2, 3), (0, 1)), call(ones(2), ones(3))),
    ),
]
