"""Shapes, dimensions, parts and grids."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

from parity.both import FORMS, ONE_BY_ONE, OTHER_NAME, both
from parity.draws import arrays, broadcastable, dims_of, filled, integers
from parity.draws import shapes as sizes
from parity.entry import Entry, call, ones
from parity.reductions import EMPTY, alone, some_dims, whole

ANY = st.one_of(arrays(), arrays(max_dims=5, max_side=3), EMPTY, whole())
LISTED = "PyTorch's takes the tensors one by one too"


def factors(count: int) -> st.SearchStrategy:
    """A shape of ``count`` elements, one size of which may be -1."""
    if count == 0:
        return st.sampled_from([(0,), (0, 3), (2, 0), (3, -1), (1, 0, 2)])
    divisors = [n for n in range(1, count + 1) if count % n == 0]

    def complete(parts: list[int]) -> st.SearchStrategy:
        shape, left = [], count
        for part in parts:
            if left % part == 0:
                shape.append(part)
                left //= part
        shape.append(left)
        return st.one_of(
            st.just(tuple(shape)),
            st.integers(0, len(shape) - 1).map(lambda i: tuple(-1 if i == j else n for j, n in enumerate(shape))),
        )

    return st.lists(st.sampled_from(divisors), max_size=3).flatmap(complete)


reshaped = ANY.flatmap(lambda x: factors(x.size).map(lambda shape: call(x, shape)))
viewed = ANY.flatmap(lambda x: factors(x.size).map(lambda shape: call(x, *shape)))
BAD_SHAPES = (
    *(call(ones(2, 3), shape) for shape in ((4,), (-1, -1), (-2, 3), (2.5,), (5, -1), ("a",))),
    call(np.zeros((0, 2)), (0, -1)),
)


def with_dims(count: int, drawn: st.SearchStrategy = ANY) -> st.SearchStrategy:
    """A tensor and ``count`` of its dimensions."""
    return drawn.flatmap(lambda x: st.tuples(*(dims_of(x) for _ in range(count))).map(lambda dims: call(x, *dims)))


def permutations(x: np.ndarray) -> st.SearchStrategy:
    signs = st.lists(st.booleans(), min_size=x.ndim, max_size=x.ndim)
    return st.tuples(st.permutations(range(x.ndim)), signs).map(
        lambda drawn: tuple(dim - x.ndim * back for dim, back in zip(*drawn, strict=True))
    )


def moves(x: np.ndarray) -> st.SearchStrategy:
    return st.one_of(
        st.tuples(dims_of(x), dims_of(x)).map(lambda pair: call(x, *pair)),
        st.tuples(permutations(x), permutations(x), st.integers(0, x.ndim)).map(
            lambda drawn: call(x, drawn[0][: drawn[2]], drawn[1][: drawn[2]])
        ),
    )


def narrowed(x: np.ndarray) -> st.SearchStrategy:
    return dims_of(x).flatmap(
        lambda dim: st.integers(0, x.shape[dim]).flatmap(
            lambda start: st.integers(0, x.shape[dim] - start).flatmap(
                lambda length: st.sampled_from([start, start - x.shape[dim]] if start < x.shape[dim] else [start]).map(
                    lambda first: call(x, dim, first, length)
                )
            )
        )
    )


def expansions(x: np.ndarray) -> st.SearchStrategy:
    grown = st.tuples(*(st.sampled_from([1, 2, 3]) if size == 1 else st.sampled_from([size, -1]) for size in x.shape))
    return st.tuples(st.lists(st.integers(0, 3), max_size=2), grown).map(lambda pair: (*pair[0], *pair[1]))


def split_sizes(size: int) -> st.SearchStrategy:
    cuts = st.lists(st.integers(0, size), max_size=3).map(sorted)
    return cuts.map(lambda places: [b - a for a, b in itertools.pairwise([0, *places, size])])


with_a_dimension = arrays(min_dims=1)
spread = sizes(max_dims=4, max_side=2).flatmap(filled)
square_like = st.one_of(arrays(min_dims=2), arrays(min_dims=2, max_dims=3, max_side=6))
offsets = st.integers(-5, 5)
planes = square_like.flatmap(
    lambda x: st.tuples(st.integers(-3, 3), permutations(x)).map(lambda drawn: call(x, drawn[0], *drawn[1][:2]))
)
vectors = st.lists(st.integers(0, 3).flatmap(lambda n: filled((n,))), min_size=1, max_size=3)
any_rank = st.one_of(st.tuples(ANY).map(lambda t: call(*t)), st.tuples(ANY, ANY).map(lambda t: call(*t)))
BAD_PAIR = (call(ones(2, 3), 0, 2), call(ones(2, 3), -3, 0), call(ones(2, 3)), call(ones(2, 3), 0.5, 1))

ENTRIES = [
    *both("reshape", method=ONE_BY_ONE, calls=reshaped, bad=BAD_SHAPES),
    Entry("Tensor.view", calls=viewed, bad=BAD_SHAPES),
    *(
        Entry(
            f"Tensor.{name}",
            calls=arrays().map(lambda x: call(x, np.zeros(x.size))),
            bad=(call(ones(2), ones(3)), call(ones(2)), call(ones(2), 3)),
        )
        for name in ("view_as", "reshape_as")
    ),
    *both(
        "flatten",
        calls=st.one_of(
            alone(ANY), ANY.flatmap(lambda x: st.tuples(dims_of(x), dims_of(x)).map(lambda d: call(x, *d)))
        ),
        bad=(call(ones(2, 3), 1, 0), call(ones(2), 1), call(ones(2), 0, 1)),
    ),
    *both("ravel", calls=alone(ANY), bad=(call(ones(2), 1), call())),
    *both(
        "unflatten",
        calls=arrays(min_dims=1).flatmap(
            lambda x: dims_of(x).flatmap(lambda dim: factors(x.shape[dim]).map(lambda shape: call(x, dim, shape)))
        ),
        bad=(call(ones(4), 0, (3, 2)), call(ones(4), 1, (2, 2)), call(ones(4), 0, (-1, -1)), call(ones(4), 0, ())),
    ),
    *both(
        "permute",
        method=ONE_BY_ONE,
        calls=ANY.flatmap(lambda x: permutations(x).map(lambda dims: call(x, dims))),
        bad=(call(ones(2, 3), (0,)), call(ones(2, 3), (0, 0)), call(ones(2, 3), (0, 2)), call(ones(2, 3), (0.5, 1))),
    ),
    *(
        entry
        for name in ("transpose", "swapaxes", "swapdims")
        for entry in both(name, calls=with_dims(2), bad=BAD_PAIR)
    ),
    *(
        entry
        for name in ("movedim", "moveaxis")
        for entry in both(
            name,
            calls=arrays().flatmap(moves),
            bad=(call(ones(2, 3), 0, 2), call(ones(2, 3), (0, 0), (0, 1)), call(ones(2, 3), (0, 1), (0,))),
        )
    ),
    *both(
        "t", calls=alone(st.one_of(arrays(max_dims=2), whole(max_dims=2))), bad=(call(ones(2, 2, 2)), call(ones(2), 1))
    ),
    *both("adjoint", calls=alone(arrays(min_dims=2)), bad=(call(ones(2)), call(ones(2, 2), 1))),
    Entry("Tensor.T", calls=alone(arrays(max_dims=4))),
    Entry("Tensor.H", calls=alone(arrays(min_dims=2, max_dims=2))),
    Entry("Tensor.mT", "Tensor.mH", calls=alone(arrays(min_dims=2))),
    *both(
        "squeeze",
        tc=FORMS,
        calls=st.one_of(
            alone(ANY),
            alone(spread),
            spread.flatmap(lambda x: some_dims(x).filter(lambda dim: dim is not None).map(lambda dim: call(x, dim))),
        ),
        bad=(call(ones(2, 1), 2), call(ones(2, 1), (0, 0)), call(ones(2, 1), 0.5)),
    ),
    *both(
        "unsqueeze",
        calls=ANY.flatmap(lambda x: st.integers(-x.ndim - 1, x.ndim).map(lambda dim: call(x, dim))),
        bad=(call(ones(2), 2), call(ones(2), -3), call(ones(2))),
    ),
    Entry(
        "Tensor.expand",
        calls=spread.flatmap(lambda x: expansions(x).map(lambda shape: call(x, *shape) if shape else call(x, ()))),
        bad=(call(ones(2), 3), call(ones(2), -1, 2), call(ones(2, 2), 2), call(ones(1), -2)),
    ),
    Entry(
        "Tensor.expand_as",
        calls=broadcastable(1)
        .flatmap(lambda pair: st.tuples(filled(pair[0]), filled((2, *pair[0]))))
        .map(lambda p: call(*p)),
        bad=(call(ones(2), ones(3)), call(ones(2)), call(ones(2), 3)),
    ),
    *both(
        "broadcast_to",
        calls=spread.flatmap(lambda x: expansions(x).map(lambda shape: call(x, shape))),
        bad=(call(ones(2), (3,)), call(ones(2), (-1, 2)), call(ones(2))),
    ),
    *both(
        "broadcast_tensors",
        only="tc",
        calls=broadcastable(3).flatmap(lambda s: st.tuples(*map(filled, s))).map(lambda t: call(*t)),
        bad=(call(ones(2), ones(3)), call(ones(2), 3)),
    ),
    *both(
        "broadcast_shapes",
        only="tc",
        calls=broadcastable(3).map(lambda shapes: call(*shapes)),
        bad=(call((2,), (3,)), call((-1,), (3,)), call((2,), (0.5,))),
    ),
    Entry(
        "Tensor.repeat",
        calls=st.one_of(arrays(max_dims=3, max_side=3), spread, EMPTY).flatmap(
            lambda x: st.lists(st.integers(0, 3), min_size=x.ndim, max_size=x.ndim + 1).map(
                lambda n: call(x, *n) if n else call(x, ())
            )
        ),
        bad=(call(ones(2, 2), 2), call(ones(2), -1), call(ones(2), 0.5)),
    ),
    *both(
        "tile",
        calls=arrays(max_dims=3, max_side=3).flatmap(
            lambda x: st.lists(st.integers(0, 3), max_size=x.ndim + 1).map(lambda n: call(x, tuple(n)))
        ),
        bad=(call(ones(2), (-1,)), call(ones(2), (0.5,))),
    ),
    *both(
        "repeat_interleave",
        calls=st.one_of(
            arrays(max_dims=3).flatmap(lambda x: st.integers(0, 3).map(lambda n: call(x, n))),
            arrays(min_dims=1, max_dims=4).flatmap(
                lambda x: dims_of(x).flatmap(
                    lambda dim: integers((x.shape[dim],), 0, 3).map(lambda counts: call(x, counts, dim))
                )
            ),
            with_a_dimension.flatmap(
                lambda x: dims_of(x).map(lambda dim: call(x, 2, dim, output_size=2 * x.shape[dim]))
            ),
        ),
        bad=(
            call(ones(2), -1),
            call(ones(2), np.array([1, 2, 3]), 0),
            call(ones(2), 1, 1),
            call(ones(2), 2, 0, output_size=3),
        ),
    ),
    *both(
        "flip",
        calls=ANY.flatmap(
            lambda x: permutations(x).flatmap(lambda d: st.integers(0, x.ndim).map(lambda k: call(x, d[:k])))
        ),
        bad=(call(ones(2), (1,)), call(ones(2, 2), (0, 0)), call(ones(2), (0.5,))),
    ),
    *both("fliplr", calls=alone(arrays(min_dims=2)), bad=(call(ones(2)), call(ones(2, 2), 1))),
    *both("flipud", calls=alone(arrays(min_dims=1)), bad=(call(np.array(1.0)), call(ones(2, 2), 1))),
    *both(
        "rot90",
        method=OTHER_NAME,
        calls=arrays(min_dims=2).flatmap(
            lambda x: st.tuples(st.integers(-5, 5), permutations(x)).map(lambda drawn: call(x, drawn[0], drawn[1][:2]))
        ),
        bad=(
            call(ones(2, 2), 1, (0, 0)),
            call(ones(2, 2), 1, (0, 2)),
            call(ones(2), 1, (0, 1)),
            call(ones(2, 2), 1, (0,)),
        ),
    ),
    *both(
        "roll",
        method="PyTorch's docstring gives dims no default, its function does",
        calls=st.one_of(
            ANY.flatmap(lambda x: st.integers(-6, 6).map(lambda n: call(x, n))),
            with_a_dimension.flatmap(lambda x: st.tuples(st.integers(-6, 6), dims_of(x)).map(lambda d: call(x, *d))),
            arrays(min_dims=2).flatmap(lambda x: permutations(x).map(lambda dims: call(x, (1, -2), dims[:2]))),
        ),
        bad=(call(ones(2, 2), (1, 2)), call(ones(2, 2), (1,), (0, 1)), call(ones(2), 1, 1), call(ones(2), 0.5)),
    ),
    *both(
        "narrow",
        method=OTHER_NAME,
        calls=with_a_dimension.flatmap(narrowed),
        bad=(
            call(ones(3), 0, 2, 2),
            call(ones(3), 0, -4, 1),
            call(ones(3), 0, 0, -1),
            call(ones(3), 1, 0, 1),
            call(np.array(1.0), 0, 0, 1),
        ),
    ),
    *both(
        "select",
        calls=with_a_dimension.flatmap(
            lambda x: dims_of(x).flatmap(
                lambda dim: st.integers(-x.shape[dim], x.shape[dim] - 1).map(lambda index: call(x, dim, index))
            )
        ),
        bad=(call(ones(3), 0, 3), call(ones(3), 1, 0), call(np.array(1.0), 0, 0)),
    ),
    Entry(
        "Tensor.unfold",
        calls=arrays(min_dims=1, max_side=6).flatmap(
            lambda x: dims_of(x).flatmap(
                lambda dim: st.tuples(st.integers(1, x.shape[dim]), st.integers(1, 3)).map(lambda d: call(x, dim, *d))
            )
        ),
        bad=(call(ones(3), 0, 4, 1), call(ones(3), 0, 1, 0), call(ones(3), 1, 1, 1), call(ones(3), 0, -1, 1)),
    ),
    *both(
        "split",
        method=OTHER_NAME,
        calls=st.one_of(with_a_dimension, arrays(min_dims=1, max_dims=2, max_side=7)).flatmap(
            lambda x: dims_of(x).flatmap(
                lambda dim: st.one_of(st.integers(1, 5), split_sizes(x.shape[dim])).map(lambda size: call(x, size, dim))
            )
        ),
        bad=(
            call(ones(3), [1, 1]),
            call(ones(3), -1),
            call(ones(3), 0),
            call(ones(3), 1, 1),
            call(ones(3), [4, -1]),
            call(np.array(1.0), 1),
        ),
    ),
    *both(
        "tensor_split",
        calls=arrays(min_dims=1, max_dims=3, max_side=7).flatmap(
            lambda x: dims_of(x).flatmap(
                lambda dim: st.one_of(st.integers(1, 5), st.lists(st.integers(-8, 8), max_size=3)).map(
                    lambda parts: call(x, parts, dim)
                )
            )
        ),
        bad=(call(ones(3), 0), call(ones(3), 1, 1), call(np.array(1.0), 1)),
    ),
    *both(
        "chunk",
        calls=arrays(min_dims=1, max_dims=3, max_side=7).flatmap(
            lambda x: st.tuples(st.integers(1, 9), dims_of(x)).map(lambda drawn: call(x, *drawn))
        ),
        bad=(call(ones(3), 0), call(ones(3), -1), call(ones(3), 1, 1), call(np.array(1.0), 1)),
    ),
    *both(
        "unbind",
        calls=st.one_of(alone(with_a_dimension), with_dims(1, with_a_dimension)),
        bad=(call(np.array(1.0)), call(ones(3), 1), call(ones(3), 0.5)),
    ),
    *(
        entry
        for name, ndim, size in (("hsplit", 2, 1), ("vsplit", 2, 0), ("dsplit", 3, 2))
        for entry in both(
            name,
            method=OTHER_NAME,
            calls=arrays(min_dims=ndim).flatmap(
                lambda x, size=size: st.one_of(
                    st.sampled_from([n for n in range(1, 5) if x.shape[size] % n == 0]),
                    st.lists(st.integers(-3, 5), max_size=2),
                ).map(lambda parts: call(x, parts))
            ),
            bad=(call(ones(3, 3, 3), 2), call(np.array(1.0), 1), call(ones(3, 3, 3), 0)),
        )
    ),
    *(Entry(f"tc.atleast_{n}d", calls=any_rank, bad=(call(3), call("text"))) for n in (1, 2, 3)),
    *both(
        "diagonal",
        calls=st.one_of(alone(square_like), planes),
        bad=(call(ones(3)), call(ones(2, 2), 0, 0, 0), call(ones(2, 2), 0, 0, 2)),
    ),
    *both(
        "diag",
        calls=st.one_of(arrays(min_dims=1, max_dims=2, max_side=5), whole(min_dims=1, max_dims=2)).flatmap(
            lambda x: st.integers(-3, 3).map(lambda offset: call(x, offset))
        ),
        bad=(call(np.array(1.0)), call(ones(2, 2, 2)), call(ones(2), 0.5)),
    ),
    *both(
        "diag_embed",
        calls=st.one_of(
            alone(arrays(min_dims=1, max_dims=3)),
            arrays(min_dims=1, max_dims=3, max_side=3).flatmap(
                lambda x: st.tuples(st.integers(-2, 2), permutations(np.zeros((1,) * (x.ndim + 1)))).map(
                    lambda drawn: call(x, drawn[0], *drawn[1][:2])
                )
            ),
        ),
        bad=(call(np.array(1.0)), call(ones(2), 0, 0, 0), call(ones(2), 0, 0, 2)),
    ),
    *both(
        "diagflat",
        calls=ANY.flatmap(lambda x: st.integers(-2, 2).map(lambda n: call(x, n))),
        bad=(call(ones(2), 0.5), call()),
    ),
    *both(
        "trace",
        calls=alone(st.one_of(arrays(min_dims=2, max_dims=2), whole(bools=False, min_dims=2, max_dims=2))),
        bad=(call(ones(2)), call(ones(2, 2, 2))),
    ),
    *(
        entry
        for name in ("tril", "triu")
        for entry in both(
            name,
            calls=st.one_of(square_like, whole(min_dims=2, max_dims=3)).flatmap(
                lambda x: offsets.map(lambda n: call(x, n))
            ),
            bad=(call(ones(2)), call(np.array(1.0)), call(ones(2, 2), 0.5)),
        )
    ),
    Entry(
        "tc.meshgrid",
        calls=st.tuples(vectors, st.sampled_from(["ij", "xy"])).map(lambda drawn: call(*drawn[0], indexing=drawn[1])),
        bad=(call(ones(2, 2)), call(ones(2), ones(2), indexing="text"), call(ones(2), np.arange(2))),
    ),
    Entry(
        "tc.cartesian_prod",
        calls=vectors.map(lambda listed: call(*listed)),
        bad=(call(ones(2, 2)), call(ones(2), ones(2, 2))),
    ),
    Entry(
        "tc.combinations",
        calls=st.tuples(st.integers(0, 5).flatmap(lambda n: filled((n,))), st.integers(0, 4), st.booleans()).map(
            lambda drawn: call(*drawn)
        ),
        bad=(call(ones(2, 2)), call(ones(2), -1)),
    ),
    *both("clone", calls=alone(ANY), bad=(call(), call(ones(2), 1))),
    Entry("Tensor.contiguous", calls=alone(ANY), bad=(call(ones(2), 1),)),
]
