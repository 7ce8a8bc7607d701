"""What a case is, and how its arguments are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinyconv as tc

Draw = Callable[[np.random.Generator], np.ndarray]


def normal(*shape: int) -> Draw:
    return lambda generator: generator.standard_normal(shape)


def positive(*shape: int, low: float = 0.5, high: float = 2.0) -> Draw:
    return lambda generator: generator.uniform(low, high, shape)


def separated(*shape: int) -> Draw:
    """Numbers of both signs, no two closer than 0.1 and none closer to 0 than 0.05: away from every kink and tie."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        count = int(np.prod(shape))
        steps = np.arange(count) - count // 2 + 0.5 + generator.uniform(-0.2, 0.2, count)
        return generator.permutation(steps * 0.2).reshape(shape)

    return draw


def away_from_integers(*shape: int) -> Draw:
    return lambda generator: generator.integers(-3, 3, shape) + generator.uniform(0.2, 0.8, shape)


def integers(*shape: int, below: int) -> Draw:
    return lambda generator: generator.integers(0, below, shape)


def booleans(*shape: int) -> Draw:
    return lambda generator: generator.random(shape) < 0.5


def distributions(*shape: int) -> Draw:
    def draw(generator: np.random.Generator) -> np.ndarray:
        weights = generator.uniform(0.1, 1.0, shape)
        return weights / weights.sum(axis=1, keepdims=True)

    return draw


IMAGES = (2, 4, 5, 6)


@dataclass(frozen=True)
class Case:
    """``function(*draws, **keywords)``; floating-point draws require a gradient, except the ``constants``."""

    function: Callable[..., Any]
    draws: tuple[Draw, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    constants: tuple[int, ...] = ()
    call: Callable[..., Any] | None = None
    """How to pass the arguments, where it is not ``function(*arguments, **keywords)``."""
    torch: str | Callable[..., Any] | None = ""
    """PyTorch's function: the same name by default; ``None`` where it has none."""

    @property
    def name(self) -> str:
        return self.function.__name__

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def arguments(self, dtype: tc.dtype = tc.float64, seed: int = 0) -> list[tc.Tensor]:
        generator = np.random.default_rng(seed)
        tensors = []
        for index, draw in enumerate(self.draws):
            tensor = tc.tensor(draw(generator))
            if tensor.dtype.is_floating_point:
                tensor = tensor.to(dtype)
                tensor.requires_grad = index not in self.constants
            tensors.append(tensor)
        return tensors

    def run(self, *tensors: tc.Tensor) -> Any:
        if self.call is not None:
            return self.call(self.function, *tensors)
        return self.function(*tensors, **self.keywords)


def case(function: Callable[..., Any], *draws: Draw, label: str = "", **options: Any) -> Case:
    known = {name: options.pop(name) for name in ("constants", "call", "torch") if name in options}
    return Case(function, draws, options, label, **known)


def with_list(function: Any, *tensors: Any, **keywords: Any) -> Any:
    """For functions of a list of tensors."""
    return function(list(tensors), **keywords)


def after(*positional: Any) -> Callable[..., Any]:
    """For functions of a tensor and plain arguments."""
    return lambda function, *tensors: function(*tensors, *positional)
