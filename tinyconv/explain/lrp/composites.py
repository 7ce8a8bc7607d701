"""Which rule for which layer. Early, middle and late layers do different work, and no rule suits all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tinyconv.explain.lrp.rules import AlphaBeta, Box, Epsilon, Gamma, Rule
from tinyconv.features.naming import matches


@dataclass(frozen=True)
class Composite:
    """The rules of a network's affine layers: convolutions, linear layers, matrix products with weights.

    ``convolution``: of convolutions of all kinds. ``linear``: of the others. ``first``: of the layers, of either kind,
    that take the pixels; None for no other rule than elsewhere. ``by_name``: rules for single layers, which come before
    all that: name as ``features.capture`` names layers, or a pattern such as "conv*", the first that fits counts.

    Raises: nothing of its own.

    >>> from tinyconv.explain.lrp import Composite, Epsilon, Gamma
    >>> Composite(Gamma(1.0), Epsilon(), by_name={"conv1": Gamma(4.0)}).rule("conv1", "conv", False)
    Gamma(gamma=4.0)
    """

    convolution: Rule
    linear: Rule
    first: Rule | None = None
    by_name: Mapping[str, Rule] = field(default_factory=dict)

    def rule(self, name: str, kind: str, is_first: bool, path: str = "") -> Rule:
        """The rule of the layer called ``name``, at ``path``, of ``kind`` ("conv", or another)."""
        for pattern, rule in self.by_name.items():
            if matches(pattern, name, path):
                return rule
        if is_first and self.first is not None:
            return self.first
        return self.convolution if kind == "conv" else self.linear


def uniform(rule: Rule) -> Composite:
    """``rule`` for every layer.

    Raises: nothing of its own.

    >>> from tinyconv.explain.lrp import Epsilon, uniform
    >>> uniform(Epsilon()).rule("fc", "linear", is_first=False)
    Epsilon(epsilon=0.0)
    """
    return Composite(rule, rule)


def deep_taylor(low: object = None, high: object = None) -> Composite:
    """z^B at the pixels, the z+ rule (alpha 1, beta 0) elsewhere. ``low``, ``high``: as in ``Box``.

    Raises: nothing of its own.
    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017.

    >>> from tinyconv.explain.lrp import deep_taylor
    >>> deep_taylor().rule("conv1", "conv", is_first=True).words
    'z-B'
    """
    plus = AlphaBeta(1.0, 0.0)
    return Composite(plus, plus, first=Box(low, high))


def epsilon_plus(epsilon: float = 1e-6) -> Composite:
    """z+ for convolutions, epsilon for linear layers.

    Raises: ``ArgumentError`` for an epsilon below 0.
    Source: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", 2020.

    >>> from tinyconv.explain.lrp import epsilon_plus
    >>> epsilon_plus().rule("conv1", "conv", is_first=True).words
    'alpha 1, beta 0'
    """
    return Composite(AlphaBeta(1.0, 0.0), Epsilon(epsilon))


def epsilon_alpha2_beta1(epsilon: float = 1e-6) -> Composite:
    """alpha 2, beta 1 for convolutions, epsilon for linear layers.

    Raises: ``ArgumentError`` for an epsilon below 0.
    Source: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", 2020.

    >>> from tinyconv.explain.lrp import epsilon_alpha2_beta1
    >>> epsilon_alpha2_beta1().rule("fc", "linear", is_first=False).words
    'epsilon 1e-06'
    """
    return Composite(AlphaBeta(2.0, 1.0), Epsilon(epsilon))


def epsilon_gamma_box(epsilon: float = 1e-6, gamma: float = 0.25, low: object = None, high: object = None) -> Composite:
    """z^B at the pixels, gamma for the other convolutions, epsilon for linear layers. ``low``, ``high``: as in ``Box``.

    Raises: ``ArgumentError`` for an epsilon or gamma below 0.
    Source: Montavon et al., "Layer-wise relevance propagation: an overview", 2019, section 10.3.

    >>> from tinyconv.explain.lrp import epsilon_gamma_box
    >>> epsilon_gamma_box().rule("conv2", "conv", is_first=False).words
    'gamma 0.25'
    """
    return Composite(Gamma(gamma), Epsilon(epsilon), first=Box(low, high))


COMPOSITES: dict[str, Callable[..., Composite]] = {
    "lrp-0": lambda: uniform(Epsilon()),
    "lrp-epsilon": lambda epsilon=0.01: uniform(Epsilon(epsilon)),
    "lrp-gamma": lambda gamma=0.25: uniform(Gamma(gamma)),
    "lrp-alpha2-beta1": lambda: uniform(AlphaBeta(2.0, 1.0)),
    "lrp-z-b": deep_taylor,
    "lrp-epsilon-plus": epsilon_plus,
    "lrp-epsilon-alpha2-beta1": epsilon_alpha2_beta1,
    "lrp-epsilon-gamma-box": epsilon_gamma_box,
}
"""What each method of that name is made of, from the method's options."""
