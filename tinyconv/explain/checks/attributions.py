"""Checks of epsilon, activation maps, projections and occlusion: what each of them adds up to, or stays within."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import TinyconvError
from tinyconv.core.random import philox
from tinyconv.explain.cam import hires_cam
from tinyconv.explain.checks.finding import Finding, does_not_apply
from tinyconv.explain.checks.slopes import apart
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.lrp.named import lrp_epsilon
from tinyconv.explain.occlusion import occlusion
from tinyconv.explain.projection import project
from tinyconv.features.capture import capture
from tinyconv.nn.conversion import device_of
from tinyconv.ops.tensor import Tensor

UNITS = 3
"""Units of each layer of which the projection is checked."""


def epsilon_keeps_little_where_it_is_small(subject: Subject) -> Finding:
    """LRP-epsilon → LRP-0: what epsilon keeps to itself vanishes with it."""
    name, statement = "lrp-epsilon leak", "what LRP's epsilon keeps to itself vanishes with it"
    try:
        none, small, usual = (
            lrp_epsilon(subject.model, subject.images, subject.targets, epsilon=epsilon)
            for epsilon in (0.0, 1e-9, 0.01)
        )
    except TinyconvError as error:
        return does_not_apply(name, statement, str(error))
    leak = np.abs(small.measures["kept"] - none.measures["kept"]) / np.abs(small.scores)
    usual_leak = np.abs(usual.measures["kept"] - none.measures["kept"]) / np.abs(usual.scores)
    note = f"of the score, for epsilon 1e-9 ({usual_leak.max():.1e} for 0.01)"
    return Finding(name, statement, float(leak.max()), 1e-5, note)


def activation_map_sums_to_the_score(subject: Subject) -> Finding:
    """Σ HiResCAM = y_c − Σ ⟨b, ∂y_c/∂b⟩ over the biases behind the layer: behind it only one linear layer has any.

    Where a mean over the maps precedes that layer, this is Grad-CAM times Z, and y_c − b_c.
    """
    name, statement = "activation map", "the unrectified activation map sums to the score minus the last layer's bias"
    try:
        found = hires_cam(subject.model, subject.images, subject.targets, rectify=False, upsample=False)
    except TinyconvError as error:
        return does_not_apply(name, statement, str(error))
    steps = subject.first_trace.steps
    layer = next(place for place, step in enumerate(steps) if step.name == found.options["layer"])
    behind = [step for step in steps[layer + 1 :] if step.kind not in ("", "pool", "dropout", "relu")]
    if [step.kind for step in behind] != ["linear"]:
        return does_not_apply(name, statement, "behind the last maps there is more than one linear layer")
    biases = (*behind[0].input_values, None)[2]
    bias = 0.0 if biases is None else biases.cpu().numpy()[subject.targets]
    expected = found.scores - bias
    sums = found.values.sum(axis=(1, 2, 3))
    scale = np.abs(found.values).sum(axis=(1, 2, 3))
    return Finding(name, statement, float((np.abs(sums - expected) / scale).max()), 1e-9, "of the map's magnitudes")


def projections_stay_in_the_receptive_field(subject: Subject) -> Finding:
    """A unit's deconvnet projection is exactly 0 where the unit sees nothing."""
    name, statement = "receptive field", "a unit's deconvnet projection is 0 outside its receptive field"
    image = subject.images[:1]
    height, width = image.shape[2:]
    worst, layers = 0.0, 0
    with capture(subject.model) as activations:
        subject.model(Tensor(image).to(device_of(subject.model)))
    for number, (layer, maps) in enumerate(activations.items()):
        field = activations.layers[layer].receptive_field
        if activations.layers[layer].kind != "conv" or maps.ndim != 4 or field is None:
            continue
        layers += 1
        random = philox(subject.seed, "explain.units", number)
        for channel, row, column in zip(*(random.integers(0, side, UNITS) for side in maps.shape[1:]), strict=True):
            pattern = project(subject.model, image, layer, int(channel), (int(row), int(column)))[0]
            top, left, bottom, right = field.patch(int(row), int(column), (height, width))
            outside = np.ones((height, width), bool)
            outside[top:bottom, left:right] = False
            worst = max(worst, float(np.abs(pattern[:, outside]).max(initial=0)))
    if not layers:
        return does_not_apply(name, statement, "no convolution's receptive field is known")
    return Finding(name, statement, worst, 0.0, f"the largest value outside, {UNITS} units of {layers} layers")


def covering_all_is_the_whole_difference(subject: Subject) -> Finding:
    """Occlusion with a patch as large as the image: f(x) − f(grey), at every pixel."""
    size = subject.images.shape[2:]
    window = (int(size[0]), int(size[1]))
    found = occlusion(subject.model, subject.images, subject.targets, window=window, stride=window, baseline=0.0)
    expected: Any = subject.scores - subject.scores_of(np.zeros_like(subject.images))
    spread: FloatArray = np.broadcast_to(expected[:, None, None, None], found.values.shape)
    return Finding(
        "occlusion",
        "occlusion by a patch as large as the image is f(x) - f(baseline)",
        apart(spread, found.values),
        1e-12,
        "of the largest difference",
    )
