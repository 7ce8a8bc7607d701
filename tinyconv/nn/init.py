"""Initialisers: they fill a tensor in place and return it. Random ones draw from ``manual_seed``'s generator.

Variance-preserving schemes: Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
networks" (AISTATS 2010), called xavier; He et al., "Delving deep into rectifiers" (ICCV 2015), called kaiming.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.random import Generator
from tinyconv.ops.tensor import Tensor

_LINEAR = ("linear", *(f"conv{d}d" for d in "123"), *(f"conv_transpose{d}d" for d in "123"), "sigmoid")


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights must be larger to keep the variance through ``nonlinearity``.

    1 for linear layers and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu (slope ``param``,
    0.01 by default), 3/4 for selu.
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


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs one output of a layer sums, and how many outputs one input reaches.

    For a weight (out, in/groups, R, S): fan_in = in/groups · R · S and fan_out = out · R · S.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"fan_in and fan_out need a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}; "
            "for a bias use zeros_ or uniform_"
        )
    receptive_field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * receptive_field, tensor.shape[0] * receptive_field


def _fan(tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    if mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f"mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return fan_in if mode.lower() == "fan_in" else fan_out


def _fill(tensor: Tensor, values: Any) -> Tensor:
    # Straight into the array: an initialiser is no computation that the tape should know.
    tensor.check_writable("init")
    tensor.array[...] = values
    tensor.bump_version()
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(a, b)."""
    return _fill(tensor, a + (b - a) * random.uniform(tuple(tensor.shape), np.dtype(np.float64), generator))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(mean, std²)."""
    return _fill(tensor, mean + std * random.normal(tuple(tensor.shape), np.dtype(np.float64), generator))


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with ``val``."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return _fill(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return _fill(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a 2-D tensor with the identity matrix."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ needs a tensor of 2 dimensions, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    return _fill(tensor, np.eye(rows, columns))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(-a, a), a = gain √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(0, σ²), σ = gain √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U(-b, b), b = gain √(3 / fan) (He et al. 2015, eq. 14); ``a`` is the slope of leaky_relu."""
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3.0 / _fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(0, σ²), σ = gain / √fan (He et al. 2015, eq. 14); ``a`` is the slope of leaky_relu."""
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with ``gain`` times a random (semi-)orthogonal matrix, dimensions after the first taken together.

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (ICLR 2014).
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_ needs a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}")
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    drawn = random.normal((max(rows, columns), min(rows, columns)), np.dtype(np.float64), generator)
    q, r = np.linalg.qr(drawn)
    # QR leaves the sign of each column open; fixing it by the diagonal of R makes Q uniform (Mezzadri 2007).
    q *= np.sign(np.diag(r))
    return _fill(tensor, gain * (q.T if rows < columns else q).reshape(tuple(tensor.shape)))


def default_weight_(weight: Tensor) -> Tensor:
    """PyTorch's start of Linear and Conv weights: kaiming_uniform_ with a = √5, that is U(-1/√fan_in, 1/√fan_in)."""
    return kaiming_uniform_(weight, a=math.sqrt(5))


def default_bias_(bias: Tensor, weight: Tensor) -> Tensor:
    """PyTorch's start of their biases: U(-1/√fan_in, 1/√fan_in), fan_in that of ``weight``."""
    fan_in, _ = _calculate_fan_in_and_fan_out(weight)
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0.0
    return uniform_(bias, -bound, bound)
