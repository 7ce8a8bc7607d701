"""A function of the backend against the same one of the processor's backend in float64.

The inputs are random. What the GPU allocates is full of NaN before: an element that is not written shows. Every call is
done twice, and must give the same bits.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bench.gpu.case import Case
from bench.gpu.place import Place
from tinyconv.core import layout

Arguments = tuple[Any, ...]
Call = Callable[[Any, Arguments], Any]

ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53}

NORM, ELEMENT = 16, 256
"""Without a bound of its own, an error may be so many roundings of the result as a whole, and of each element's size
together with the root mean square: sums in another order, and a few operations one after another."""


class Draw:
    """Random arguments in ``dtype``, from a seed."""

    def __init__(self, dtype: str, seed: int = 0) -> None:
        self.dtype, self.random = np.dtype(dtype), np.random.default_rng(seed)

    def normal(self, *shape: int) -> np.ndarray:
        """Normal numbers, in the engine's order."""
        return layout.copy(self.random.standard_normal(shape).astype(self.dtype))

    def positive(self, *shape: int) -> np.ndarray:
        """Between 1/2 and 3/2."""
        return layout.copy((self.random.random(shape) + 0.5).astype(self.dtype))

    def integers(self, high: int, *shape: int) -> np.ndarray:
        """int64, from 0 up to ``high``."""
        return layout.copy(self.random.integers(0, high, shape))

    def computed(self, results: Any) -> Any:
        """What the processor computed in float64 of what was drawn, as an argument: in ``dtype``, where it is not."""
        return _mapped(results, lambda array: layout.copy(array.astype(self.dtype)), lambda array: array)

    def unwritten(self, *shape: int) -> np.ndarray:
        """For a function that writes its result into an argument."""
        return layout.full(shape, math.nan, self.dtype)


@dataclass(frozen=True)
class Host:
    """An argument that stays in the host's memory."""

    array: np.ndarray


class Found(NamedTuple):
    """Results, copied to the host, and what is wrong with them besides their numbers."""

    arrays: list[np.ndarray]
    problem: str


class Way(NamedTuple):
    """One of the ways to compute a function: its precision, and for a convolution its algorithm."""

    dtype: str
    mode: str = "exact"
    algorithm: str = ""
    within: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext


Limits = Callable[[Way], tuple[np.ndarray, float]]
"""The largest error of each element, and of the result as a whole, relative to its norm."""


class Drawn(NamedTuple):
    """The arguments of a check in one type, their results in float64, and what they allow."""

    arguments: Arguments
    expected: list[np.ndarray]
    limits: Limits | None


def both_types(place: Place) -> Iterator[Way]:
    """For functions that know no other precision."""
    del place
    yield Way("float32")
    yield Way("float64")


@dataclass(frozen=True)
class Check:
    """``make`` draws the arguments; ``written``: those that the function writes into, which are then its results.

    ``ways``: how to compute it. ``bound`` gives, for what was drawn, the ``Limits`` of each way; without it, some
    roundings.
    """

    function: str
    title: str
    make: Callable[[Draw], Arguments]
    written: tuple[int, ...] = ()
    call: Call | None = None
    ways: Callable[[Place], Iterator[Way]] = both_types
    bound: Callable[[Arguments], Limits] | None = None
    slack: float = 1
    """How many times the usual number of roundings is allowed."""

    def case(self, place: Place) -> Case:
        """To be run by a worker."""
        return Case(f"{self.function}, {self.title}", lambda: list(self.lines(place)))

    def lines(self, place: Place) -> Iterator[dict[str, Any]]:
        """One for each way."""
        drawn: dict[str, Drawn] = {}
        for way in self.ways(place):
            if way.dtype not in drawn:
                arguments = self.make(Draw(way.dtype))
                limits = None if self.bound is None else self.bound(arguments)
                drawn[way.dtype] = Drawn(arguments, self._expected(arguments), limits)
            try:
                line = self._compared(place, way, drawn[way.dtype])
            except Exception as error:
                place.clock.synchronize()  # an error of the device ends the case, and this process
                line = {"passed": False, "says": f"{type(error).__name__}: {error}"}
            name = " ".join(filter(None, (way.dtype, way.mode if way.dtype == "float32" else "", way.algorithm)))
            line["says"] = f"{name}: {line['says']}"
            yield {
                "function": self.function,
                "title": self.title,
                "dtype": way.dtype,
                "mode": way.mode,
                "algorithm": way.algorithm,
                **line,
            }

    def _called(self, module: Any, arguments: Arguments) -> list[Any]:
        if self.call is not None:
            returned = self.call(module, arguments)
        else:
            returned = getattr(module, self.function)(*arguments)
        return _arrays([arguments[index] for index in self.written] if self.written else returned)

    def _expected(self, arguments: Arguments) -> list[np.ndarray]:
        from tinyconv.backends import cpu

        return self._called(cpu, tuple(_mapped(value, _exact, lambda array: array) for value in arguments))

    def _compared(self, place: Place, way: Way, drawn: Drawn) -> dict[str, Any]:
        arguments, expected, limits = drawn
        first, second = self._found(place, way, arguments), self._found(place, way, arguments)
        if len(first.arrays) != len(expected):
            return {"passed": False, "says": f"{len(first.arrays)} results, not {len(expected)}"}
        same = all(map(_same_bits, first.arrays, second.arrays))
        error, element, problem = 0.0, 0.0, first.problem or ("" if same else "two runs differ")
        for found, wanted in zip(first.arrays, expected, strict=True):
            if found.shape != wanted.shape:
                return {"passed": False, "says": f"a result is {found.shape}, not {wanted.shape}"}
            if wanted.dtype.kind != "f":
                different = int((found != wanted).sum())
                problem = problem or (f"{different} of {wanted.size} elements differ" if different else "")
                continue
            each, whole = self._usual(wanted, way) if limits is None else limits(way)
            one, share = _errors(found, wanted, each)
            error, element = float(np.maximum(error, one / whole)), float(np.maximum(element, share))  # NaN stays
        fits = error <= 1 and element <= 1
        says = problem or f"{error:.2g} of the limit, worst element {element:.2g}"
        return {
            "error": error if math.isfinite(error) else None,
            "element": element if math.isfinite(element) else None,
            "same_bits": same,
            "passed": fits and not problem,
            "says": says if fits or problem else f"wrong, {says}",
        }

    def _usual(self, wanted: np.ndarray, way: Way) -> tuple[np.ndarray, float]:
        unit = self.slack * ROUNDING[way.dtype]
        size = math.sqrt(float(np.mean(wanted**2))) if wanted.size else 0.0
        return ELEMENT * unit * (np.abs(wanted) + size), NORM * unit

    def _found(self, place: Place, way: Way, arguments: Arguments) -> Found:
        there = tuple(_mapped(value, place.there, lambda array: array.copy()) for value in arguments)
        with way.within(), place.poisoned():
            results = self._called(place.backend, there)
        place.clock.synchronize()
        problem = ""
        if not all(map(layout.is_engine_order, results)):
            problem = "a result is not in the engine's order"
        if not all(map(place.holds, results)):
            problem = "a result is not on the device"
        return Found([place.here(result) for result in results], problem)


def _mapped(value: Any, numbers: Callable[[np.ndarray], Any], host: Callable[[np.ndarray], Any]) -> Any:
    """``value`` with ``numbers`` done to its arrays, and ``host`` to those that stay in the host's memory."""
    if isinstance(value, Host):
        return host(value.array)
    if isinstance(value, np.ndarray):
        return numbers(value)
    if isinstance(value, tuple | list):
        return type(value)(_mapped(each, numbers, host) for each in value)
    return value


def _exact(array: np.ndarray) -> np.ndarray:
    """A copy; floating point as float64."""
    return layout.copy(array.astype(np.float64) if array.dtype.kind == "f" else array)


def _arrays(value: Any) -> list[Any]:
    """All arrays in a result, one after another."""
    if value is None:
        return []
    if isinstance(value, tuple | list):
        return [array for each in value for array in _arrays(each)]
    return [value]


def _same_bits(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and first.dtype == second.dtype and first.tobytes() == second.tobytes()


def _errors(found: np.ndarray, wanted: np.ndarray, bound: np.ndarray) -> tuple[float, float]:
    """||found - wanted|| / ||wanted||, and the largest share of its bound that an element's error takes; NaN counts."""
    with np.errstate(all="ignore"):
        error = np.where(found == wanted, 0.0, np.abs(found.astype(np.float64) - wanted))
        share = np.where(error == 0, 0.0, error / np.maximum(bound, np.finfo(np.float64).tiny))
        norm = float(np.linalg.norm(wanted.ravel()))
        size = float(np.linalg.norm(error.ravel()))
    return size / norm if norm else size, float(np.max(share, initial=0.0))
