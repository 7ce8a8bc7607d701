"""Random numbers written into a tensor. No gradient flows through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout, random
from tinyconv.core.errors import ArgumentError, DTypeError
from tinyconv.core.random import Generator
from tinyconv.core.transfer import placed, to_host
from tinyconv.ops.dispatch import broadcast_shape, require_number, require_tensor, wrap
from tinyconv.ops.in_place.in_place import write

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def normal_(input: Tensor, mean: float = 0, std: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Every element becomes a normal number.

    ``mean``, ``std``: of its distribution. ``generator``: what to draw from; the one that ``manual_seed`` seeds.

    Shape: any.
    Dtype: float32 or float64.
    Raises: ``DTypeError`` for another type; ``ArgumentError`` for a negative ``std``.

    >>> tc.empty(100).normal_(5, 0.1).mean().round()
    tensor(5.)
    """
    _floating("normal_", input)
    require_number("normal_", mean=mean, std=std)
    if not std >= 0:
        raise ArgumentError(f"normal_: std must be at least 0, got {std}")
    numbers = random.normal(input.shape, np.dtype(np.float64), generator) * std + mean
    return _written("normal_", input, numbers)


def uniform_(input: Tensor, from_: float = 0, to: float = 1, *, generator: Generator | None = None) -> Tensor:
    """Every element becomes a number between ``from_`` and ``to``, each equally likely.

    ``generator``: what to draw from; the one that ``manual_seed`` seeds.

    Shape: any.
    Dtype: float32 or float64.
    Raises: ``DTypeError`` for another type; ``ArgumentError`` if ``from_`` is above ``to``.

    >>> x = tc.empty(100).uniform_(-2, 2)
    >>> bool((x >= -2).all() and (x < 2).all())
    True
    """
    _floating("uniform_", input)
    require_number("uniform_", from_=from_, to=to)
    if not from_ <= to:
        raise ArgumentError(f"uniform_: the range [from, to) is empty: from={from_} is above to={to}")
    numbers = random.uniform(input.shape, input.dtype.numpy, generator) * input.dtype.numpy.type(to - from_)
    numbers += input.dtype.numpy.type(from_)
    if to > from_:  # which rounding may have reached
        numbers = np.minimum(numbers, np.nextafter(input.dtype.numpy.type(to), input.dtype.numpy.type(from_)))
    return _written("uniform_", input, numbers)


def bernoulli_(input: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Every element becomes 1 with probability ``p``, else 0.

    ``p``: a number, or a floating-point tensor with a probability for each element. ``generator``: what to draw from.

    Shape: any; ``p`` is broadcast to it.
    Dtype: any.
    Raises: ``ArgumentError`` for a probability outside [0, 1]; ``DTypeError`` for a ``p`` of integers; ``ShapeError``.

    >>> tc.zeros(3).bernoulli_(1.0)
    tensor([1., 1., 1.])
    """
    require_tensor("bernoulli_", input=input)
    probabilities: Any
    if isinstance(p, TensorBase):
        if not p.dtype.is_floating_point:
            raise DTypeError(f"bernoulli_: p must be a floating-point tensor or a number, got {p.dtype.name}")
        if broadcast_shape("bernoulli_", p.shape, input.shape) != input.shape:
            raise ArgumentError(f"bernoulli_: p of shape {p.shape} does not fit a tensor of shape {input.shape}")
        probabilities = to_host(p.array)
    else:
        require_number("bernoulli_", p=p)
        probabilities = np.asarray(p)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ArgumentError(f"bernoulli_: p must be in [0, 1], got {p}")
    hits = random.uniform(input.shape, np.dtype(np.float64), generator) < probabilities
    return _written("bernoulli_", input, np.asarray(hits))


def random_(input: Tensor, from_: Any = None, to: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Every element becomes a whole number from ``from_`` (0 if left out) to ``to`` - 1, each equally likely.

    ``random_(to)`` starts at 0. Without bounds: up to the largest number of an integer type, and as far as a
    floating-point type holds every whole number. ``generator``: what to draw from.

    Shape: any.
    Dtype: any.
    Raises: ``ArgumentError`` for an empty range, or for bounds that the type does not hold.

    >>> x = tc.empty(100).random_(1, 7)
    >>> int(x.min()) >= 1 and int(x.max()) <= 6
    True
    """
    require_tensor("random_", input=input)
    largest = {dtypes.float32: 2**24, dtypes.float64: 2**53, dtypes.bool_: 1}
    limit = largest.get(input.dtype)
    if limit is None:
        limit = int(np.iinfo(input.dtype.numpy).max)
    if from_ is not None and to is None:
        from_, to = 0, from_
    low, high = (0, limit + 1) if to is None else (from_ or 0, to)
    for bound in (low, high):
        if not isinstance(bound, int | np.integer):
            raise ArgumentError(f"random_: from and to must be ints, got {bound!r:.60}")
    if low >= high:
        raise ArgumentError(f"random_: the range from {low} to {high} - 1 is empty; from must be below to")
    lowest = -limit - 1 if input.dtype.category == dtypes.INTEGER and input.dtype is not dtypes.uint8 else 0
    if not input.dtype.is_floating_point and not (lowest <= low and high - 1 <= limit):
        raise ArgumentError(f"random_: {input.dtype.name} does not hold all numbers from {low} to {high - 1}")
    numbers = random.drawn_from(generator).integers(low, high, input.shape, dtype=np.int64)
    return _written("random_", input, np.asarray(numbers).astype(input.dtype.numpy))


def _floating(name: str, input: Any) -> None:
    require_tensor(name, input=input)
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{name}: needs a float32 or float64 tensor, got {input.dtype.name}")


def _written(name: str, input: Tensor, numbers: Any) -> Tensor:
    drawn = layout.ordered(np.asarray(numbers).astype(input.dtype.numpy, copy=False))
    return write(name, input, wrap(placed(drawn, input.device), input.device))
