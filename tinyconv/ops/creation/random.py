"""Tensors of random numbers.

All are drawn from ``generator``, by default from the one that ``manual_seed`` seeds. The numbers are tinyconv's own:
the same for every machine and number of threads, but not PyTorch's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import dtypes, layout, random
from tinyconv.core.devices import Device
from tinyconv.core.dtypes import DType
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.core.random import Generator
from tinyconv.core.transfer import placed, to_host
from tinyconv.ops.creation.new_arrays import AnyDevice, finished, requested_shape
from tinyconv.ops.dispatch import broadcast_shape, is_number, size_tuple, wrap

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal numbers.

    Shape: the sizes, one by one, in a sequence, or as ``size``.
    Dtype: float32 by default, or float64.
    Raises: ``DTypeError`` for another type, ``ArgumentError`` for sizes that are negative or no whole numbers.

    >>> tc.randn(2, 3).shape
    (2, 3)
    """
    kind = _floating("randn", dtype)
    numbers = random.normal(requested_shape("randn", sizes, size), kind, generator)
    return finished(numbers, Device(device or "cpu"), requires_grad)


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1).

    Shape: the sizes, one by one, in a sequence, or as ``size``.
    Dtype: float32 by default, or float64.
    Raises: ``DTypeError`` for another type, ``ArgumentError`` for sizes that are negative or no whole numbers.

    >>> bool((tc.rand(100) < 1).all())
    True
    """
    kind = _floating("rand", dtype)
    numbers = random.uniform(requested_shape("rand", sizes, size), kind, generator)
    return finished(numbers, Device(device or "cpu"), requires_grad)


def _floating(name: str, dtype: DType | None) -> np.dtype[Any]:
    dtypes.require(name, dtype)
    if dtype is not None and not dtype.is_floating_point:
        raise DTypeError(f"{name}: draws floating-point numbers, not {dtype.name}; see randint")
    return (dtype or dtypes.float32).numpy


def randn_like(
    input: Tensor, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Standard normal numbers in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64: ``dtype``, by default the input's.
    Raises: ``DTypeError`` for another type, or for what is no tensor.

    >>> tc.randn_like(tc.zeros(2, 3)).shape
    (2, 3)
    """
    _check_tensor("randn_like", input)
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def rand_like(
    input: Tensor, *, dtype: DType | None = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Uniform numbers in [0, 1) in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64: ``dtype``, by default the input's.
    Raises: ``DTypeError`` for another type, or for what is no tensor.

    >>> tc.rand_like(tc.zeros(2, 3)).shape
    (2, 3)
    """
    _check_tensor("rand_like", input)
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)


def randint(
    low: Any = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from ``low`` to ``high`` - 1, each equally likely; of one number, from 0: ``randint(6, (2,))``.

    Shape: ``size``.
    Dtype: ``dtype``, by default int64.
    Raises: ``ArgumentError`` for an empty range or sizes that are negative, ``DTypeError`` for numbers beyond the type.

    >>> bool((tc.randint(1, 7, (100,)) <= 6).all())
    True
    """
    if size is None and not is_number(high):  # randint(high, size)
        low, high, size = 0, low, high
    elif high is None:  # randint(high, size=size)
        low, high = 0, low
    if not (is_number(low) and is_number(high)):
        raise ArgumentError(f"randint: low and high are numbers, got {low!r} and {high!r}")
    shape = requested_shape("randint", (), size)
    numbers = _whole("randint", low, high, shape, generator, dtype or dtypes.int64)
    return finished(numbers, Device(device or "cpu"), requires_grad)


def randint_like(
    input: Tensor,
    low: Any = 0,
    high: Any = None,
    *,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers from ``low`` (0 if left out) to ``high`` - 1, in the shape, type and device of ``input``.

    Shape: any; the result has the input's.
    Dtype: ``dtype``, by default the input's.
    Raises: ``ArgumentError`` for an empty range, ``DTypeError`` for numbers beyond the type.

    >>> tc.randint_like(tc.zeros(3), 1, 2)
    tensor([1., 1., 1.])
    """
    _check_tensor("randint_like", input)
    low, high = (0, low) if high is None else (low, high)
    numbers = _whole("randint_like", low, high, input.shape, None, dtype or input.dtype)
    return finished(numbers, Device(device or input.device), requires_grad)


def _whole(name: str, low: Any, high: Any, shape: tuple[int, ...], generator: Generator | None, dtype: DType) -> Any:
    first, last = int(low), int(high)
    if last <= first:
        raise ArgumentError(f"{name}: high must be above low, got low={low}, high={high}")
    if dtype.category != dtypes.FLOATING:
        limits = np.iinfo(dtype.numpy) if dtype is not dtypes.bool_ else None
        smallest, largest = (int(limits.min), int(limits.max)) if limits else (0, 1)
        if first < smallest or last - 1 > largest:
            raise DTypeError(f"{name}: {dtype.name} holds {smallest} to {largest}, not all from {first} to {last - 1}")
    drawn = random.drawn_from(generator).integers(first, last, shape)
    return np.asarray(drawn).astype(dtype.numpy)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType = dtypes.int64,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers 0 to ``n`` - 1 in random order.

    Shape: (n,).
    Dtype: ``dtype``.
    Raises: ``ArgumentError`` for a negative number, ``DTypeError`` for more than the type holds.

    >>> tc.randperm(5).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    (count,) = requested_shape("randperm", (n,))
    if not dtype.is_floating_point and count - 1 > (1 if dtype is dtypes.bool_ else np.iinfo(dtype.numpy).max):
        raise DTypeError(f"randperm: {dtype.name} does not hold the numbers to {count - 1}")
    order = random.drawn_from(generator).permutation(count)
    return finished(order.astype(dtype.numpy), Device(device or "cpu"), requires_grad)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers with a mean and a standard deviation for each: tensors, or two numbers and a ``size``.

    Shape: that to which ``mean`` and ``std`` broadcast, or ``size``.
    Dtype: float32 or float64; the result has the tensors', or ``dtype``.
    Raises: ``ArgumentError`` for a negative ``std``, or two numbers without ``size``; ``ShapeError``, ``DTypeError``.

    >>> tc.normal(tc.tensor([1.0, 5.0]), 0.0)
    tensor([1., 5.])
    """
    given = [value for value in (mean, std) if isinstance(value, TensorBase)]
    for value in (mean, std):
        if not isinstance(value, TensorBase) and not is_number(value):
            raise DTypeError(f"normal: mean and std are tensors or numbers, got {type(value).__name__}")
    for tensor in given:
        _floating("normal", tensor.dtype)
    if not given:
        if size is None:
            raise ArgumentError("normal: of two numbers, give the size too: normal(0.0, 1.0, (2, 3))")
        shape, kind = requested_shape("normal", (), size), _floating("normal", dtype)
    else:
        if size is not None:
            raise ArgumentError("normal: the size is that of the tensors, and cannot be given too")
        shape = broadcast_shape("normal", *(tensor.shape for tensor in given))
        kind = given[0].dtype.numpy
    if device is None and given:
        device = given[0].device
    centre, width = (to_host(value.array) if isinstance(value, TensorBase) else value for value in (mean, std))
    if not (np.asarray(width) >= 0).all():
        raise ArgumentError("normal: every std must be 0 or more")
    numbers = random.normal(shape, np.dtype(np.float64), generator) * width + centre
    return finished(numbers.astype(kind), Device(device or "cpu"), requires_grad)


class Bernoulli(Operation):
    """1 with probability x, else 0. No gradient flows through the draw: dx is 0, as in PyTorch."""

    def __init__(self, generator: Generator | None) -> None:
        self.generator = generator

    def forward(self, x: Any) -> Any:
        result = layout.empty(x.shape, x.dtype, self.xp)
        result[...] = placed(random.uniform(x.shape, np.dtype(np.float64), self.generator), self.device) < x
        return result

    def backward(self, dy: Tensor) -> Any:
        return dy * 0


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that the element of ``input`` gives (or with ``p`` for all), else 0.

    Shape: any; the result has the input's.
    Dtype: float32 or float64 (any with ``p``); the result has the input's.
    Raises: ``ArgumentError`` for a probability outside [0, 1], ``DTypeError`` for another type.

    >>> tc.bernoulli(tc.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    _check_tensor("bernoulli", input)
    if p is None and not input.dtype.is_floating_point:
        raise DTypeError(f"bernoulli: probabilities are floating-point numbers, got {input.dtype.name}")
    chances = input.array if p is None else np.asarray(p, np.float64)
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ArgumentError("bernoulli: every probability must lie in [0, 1]")
    if p is None:
        return Bernoulli(generator).apply(input)
    drawn = random.uniform(input.shape, np.dtype(np.float64), generator) < p
    return finished(drawn.astype(input.dtype.numpy), input.device, False)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """``num_samples`` positions from each row of weights, drawn with probabilities in proportion to them.

    Shape: (N,) or (M, N); result (num_samples,) or (M, num_samples).
    Dtype: float32 or float64; the result is int64.
    Raises: ``ArgumentError`` for weights that are negative, not finite or all 0, or fewer than are drawn without
        ``replacement``; ``ShapeError``, ``DTypeError``.

    >>> tc.multinomial(tc.tensor([0.0, 3.0, 0.0]), 2, replacement=True)
    tensor([1, 1])
    """
    _check_tensor("multinomial", input)
    _floating("multinomial", input.dtype)
    if input.ndim not in (1, 2):
        raise ShapeError(f"multinomial: takes one row of weights or several, got shape {input.shape}")
    (count,) = size_tuple("multinomial", (num_samples,))
    weights = np.atleast_2d(to_host(input.array).astype(np.float64))
    if not np.isfinite(weights).all() or (weights < 0).any() or (weights.sum(axis=1) <= 0).any():
        raise ArgumentError("multinomial: weights must be finite, 0 or more, and not all 0")
    if count < 1 or (not replacement and count > weights.shape[1]):
        raise ArgumentError(f"multinomial: cannot draw {count} of {weights.shape[1]}; with replacement=True any number")
    source = random.drawn_from(generator)
    if replacement:
        edges = np.cumsum(weights, axis=1)
        drawn = source.random((weights.shape[0], count)) * edges[:, -1:]
        chosen = np.stack([np.searchsorted(row, points, "right") for row, points in zip(edges, drawn, strict=True)])
    else:
        # The smallest of exponential waiting times: each next one is drawn in proportion to the weights that are left.
        with np.errstate(divide="ignore"):
            waiting = source.exponential(size=weights.shape) / weights
        chosen = np.argsort(waiting, axis=1, kind="stable")[:, :count]
    positions = chosen.reshape((*input.shape[:-1], count)).astype(np.int64)
    return wrap(placed(positions, input.device), input.device)


def _check_tensor(name: str, value: Any) -> None:
    if not isinstance(value, TensorBase):
        raise DTypeError(f"{name}: takes a tensor, got {type(value).__name__}")
