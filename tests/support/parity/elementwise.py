"""Functions of one element, and of pairs of elements."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays, broadcastable, filled, integers, shapes, truths
from parity.entry import Entry, call, constant, exactly, ones

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1.5, np.nan, np.inf, -np.inf, 3.0]

specials = st.permutations(SPECIAL).map(lambda values: np.array(values[:7]))
empties = st.sampled_from([np.zeros((0,)), np.zeros((2, 0, 3))])


UNDOCUMENTED = "PyTorch's docstring of the method leaves its parameters out, or calls them otherwise"


def whole(low: int = -3, below: int = 4) -> st.SearchStrategy:
    """Integers of every type, and truth values."""
    return shapes(max_dims=3).flatmap(
        lambda shape: st.one_of(
            integers(shape, low, below, "int64"),
            integers(shape, low, below, "int32"),
            integers(shape, 0, below + 200, "uint8"),
            truths(shape),
        )
    )


def unary(low: float = -3.0, high: float = 3.0, special: bool = True) -> st.SearchStrategy:
    """Tensors of every type and many shapes: floats between ``low`` and ``high``, or with extreme values."""
    drawn = [arrays(low, high), empties, whole(max(int(low), -3), int(high) + 1)]
    return st.one_of(*drawn, specials) if special else st.one_of(*drawn)


def without_gradient(drawn):
    """For what PyTorch does not differentiate, or sends nowhere."""
    return call(*(constant(a) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in drawn.args))


def functions(*names: str, gradient: bool = True, **domain) -> Entry:
    """A function and the method of each name."""
    calls = unary(**domain).map(call)
    return Entry(
        *(name for function in names for name in (f"tc.{function}", f"Tensor.{function}")),
        calls=calls if gradient else calls.map(without_gradient),
        example_count=15,
        bad=(call(), call("text"), call(ones(2), 3, 4), call([1.0, 2.0]), call(ones(2), nonsense=1)),
    )


def in_place(*names: str, gradient: bool = True, signature: str = "", **domain) -> Entry:
    calls = unary(**domain).map(call)
    return Entry(
        *(f"Tensor.{name}_" for name in names),
        calls=calls if gradient else calls.map(without_gradient),
        signature=signature,
        example_count=10,
        bad=(call(ones(2), 3, 4), call(ones(2), nonsense=1)),
    )


def both(*names: str, **domain) -> list[Entry]:
    return [functions(*names, **domain), in_place(*names, **domain)]


UNARY = [
    *both("abs", "absolute", "neg", "negative", "sign"),
    *both("sgn", gradient=False),  # PyTorch's gradient is a tensor without memory
    functions("positive"),
    *both("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sigmoid"),
    *both("sqrt", "rsqrt", "reciprocal", "square"),
    *both("sin", "cos", "tan", "sinh", "cosh", "tanh", "deg2rad", "rad2deg"),
    *both("asin", "arcsin", "acos", "arccos", low=-0.9, high=0.9),
    *both("atan", "arctan", "sinc", "erf", "erfc"),
    functions("asinh", "arcsinh"),
    functions("atanh", "arctanh", low=-0.9, high=0.9),
    # PyTorch differentiates these, but not their forms that write in place.
    in_place("asinh", "arcsinh", gradient=False),
    in_place("atanh", "arctanh", low=-0.9, high=0.9, gradient=False, signature=UNDOCUMENTED),
    in_place("acosh", "arccosh", low=1.1, high=4.0, gradient=False),
    functions("acosh", "arccosh", low=1.1, high=4.0),
    *both("erfinv", low=-0.9, high=0.9),
    *both("floor", "ceil", "trunc", "fix", "frac"),
    functions("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "logical_not", "bitwise_not"),
    in_place("logical_not", "bitwise_not", gradient=False),
]

# --- pairs -----------------------------------------------------------------------------------------------------------

numbers = st.sampled_from([2, -1, 3, 0.5, -1.5, True, np.float32(0.5), np.float64(2.5), np.int64(2)])


@st.composite
def pair_of_shapes(draw, first, second):
    """Two tensors that are broadcast, each drawn by a function of its shape."""
    one, other = draw(broadcastable())
    return draw(first(one)), draw(second(other))


def uniform(low: float, high: float):
    return lambda shape: filled(shape, low, high)


def typed(low: int, below: int, floats: bool = True):
    """A function that draws a tensor of any type, of a shape."""

    def draw(shape: tuple[int, ...]) -> st.SearchStrategy:
        types = [
            integers(shape, low, below, "int64"),
            integers(shape, low, below, "int32"),
            integers(shape, max(low, 0), below, "uint8"),
            truths(shape) if low <= 0 else integers(shape, 1, 2, "bool"),
        ]
        if floats:
            types += [
                filled(shape, low, below).map(lambda array: exactly(array.astype(np.float32))),
                filled(shape, low, below).map(exactly),
            ]
        return st.one_of(*types)

    return draw


special_pairs = st.tuples(specials, specials)


def pairs(
    low: float = -3.0,
    high: float = 3.0,
    other_low: float | None = None,
    special: bool = True,
    mixed: bool = True,
    with_numbers: bool = True,
) -> st.SearchStrategy:
    """Two operands: random ones, of mixed types, a tensor and a number, or with extreme values."""
    below = low if other_low is None else other_low
    drawn = [pair_of_shapes(uniform(low, high), uniform(below, high))] * 2
    if mixed:
        drawn.append(pair_of_shapes(typed(int(low), int(high)), typed(int(below), int(high))))
    if with_numbers:
        drawn.append(st.tuples(arrays(low, high), numbers))
        drawn.append(st.tuples(whole(max(int(low), -3), 4), numbers))
    if special:
        drawn.append(special_pairs)
    return st.one_of(*drawn).map(lambda operands: call(*operands))


SHAPES = (call(ones(2), ones(3)), call(ones(2), "text"), call(ones(2)), call(ones(2), None))
FITS_NOT = call(ones(2), ones(3, 2))


def binary(*names: str, bad=(), undocumented: bool = False, gradient: bool = True, **domain) -> list[Entry]:
    """A function, the method, and the method that writes in place."""
    calls = pairs(**domain)
    written = calls if gradient else calls.map(without_gradient)
    excuse = UNDOCUMENTED if undocumented else ""
    return [
        Entry(*(f"tc.{name}" for name in names), calls=calls, bad=(*SHAPES, *bad)),
        Entry(*(f"Tensor.{name}" for name in names), calls=calls, bad=(*SHAPES, *bad), signature=excuse),
        Entry(*(f"Tensor.{name}_" for name in names), calls=written, bad=(*SHAPES, FITS_NOT, *bad), signature=excuse),
    ]


sums = st.builds(
    lambda drawn, alpha: call(*drawn.args, alpha=alpha), pairs(), st.sampled_from([1, 2, -1, 0.5, True, 1.0])
)
ALPHAS = (call(ones(2), ones(2), alpha="text"), call(np.array([1, 2]), 1, alpha=0.5))
MODES = (call(ones(2), ones(2), rounding_mode="up"), call(ones(2), ones(2), rounding_mode=1))
quotients = st.builds(
    lambda drawn, mode: call(*drawn.args, rounding_mode=mode), pairs(), st.sampled_from([None, "floor", "trunc"])
)
tensors_only = {"with_numbers": False, "bad": (call(ones(2), 1.0),)}


PAIRS = [
    Entry("tc.add", "Tensor.add", "Tensor.add_", calls=sums, bad=(*SHAPES, *ALPHAS)),
    Entry("tc.sub", "Tensor.sub", "Tensor.sub_", calls=sums, bad=(*SHAPES, *ALPHAS)),
    Entry("tc.subtract", "Tensor.subtract", "Tensor.subtract_", calls=sums, bad=(*SHAPES, *ALPHAS)),
    Entry("tc.rsub", calls=sums, bad=(*SHAPES, *ALPHAS)),
    *binary("mul", "multiply", undocumented=True),
    Entry("tc.div", "tc.divide", calls=quotients, bad=(*SHAPES, *MODES)),
    Entry(
        *("Tensor.div", "Tensor.div_", "Tensor.divide", "Tensor.divide_"),
        calls=quotients,
        bad=(*SHAPES, *MODES),
        signature=UNDOCUMENTED,
    ),
    Entry(
        *("tc.true_divide", "Tensor.true_divide", "Tensor.true_divide_"),
        calls=pairs(),
        bad=SHAPES,
        signature="PyTorch's takes no rounding_mode; here it is the same function as div",
    ),
    Entry("tc.floor_divide", calls=pairs().map(without_gradient), bad=(*SHAPES, call(np.array([1]), 0))),
    Entry(
        *("Tensor.floor_divide", "Tensor.floor_divide_"),
        calls=pairs().map(without_gradient),
        bad=(*SHAPES, call(np.array([1]), 0)),
        signature=UNDOCUMENTED,
    ),
    *binary("remainder", undocumented=True, bad=(call(np.array([1]), 0), call(np.array([True]), np.array([True])))),
    *binary("fmod", undocumented=True, bad=(call(np.array([1]), 0), call(np.array([True]), np.array([True])))),
    *binary("pow", low=0.2, bad=(call(np.array([1]), -1), call(np.array([True]), np.array([True])))),
    *binary("float_power", low=0.2, special=False),
    *binary("maximum", "minimum", "fmax", "fmin", **tensors_only)[:2],
    *binary("logaddexp", special=False, **tensors_only)[:2],
    *binary("hypot", **tensors_only),
    *binary("atan2", "arctan2", **tensors_only),
    *binary("xlogy"),
    *binary("copysign"),
    *binary(
        *("eq", "ne", "not_equal", "lt", "less", "le", "less_equal", "gt", "greater", "ge", "greater_equal"),
        gradient=False,
    ),
    *binary("logical_and", "logical_or", "logical_xor", undocumented=True, gradient=False, **tensors_only),
    *binary("bitwise_and", "bitwise_or", "bitwise_xor", undocumented=True),
    *binary("bitwise_left_shift", "bitwise_right_shift"),
]

same_types = st.one_of(
    *(
        pair_of_shapes(lambda shape, t=t: integers(shape, -2, 3, t), lambda shape, t=t: integers(shape, -2, 3, t))
        for t in ("int64", "int32", "float64", "float32", "bool")
    )
)

steps = st.one_of(same_types, special_pairs, pair_of_shapes(typed(-2, 2), typed(-2, 2)))
tolerances = st.fixed_dictionaries(
    {},
    optional={
        "rtol": st.sampled_from([0.0, 1e-3, 0.5]),
        "atol": st.sampled_from([0.0, 0.1]),
        "equal_nan": st.booleans(),
    },
)
near = st.builds(
    lambda pair, keywords: call(*pair, **keywords),
    st.one_of(
        same_types,
        special_pairs,
        specials.map(lambda x: (x, x + 1e-9)),
        arrays().map(lambda x: (x, x * (1 + 1e-7))),
        st.tuples(specials, specials.map(lambda x: exactly(x.astype(np.float32)))),
    ),
    tolerances,
)
NEAR = (call(ones(2)), call(ones(2), 1.0), call(ones(2), ones(3)), call(ones(2), ones(2), rtol=-1.0))

COMPARISONS = [
    Entry(
        "tc.heaviside",
        *("Tensor.heaviside", "Tensor.heaviside_"),
        calls=steps.map(lambda pair: without_gradient(call(*pair))),
        bad=(call(ones(2), ones(3)), call(ones(2), 1.0), call(ones(2), np.array([1, 2]))),
    ),
    Entry("tc.isclose", "Tensor.isclose", calls=near, bad=NEAR),
    Entry("tc.allclose", "Tensor.allclose", calls=near, bad=NEAR),
    Entry(
        *("tc.equal", "Tensor.equal"),
        calls=st.one_of(
            arrays().map(lambda x: (x, x.copy())),
            st.tuples(arrays(), arrays()),
            pair_of_shapes(typed(0, 2), typed(0, 2)),
        ).map(lambda pair: call(*pair)),
        bad=(call(ones(2)), call(ones(2), 1.0), call(ones(2), "text")),
    ),
]

ENTRIES = [*UNARY, *PAIRS, *COMPARISONS]
