"""Initialisers that give a matrix or a convolution a structure, rather than its elements a distribution."""

from __future__ import annotations

import math

import numpy as np

from tinyconv.core import random
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.random import Generator
from tinyconv.nn.filling import fill, require
from tinyconv.ops.tensor import Tensor


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity.

    Shape: 2 dimensions
    Dtype: any.
    Raises: ``ShapeError`` for other numbers of dimensions.

    >>> init.eye_(tc.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    require("eye_", tensor, random=False)
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ needs a tensor of 2 dimensions, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    return fill(tensor, np.eye(rows, columns))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that, with padding="same", it hands on as many channels as it can.

    ``groups``: each group of the outputs hands on the inputs of its own.

    Shape: (out, in / groups, R), (out, in / groups, R, S) or (out, in / groups, Q, R, S)
    Dtype: any.
    Raises: ``ShapeError`` for other numbers of dimensions; ``ArgumentError`` where ``groups`` does not divide the
        outputs.

    >>> init.dirac_(tc.empty(1, 1, 3, 3))[0, 0]
    tensor([[0., 0., 0.],
            [0., 1., 0.],
            [0., 0., 0.]])
    """
    require("dirac_", tensor, random=False)
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_ needs a tensor of 3, 4 or 5 dimensions, got shape {tuple(tensor.shape)}")
    outputs, inputs, *window = tensor.shape
    if isinstance(groups, bool) or not isinstance(groups, int) or groups < 1 or outputs % groups:
        raise ArgumentError(f"dirac_: groups must divide its {outputs} outputs, got {groups!r}")
    values = np.zeros(tuple(tensor.shape))
    centre = tuple(size // 2 for size in window)
    for group in range(groups):
        for channel in range(min(outputs // groups, inputs)):
            values[(group * (outputs // groups) + channel, channel, *centre)] = 1
    return fill(tensor, values)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with ``gain`` times a random (semi-)orthogonal matrix, dimensions after the first taken together.

    ``generator``: draw from it instead of the default one.

    Shape: at least 2 dimensions
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for fewer than 2 dimensions; ``DTypeError`` for integers.
    Source: Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks", 2014.

    >>> q = init.orthogonal_(tc.empty(3, 3, dtype=tc.float64))
    >>> tc.allclose(q @ q.t(), tc.eye(3, dtype=tc.float64))
    True
    """
    require("orthogonal_", tensor)
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_ needs a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}")
    if not tensor.numel():
        return tensor
    rows = tensor.shape[0]
    columns = math.prod(tensor.shape[1:])
    drawn = random.normal((max(rows, columns), min(rows, columns)), np.dtype(np.float64), generator)
    q, r = np.linalg.qr(drawn)
    # QR leaves the sign of each column open; fixing it by the diagonal of R makes Q uniform (Mezzadri 2007).
    q *= np.sign(np.diag(r))
    return fill(tensor, gain * (q.T if rows < columns else q).reshape(tuple(tensor.shape)))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with N(0, std²), but ``sparsity`` of the elements of each column with 0.

    The number of zeros is rounded up. ``generator``: draw from it instead of the default one.

    Shape: 2 dimensions
    Dtype: float32 or float64.
    Raises: ``ShapeError`` for other numbers of dimensions; ``ArgumentError`` for a sparsity outside [0, 1];
        ``DTypeError``.
    Source: Martens, "Deep learning via Hessian-free optimization", 2010.

    >>> (init.sparse_(tc.empty(10, 2), sparsity=0.25) == 0).sum(0)
    tensor([3, 3])
    """
    require("sparse_", tensor)
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_ needs a tensor of 2 dimensions, got shape {tuple(tensor.shape)}")
    if not 0 <= sparsity <= 1:
        raise ArgumentError(f"sparse_: sparsity is a part of the elements, in [0, 1], got {sparsity}")
    shape = tuple(tensor.shape)
    values = std * random.normal(shape, np.dtype(np.float64), generator)
    # The smallest of as many random numbers fall on a random choice of rows, in each column.
    ranks = random.uniform(shape, np.dtype(np.float64), generator).argsort(0).argsort(0)
    values[ranks < math.ceil(sparsity * shape[0])] = 0
    return fill(tensor, values)
