"""The numbers behind one cell and one weight: what the page multiplies and adds before its reader's eyes.

For a few images and for some channels of every convolution: its input, its kernels, its result, what batch norm and
ReLU make of that, the gradient of the loss with respect to the result and to the kernels. All as float32, as the
network computed them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.layers import Layer
from tinyconv.report.encoding import numbers, photograph
from tinyconv.report.material import Material
from tinyconv.report.passes import Convolved, Pass, run_through
from tinyconv.train import Assessment, JudgedImages

IMAGES = 2


@dataclass(frozen=True)
class Followed:
    """An image that is followed number by number: its ``picture`` (C, H, W) in [0, 1], its class, and its pass."""

    picture: FloatArray
    label: str
    why: str
    passed: Pass


def follow(material: Material, count: int = IMAGES) -> list[Followed]:
    """The image with the largest loss, for from it the network would learn most, and the first of the probes."""
    chosen: list[tuple[FloatArray, str, int, str]] = []
    if material.judged is not None and material.assessment is not None and len(material.judged.labels):
        chosen.append(_hardest(material, material.judged, material.assessment))
    targets = material.targets()
    followed_along = f"one of the {material.kind} images"
    if material.features is not None:
        followed_along = "one of the images followed along the training"
    for picture, label, target in zip(material.pictures, material.labels, targets, strict=True):
        chosen.append((picture, label, target, followed_along))
    normalize = material.run.preprocessing.normalize
    followed = []
    for picture, label, target, why in chosen[:count]:
        passed = run_through(material.run.model, normalize(picture[None])[0].astype(np.float32), target)
        followed.append(Followed(picture, label, why, passed))
    return followed


def _hardest(material: Material, judged: JudgedImages, assessment: Assessment) -> tuple[FloatArray, str, int, str]:
    probabilities = assessment.probabilities[np.arange(len(judged.labels)), judged.labels]
    place = int(probabilities.argmin())
    label = int(judged.labels[place])
    wrong = int(assessment.predictions[place]) != label
    why = f"the {material.kind} image with the largest loss" + (": the network gets it wrong" if wrong else "")
    return np.asarray(judged.images[place]), material.run.classes[label], label, why


def strongest(followed: Sequence[Followed], count: int) -> dict[str, list[int]]:
    """Layer -> the ``count`` channels with the largest activation over the images, in the order of their numbers."""
    chosen: dict[str, list[int]] = {}
    for place, convolved in enumerate(followed[0].passed.convolutions):
        peaks = np.max([one.passed.convolutions[place].activation.max(axis=(1, 2)) for one in followed], axis=0)
        chosen[convolved.layer.name] = sorted(int(k) for k in np.argsort(-peaks, kind="stable")[:count])
    return chosen


def arithmetic_data(followed: Sequence[Followed], channels: Mapping[str, Sequence[int]], classes: Sequence[str]) -> Any:
    """What the page's script is given, as JSON expresses it."""
    layers = []
    for place, convolved in enumerate(followed[0].passed.convolutions):
        kept = list(channels[convolved.layer.name])
        each = [one.passed.convolutions[place] for one in followed]
        layers.append(_layer(convolved, each, kept))
    return {
        "images": [
            {
                "src": photograph(one.picture),
                "label": one.label,
                "why": one.why,
                "target": classes[one.passed.target],
                "predicted": classes[int(one.passed.logits.argmax())],
                "loss": one.passed.loss,
                "size": list(one.picture.shape[1:]),
            }
            for one in followed
        ],
        "layers": layers,
    }


def _layer(convolved: Convolved, each: Sequence[Convolved], kept: list[int]) -> dict[str, Any]:
    operation, weight = convolved.operation, convolved.weight
    return {
        "name": convolved.layer.name,
        "words": convolved.layer.describe(),
        "field": _field(convolved.layer),
        "stride": list(operation.stride),
        "padding": list(operation.padding),
        "dilation": list(operation.dilation),
        "groups": operation.groups,
        "kernel": list(weight.shape[2:]),
        "input": list(convolved.x.shape),
        "output": list(convolved.z.shape),
        "channels": kept,
        "weight": numbers(weight[kept]),
        "bias": None if convolved.bias is None else numbers(convolved.bias[kept]),
        "after": [_after(convolved, place, kept) for place in range(len(convolved.after))],
        "images": [
            {
                "x": numbers(one.x),
                "z": numbers(one.z[kept]),
                # The last result is what the next layer sees; those in between follow from it and from the formulas.
                "activation": numbers(one.activation[kept]) if one.after else None,
                "delta": None if one.delta is None else numbers(one.delta[kept]),
                "gradient": None if one.weight_gradient is None else numbers(one.weight_gradient[kept]),
            }
            for one in each
        ],
    }


def _after(convolved: Convolved, place: int, kept: list[int]) -> dict[str, Any]:
    step = convolved.after[place]
    if step.kind != "norm":
        return {"kind": step.kind}
    some: dict[str, Array | None] = {
        "mean": step.mean,
        "variance": step.variance,
        "weight": step.weight,
        "bias": step.bias,
    }
    return {
        "kind": "norm",
        "eps": step.eps,
        **{key: None if array is None else numbers(array[kept]) for key, array in some.items()},
    }


def _field(layer: Layer) -> dict[str, Any] | None:
    field = layer.receptive_field
    return None if field is None else {"size": field.size, "jump": field.jump, "start": field.start}
