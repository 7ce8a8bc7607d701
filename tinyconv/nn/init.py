"""Initialisers: they fill a tensor in place and return it. Random ones draw from ``manual_seed``'s generator.

Some keep the variance from layer to layer. They count how many inputs an output sums (fan_in), and how many outputs an
input reaches (fan_out).
"""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.core.random import Generator
from tinyconv.nn.filling import fan, fill, require
from tinyconv.nn.filling import fan_in_and_fan_out as _calculate_fan_in_and_fan_out
from tinyconv.nn.structured_init import dirac_, eye_, orthogonal_, sparse_
from tinyconv.ops.elementwise.special import erfinv
from tinyconv.ops.tensor import Tensor

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

_LINEAR = ("linear", *(f"conv{d}d" for d in "123"), *(f"conv_transpose{d}d" for d in "123"), "sigmoid")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights must be larger to keep the variance through ``nonlinearity``.

    1 for linear layers and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu (slope ``param``,
    0.01 by default), 3/4 for selu.

    Raises: ``ArgumentError`` for an unknown nonlinearity, or a slope that is no number.
    Source: relu: He et al., "Delving deep into rectifiers", 2015.

    >>> init.calculate_gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ArgumentError(f"calculate_gain: the slope of leaky_relu must be a number, got {param!r}")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(
        f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known are {', '.join(_LINEAR)}, tanh, relu, "
        "leaky_relu, selu"
    )


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(a, b).

    ``generator``: draw from it instead of the default one.

    Shape: any
    Dtype: float32 or float64.
    Raises: ``ArgumentError`` for a > b; ``DTypeError`` for integers.

    >>> values = init.uniform_(tc.empty(100), -2.0, 3.0)
    >>> bool((values >= -2).all() and (values < 3).all())
    True
    """
    require("uniform_", tensor)
    if not a <= b:
        raise ArgumentError(f"uniform_: a = {a} must not be above b = {b}")
    return fill(tensor, lambda: a + (b - a) * random.uniform(tuple(tensor.shape), np.dtype(np.float64), generator))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(mean, std²).

    ``generator``: draw from it instead of the default one.

    Shape: any
    Dtype: float32 or float64.
    Raises: ``ArgumentError`` for a negative ``std``; ``DTypeError`` for integers.

    >>> init.normal_(tc.empty(2), mean=5.0, std=0.0)
    tensor([5., 5.])
    """
    require("normal_", tensor)
    if not std >= 0:
        raise ArgumentError(f"normal_: std must be at least 0, got {std}")
    return fill(tensor, lambda: mean + std * random.normal(tuple(tensor.shape), np.dtype(np.float64), generator))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(mean, std²), of which only what lies in [a, b] is drawn.

    ``generator``: draw from it instead of the default one.

    Shape: any
    Dtype: float32 or float64.
    Raises: ``ArgumentError`` unless ``std`` > 0 and a <= b; ``DTypeError`` for integers.

    >>> values = init.trunc_normal_(tc.empty(100), std=5.0)
    >>> bool((values >= -2).all() and (values <= 2).all())
    True
    """
    require("trunc_normal_", tensor)
    if not (std > 0 and a <= b):
        raise ArgumentError(f"trunc_normal_: expected std > 0 and a <= b, got std={std}, a={a}, b={b}")
    # The inverse of the distribution function, of numbers that are uniform between its values at a and at b.
    low, high = (math.erf((bound - mean) / (std * math.sqrt(2))) for bound in (a, b))

    def values() -> Array:
        drawn = low + (high - low) * random.uniform(tuple(tensor.shape), np.dtype(np.float64), generator)
        return np.clip(mean + std * math.sqrt(2) * erfinv(Tensor(np.asarray(drawn))).array, a, b)

    return fill(tensor, values)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``.

    Shape: any
    Dtype: any.
    Raises: ``DTypeError`` for what is no tensor.

    >>> init.constant_(tc.empty(2), 0.5)
    tensor([0.5, 0.5])
    """
    require("constant_", tensor, random=False)
    if not isinstance(val, bool | int | float | np.number):
        raise ArgumentError(f"constant_: val must be a number, got {val!r}")
    return fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    Shape: any
    Dtype: any.
    Raises: ``DTypeError`` for what is no tensor.

    >>> init.zeros_(tc.empty(2))
    tensor([0., 0.])
    """
    require("zeros_", tensor, random=False)
    return fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    Shape: any
    Dtype: any.
    Raises: ``DTypeError`` for what is no tensor.

    >>> init.ones_(tc.empty(2))
    tensor([1., 1.])
    """
    require("ones_", tensor, random=False)
    return fill(tensor, 1)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(-a, a), a = gain √(6 / (fan_in + fan_out)).

    ``generator``: draw from it instead of the default one.

    Shape: at least 2 dimensions: (out, in, ...), as the weights of layers
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``DTypeError`` for integers.
    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
        equation 16.

    >>> bool(init.xavier_uniform_(tc.empty(100, 50)).abs().max() <= 0.2)
    True
    """
    require("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6.0 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(0, σ²), σ = gain √(2 / (fan_in + fan_out)).

    ``generator``: draw from it instead of the default one.

    Shape: at least 2 dimensions: (out, in, ...), as the weights of layers
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``DTypeError`` for integers.
    Source: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
        equation 12.

    >>> init.xavier_normal_(tc.empty(2, 2), gain=0.0)
    tensor([[0., 0.],
            [0., 0.]])
    """
    require("xavier_normal_", tensor)
    std = gain * math.sqrt(2.0 / max(sum(_calculate_fan_in_and_fan_out(tensor)), 1))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U(-b, b), b = gain √(3 / fan).

    ``a``: the slope of leaky_relu. ``mode``: "fan_in" keeps the variance forward, "fan_out" backward. ``generator``:
    draw from it instead of the default one.

    Shape: at least 2 dimensions: (out, in, ...), as the weights of layers
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``ArgumentError`` for an unknown mode or nonlinearity;
        ``DTypeError`` for integers.
    Source: He et al., "Delving deep into rectifiers", 2015, equations 10 and 14.

    >>> bool(init.kaiming_uniform_(tc.empty(10, 24)).abs().max() <= 0.5)
    True
    """
    require("kaiming_uniform_", tensor)
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / max(fan(tensor, mode), 1))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(0, σ²), σ = gain / √fan.

    ``a``: the slope of leaky_relu. ``mode``: "fan_in" keeps the variance forward, "fan_out" backward. ``generator``:
    draw from it instead of the default one.

    Shape: at least 2 dimensions: (out, in, ...), as the weights of layers
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``ArgumentError`` for an unknown mode or nonlinearity;
        ``DTypeError`` for integers.
    Source: He et al., "Delving deep into rectifiers", 2015, equations 10 and 14.

    >>> init.kaiming_normal_(tc.empty(1000, 200)).std().round(decimals=2).item()
    0.10000000149011612
    """
    require("kaiming_normal_", tensor)
    std = calculate_gain(nonlinearity, a) / math.sqrt(max(fan(tensor, mode), 1))
    return normal_(tensor, 0.0, std, generator)


def default_weight_(weight: Tensor) -> Tensor:
    """PyTorch's start of Linear and Conv weights: kaiming_uniform_ with a = √5, that is U(-1/√fan_in, 1/√fan_in)."""
    return kaiming_uniform_(weight, a=math.sqrt(5))


def default_bias_(bias: Tensor, weight: Tensor) -> Tensor:
    """PyTorch's start of their biases: U(-1/√fan_in, 1/√fan_in), fan_in that of ``weight``."""
    fan_in, _ = _calculate_fan_in_and_fan_out(weight)
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0.0
    return uniform_(bias, -bound, bound)
