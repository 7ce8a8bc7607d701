"""Explanations that change how a cotangent R passes rectifiers, y = max(x, 0), on its way back to the pixels.

    gradient         R 1[x > 0]             what was switched off stays off
    deconvnet        max(R, 0)              as the maps on the way up, those on the way down are rectified
    guided backprop  max(R, 0) 1[x > 0]     both

Everything else passes R as its own backward does: a convolution by the transposed filter, max pooling to the switches,
the places where its maxima were, batch norm by its scale.
"""

from __future__ import annotations

from typing import Any

from tinyconv.core.errors import ArgumentError
from tinyconv.explain.attribution import Attribution
from tinyconv.explain.gradients import score_gradients
from tinyconv.explain.running import Target
from tinyconv.explain.trace import Passage, Step
from tinyconv.nn.module import Module
from tinyconv.ops.activation.rectifier import Hardtanh, Relu, Threshold
from tinyconv.ops.elementwise.bounds import Clamp

RULES = ("deconvnet", "guided", "gradient")

OTHER_NONLINEARITIES = (
    "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "glu", "tanh", "sigmoid", "softplus", "softsign",
    "logsigmoid", "tanhshrink", "hardshrink", "softshrink", "hardsigmoid", "hardswish", "hardtanh", "threshold",
)  # fmt: skip
"""The kinds of operations that bend and are no rectifiers."""


def is_rectifier(step: Step) -> bool:
    """Whether the step is max(x, 0), perhaps with a bound above, however it was written."""
    operation = step.operation
    if isinstance(operation, Threshold):
        return operation.threshold == operation.value == 0
    return isinstance(operation, Relu) or (isinstance(operation, Hardtanh | Clamp) and operation.low == 0)


class RectifierRules:
    """Rules for ``Trace.backward``: the passage of "deconvnet", "guided" or "gradient" at each rectifier.

    Raises: ``ArgumentError`` for another name.

    >>> from tinyconv.explain.rectified import RectifierRules
    >>> try:
    ...     RectifierRules("guidde")
    ... except ValueError as error:
    ...     print(error)
    rule must be one of 'deconvnet', 'guided', 'gradient', got 'guidde'
    """

    def __init__(self, rule: str) -> None:
        if rule not in RULES:
            raise ArgumentError(f"rule must be one of {', '.join(map(repr, RULES))}, got {rule!r}")
        self.rule = rule
        self.rectifiers = 0
        self.others: dict[str, None] = {}

    def __call__(self, step: Step) -> Passage | None:
        if is_rectifier(step):
            self.rectifiers += 1
            return self._passage(step)
        if step.kind in OTHER_NONLINEARITIES:
            self.others[step.kind] = None
        return None

    def _passage(self, step: Step) -> Passage | None:
        if self.rule == "gradient":
            return None
        if self.rule == "guided":
            return lambda cotangent: step.own_backward(cotangent.clamp(min=0))
        return lambda cotangent: (cotangent.clamp(min=0),)

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of a network where the rule does not apply everywhere, or nowhere."""
        found = []
        if not self.rectifiers:
            found.append("The network has no rectifier, so this is the plain gradient.")
        if self.others:
            kinds = ", ".join(self.others)
            found.append(f"The rule is one for rectifiers; of {kinds} the ordinary gradient was taken.")
        return tuple(found)


def deconvnet(model: Module, images: Any, target: Target = None) -> Attribution:
    """What a deconvolutional network makes of the target's score: the pattern in the pixels that the score answers to.

    Down through each layer, the signal is unpooled to the places where the maxima were (the switches), rectified, and
    filtered with the transposed filters. What the rectifiers switched off on the way up does not count. Where pooling
    windows overlap, a place that won in several gets the sum of their signals. ``project`` does the same for a unit.

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``.
    Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 2.1.

    >>> from tinyconv.explain import deconvnet
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> deconvnet(model, np.ones((1, 1, 4, 4), np.float32)).values.shape
    (1, 1, 4, 4)
    """
    return _rectified(model, images, target, "deconvnet", "deconvnet")


def guided_backprop(model: Module, images: Any, target: Target = None) -> Attribution:
    """The gradient of the target's score along paths on which every contribution is positive.

    At each rectifier only what is positive passes, and only where the rectifier was on: R 1[x > 0] 1[R > 0]. The maps
    are sharp; they depend on the image's edges more than on the class (``explain.checks`` measures it).

    Shape: images (N, C, H, W); the model gives (N, classes).
    Dtype: images of any floating-point type; the values have the model's.
    Raises: as ``gradient``.
    Source: Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for simplicity", 2015, section 3.4.

    >>> from tinyconv.explain import guided_backprop
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    >>> guided_backprop(model, np.ones((1, 1, 4, 4), np.float32)).values.shape
    (1, 1, 4, 4)
    """
    return _rectified(model, images, target, "guided", "guided-backprop")


def _rectified(model: Module, images: Any, target: Target, rule: str, method: str) -> Attribution:
    rules = RectifierRules(rule)
    values, targets, scores = score_gradients(model, images, target, rules)
    return Attribution(values, method, targets, scores, notes=rules.notes())
