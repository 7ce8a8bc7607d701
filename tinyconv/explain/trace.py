"""One run of a network on images, every operation of it at hand, and cotangents sent back by rules of one's own.

The ordinary backward asks each operation on the tape how a cotangent passes through it. Explanation methods answer
that question differently for some operations: guided backpropagation at rectifiers, relevance propagation at nearly
all. So each such method is a *rule* for single operations, and the way back through the network, with its branches,
sums, concatenations and shared modules, stays the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyconv.autograd import engine
from tinyconv.autograd.grad_mode import set_grad_enabled
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.core.precision import set_float32_precision
from tinyconv.explain.running import BeforeSoftmax, as_images, at_rest, checked_output
from tinyconv.features.naming import LayerNames, unknown_layer
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

Passage = Callable[..., Any]
"""How cotangents pass through one operation: those of its results in, a tuple of those of its inputs out."""

Rules = Callable[["Step"], Passage | None]
"""The passage through a step's operation, or None for that of its own backward."""


@dataclass(frozen=True)
class Step:
    """One operation that the network ran.

    ``operation``: as it stands on the tape; rules look at what its class has. ``name``: the layer's, as
    ``features.capture`` names it; "" for what is no layer (a flatten, a mean). ``path``: of the module that ran it.
    ``output``: its (first) result, in the graph, where a backward may start or be read. ``input_values`` and
    ``output_value``: what the numbers were when it ran, if the trace keeps them.

    Raises: nothing of its own.

    >>> from tinyconv.explain import Trace
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    >>> [step.name for step in Trace(model, np.zeros((1, 1, 4, 4), np.float32)).steps]
    ['conv1', 'relu1', '', 'linear1']
    """

    operation: Any
    name: str
    path: str
    kind: str
    output: Any
    input_values: tuple[Any, ...] = field(default=(), repr=False)
    output_value: Any = field(default=None, repr=False)

    def own_backward(self, *cotangents: Any) -> tuple[Any, ...]:
        """What the operation's own backward makes of ``cotangents``, whatever the rules say about it."""
        results = type(self.operation).backward(self.operation, *cotangents)
        return results if isinstance(results, tuple) else (results,)


class Trace:
    """``model`` run once on ``images`` (N, C, H, W), in evaluation mode and in exact precision, its steps recorded.

    ``images``: the leaf that the model was fed from. ``logits``: (N, classes), before a softmax that the model may end
    with. ``steps``: every operation, in the order in which they ran. ``keep_values``: copy each step's numbers as it
    runs, so that what a later in-place operation overwrites is still known. The model's modes, gradients and hooks are
    left as they were.

    Shape: images (N, C, H, W), at least one of them; the model gives (N, classes).
    Dtype: images of any floating-point type; they are converted to the model's.
    Raises: ``ArgumentError`` for what is no module; ``ShapeError`` and ``DTypeError`` for images or outputs of another
        form; ``ArgumentError`` where the output does not depend on the images.

    >>> from tinyconv.explain import Trace
    >>> trace = Trace(nn.Sequential(nn.Flatten(), nn.Linear(4, 3)), np.ones((2, 1, 2, 2), np.float32))
    >>> gradient = trace.backward(trace.logits, tc.ones(2, 3))
    >>> gradient.shape
    (2, 1, 2, 2)
    """

    def __init__(self, model: Module, images: Any, keep_values: bool = False) -> None:
        self.images = as_images(model, images)
        self.steps: list[Step] = []
        self._names = LayerNames(model)
        self._keep_values = keep_values
        self._kept: dict[int, tuple[Any, Any]] = {}
        # The model is fed a copy: a leaf could not be written in place, which a first layer may want to do.
        with at_rest(model), set_grad_enabled(True):
            self._names.start_pass()
            fed, before_softmax = self.images.clone(), BeforeSoftmax()
            with observe(self._record), observe(before_softmax):
                output = checked_output(model(fed), len(self.images.array))
        self._kept.clear()
        self.logits: Any = before_softmax.scores(output)

    def layer(self, name: str) -> Step:
        """The step of the layer called ``name``, as ``features.capture`` names layers.

        Raises: ``ArgumentError``, which lists the layers, where there is none.

        >>> from tinyconv.explain import Trace
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))
        >>> Trace(model, np.zeros((1, 1, 4, 4), np.float32)).layer("conv1").output.shape
        (1, 2, 2, 2)
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise unknown_layer(name, [step.name for step in self.steps if step.name])

    def score_cotangent(self, targets: Array) -> Any:
        """The cotangent of ``logits`` that asks for the gradient of each image's target score: 1 there, 0 elsewhere.

        Shape: targets (N,); result (N, classes).
        Dtype: targets int64; the result has the model's.
        Raises: nothing of its own.
        """
        one_hot = np.zeros(tuple(self.logits.shape), self.logits.dtype.numpy)
        one_hot[np.arange(len(targets)), targets] = 1
        return Tensor(one_hot).to(self.logits.device)

    def backward(self, root: Any, cotangent: Any, rules: Rules | None = None) -> Any:
        """The cotangent of the images, where that of ``root`` (the logits, or a step's output) is ``cotangent``.

        Where ``rules(step)`` gives a function, cotangents pass through the step by it in place of the operation's own
        backward. It may be called again and again.

        Shape: cotangent like root; result (N, C, H, W).
        Dtype: the model's.
        Raises: ``ArgumentError`` where ``root`` does not depend on the images.
        """
        (gradient,) = self.cotangents(root, cotangent, [self.images], rules)
        if gradient is None:
            raise _independent()
        return gradient

    def cotangents(self, root: Any, cotangent: Any, places: Sequence[Any], rules: Rules | None = None) -> list[Any]:
        """As ``backward``, at several ``places``: the images or steps' outputs. None where nothing arrives.

        Shape: cotangent like root; each result like its place.
        Dtype: the model's.
        Raises: ``ArgumentError`` where ``root`` does not depend on the images.
        """
        if not root.requires_grad:
            raise _independent()
        with set_float32_precision("exact"), _applied(rules, self.steps):
            return list(engine.grad(root, places, cotangent, retain_graph=True, allow_unused=True))

    def _record(self, observation: Observation) -> None:
        operation, output = observation.operation, observation.output
        module = self._names.module_of(observation)
        named = module is not None and operation.kind
        inputs: tuple[Any, ...] = ()
        value = None
        if self._keep_values:
            inputs = tuple(None if tensor is None else self._value_of(tensor) for tensor in observation.inputs)
            # Copied as an array: an operation on tensors would be observed, and recorded, as one of the network's.
            value = output.wrap(layout.copy(output.array, operation.xp), output.device)
            self._kept[id(output)] = output, value
        self.steps.append(
            Step(
                operation,
                self._names.name(module, operation.kind) if module is not None and named else "",
                self._names.path(module) if module is not None else "",
                operation.kind,
                _place(operation, output),
                inputs,
                value,
            )
        )

    def _value_of(self, tensor: TensorBase) -> Any:
        """What ``tensor`` held before the operation that has just run: the copy made when it was computed."""
        kept = self._kept.get(id(tensor))
        return tensor.detach() if kept is None else kept[1]


def _place(operation: Operation, output: TensorBase) -> TensorBase:
    """``output`` as a place in the graph that stays where it is, also after an in-place operation on the tensor."""
    place = output.alias()
    if operation.recorded:
        place.set_history(operation, 0)
    return place


@contextmanager
def _applied(rules: Rules | None, steps: Sequence[Step]) -> Iterator[None]:
    """Have the steps' operations pass cotangents as ``rules`` say: each instance's ``backward`` hides its class's."""
    if rules is None:
        yield
        return
    shadowed = []
    try:
        for step in steps:
            passage = rules(step)
            if passage is not None:
                step.operation.__dict__["backward"] = passage
                shadowed.append(step.operation)
        yield
    finally:
        for operation in shadowed:
            del operation.__dict__["backward"]


def _independent() -> ArgumentError:
    return ArgumentError(
        "explain: the output does not depend on the images through operations that have a gradient; does the model "
        "use detach(), no_grad() or NumPy on the way?"
    )
