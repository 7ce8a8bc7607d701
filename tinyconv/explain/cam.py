"""Class activation maps: where in the last maps of a network the evidence for a class lies.

With A^k the maps of a layer, S_c the score, Z the number of places in a map:

    Grad-CAM         max(sum_k alpha_k A^k, 0),   alpha_k = 1/Z sum_ij dS_c / dA^k_ij       Selvaraju et al., 2017
    HiResCAM         sum_k (dS_c / dA^k) A^k, place by place                                Draelos & Carin, 2020
    guided Grad-CAM  guided backpropagation times Grad-CAM                                  Selvaraju et al., 2017

Where a mean over the maps and one linear layer follow, both are the class activation map of Zhou et al. (2016) over Z,
and sum to S_c minus the class's bias.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.rectified import guided_backprop
from tinyconv.explain.running import Target, as_images, batches, host, resolve_targets
from tinyconv.explain.trace import Step, Trace
from tinyconv.features.colours import format_number
from tinyconv.nn.module import Module
from tinyconv.ops.resizing.interpolation import interpolate
from tinyconv.ops.tensor import Tensor

WEAK_SHARE = 0.02
"""Below this share of a map's magnitude, what speaks for the target is called next to nothing."""

Weigh = Callable[[FloatArray, FloatArray], FloatArray]
"""From a layer's maps and the score's gradient there, both (N, C, h, w), to one map for each image, (N, h, w)."""


def grad_cam(
    model: Module,
    images: Any,
    target: Target = None,
    *,
    layer: str | None = None,
    rectify: bool = True,
    upsample: bool = True,
) -> Attribution:
    """Where the evidence for the target lies: a layer's maps, weighted by their mean gradients.

    ``layer``: its name, as ``features.capture`` gives it; by default the last one with maps that is no pooling.
    ``rectify``: keep only what is for the target, as in the source. An image without any such place has a map of zeros,
    and a note says so, as it does where next to nothing is left; ``measures["share for"]`` is how much of the map's
    magnitude that is. ``upsample``: enlarge the map to the image's size by bilinear interpolation, else it is as
    coarse as the layer's.

    Shape: images (N, C, H, W); values (N, 1, H, W), or (N, 1, h, w) not upsampled.
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``, and ``ArgumentError`` for a layer that does not exist, or has no maps.
    Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks", 2017, equations 1 and 2.

    >>> from tinyconv.explain import grad_cam
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))
    >>> found = grad_cam(model, np.ones((1, 1, 8, 8), np.float32))
    >>> found.values.shape, found.options["layer"], bool(found.values.min() >= 0)
    ((1, 1, 8, 8), 'relu1', True)
    """
    return _activation_map("grad-cam", _by_mean_gradient, model, images, target, layer, rectify, upsample)


def hires_cam(
    model: Module,
    images: Any,
    target: Target = None,
    *,
    layer: str | None = None,
    rectify: bool = False,
    upsample: bool = True,
) -> Attribution:
    """Where the evidence for and against the target lies: a layer's maps times their gradients, place by place.

    Options as for ``grad_cam``. Where only linear layers follow, the map sums to the score minus the biases' part,
    which Grad-CAM's means do not.

    Shape: images (N, C, H, W); values (N, 1, H, W), or (N, 1, h, w) not upsampled.
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``grad_cam``.
    Source: Draelos & Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations", 2020, equation 4.

    >>> from tinyconv.explain import hires_cam
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2, bias=False))
    >>> found = hires_cam(model, np.ones((1, 1, 8, 8), np.float32), upsample=False)
    >>> bool(np.allclose(found.values.sum(), found.scores[0], atol=1e-6))
    True
    """
    return _activation_map("hires-cam", _by_each_gradient, model, images, target, layer, rectify, upsample)


def guided_grad_cam(model: Module, images: Any, target: Target = None, *, layer: str | None = None) -> Attribution:
    """Guided backpropagation where Grad-CAM sees evidence: the fine pattern of the one at the places of the other.

    ``layer``: as for ``grad_cam``.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``grad_cam``.
    Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks", 2017, section 3.2.

    >>> from tinyconv.explain import guided_grad_cam
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> guided_grad_cam(model, np.ones((1, 1, 8, 8), np.float32)).values.shape
    (1, 1, 8, 8)
    """
    where = grad_cam(model, images, target, layer=layer)
    what = guided_backprop(model, images, where.targets)
    notes = (*where.notes, *what.notes)
    return Attribution(
        what.values * where.values, "guided-grad-cam", where.targets, where.scores, {"layer": where.options["layer"]},
        notes=notes,
    )  # fmt: skip


def _by_mean_gradient(maps: FloatArray, gradient: FloatArray) -> FloatArray:
    weighted: FloatArray = (gradient.mean(axis=(2, 3), keepdims=True) * maps).sum(axis=1)
    return weighted


def _by_each_gradient(maps: FloatArray, gradient: FloatArray) -> FloatArray:
    weighted: FloatArray = (gradient * maps).sum(axis=1)
    return weighted


def _activation_map(
    method: str, weigh: Weigh, model: Module, images: Any, target: Target, layer: str | None, rectify: bool, large: bool
) -> Attribution:
    coarse, targets, scores, layer = _weighted(weigh, model, images, target, layer)
    share = _share_for(coarse)
    weak = np.flatnonzero(share < WEAK_SHARE) if rectify else ()
    notes = tuple(_weak(int(number), coarse[number], float(share[number])) for number in weak)
    maps = np.maximum(coarse, 0) if rectify else coarse
    if large:
        size = tuple(as_images(model, images).shape[2:])
        maps = host(interpolate(Tensor(maps[:, None]), size, mode="bilinear", align_corners=False))[:, 0]
    options = {"layer": layer, "rectify": rectify, "upsample": large}
    return Attribution(maps[:, None], method, targets, scores, options, {"share for": share}, notes)


def _weighted(
    weigh: Weigh, model: Module, images: Any, target: Target, layer: str | None
) -> tuple[FloatArray, Array, FloatArray, str]:
    """The coarse maps (N, h, w), the targets, their scores, and the layer's name."""
    found = []
    for batch, wanted in batches(model, images, target):
        trace = Trace(model, batch, keep_values=True)
        step = last_maps(trace) if layer is None else trace.layer(layer)
        layer = step.name
        maps = host(step.output_value)
        if maps.ndim != 4:
            raise ArgumentError(f"layer {layer} gives {maps.shape}, no maps (N, C, H, W); choose one that does")
        logits = host(trace.logits)
        targets = resolve_targets(logits, wanted)
        cotangent = trace.score_cotangent(targets)
        (gradient,) = trace.cotangents(trace.logits, cotangent, [step.output])
        if gradient is None:
            raise ArgumentError(f"the scores do not depend on layer {layer}; choose another")
        found.append((weigh(maps, host(gradient)), targets, logits[np.arange(len(targets)), targets]))
    coarse, classes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return coarse, classes, scores, str(layer)


def last_maps(trace: Trace) -> Step:
    """The last layer with maps of more than one place that is no pooling, whose maps would only be coarser.

    Raises ``ArgumentError`` where the network has none.
    """
    for step in reversed(trace.steps):
        shape = step.output.shape
        if step.name and step.kind not in ("pool", "dropout") and len(shape) == 4 and shape[2] * shape[3] > 1:
            return step
    raise ArgumentError("the network has no layer with maps of more than one place, so there is none to draw a map of")


def _share_for(coarse: FloatArray) -> FloatArray:
    """The share of what is positive in the magnitude of each map; 0 for a map of zeros."""
    magnitude = np.abs(coarse).sum(axis=(1, 2))
    share: FloatArray = np.maximum(coarse, 0).sum(axis=(1, 2)) / np.where(magnitude > 0, magnitude, 1)
    return share


def _weak(number: int, coarse: FloatArray, share: float) -> str:
    before = f"from {format_number(float(coarse.min()))} to {format_number(float(coarse.max()))} before rectifying"
    nothing = "nothing speaks for the target, so the map is 0 everywhere"
    part = format_number(100 * share, 2)
    little = f"next to nothing speaks for the target: what is drawn is {part}% of the map"
    return (
        f"Image {number + 1}: {little if share else nothing} ({before}). A map's gradients may cancel in their mean; "
        "hires-cam keeps the places apart."
    )
