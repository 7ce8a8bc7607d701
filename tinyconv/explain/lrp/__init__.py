"""Layer-wise relevance propagation: a score handed down layer by layer, in proportion, to the pixels.

The rules (rules) hand relevance through one affine layer (affine); a composite says which rule is which layer's
(composites); what passes other operations is decided once for each network (passages). ``lrp`` and ``layer_relevance``
run it all (propagation, layers), and the methods that have names are made of them (named).
"""

from tinyconv.explain.lrp.composites import (
    COMPOSITES,
    Composite,
    deep_taylor,
    epsilon_alpha2_beta1,
    epsilon_gamma_box,
    epsilon_plus,
    uniform,
)
from tinyconv.explain.lrp.layers import LayerRelevance, LayerRelevances
from tinyconv.explain.lrp.propagation import layer_relevance, lrp
from tinyconv.explain.lrp.rules import AlphaBeta, Box, Epsilon, Gamma, Rule
from tinyconv.explain.pictures.descent import descent_figure, save_descent

__all__ = [
    "COMPOSITES",
    "AlphaBeta",
    "Box",
    "Composite",
    "Epsilon",
    "Gamma",
    "LayerRelevance",
    "LayerRelevances",
    "Rule",
    "deep_taylor",
    "descent_figure",
    "epsilon_alpha2_beta1",
    "epsilon_gamma_box",
    "epsilon_plus",
    "layer_relevance",
    "lrp",
    "save_descent",
    "uniform",
]
