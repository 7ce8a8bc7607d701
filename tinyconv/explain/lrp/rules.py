"""The rules of layer-wise relevance propagation: how an affine layer hands relevance from its outputs to its inputs.

With z_k = sum_j x_j w_jk + b_k, and contributions c_jk = x_j w_jk:

    R_j = sum_k c_jk / (z_k + eps sign z_k) R_k                                     Epsilon; with eps = 0 the plain rule
    R_j = sum_k (alpha c+_jk / z+_k  -  beta c-_jk / z-_k) R_k                      AlphaBeta, alpha - beta = 1
    R_j = sum_k (c_jk + gamma c+_jk) / (z_k + gamma z+_k) R_k   where z_k > 0       Gamma; c-, z- where z_k < 0
    R_j = sum_k (x_j w_jk - l_j w+_jk - h_j w-_jk) / (the same, summed) R_k         Box (z^B), for l_j <= x_j <= h_j

v+ is max(v, 0) and v- min(v, 0); z+_k sums the positive contributions and max(b_k, 0), z-_k the negative ones and
min(b_k, 0). Biases take part in the denominators, but hand nothing down: what falls to them they keep, and eps keeps
what it takes. Box has no bias in it, and keeps nothing.

Sources: Bach et al., "On pixel-wise explanations for non-linear classifier decisions by layer-wise relevance
propagation", 2015 (eqs. 56, 58, 60); Montavon et al., "Explaining nonlinear classification decisions with deep Taylor
decomposition", 2017 (z^B); Montavon et al., "Layer-wise relevance propagation: an overview", 2019 (gamma); Andeol et
al., "Learning domain invariant representations by joint Wasserstein distance minimization", 2021 (gamma for z < 0).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.lrp.affine import AffineLayer, leaf, quotient, sent_back, weighed
from tinyconv.ops.creation.creation import tensor
from tinyconv.ops.elementwise.selection import where


class Rule(ABC):
    """How an affine layer hands relevance down: called with the layer and R_k, returns R_j.

    Raises: nothing of its own.

    >>> from tinyconv.explain.lrp import Epsilon, Rule
    >>> isinstance(Epsilon(), Rule)
    True
    """

    @abstractmethod
    def __call__(self, layer: AffineLayer, relevance: Any) -> Any:
        """The relevance of the layer's inputs."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What a table calls the rule."""


@dataclass(frozen=True)
class Epsilon(Rule):
    """R_j = sum_k x_j w_jk / (z_k + eps sign z_k) R_k, with sign 0 = 1. Weak and contradictory evidence fades.

    ``epsilon`` = 0 is the plain rule, LRP-0; there an output with z_k = 0 hands nothing down.

    Raises: ``ArgumentError`` for an epsilon below 0.
    Source: Bach et al., 2015, eqs. 56 and 58.

    >>> from tinyconv.explain.lrp import Epsilon
    >>> Epsilon(0.25)
    Epsilon(epsilon=0.25)
    """

    epsilon: float = 0.0

    def __post_init__(self) -> None:
        _require_at_least_zero("Epsilon", epsilon=self.epsilon)

    def __call__(self, layer: AffineLayer, relevance: Any) -> Any:
        x = leaf(layer.x)
        with enable_grad():
            z = layer.output(x)
        return weighed(x, z, quotient(relevance, stabilized(z.detach(), self.epsilon)))

    @property
    def words(self) -> str:
        return f"epsilon {self.epsilon:g}" if self.epsilon else "plain"


@dataclass(frozen=True)
class AlphaBeta(Rule):
    """R_j = sum_k (alpha c+_jk / z+_k - beta c-_jk / z-_k) R_k: evidence for and against, in a fixed ratio.

    alpha - beta = 1, so relevance is conserved but for biases. An output that lacks one of the two parts could not hand
    down that part's share; it hands all of R_k to the part that it has, with the factor 1.

    Raises: ``ArgumentError`` for an alpha or beta below 0, or a difference that is not 1.
    Source: Bach et al., 2015, eq. 60. alpha = 1, beta = 0 is the z+ rule of Montavon et al., 2017.

    >>> from tinyconv.explain.lrp import AlphaBeta
    >>> AlphaBeta(1, 0).words
    'alpha 1, beta 0'
    """

    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        _require_at_least_zero("AlphaBeta", alpha=self.alpha, beta=self.beta)
        if not math.isclose(self.alpha - self.beta, 1.0):
            raise ArgumentError(
                "AlphaBeta: alpha - beta must be 1, or each layer changes the sum of the relevance; got "
                f"{self.alpha:g} - {self.beta:g} = {self.alpha - self.beta:g}"
            )

    def __call__(self, layer: AffineLayer, relevance: Any) -> Any:
        contributions = _Contributions(layer)
        positive, negative = contributions.positive.detach(), contributions.negative.detach()
        of_positive = where(negative == 0, relevance, self.alpha * relevance)
        of_negative = where(positive == 0, relevance, -self.beta * relevance)
        return contributions.handed_down(quotient(of_positive, positive), quotient(of_negative, negative))

    @property
    def words(self) -> str:
        return f"alpha {self.alpha:g}, beta {self.beta:g}"


@dataclass(frozen=True)
class Gamma(Rule):
    """R_j = sum_k (c_jk + gamma c+_jk) / (z_k + gamma z+_k) R_k: contributions of the output's own sign count more.

    For z_k < 0 the negative ones are of its sign. gamma = 0 is LRP-0, a large gamma the z+ rule.

    Raises: ``ArgumentError`` for a gamma below 0.
    Source: Montavon et al., 2019, section 10.2; Andeol et al., 2021, for z_k < 0.

    >>> from tinyconv.explain.lrp import Gamma
    >>> Gamma().words
    'gamma 0.25'
    """

    gamma: float = 0.25

    def __post_init__(self) -> None:
        _require_at_least_zero("Gamma", gamma=self.gamma)

    def __call__(self, layer: AffineLayer, relevance: Any) -> Any:
        contributions = _Contributions(layer)
        positive, negative = contributions.positive.detach(), contributions.negative.detach()
        z = positive + negative
        share = quotient(relevance, z + self.gamma * where(z > 0, positive, where(z < 0, negative, z)))
        more = (1 + self.gamma) * share
        return contributions.handed_down(where(z > 0, more, share), where(z < 0, more, share))

    @property
    def words(self) -> str:
        return f"gamma {self.gamma:g}"


@dataclass(frozen=True)
class Box(Rule):
    """R_j = sum_k (x_j w_jk - l_j w+_jk - h_j w-_jk) / (the same, summed over j) R_k: for pixels in [l, h].

    ``low``, ``high``: l and h, the darkest and the brightest that a pixel can be as the network is fed: a number, or
    one for each channel. None takes the least and the greatest value in each channel of each image.

    Raises: ``ArgumentError`` for bounds that do not fit the channels, or that the input exceeds.
    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017.

    >>> from tinyconv.explain.lrp import Box
    >>> Box(-1.0, 1.0).words
    'z-B'
    """

    low: Any = None
    high: Any = None

    def __call__(self, layer: AffineLayer, relevance: Any) -> Any:
        x, low, high = leaf(layer.x), leaf(self._bound(layer.x, "low")), leaf(self._bound(layer.x, "high"))
        _require_within(layer.x, low, high)
        positive, negative = layer.weight.clamp(min=0), layer.weight.clamp(max=0)
        with enable_grad():
            terms = [layer.product(x, layer.weight), layer.product(low, positive), layer.product(high, negative)]
        z = terms[0].detach() - terms[1].detach() - terms[2].detach()
        share = quotient(relevance, z)
        owed = [weighed(values, term, share) for values, term in zip((x, low, high), terms, strict=True)]
        return owed[0] - owed[1] - owed[2]

    def _bound(self, x: Any, which: str) -> Any:
        given = getattr(self, which)
        if given is None:
            pixels = tuple(range(2, x.ndim)) or (1,)
            return (x.amin(pixels, True) if which == "low" else x.amax(pixels, True)).expand(*x.shape).clone()
        values = np.asarray(given, dtype=np.float64).reshape(-1)
        channels = x.shape[1]
        if values.size == 0 or channels % values.size or (x.ndim > 2 and values.size not in (1, channels)):
            raise ArgumentError(
                f"Box: {which} must be a number, or one for each of the {channels} channels, got {values.size}"
            )
        # A network that flattens its images first has the pixels of each channel in a row.
        spread = np.repeat(values, channels // values.size).reshape(1, channels, *(1,) * (x.ndim - 2))
        return tensor(np.broadcast_to(spread, tuple(x.shape)).copy(), dtype=x.dtype, device=x.device)

    @property
    def words(self) -> str:
        return "z-B"


class _Contributions:
    """What each input adds to each output, x_j w_jk, the positive and the negative ones apart; summed, with the bias.

    Positive is what x and w of the same sign give, negative the rest; of a rectified x, half of it is nothing.
    """

    def __init__(self, layer: AffineLayer) -> None:
        weight, bias = layer.weight, layer.bias
        above, below = weight.clamp(min=0), weight.clamp(max=0)
        biases = (None, None) if bias is None else (bias.clamp(min=0), bias.clamp(max=0))
        self._inputs = [leaf(layer.x.clamp(min=0))]
        with enable_grad():
            self.positive = layer.product(self._inputs[0], above, biases[0])
            self.negative = layer.product(self._inputs[0], below, biases[1])
            if bool((layer.x < 0).any()):
                self._inputs.append(leaf(layer.x.clamp(max=0)))
                self.positive = self.positive + layer.product(self._inputs[1], below)
                self.negative = self.negative + layer.product(self._inputs[1], above)

    def handed_down(self, of_positive: Any, of_negative: Any) -> Any:
        """sum_k of_positive_k c+_jk + of_negative_k c-_jk."""
        cotangents = sent_back([self.positive, self.negative], [of_positive, of_negative], self._inputs)
        owed = [x.detach() * cotangent for x, cotangent in zip(self._inputs, cotangents, strict=True)]
        return owed[0] if len(owed) == 1 else owed[0] + owed[1]


def stabilized(z: Any, epsilon: float) -> Any:
    """z + eps sign z, where the sign of 0 is 1."""
    return where(z >= 0, z + epsilon, z - epsilon) if epsilon else z


def _require_at_least_zero(name: str, **numbers: float) -> None:
    for argument, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ArgumentError(f"{name}: {argument} must be a number of at least 0, got {value!r}")


def _require_within(x: Any, low: Any, high: Any) -> None:
    margin = 1e-4 * float((high - low).abs().amax().item())
    if bool((x < low - margin).any()) or bool((x > high + margin).any()):
        raise ArgumentError(
            f"Box: the input reaches from {float(x.amin().item()):.4g} to {float(x.amax().item()):.4g}, beyond the "
            f"bounds {float(low.amin().item()):.4g} and {float(high.amax().item()):.4g}; give the bounds of the "
            "preprocessed pixels"
        )
