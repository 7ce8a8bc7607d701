"""One image through the network and its loss back again, with everything that its convolutions saw.

For each convolution: what it was given, what it made of it, what batch norm and ReLU made of that, and

    delta = dL/dz      of the loss L of this one image with respect to the convolution's result z,
    dL/dw[k,c,r,s] = sum over the positions (i, j) of delta[k,i,j] x[c, i stride + r dilation - padding, ...]

which is what the page lets its reader compute again by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.autograd.engine import grad
from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.transfer import to_host
from tinyconv.features.capture import Activations, capture
from tinyconv.features.layers import Layer
from tinyconv.nn import functional
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.tensor import Tensor

WATCHED = ("conv", "norm", "relu")


@dataclass
class Following:
    """What comes right after a convolution: ``kind`` "norm" or "relu", its result (C, H, W), batch norm's numbers."""

    name: str
    kind: str
    output: FloatArray
    mean: FloatArray | None = None
    variance: FloatArray | None = None
    weight: FloatArray | None = None
    bias: FloatArray | None = None
    eps: float = 0.0


@dataclass
class Convolved:
    """One convolution of the pass: ``x`` (C, H, W), ``weight`` (K, C/groups, R, S), ``z`` (K, H', W')."""

    layer: Layer
    operation: Convolution2d
    x: FloatArray
    weight: FloatArray
    bias: FloatArray | None
    z: FloatArray
    after: list[Following] = field(default_factory=list)
    delta: FloatArray | None = None
    weight_gradient: FloatArray | None = None

    @property
    def response(self) -> str:
        """The name of the result that says how strongly a unit answers: behind ReLU, where one follows."""
        return self.after[-1].name if self.after else self.layer.name

    @property
    def unrectified(self) -> str:
        """The name of the last result that a gradient passes even where a unit is silent."""
        names = [step.name for step in self.after if step.kind != "relu"]
        return names[-1] if names else self.layer.name

    @property
    def activation(self) -> FloatArray:
        """What the next layer sees: behind batch norm and ReLU, where they follow."""
        return self.after[-1].output if self.after else self.z


@dataclass(frozen=True)
class Pass:
    """What one image gave: its ``logits``, the ``loss`` towards ``target``, and its convolutions in order."""

    convolutions: list[Convolved]
    logits: FloatArray
    target: int
    loss: float


def run_through(model: Module, image: Array, target: int) -> Pass:
    """The pass of ``image`` (C, H, W), as the model takes it, towards class ``target``.

    In evaluation mode and exact precision. The gradients that the model's parameters hold are left as they are.
    """
    watcher = _Watcher()
    # capture hears of each operation first, and names it; the watcher takes its operands.
    with enable_grad(), set_float32_precision("exact"), capture(model, kinds=WATCHED) as named, observe(watcher):
        watcher.named = named
        logits = model(Tensor(image[None]).to(device_of(model)))
        loss = functional.cross_entropy(logits, Tensor(np.array([target])).to(device_of(model)))
        learnt = [number for number, weight in enumerate(watcher.weights) if weight.requires_grad]
        gradients = grad(loss, [watcher.weights[number] for number in learnt], allow_unused=True) if learnt else ()
    for number, gradient in zip(learnt, gradients, strict=True):
        watcher.found[number].weight_gradient = None if gradient is None else _host(gradient.array)
    return Pass(watcher.found, _host(logits.array)[0], target, float(loss.item()))


class _Watcher:
    """Takes notes of convolutions and of what follows them."""

    def __init__(self) -> None:
        self.named = Activations()
        self.found: list[Convolved] = []
        self.weights: list[TensorBase] = []
        self._results: dict[int, Convolved] = {}
        self._alive: list[TensorBase] = []  # an id names a tensor only as long as it lives

    def __call__(self, observation: Observation) -> None:
        operation, output = observation.operation, observation.output
        if isinstance(operation, Convolution2d) and output.array.ndim == 4:
            x, weight = observation.inputs[:2]
            bias = observation.inputs[2] if len(observation.inputs) > 2 else None
            if x is None or weight is None:
                return
            convolved = Convolved(
                self._layer(),
                operation,
                _host(x.array)[0],
                _host(weight.array),
                None if bias is None else _host(bias.array),
                _host(output.array)[0],
            )
            if output.requires_grad:
                output.register_hook(_keeper(convolved))
            self.found.append(convolved)
            self.weights.append(weight)
            self._note(output, convolved)
            return
        source = observation.inputs[0] if observation.inputs else None
        before = self._results.get(id(source)) if source is not None else None
        if before is None:
            return
        known = [step.kind for step in before.after]
        if operation.kind == "norm" and not known and getattr(operation, "statistics", None) is not None:
            before.after.append(_norm(self._layer().name, observation))
            self._note(output, before)
        elif operation.kind == "relu" and "relu" not in known:
            before.after.append(Following(self._layer().name, "relu", _host(output.array)[0]))
            self._note(output, before)

    def _layer(self) -> Layer:
        """What ``capture`` called the operation that has just run."""
        return self.named.layers[next(reversed(self.named))]

    def _note(self, output: TensorBase, convolved: Convolved) -> None:
        self._results[id(output)] = convolved
        self._alive.append(output)


def _norm(name: str, observation: Observation) -> Following:
    operation: Any = observation.operation
    mean, variance = (_host(array) for array in operation.statistics)
    weight, bias = (None if t is None else _host(t.array) for t in (*observation.inputs[1:3], None, None)[:2])
    return Following(
        name, "norm", _host(observation.output.array)[0], mean, variance, weight, bias, float(operation.eps)
    )


def _keeper(convolved: Convolved) -> Callable[[Any], None]:
    def keep(gradient: Any) -> None:
        convolved.delta = _host(gradient.array)[0]

    return keep


def _host(array: Any) -> FloatArray:
    """A copy in the order of its axes, wherever it was."""
    return np.array(to_host(array), order="C")
