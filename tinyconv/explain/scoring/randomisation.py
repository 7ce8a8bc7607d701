"""The randomisation check: a map that stays as it is when the weights are shuffled does not show what was learnt.

From the output down, layer after layer loses what it learnt, and the map is made anew each time. It is compared with
the first map by the rank correlation of the magnitudes of its pixels.

Source: Adebayo et al., "Sanity checks for saliency maps", 2018, sec. 4 (cascading randomisation). There, weights are
drawn anew; here the values of each parameter change places, which keeps their distribution and needs no initialiser.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.core.random import philox
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

INSENSITIVE = 0.5
"""A correlation above this, with the upper half of the layers shuffled, says that the map mostly shows the image."""

Explain = Callable[[Module], FloatArray]
"""The maps (N, H, W) that a model's explanations are."""


@dataclass(frozen=True)
class Randomisation:
    """``layers``: from the output down; ``correlations`` (layers, N): of each image's map before with that after they,
    and all above them, were shuffled. A map that is constant is related to none: 0.

    Raises: nothing of its own.

    >>> from tinyconv.explain.scoring import Randomisation
    >>> check = Randomisation(("fc", "conv2", "conv1"), np.array([[0.9], [0.8], [0.1]]))
    >>> check.upper, check.insensitive
    (0.8, True)
    """

    layers: tuple[str, ...]
    correlations: FloatArray

    @property
    def means(self) -> FloatArray:
        """(layers,): over the images."""
        means: FloatArray = self.correlations.mean(axis=1)
        return means

    @property
    def upper(self) -> float:
        """The mean correlation with the upper half of the layers shuffled."""
        return float(self.means[(len(self.layers) - 1) // 2])

    @property
    def insensitive(self) -> bool:
        """Whether the map hardly cares what the upper layers have learnt."""
        return self.upper > INSENSITIVE


def randomisation_check(explain: Explain, model: Module, seed: int = 0) -> Randomisation:
    """Make the maps of ``model`` again and again, with more and more of its layers shuffled from the output down.

    ``explain``: a function of a model, such as ``lambda model: gradient(model, images, targets).heat()``; the targets
    must be the same each time. ``model`` itself is not touched: a copy is shuffled. Layers are the modules that have
    parameters; running statistics stay.

    Raises: ``ArgumentError`` for a model without parameters.
    Source: Adebayo et al., 2018, sec. 4.

    >>> from tinyconv.explain.scoring import randomisation_check
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> randomisation_check(lambda model: model[1].weight.detach().numpy()[:1].reshape(1, 4, 4), model).layers
    ('3', '1')
    """
    first = _ranks(explain(model))
    names, rows = [], []
    for name, shuffled in _cascade(model, seed):
        names.append(name)
        rows.append(_correlations(first, _ranks(explain(shuffled))))
    return Randomisation(tuple(names), np.array(rows))


def _cascade(model: Module, seed: int) -> Iterator[tuple[str, Module]]:
    """The layers' names from the last to the first, with a model in which they and all above are shuffled."""
    shuffled = copy.deepcopy(model)
    layers = [
        (name, own) for name, module in shuffled.named_modules() if (own := list(module.parameters(recurse=False)))
    ]
    if not layers:
        raise ArgumentError("randomisation_check: the model has no parameters that could be shuffled")
    for number, (name, parameters) in enumerate(reversed(layers)):
        for place, parameter in enumerate(parameters):
            values = parameter.detach().cpu().numpy()
            mixed = philox(seed, "explain.randomisation", number, place).permutation(values.ravel())
            with no_grad():
                parameter.copy_(Tensor(mixed.reshape(values.shape)).to(device_of(shuffled)))
        yield name, shuffled


def _ranks(heat: FloatArray) -> FloatArray:
    """(N, pixels): the ranks of the magnitudes, centred and of unit length; 0 where all are equal."""
    from scipy.stats import rankdata

    magnitudes = np.abs(np.asarray(heat, np.float64)).reshape(len(heat), -1)
    ranks = rankdata(magnitudes, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    unit: FloatArray = ranks / np.where(lengths > 0, lengths, 1)
    return unit


def _correlations(first: FloatArray, second: FloatArray) -> FloatArray:
    """(N,): Spearman's rank correlation of each row."""
    product: FloatArray = (first * second).sum(axis=1)
    return product
