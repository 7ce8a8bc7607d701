"""Types of results, for all pairs of operands and every operation on pairs: PyTorch's, or refused as there."""

import itertools
import warnings

import numpy as np
import pytest

import tinyconv as tc

torch = pytest.importorskip("torch")

TYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
NUMBERS = {
    "True": True,
    "2": 2,
    "2.5": 2.5,
    "NumPy int32": np.int32(2),
    "NumPy float32": np.float32(2.5),
    "NumPy float64": np.float64(2.5),
}
TENSORS = [f"{kind}{form}" for kind in TYPES for form in ("", " without dimensions")]
PAIRS = [
    (first, second)
    for first, second in itertools.product([*TENSORS, *NUMBERS], repeat=2)
    if not (first in NUMBERS and second in NUMBERS)
]

FUNCTIONS = (
    *("add", "sub", "rsub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "float_power"),
    *("maximum", "minimum", "fmax", "fmin", "logaddexp", "xlogy", "hypot", "atan2", "copysign", "heaviside"),
    *("eq", "ne", "lt", "le", "gt", "ge", "isclose", "logical_and", "logical_or", "logical_xor"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"),
    *("result_type", "clamp_min", "clamp_max"),
)
IN_PLACE = (
    *("add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "fmod_", "pow_", "float_power_", "xlogy_"),
    *("atan2_", "hypot_", "copysign_", "eq_", "lt_", "logical_and_", "bitwise_and_", "bitwise_left_shift_"),
    *("copy_", "clamp_min_"),
)
OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    "**": lambda x, y: x**y,
    "<": lambda x, y: x < y,
    "==": lambda x, y: x == y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
    "<<": lambda x, y: x << y,
    ">>": lambda x, y: x >> y,
}


def operand(library, name):
    if name in NUMBERS:
        return NUMBERS[name]
    kind, _, form = name.partition(" ")
    return library.full(() if form else (2,), True if kind == "bool" else 2, dtype=getattr(library, kind))


def outcome(library, function, first, second):
    """The name of the result's type and its elements, or "refused"."""
    try:
        result = function(library, operand(library, first), operand(library, second))
    except (tc.TinyconvError, RuntimeError, TypeError, NotImplementedError):
        return "refused"
    if not hasattr(result, "dtype"):
        return repr(result).rpartition(".")[2]
    values = np.asarray(result.tolist(), np.float64)
    return repr(result.dtype).rpartition(".")[2], np.round(values, 5).tolist()


def differences(function, pairs):
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for pair in pairs:
            ours, theirs = outcome(tc, function, *pair), outcome(torch, function, *pair)
            if ours != theirs:
                found[pair] = ours, theirs
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_two_operands_has_pytorchs_type(name):
    assert differences(lambda library, x, y: getattr(library, name)(x, y), PAIRS) == {}


@pytest.mark.parametrize("sign", OPERATORS)
def test_an_operator_has_pytorchs_type(sign):
    assert differences(lambda _, x, y: OPERATORS[sign](x, y), PAIRS) == {}


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_method_that_writes_in_place_keeps_the_type_or_is_refused_as_in_pytorch(name):
    pairs = [pair for pair in PAIRS if pair[0] not in NUMBERS]
    assert differences(lambda _, x, y: getattr(x, name)(y), pairs) == {}


@pytest.mark.parametrize("first", TENSORS)
def test_a_choice_between_two_values_has_pytorchs_type(first):
    pairs = [(first, second) for second in [*TENSORS, *NUMBERS]]

    def choose(library, x, y):
        return library.where(library.full((2,), True, dtype=library.bool), x, y)

    assert differences(choose, pairs) == {}
    assert differences(lambda library, x, y: choose(library, y, x), pairs) == {}


@pytest.mark.parametrize("first", TENSORS)
def test_bounds_have_pytorchs_type(first):
    pairs = [(first, second) for second in [*TENSORS, *NUMBERS]]
    assert differences(lambda library, x, y: library.clamp(x, y, y), pairs) == {}


@pytest.mark.parametrize("alpha", [1, 2, 0.5, True, 1.0])
@pytest.mark.parametrize("name", ["add", "sub"])
def test_a_factor_of_the_second_operand_is_taken_or_refused_as_in_pytorch(name, alpha):
    assert differences(lambda library, x, y: getattr(library, name)(x, y, alpha=alpha), PAIRS) == {}
