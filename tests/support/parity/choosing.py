"""Bounds, conditions, interpolation, rounding with options, and other functions of an element with arguments."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays, broadcastable, filled, truths
from parity.elementwise import UNDOCUMENTED, empties, numbers, specials, typed, unary, whole
from parity.entry import Entry, call, exactly, ones


@st.composite
def three(draw, *kinds):
    """Three tensors that are broadcast, each drawn by a function of its shape."""
    return tuple(draw(kind(shape)) for kind, shape in zip(kinds, draw(broadcastable(3, max_dims=3)), strict=True))


def uniform(low: float = -2.0, high: float = 2.0):
    return lambda shape: filled(shape, low, high)


@st.composite
def choices(draw):
    condition, one, other = draw(broadcastable(3, max_dims=3))
    operands = [draw(st.one_of(filled(shape), typed(-2, 2)(shape), numbers)) for shape in (one, other)]
    if any(isinstance(operand, np.ndarray) and operand.dtype == np.uint8 for operand in operands):
        operands = [1 if np.isscalar(operand) and operand < 0 else operand for operand in operands]
    return call(draw(truths(condition)), *operands)


@st.composite
def fillings(draw):
    shape, mask, _ = draw(broadcastable(3, max_dims=3))
    target = draw(st.one_of(filled(shape), typed(0, 3)(shape)))
    value = st.one_of(st.sampled_from([0, 1, 2.5, True]), st.just(exactly(np.float64(1.5))))
    if isinstance(target, np.ndarray) and target.dtype == np.float64:  # the only ones through which a gradient flows
        value = st.one_of(value, filled(()))
    return call(target, draw(truths(mask)), draw(value))


@st.composite
def bounded(draw):
    """Both bounds of one shape: PyTorch's backward fails where they are of two."""
    shape, bounds, _ = draw(broadcastable(3, max_dims=3))
    return call(draw(filled(shape)), draw(filled(bounds)), draw(filled(bounds)))


# Bounds that the integer types hold: beyond them, ours bound nothing, where PyTorch's wrap around or are refused.
bound = st.sampled_from([None, 0, 1, 0.5, 2, 1.5])
clamped = st.one_of(
    st.builds(lambda x, low, high: call(x, low, high), unary(), bound, bound),
    st.builds(lambda x, low: call(x, min=low), arrays(), st.sampled_from([-1.0, np.nan, -np.inf, 3])),
    bounded(),
    three(uniform(), uniform(), uniform()).map(lambda t: call(t[0], max=t[1])),
    three(uniform(), uniform(), uniform()).map(lambda t: call(t[0], min=t[1])),
    three(typed(-2, 3), typed(-2, 3), typed(-2, 3)).map(lambda t: call(*t)),
    st.tuples(specials, specials, specials).map(lambda t: call(*t)),
    st.builds(lambda x: call(x, x, x), arrays()),
)
one_bound = st.one_of(
    st.builds(call, unary(), st.sampled_from([0, 1, 0.5, 2])),
    three(uniform(), uniform(), uniform()).map(lambda t: call(t[0], t[1])),
    three(typed(-2, 3), typed(-2, 3), typed(-2, 3)).map(lambda t: call(t[0], t[1])),
)
UNBOUND = (call(ones(2)), call(ones(2), "text"), call(ones(2), ones(3)), call(np.array([True]), True))


interpolations = st.one_of(
    st.builds(
        lambda t, w: call(t[0], t[1], w),
        three(uniform(), uniform(), uniform()),
        st.sampled_from([0.0, 0.3, 0.8, 1, -2]),
    ),
    three(uniform(), uniform(), uniform(0, 1)).map(lambda t: call(*t)),
    st.tuples(specials, specials).map(lambda t: call(*t, 0.3)),
    three(typed(-2, 2), typed(-2, 2), uniform(0, 1)).map(lambda t: call(t[0], t[1], 0.5)),
)
value = st.sampled_from([1, 2, -1, 0.5, True])
products = st.builds(
    lambda t, v: call(*t, value=v),
    st.one_of(three(uniform(), uniform(), uniform()), three(typed(-3, 3), typed(-3, 3), typed(-3, 3))),
    value,
)
ratios = st.builds(
    lambda t, v: call(*t, value=v),
    st.one_of(three(uniform(), uniform(), uniform(0.5)), three(typed(-3, 3), typed(-3, 3), typed(1, 4))),
    value,
)
# Without a negative zero, at which the sign of PyTorch's infinite gradient is that of a positive one.
logits = st.builds(
    call,
    st.one_of(arrays(0.05, 0.95), specials.map(lambda x: x + 0.0), whole(0, 2)),
    st.sampled_from([None, 0.1, 1e-3]),
)
THREE = (
    call(ones(2), ones(2)),
    call(ones(2), ones(3), ones(2)),
    call(ones(2), 1.0, ones(2)),
    call(ones(2), ones(2), "text"),
)

ENTRIES = [
    Entry(
        "tc.clamp",
        "Tensor.clamp",
        "tc.clip",
        "Tensor.clip",
        "Tensor.clamp_",
        "Tensor.clip_",
        calls=clamped,
        bad=UNBOUND,
    ),
    *(
        Entry(f"tc.clamp_{which}", f"Tensor.clamp_{which}", f"Tensor.clamp_{which}_", calls=one_bound, bad=UNBOUND)
        for which in ("min", "max")
    ),
    Entry(
        "tc.where",
        calls=st.one_of(choices(), st.one_of(specials, empties, whole()).map(call)),
        bad=(
            call(ones(2), ones(2), ones(2)),
            call(True, ones(2), ones(2)),
            call(np.array([True, False]), ones(3), 1.0),
            call(np.array([True, False]), ones(2)),
            call(np.array([True, False]), ones(2), "text"),
        ),
        signature="PyTorch documents several forms at once",
    ),
    Entry(
        "Tensor.where",
        calls=choices().map(
            lambda c: call(c.args[1] if isinstance(c.args[1], np.ndarray) else ones(), c.args[0], c.args[2])
        ),
        bad=(call(ones(2), ones(2), ones(2)), call(ones(2), np.array([True, False])), call(ones(2), True, 1.0)),
        signature=UNDOCUMENTED,
    ),
    Entry(
        *("tc.masked_fill", "Tensor.masked_fill", "Tensor.masked_fill_"),
        calls=fillings(),
        bad=(
            call(ones(2), ones(2), 1.0),
            call(ones(2), np.array([1, 0]), 1.0),
            call(ones(2), np.array([True, False]), "text"),
            call(ones(2), np.array([True, False]), ones(2)),
            call(ones(2), np.array([True, False, True]), 1.0),
            call(np.array([1], np.uint8), np.array([True]), 300),
        ),
    ),
    Entry(
        *("tc.lerp", "Tensor.lerp", "Tensor.lerp_"),
        calls=interpolations,
        bad=(
            call(ones(2), ones(2)),
            call(ones(2), 1.0, 0.5),
            call(ones(2), ones(3), 0.5),
            call(np.array([1]), np.array([2]), 0.5),
            call(ones(2), ones(2), "text"),
        ),
    ),
    Entry("tc.addcmul", "Tensor.addcmul", "Tensor.addcmul_", calls=products, bad=THREE),
    Entry(
        *("tc.addcdiv", "Tensor.addcdiv", "Tensor.addcdiv_"),
        calls=ratios,
        bad=(*THREE, call(ones(2), np.array([1, 2]), np.array([1, 2]))),
    ),
    Entry(
        *("tc.nan_to_num", "Tensor.nan_to_num", "Tensor.nan_to_num_"),
        calls=st.builds(
            call,
            unary(),
            st.sampled_from([0.0, 1, -2.5, None]),
            st.sampled_from([None, 3.0, 7]),
            st.sampled_from([None, -3.0]),
        ),
        bad=(call(ones(2), "text"), call(ones(2), 0.0, "text")),
    ),
    Entry("tc.logit", calls=logits, bad=(call(ones(2), "text"), call(ones(2), 0.1, 0.2))),
    Entry(
        *("Tensor.logit", "Tensor.logit_"),
        calls=logits,
        bad=(call(ones(2), "text"), call(ones(2), 0.1, 0.2)),
        signature=UNDOCUMENTED,
    ),
    Entry(
        *("tc.round", "Tensor.round", "Tensor.round_"),
        calls=st.one_of(
            unary().map(call),
            st.sampled_from([[0.5, 1.5, 2.5, -0.5, -1.5]]).map(lambda x: call(np.array(x))),
            st.builds(lambda x, d: call(x, decimals=d), arrays(-500, 500), st.integers(-2, 3)),
        ),
        bad=(call(ones(2), 1), call(ones(2), decimals="text"), call(np.array([1, 2]), decimals=1)),
    ),
    Entry(
        "Tensor.fill_",
        calls=st.one_of(
            st.builds(call, unary(), st.sampled_from([0, 1, 2.5, True])),
            st.builds(call, arrays(), st.one_of(filled(()), st.just(np.inf))),
        ),
        bad=(call(ones(2), "text"), call(ones(2), ones(2)), call(np.array([1], np.uint8), 300), call(ones(2))),
    ),
    Entry("Tensor.zero_", calls=unary().map(call), bad=(call(ones(2), 1),)),
    Entry(
        "tc.fill",
        calls=st.builds(call, unary(), st.sampled_from([0, 1, 2.5, True])),
        bad=(call(ones(2), "text"), call(ones(2), ones(2))),
    ),
    Entry(
        "Tensor.copy_",
        calls=st.one_of(
            three(uniform(), uniform(), uniform()).map(lambda t: call(t[0], t[1])),
            three(typed(-3, 300), typed(-3, 300), uniform()).map(lambda t: call(t[0], t[1])),
        ),
        bad=(call(ones(2), ones(3)), call(ones(2), ones(2, 2)), call(ones(2), "text"), call(ones(2), [1.0, 2.0])),
        signature=UNDOCUMENTED,
    ),
]
