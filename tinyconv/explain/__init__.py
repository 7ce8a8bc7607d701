"""Floor 7: why a network decided as it did, and what its units look for.

Every method is a function of a model, images and targets that gives an ``Attribution`` (attribution): by gradients
(gradients), by other ways through rectifiers (rectified), by maps of a late layer (cam), by covering (occlusion).
``METHODS`` lists them (methods). ``Trace`` is how they look into a network, and how those that are no plain gradients
change its backward (trace, running). ``project`` draws what a single unit answers to (projection).
"""

from tinyconv.explain.archive import save_explanations
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.cam import grad_cam, guided_grad_cam, hires_cam
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
from tinyconv.explain.occlusion import OcclusionGrid, occlusion, occlusion_grid
from tinyconv.explain.pictures import (
    Subject,
    explanation_figure,
    explanation_png,
    occlusion_figure,
    save_explanation,
    save_occlusion,
)
from tinyconv.explain.projection import project, strongest
from tinyconv.explain.rectified import deconvnet, guided_backprop
from tinyconv.explain.running import resolve_targets
from tinyconv.explain.trace import Step, Trace

__all__ = [
    "METHODS",
    "Attribution",
    "Method",
    "OcclusionGrid",
    "Step",
    "Subject",
    "Trace",
    "attribute",
    "deconvnet",
    "explanation_figure",
    "explanation_png",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
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
    "occlusion",
    "occlusion_figure",
    "occlusion_grid",
    "project",
    "resolve_targets",
    "save_explanation",
    "save_explanations",
    "save_occlusion",
    "smoothgrad",
    "strongest",
]
