"""What is checked: a model, in float64 so that an identity is one to many digits, and images to check it on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.explain.running import as_images, host, logits_of, resolve_targets
from tinyconv.explain.trace import Step, Trace
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.tracking import ChannelNorm
from tinyconv.ops.tensor import Tensor

HOMOGENEOUS = 1e-9
"""How far f(2x) may be from 2 f(x), relative to it, in a network whose biases are gone."""


class Subject:
    """A copy of ``model`` in float64 and evaluation mode, the ``images`` (N, C, H, W), and the classes explained.

    ``targets``: as for every explanation, by default the predicted classes. ``seed``: of what is drawn at random.
    The user's ``model`` itself is left alone.

    Raises: as explanations do, for images, models and targets that do not fit each other.

    >>> from tinyconv.explain.checks import Subject
    >>> Subject(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), np.ones((3, 1, 2, 2), np.float32)).scores.shape
    (3,)
    """

    def __init__(self, model: Module, images: Any, targets: Any = None, seed: int = 0) -> None:
        self.original = model
        self.model = copy.deepcopy(model).double().eval()
        self.images: FloatArray = host(as_images(model, images)).astype(np.float64)
        self.targets: Array = resolve_targets(logits_of(self.model, self.images), targets)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def scores(self) -> FloatArray:
        """(N,): of the targets."""
        return self.scores_of(self.images)

    def scores_of(self, images: FloatArray) -> FloatArray:
        """(N,): the targets' scores for other images."""
        scores: FloatArray = logits_of(self.model, images)[np.arange(len(images)), self.targets]
        return scores

    def trace(self, image: int) -> Trace:
        """The run of one image, every number kept."""
        return Trace(self.model, self.images[image : image + 1], keep_values=True)

    @cached_property
    def first_trace(self) -> Trace:
        """The run of the first image."""
        return self.trace(0)

    def steps(self, kinds: Sequence[str]) -> list[Step]:
        """The layers of some kinds that the first image meets."""
        return [step for step in self.first_trace.steps if step.name and step.kind in kinds]

    def one_hot(self, trace: Trace, image: int) -> Tensor:
        """The cotangent that asks for the score of one image's target."""
        cotangent = np.zeros(tuple(trace.logits.shape))
        cotangent[0, self.targets[image]] = 1
        return Tensor(cotangent).to(trace.logits.device)

    @cached_property
    def without_biases(self) -> Subject | None:
        """The same network with its biases taken away; None where it is not homogeneous then.

        A bias becomes 0; batch normalisation keeps its factor γ/σ, and its shift β − γμ/σ becomes 0.
        """
        other = Subject(self.model, self.images, self.targets, self.seed)
        with no_grad():
            for module in other.model.modules():
                _take_bias(module)
        once, twice = other.scores_of(self.images), other.scores_of(2 * self.images)
        scale = np.abs(once).max(initial=0)
        is_homogeneous = scale > 0 and np.abs(twice - 2 * once).max() <= HOMOGENEOUS * scale
        return other if is_homogeneous else None


def _take_bias(module: Module) -> None:
    if isinstance(module, ChannelNorm) and module.running_mean is not None:
        module.running_mean.zero_()
    for name, parameter in module.named_parameters(recurse=False):
        if name == "bias":
            parameter.zero_()
