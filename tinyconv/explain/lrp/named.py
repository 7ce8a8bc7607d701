"""The combinations of rules that have names: a function for each, as the table of methods takes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.explain.attribution import Attribution
from tinyconv.explain.lrp.composites import COMPOSITES
from tinyconv.explain.lrp.propagation import lrp
from tinyconv.explain.running import Target
from tinyconv.nn.module import Module


def lrp_0(model: Module, images: Any, target: Target = None) -> Attribution:
    """LRP by the plain rule in every layer: in networks of rectifiers and max pooling, the input times the gradient.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``.
    Source: Bach et al., 2015, eq. 56; Shrikumar, Greenside & Kundaje, 2017, section 3, for the equality.

    >>> from tinyconv.explain import input_x_gradient, lrp_0
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((1, 1, 2, 2), np.float32)
    >>> np.allclose(lrp_0(model, image).values, input_x_gradient(model, image).values)
    True
    """
    return _named("lrp-0", model, images, target)


def lrp_epsilon(model: Module, images: Any, target: Target = None, *, epsilon: float = 0.01) -> Attribution:
    """LRP by the epsilon rule in every layer: what hardly moved a unit gets less.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for an epsilon below 0.
    Source: Bach et al., 2015, eq. 58.

    >>> from tinyconv.explain import lrp_epsilon
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> lrp_epsilon(model, np.ones((1, 1, 2, 2), np.float32), epsilon=0.1).options
    {'epsilon': 0.1}
    """
    return _named("lrp-epsilon", model, images, target, epsilon=epsilon)


def lrp_gamma(model: Module, images: Any, target: Target = None, *, gamma: float = 0.25) -> Attribution:
    """LRP by the gamma rule in every layer: what speaks for a unit's state counts more than what speaks against it.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for a gamma below 0.
    Source: Montavon et al., "Layer-wise relevance propagation: an overview", 2019.

    >>> from tinyconv.explain import lrp_gamma
    >>> lrp_gamma(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((1, 1, 2, 2), np.float32)).options
    {'gamma': 0.25}
    """
    return _named("lrp-gamma", model, images, target, gamma=gamma)


def lrp_alpha2_beta1(model: Module, images: Any, target: Target = None) -> Attribution:
    """LRP by the alpha-beta rule in every layer: evidence for counts twice, evidence against once, in each unit.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``.
    Source: Bach et al., 2015, eq. 60.

    >>> from tinyconv.explain import lrp_alpha2_beta1
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> found = lrp_alpha2_beta1(model, np.ones((1, 1, 2, 2), np.float32))
    >>> bool(np.allclose(found.measures["kept"], 0, atol=1e-6))
    True
    """
    return _named("lrp-alpha2-beta1", model, images, target)


def lrp_z_b(model: Module, images: Any, target: Target = None, *, low: Any = None, high: Any = None) -> Attribution:
    """Deep Taylor decomposition: the z^B rule at the pixels, z+ (alpha 1, beta 0) elsewhere. What spoke for the class.

    ``low``, ``high``: the bounds of the pixels as the model is fed, numbers or one for each channel; by default the
    least and the greatest value in each channel of each image.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for bounds that do not fit the images.
    Source: Montavon et al., "Explaining nonlinear classification decisions with deep Taylor decomposition", 2017.

    >>> from tinyconv.explain import lrp_z_b
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> found = lrp_z_b(model, np.eye(2, dtype=np.float32)[None, None], low=0, high=1)
    >>> bool(np.allclose(found.measures["kept"], 0, atol=1e-6))
    True
    """
    return _named("lrp-z-b", model, images, target, low=low, high=high)


def lrp_epsilon_plus(model: Module, images: Any, target: Target = None, *, epsilon: float = 1e-6) -> Attribution:
    """LRP with z+ (alpha 1, beta 0) in convolutions and epsilon in linear layers.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for an epsilon below 0.
    Source: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", 2020.

    >>> from tinyconv.explain import lrp_epsilon_plus
    >>> lrp_epsilon_plus(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((1, 1, 2, 2), np.float32)).method
    'lrp-epsilon-plus'
    """
    return _named("lrp-epsilon-plus", model, images, target, epsilon=epsilon)


def lrp_epsilon_alpha2_beta1(
    model: Module, images: Any, target: Target = None, *, epsilon: float = 1e-6
) -> Attribution:
    """LRP with alpha 2, beta 1 in convolutions and epsilon in linear layers.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for an epsilon below 0.
    Source: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", 2020.

    >>> from tinyconv.explain import lrp_epsilon_alpha2_beta1
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> lrp_epsilon_alpha2_beta1(model, np.ones((1, 1, 2, 2), np.float32)).method
    'lrp-epsilon-alpha2-beta1'
    """
    return _named("lrp-epsilon-alpha2-beta1", model, images, target, epsilon=epsilon)


def lrp_epsilon_gamma_box(
    model: Module,
    images: Any,
    target: Target = None,
    *,
    epsilon: float = 1e-6,
    gamma: float = 0.25,
    low: Any = None,
    high: Any = None,
) -> Attribution:
    """LRP with z^B at the pixels, gamma in the other convolutions and epsilon in linear layers.

    ``low``, ``high``: as in ``lrp_z_b``.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``lrp``, and ``ArgumentError`` for an epsilon or gamma below 0, or bounds that do not fit the images.
    Source: Montavon et al., "Layer-wise relevance propagation: an overview", 2019.

    >>> from tinyconv.explain import lrp_epsilon_gamma_box
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(2, 2))
    >>> lrp_epsilon_gamma_box(model, np.eye(2, dtype=np.float32)[None, None], low=0, high=1).values.shape
    (1, 1, 2, 2)
    """
    options = {"epsilon": epsilon, "gamma": gamma, "low": low, "high": high}
    return _named("lrp-epsilon-gamma-box", model, images, target, **options)


def _named(method: str, model: Module, images: Any, target: Target, **options: Any) -> Attribution:
    told = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in options.items()}
    return lrp(model, images, target, composite=COMPOSITES[method](**options), method=method, **told)
