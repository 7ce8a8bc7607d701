"""The table of explanation methods: what the command, the scores and the report offer, by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyconv.core.errors import ArgumentError
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
from tinyconv.explain.occlusion import occlusion
from tinyconv.explain.rectified import deconvnet, guided_backprop
from tinyconv.explain.running import Target
from tinyconv.nn.module import Module
from tinyconv.train.preprocessing import Preprocessing


@dataclass(frozen=True)
class Method:
    """An explanation method: its ``function``, the ``family`` it belongs to, and what it shows, in ``words``.

    Raises: nothing of its own.

    >>> from tinyconv.explain import METHODS
    >>> METHODS["smoothgrad"].options
    {'samples': 50, 'noise': 0.15, 'seed': 0}
    """

    function: Callable[..., Attribution]
    family: str
    words: str

    @property
    def options(self) -> dict[str, Any]:
        """The options it takes beside images and target, with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


METHODS: dict[str, Method] = {
    "gradient": Method(gradient, "gradients", "which small changes of a pixel would raise the score"),
    "input-x-gradient": Method(input_x_gradient, "gradients", "pixel times gradient: its share in the score"),
    "smoothgrad": Method(smoothgrad, "gradients", "the mean gradient over noisy copies of the image"),
    "integrated-gradients": Method(
        integrated_gradients, "gradients", "the score's difference to a baseline image, shared out among the pixels"
    ),
    "guided-backprop": Method(guided_backprop, "rectified", "the gradient along paths of positive contributions alone"),
    "deconvnet": Method(deconvnet, "rectified", "the pattern that the score answers to, drawn by transposed filters"),
    "grad-cam": Method(grad_cam, "activation maps", "where the last maps show evidence for the class"),
    "guided-grad-cam": Method(guided_grad_cam, "activation maps", "guided backprop where Grad-CAM sees evidence"),
    "hires-cam": Method(hires_cam, "activation maps", "where the last maps show evidence for and against the class"),
    "lrp-0": Method(lrp_0, "relevance", "the score handed down layer by layer, in proportion"),
    "lrp-epsilon": Method(lrp_epsilon, "relevance", "handed down so that weak, contradictory evidence fades"),
    "lrp-gamma": Method(lrp_gamma, "relevance", "handed down with more weight on what speaks for a unit's state"),
    "lrp-alpha2-beta1": Method(lrp_alpha2_beta1, "relevance", "handed down, two parts for, one against, in each unit"),
    "lrp-z-b": Method(lrp_z_b, "relevance", "deep Taylor decomposition: only what spoke for the class"),
    "lrp-epsilon-plus": Method(lrp_epsilon_plus, "relevance", "z+ in convolutions, epsilon in linear layers"),
    "lrp-epsilon-alpha2-beta1": Method(
        lrp_epsilon_alpha2_beta1, "relevance", "alpha 2, beta 1 in convolutions, epsilon in linear layers"
    ),
    "lrp-epsilon-gamma-box": Method(
        lrp_epsilon_gamma_box, "relevance", "z-B at the pixels, gamma in convolutions, epsilon in linear layers"
    ),
    "occlusion": Method(occlusion, "occlusion", "how far the score falls when a grey patch covers the place"),
}
"""Name -> method, in the order in which they are shown."""


def attribute(
    model: Module, images: Any, method: str = "gradient", target: Target = None, **options: Any
) -> Attribution:
    """The explanation of ``images`` by the method called ``method``, one of ``METHODS``, with its ``options``.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type.
    Raises: ``ArgumentError`` for a method or an option that does not exist, and what the method raises.

    >>> from tinyconv.explain import attribute
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> attribute(model, np.ones((1, 1, 2, 2), np.float32), "integrated-gradients", steps=5).values.shape
    (1, 1, 2, 2)
    """
    found = METHODS.get(method)
    if found is None:
        close = difflib.get_close_matches(str(method), METHODS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise ArgumentError(f"there is no method {method!r}{hint} The methods are: {', '.join(METHODS)}")
    unknown = [name for name in options if name not in found.options]
    if unknown:
        offered = ", ".join(f"{name}={default!r}" for name, default in found.options.items()) or "none"
        raise ArgumentError(f"method {method} has no option {unknown[0]!r}; its options are: {offered}")
    return found.function(model, images, target, **options)


def run_options(method: str, preprocessing: Preprocessing, seed: int = 0) -> dict[str, Any]:
    """The options of ``method`` that a run settles: between what bounds its pixels are, and the seed of what is drawn.

    Raises: nothing of its own.

    >>> from tinyconv.explain.methods import run_options
    >>> from tinyconv.train import Preprocessing
    >>> run_options("lrp-z-b", Preprocessing(1, (8, 8), mean=(0.5,), std=(0.25,)))
    {'low': (-2.0,), 'high': (2.0,)}
    """
    low, high = preprocessing.bounds()
    settled = {"seed": seed, "low": low, "high": high}
    return {name: value for name, value in settled.items() if name in METHODS[method].options}
