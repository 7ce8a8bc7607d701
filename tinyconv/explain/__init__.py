"""Floor 7: why a network decided as it did, and what its units look for.

Every method is a function of a model, images and targets that gives an ``Attribution`` (attribution). ``METHODS`` lists
them (methods); ``Trace`` is how they look into a network, and how those that are not plain gradients change its
backward (trace).
"""

from tinyconv.explain.attribution import Attribution
from tinyconv.explain.gradients import gradient, input_x_gradient, integrated_gradients, smoothgrad
from tinyconv.explain.lrp.named import (
    lrp_0,
    lrp_alpha2_beta1,
    lrp_epsilon,
    lrp_epsilon_alpha2_beta1,
    lrp_epsilon_gamma_box,
    lrp_epsilon_plus,
    lrp_gamma,
    lrp_z_b,
)
from tinyconv.explain.methods import METHODS, Method, attribute
from tinyconv.explain.running import resolve_targets
from tinyconv.explain.trace import Step, Trace

__all__ = [
    "METHODS",
    "Attribution",
    "Method",
    "Step",
    "Trace",
    "attribute",
    "gradient",
    "input_x_gradient",
    "integrated_gradients",
    "lrp_0",
    "lrp_alpha2_beta1",
    "lrp_epsilon",
    "lrp_epsilon_alpha2_beta1",
    "lrp_epsilon_gamma_box",
    "lrp_epsilon_plus",
    "lrp_gamma",
    "lrp_z_b",
    "resolve_targets",
    "smoothgrad",
]
