"""Checks of the layers on which every explanation stands, on this model's own weights and geometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.autograd import engine
from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.core.arrays import FloatArray
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.random import philox
from tinyconv.explain.checks.finding import Finding, does_not_apply
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.running import host
from tinyconv.explain.trace import Step
from tinyconv.nn import functional
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.pooling.maximum import MaxPool
from tinyconv.ops.tensor import Tensor

CELLS = 8
"""Cells of each convolution that are computed by hand."""


def convolutions_are_adjoint(subject: Subject) -> Finding:
    """⟨conv(x, w), y⟩ = ⟨x, convᵀ(y, w)⟩ = ⟨w, ∂w⟩, on each convolution's own shapes, with random x, w and y."""
    name, statement = "adjoint", "⟨conv(x, w), y⟩ = ⟨x, conv transposed(y, w)⟩ = ⟨w, weight gradient(x, y)⟩"
    layers = _convolutions(subject)
    if not layers:
        return does_not_apply(name, statement, "the model has no 2-D convolution")
    worst = 0.0
    for number, step in enumerate(layers):
        random = philox(subject.seed, "explain.adjoint", number)
        x, w = (_random(random, step.input_values[place]) for place in (0, 1))
        y = _random(random, step.output_value)
        with enable_grad(), set_float32_precision("exact"):
            output = step.operation.unrecorded_copy().apply(x, w)
            dx, dw = engine.grad([output], [x, w], [y])
        products = [float(np.vdot(host(a), host(b))) for a, b in ((output, y), (x, dx), (w, dw))]
        scale = float(np.linalg.norm(host(output)) * np.linalg.norm(host(y)))
        worst = max(worst, (max(products) - min(products)) / scale)
    return Finding(name, statement, worst, 1e-12, f"of the lengths, over {len(layers)} convolutions")


def cells_are_patch_times_kernel(subject: Subject) -> Finding:
    """y[c, i, j] = Σ patch × kernel + bias, added up in plain NumPy at cells drawn at random."""
    name, statement = "by hand", "a cell of a map is the sum of input patch × kernel, plus bias"
    layers = [step for step in _convolutions(subject) if step.operation.groups == 1]
    if not layers:
        return does_not_apply(name, statement, "the model has no ungrouped 2-D convolution")
    worst = 0.0
    for number, step in enumerate(layers):
        maps = host(step.output_value)[0]
        random = philox(subject.seed, "explain.cells", number)
        scale = float(np.abs(maps).max()) or 1.0
        for cell in zip(*(random.integers(0, side, CELLS) for side in maps.shape), strict=True):
            worst = max(worst, abs(_by_hand(step, *map(int, cell)) - float(maps[cell])) / scale)
    return Finding(
        name, statement, worst, 1e-12, f"of the layer's largest value, at {CELLS} cells of {len(layers)} layers"
    )


def _by_hand(step: Step, channel: int, row: int, column: int) -> float:
    operation: Any = step.operation
    x, weight = host(step.input_values[0])[0], host(step.input_values[1])[channel]
    biases = (*step.input_values, None)[2]
    bias = 0.0 if biases is None else float(host(biases)[channel])
    padded = np.pad(x, ((0, 0), *((margin, margin) for margin in operation.padding)))
    top, left = row * operation.stride[0], column * operation.stride[1]
    height, width = weight.shape[1:]
    patch = padded[
        :,
        top : top + height * operation.dilation[0] : operation.dilation[0],
        left : left + width * operation.dilation[1] : operation.dilation[1],
    ][:, :height, :width]
    return float((patch * weight).sum()) + bias


def pooling_undoes_unpooling(subject: Subject) -> Finding:
    """pool(unpool(p, switches)) = p, for p ≥ 0 and windows that do not overlap: the deconvnet's way down and up."""
    name, statement = "switches", "max pooling gives back what was unpooled to its recorded switches"
    layers = [
        step
        for step in subject.steps(("pool",))
        if isinstance(step.operation, MaxPool)
        and step.operation.stride == step.operation.kernel_size
        and step.operation.dilation == (1, 1)
        and step.operation.padding == (0, 0)
    ]
    if not layers:
        return does_not_apply(name, statement, "the model has no max pooling in windows side by side")
    worst = 0.0
    for step in layers:
        window: Any = step.operation
        x, pooled = step.input_values[0], step.output_value.clamp(min=0)
        sliding = window.kernel_size, window.stride, window.padding
        _, switches = functional.max_pool2d(x, *sliding, window.dilation, window.ceil_mode, return_indices=True)
        unpooled = functional.max_unpool2d(pooled, switches, *sliding, output_size=tuple(x.shape[2:]))
        again = functional.max_pool2d(unpooled, *sliding, window.dilation, window.ceil_mode)
        worst = max(worst, float((again - pooled).abs().amax().item()))
    return Finding(name, statement, worst, 0.0, f"the largest difference, over {len(layers)} layers")


def _convolutions(subject: Subject) -> list[Step]:
    return [step for step in subject.steps(("conv",)) if type(step.operation) is Convolution2d and _is_2d(step)]


def _is_2d(step: Step) -> bool:
    return step.output_value.ndim == 4


def _random(random: np.random.Generator, like: Any) -> Tensor:
    values: FloatArray = random.standard_normal(tuple(like.shape))
    return Tensor(values).to(like.device).requires_grad_()
