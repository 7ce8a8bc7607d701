"""Checking backward against finite differences.

For random cotangents u the backward claims  d<u, f(x)>/dx;  central differences measure it, one element of x at a time
or, cheap at any size, along random directions v:  d<u, f(x + t v)>/dt = <d<u, f(x)>/dx, v>.
The cotangents are random because an all-ones cotangent hides whole classes of faults: a transposed or permuted result
has the same sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyconv.autograd.engine import grad
from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import random
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, GraphError
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.transfer import placed, to_host


def gradcheck(
    function: Callable[..., Any],
    inputs: TensorBase | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-6,
    rtol: float = 1e-5,
    cotangents: int = 2,
    directions: int | None = None,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Whether the backward of ``function`` agrees with central differences at ``inputs``.

    ``inputs``: arguments of ``function``; the float64 tensors among them that require a gradient are checked, whole.
    ``function`` returns a tensor or a tuple of them. ``eps``: the step; the error of the difference quotient is about
    eps^2 |f'''| + 1e-16 |f| / eps, which ``atol + rtol |value|`` must leave room for. ``cotangents``: how many random
    ones are tried. ``directions``: difference along so many random directions of each input instead of along each of
    its elements. False is the answer where it does not agree, with ``raise_exception=False``.

    Shape: any.
    Dtype: float64.
    Raises: ``GraphError`` with the first disagreement, unless ``raise_exception=False``; ``ArgumentError`` where
        nothing is to be checked.

    >>> tc.autograd.gradcheck(lambda x: x.exp(), tc.tensor([0.5, 1.0], dtype=tc.float64, requires_grad=True))
    True
    """
    arguments = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    checked = [value for value in arguments if isinstance(value, TensorBase) and value.requires_grad]
    if not checked:
        raise ArgumentError("gradcheck: no input requires a gradient, so nothing would be checked")
    for tensor in checked:
        if tensor.dtype.name != "float64":
            raise ArgumentError(f"gradcheck: inputs must be float64 to be differenced, got {tensor.dtype.name}")
    problem = None
    with set_float32_precision("exact"):  # which float64 always is: for what a function computes in float32 inside
        for trial in range(cotangents):
            generator = random.philox(seed, "gradcheck", trial)
            problem = problem or _disagreement(function, arguments, checked, generator, directions, eps, atol, rtol)
    if problem is not None and raise_exception:
        raise GraphError(f"gradcheck: {problem}")
    return problem is None


def gradgradcheck(
    function: Callable[..., Any], inputs: TensorBase | Sequence[Any], *, seed: int = 0, **options: Any
) -> bool:
    """Whether the backward of the *backward* of ``function`` agrees with central differences.

    The cotangents count as inputs too: the second derivative is checked in both. Options as for ``gradcheck``.

    Shape: any.
    Dtype: float64.
    Raises: as ``gradcheck``.

    >>> tc.autograd.gradgradcheck(lambda x: x.exp(), tc.tensor([0.5, 1.0], dtype=tc.float64, requires_grad=True))
    True
    """
    arguments = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    checked = [value for value in arguments if isinstance(value, TensorBase) and value.requires_grad]
    with enable_grad():
        results = _floating(function(*arguments))
    generator = random.philox(seed, "gradgradcheck")
    cotangents = [
        TensorBase.wrap(
            placed(np.asarray(generator.standard_normal(result.shape)), result.device), result.device
        ).requires_grad_()
        for result in results
    ]

    def gradient(*values: Any) -> tuple[Any, ...]:
        outputs = _floating(function(*values[: len(arguments)]))
        return grad(outputs, checked, list(values[len(arguments) :]), create_graph=True)

    return gradcheck(gradient, (*arguments, *cotangents), seed=seed, **options)


def _floating(result: Any) -> list[TensorBase]:
    results = result if isinstance(result, tuple | list) else (result,)
    return [value for value in results if value.dtype.is_floating_point]


def _disagreement(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    checked: list[TensorBase],
    generator: np.random.Generator,
    directions: int | None,
    eps: float,
    atol: float,
    rtol: float,
) -> str | None:
    with enable_grad():
        results = _floating(function(*arguments))
    weights = [placed(np.asarray(generator.standard_normal(result.shape)), result.device) for result in results]
    cotangents = [TensorBase.wrap(weight, result.device) for weight, result in zip(weights, results, strict=True)]
    pairs = [(result, cotangent) for result, cotangent in zip(results, cotangents, strict=True) if result.requires_grad]
    if not pairs:
        return "no output requires a gradient, though an input does"
    try:
        claimed = grad([pair[0] for pair in pairs], checked, [pair[1] for pair in pairs], allow_unused=True)
    except GraphError as error:
        return str(error)

    def weighted_sum() -> float:
        # Recorded, although only its value is wanted: gradgradcheck differentiates inside the function.
        with enable_grad():
            outputs = _floating(function(*arguments))
        return sum(float((weight * output.array).sum()) for weight, output in zip(weights, outputs, strict=True))

    for position, (tensor, gradient) in enumerate(zip(checked, claimed, strict=True)):
        values = np.zeros(tensor.shape) if gradient is None else to_host(gradient.array)
        if values.shape != tensor.shape:
            return f"the gradient of input {position} has shape {values.shape}, the input {tensor.shape}"
        if directions is not None:
            for _ in range(directions):
                direction = generator.standard_normal(tensor.shape)
                claim = float((values * direction).sum())
                measurement = _difference_along(weighted_sum, tensor.array, placed(eps * direction, tensor.device)) / (
                    2 * eps
                )
                if not np.isclose(claim, measurement, atol=atol, rtol=rtol):
                    return (
                        f"input {position} along a random direction: backward says {claim:.9g}, differences say "
                        f"{measurement:.9g}"
                    )
            continue
        measured = _central_differences(weighted_sum, tensor.array, eps)
        wrong = ~np.isclose(values, measured, atol=atol, rtol=rtol)
        if wrong.any():
            where = tuple(int(index) for index in np.argwhere(wrong)[0])
            return (
                f"input {position} at {where}: backward says {values[where]:.9g}, differences say "
                f"{measured[where]:.9g} ({int(wrong.sum())} of {wrong.size} elements disagree)"
            )
    return None


def _difference_along(function: Callable[[], float], array: Array, step: Array) -> float:
    original = array.copy()
    array += step
    above = function()
    array[...] = original - step
    below = function()
    array[...] = original
    return above - below


def _central_differences(function: Callable[[], float], array: Array, eps: float) -> Array:
    measured = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        original = array[index].item()
        array[index] = original + eps
        above = function()
        array[index] = original - eps
        below = function()
        array[index] = original
        measured[index] = (above - below) / (2 * eps)
    return measured
