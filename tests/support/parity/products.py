"""Matrix products, contractions, and tensors put together."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.both import OTHER_NAME, both
from parity.draws import arrays, broadcastable, filled, shapes
from parity.entry import Entry, call, exactly, ones

side = st.integers(1, 4)
maybe_none = st.integers(0, 4)


def factors(*shape_of: str, sizes: st.SearchStrategy = side) -> st.SearchStrategy:
    """Tensors whose dimensions are letters; the same letter is the same size."""
    letters = sorted({letter for shape in shape_of for letter in shape})
    return st.fixed_dictionaries(dict.fromkeys(letters, sizes)).flatmap(
        lambda size: st.tuples(*(filled(tuple(size[letter] for letter in shape)) for shape in shape_of))
    )


def whole_factors(*shape_of: str) -> st.SearchStrategy:
    return factors(*shape_of).map(lambda pair: tuple(np.round(x * 3).astype(np.int64) for x in pair))


def called(drawn: st.SearchStrategy) -> st.SearchStrategy:
    return drawn.map(lambda pair: call(*pair))


@st.composite
def batched(draw) -> tuple:
    """Operands of matmul of every number of dimensions."""
    m, k, n = draw(side), draw(side), draw(side)
    first, second = draw(broadcastable(2, max_dims=3))
    left = draw(st.sampled_from([(k,), (*first, m, k)]))
    right = draw(st.sampled_from([(k,), (*second, k, n)]))
    return draw(filled(left)), draw(filled(right))


def adding(*shape_of: str, result: str) -> st.SearchStrategy:
    """Factors, a term that broadcasts to the result, beta and alpha."""
    drawn = factors(result, *shape_of)
    return drawn.flatmap(
        lambda tensors: st.builds(
            lambda kept, beta, alpha: call(
                tensors[0][tuple(slice(None) if keep else slice(0, 1) for keep in kept)],
                *tensors[1:],
                beta=beta,
                alpha=alpha,
            ),
            st.tuples(*(st.booleans() for _ in result)),
            st.sampled_from([1, 0, 0.5, -2]),
            st.sampled_from([1, 0.5, -2, 0]),
        )
    )


EQUATIONS = [
    "ij,jk->ik", "ij,jk", "ij->ji", "ij->", "ii->i", "ii", "ij,ij->", "i,j->ij", "bij,bjk->bik", "bij,bjk->ki",
    "bij,bj->bi", "bi,bi->b", "ij,jk,kl->il", "ij,kj,lj->ikl", "iij->j", "iij,j->i", "ijk,jil->kl", "i,i", "ij,j",
    "bn,anm,bm->ba", "ji", "ba,cd", "abab->ba",
]  # fmt: skip
ELLIPSES = [
    "...ij,...jk->...ik", "...ij->...ji", "i...->...i", "...,...->...", "i...j,j->i...", "...ii->...i", "...i,...i",
    "b...->b", "...->",
]  # fmt: skip


@st.composite
def einsums(draw) -> object:
    equation = draw(st.sampled_from(EQUATIONS))
    return call(equation, *draw(factors(*equation.partition("->")[0].split(","))))


@st.composite
def elliptic(draw) -> object:
    equation = draw(st.sampled_from(ELLIPSES))
    inputs = equation.partition("->")[0].split(",")
    size = {letter: draw(side) for letter in sorted(set("".join(inputs)) - {"."})}
    batches = draw(broadcastable(len(inputs), max_dims=2))
    tensors = []
    for labels, batch in zip(inputs, batches, strict=True):
        before, dots, after = labels.partition("...")
        shape = [size[letter] for letter in before] + list(batch if dots else ()) + [size[letter] for letter in after]
        tensors.append(draw(filled(tuple(shape))))
    return call(equation, *tensors)


def lists(matrix: tuple) -> object:
    a, b = matrix
    return call(a, [0, 1], b, [1, 2], [2, 0])


@st.composite
def joined(draw, least: int = 1) -> tuple:
    """Tensors of one shape but along a dimension."""
    shape = list(draw(shapes(min_dims=least, max_dims=4, min_side=1, max_side=3)))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        shape[dim] = draw(st.integers(0, 3))
        parts.append(draw(filled(tuple(shape))))
    return parts, dim


mixtures = st.lists(
    st.sampled_from(["float32", "float64", "int64", "int32", "uint8", "bool"]), min_size=1, max_size=3
).map(lambda kinds: [exactly(np.ones(2, kind)) for kind in kinds])
stacked = st.tuples(shapes(max_dims=3, max_side=3), st.integers(1, 3)).flatmap(
    lambda drawn: st.tuples(*[filled(drawn[0])] * drawn[1])
)
with_empty = joined(2).map(lambda drawn: call([np.zeros(0), *drawn[0]], drawn[1]))
BAD_LIST = (call([]), call([ones(2), ones(2, 2)]), call(ones(2)[0]), call([ones(2), 3]))
BAD_PAIR = (call(ones(2, 3), ones(2, 3)), call(ones(2), 3.0), call(ones(2, 2), np.ones((2, 2), np.int64)))
DIFFERENT = "PyTorch's docstring calls the same argument otherwise"

ENTRIES = [
    *both(
        "matmul",
        method=OTHER_NAME,
        calls=st.one_of(
            called(batched()),
            called(whole_factors("ij", "jk")),
            called(factors("ij", "jk", sizes=maybe_none)),
            called(factors("bij", "bjk", sizes=maybe_none)),
        ),
        bad=(
            *BAD_PAIR,
            call(np.array(1.0), ones(1)),
            call(ones(2, 2, 2), ones(3, 2, 2)),
            call(np.ones((2, 2), bool), np.ones((2, 2), bool)),
        ),
    ),
    *both(
        "mm",
        calls=st.one_of(
            called(factors("ij", "jk")),
            called(factors("ij", "jk", sizes=maybe_none)),
            called(whole_factors("ij", "jk")),
        ),
        bad=(*BAD_PAIR, call(ones(2), ones(2)), call(ones(1, 2, 2), ones(1, 2, 2))),
    ),
    *both(
        "bmm",
        method=OTHER_NAME,
        calls=st.one_of(called(factors("bij", "bjk")), called(factors("bij", "bjk", sizes=maybe_none))),
        bad=(*BAD_PAIR, call(ones(2, 2, 2), ones(1, 2, 2)), call(ones(2, 2, 3), ones(2, 2, 3))),
    ),
    *both(
        "mv",
        calls=st.one_of(called(factors("ij", "j")), called(whole_factors("ij", "j"))),
        bad=(call(ones(2, 3), ones(2)), call(ones(2), ones(2)), call(ones(2, 3), ones(3, 1))),
    ),
    *both(
        "dot",
        method=OTHER_NAME,
        calls=st.one_of(called(factors("i", "i", sizes=maybe_none)), called(whole_factors("i", "i"))),
        bad=(call(ones(2), ones(3)), call(ones(2, 2), ones(2, 2)), call(ones(2), np.array([1, 2]))),
    ),
    *both(
        "vdot",
        calls=called(factors("i", "i", sizes=maybe_none)),
        bad=(call(ones(2), ones(3)), call(ones(2, 2), ones(2, 2))),
    ),
    *both(
        "inner",
        calls=st.one_of(
            *(
                called(factors(*pair))
                for pair in (("i", "i"), ("ij", "j"), ("ij", "kj"), ("abj", "ckj"), ("", "ij"), ("ij", ""))
            )
        ),
        bad=(call(ones(2), ones(3)), call(ones(2, 3), ones(3, 2))),
    ),
    *(
        entry
        for name in ("outer", "ger")
        for entry in both(
            name,
            calls=st.one_of(
                called(factors("i", "j")), called(factors("i", "j")).map(lambda c: call(c.args[0], np.array([1, 2])))
            ),
            bad=(call(ones(2, 2), ones(2)), call(ones(2), np.array(1.0))),
        )
    ),
    *both(
        "addmm",
        calls=adding("ij", "jk", result="ik"),
        bad=(
            call(ones(3), ones(2, 2), ones(2, 2)),
            call(ones(2), ones(2, 3), ones(2, 3)),
            call(ones(2), ones(2), ones(2)),
        ),
    ),
    *both(
        "addmv",
        calls=adding("ij", "j", result="i"),
        bad=(call(ones(3), ones(2, 2), ones(2)), call(ones(2), ones(2, 3), ones(2))),
    ),
    *both(
        "addr",
        calls=adding("i", "j", result="ij"),
        bad=(call(ones(3), ones(2), ones(2)), call(ones(2), ones(2, 2), ones(2))),
    ),
    *both(
        "baddbmm",
        calls=adding("bij", "bjk", result="bik"),
        bad=(call(ones(3), ones(1, 2, 2), ones(1, 2, 2)), call(ones(2), ones(1, 2, 3), ones(1, 2, 3))),
    ),
    *both(
        "addbmm",
        calls=adding("bij", "bjk", result="ik"),
        bad=(call(ones(3), ones(1, 2, 2), ones(1, 2, 2)), call(ones(2), ones(1, 2, 3), ones(1, 2, 3))),
    ),
    Entry(
        "tc.einsum",
        calls=st.one_of(einsums(), elliptic(), factors("ij", "jk").map(lists)),
        example_count=60,
        bad=(
            call("ij,jk->ik", ones(2, 3)),
            call("ij->ik", ones(2, 3)),
            call("ij", ones(2)),
            call("ij,jk", ones(2, 3), ones(4, 2)),
            call("ii", ones(2, 3)),
            call("i1", ones(2, 3)),
            call("i->ii", ones(2)),
            call("......i", ones(2)),
        ),
    ),
    Entry(
        "tc.tensordot",
        calls=st.one_of(
            factors("abc", "bcd").map(lambda pair: call(*pair)),
            factors("ab", "cd").map(lambda pair: call(*pair, dims=0)),
            factors("abc", "bd").map(lambda pair: call(*pair, dims=([1], [0]))),
            factors("abc", "dba").map(lambda pair: call(*pair, ([0, 1], [2, -2]))),
        ),
        bad=(
            call(ones(2, 3), ones(2, 3), 1),
            call(ones(2), ones(2), 2),
            call(ones(2), ones(2), ([0], [])),
            call(ones(2), ones(2), -1),
        ),
    ),
    *both(
        "kron",
        calls=st.tuples(arrays(max_dims=3, max_side=3), arrays(max_dims=3, max_side=3)).map(lambda pair: call(*pair)),
        bad=(call(ones(2)), call(ones(2), "text")),
    ),
    *(
        Entry(
            f"tc.{name}",
            calls=st.one_of(joined().map(lambda drawn: call(*drawn)), mixtures.map(call), with_empty),
            bad=(*BAD_LIST, call([ones(2), ones(2)], 1), call([ones(2, 3), ones(3, 2)], 1), call([np.array(1.0)])),
        )
        for name in ("cat", "concat", "concatenate")
    ),
    Entry(
        "tc.stack",
        calls=st.one_of(
            stacked.flatmap(
                lambda parts: st.integers(-parts[0].ndim - 1, parts[0].ndim).map(lambda dim: call(parts, dim))
            ),
            mixtures.map(call),
        ),
        bad=(*BAD_LIST, call([ones(2), ones(3)]), call([ones(2), ones(2)], 2)),
    ),
    *(
        Entry(
            f"tc.{name}",
            calls=st.one_of(
                stacked.map(call),
                mixtures.map(call),
                joined(3)
                .filter(lambda drawn, dim=dim: drawn[1] % drawn[0][0].ndim == dim)
                .map(lambda drawn: call(drawn[0])),
            ),
            bad=(call([]), call([ones(2, 3), ones(3, 2, 2)]), call([ones(2), 3])),
        )
        for name, dim in (("hstack", 1), ("vstack", 0), ("row_stack", 0), ("dstack", 2), ("column_stack", 1))
    ),
]
