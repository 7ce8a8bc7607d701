"""Mixup: a network learns from blends of two images, and that their labels blend alike.

x~ = λ x_i + (1 - λ) x_j,   t~ = λ t_i + (1 - λ) t_j,   λ ~ Beta(α, α)            (Zhang et al., "mixup", ICLR 2018)

One λ a batch, and as partners j the batch itself in another order, as in the paper's own experiments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tinyconv.core import layout, random
from tinyconv.core.arrays import Array, FloatArray


class Mixture(NamedTuple):
    """How one batch is mixed: ``weight`` is λ, ``partners[i]`` the position of what sample i is mixed with."""

    weight: float
    partners: Array

    @classmethod
    def draw(cls, alpha: float, samples: int, seed: int, epoch: int, batch: int) -> Mixture:
        """The mixture of a batch of ``samples``: a function of seed, epoch and the batch's number, of nothing else."""
        numbers = random.philox(seed, "mixup", epoch, batch)
        return cls(float(numbers.beta(alpha, alpha)), numbers.permutation(samples))

    def blend(self, first: Array, second: Array) -> FloatArray:
        """λ first + (1 - λ) second, in the type of ``first``."""
        weight = first.dtype.type(self.weight)
        result = layout.empty(first.shape, first.dtype)
        np.multiply(first, weight, out=result)
        result += second * (1 - weight)
        return result


def one_hot(labels: Array, classes: int, dtype: np.dtype[np.floating]) -> FloatArray:
    """(N, classes): 1 at each sample's own class, 0 elsewhere."""
    targets = np.zeros((len(labels), classes), dtype)
    targets[np.arange(len(labels)), labels] = 1
    return targets
