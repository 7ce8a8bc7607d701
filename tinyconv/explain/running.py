"""How every explanation runs a model: on a copy of the images, in evaluation mode, exactly, up to the class scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from tinyconv.core.precision import set_float32_precision
from tinyconv.nn.conversion import device_of
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

Target = Any
"""Which score is explained: None for that of the predicted class, a class for all images, or a class for each."""

BATCH = 32
"""Images that a method sends through the model together, which bounds the memory it takes."""


def resolve_targets(logits: Any, target: Target = None) -> Array:
    """The class explained for each image, (N,) int64: by default the one with the highest score, the first of equals.

    ``logits``: (N, classes). ``target``: None, a class for all images, or a sequence of N classes.

    Shape: logits (N, classes); result (N,).
    Dtype: logits of any type; the result is int64.
    Raises: ``ArgumentError`` for what is no class number; ``ShapeError`` for another number of classes than of images;
        ``DimensionError`` for a class that the model does not have.

    >>> from tinyconv.explain import resolve_targets
    >>> resolve_targets(np.array([[0.0, 2.0], [5.0, 1.0]])).tolist()
    [1, 0]
    """
    scores = host(logits) if isinstance(logits, TensorBase) else np.asarray(logits)
    count, classes = scores.shape
    if target is None:
        return np.argmax(scores, axis=1).astype(np.int64)
    found = host(target) if isinstance(target, TensorBase) else np.asarray(target)
    if found.dtype == bool or not np.issubdtype(found.dtype, np.integer) or found.ndim > 1:
        raise ArgumentError(
            f"target must be a class number, a sequence of {count} class numbers, or None for the predicted class, "
            f"got {target!r:.60}"
        )
    if found.ndim == 1 and len(found) != count:
        raise ShapeError(f"target has {len(found)} classes for {count} images; give one for each, or one for all")
    outside = [int(number) for number in found.flat if not 0 <= number < classes]
    if outside:
        raise DimensionError(
            f"target: there is no class {outside[0]}: the model gives {classes} scores, numbered 0 to {classes - 1}"
        )
    return np.broadcast_to(found, count).astype(np.int64)


@contextmanager
def at_rest(model: Module) -> Iterator[None]:
    """Evaluation mode and exact arithmetic inside the block; every module gets its own mode back."""
    if not isinstance(model, Module):
        raise ArgumentError(f"the model must be an nn.Module, got {type(model).__name__}")
    with evaluation_mode(model), set_float32_precision("exact"):
        yield


def as_images(model: Module, images: Any) -> Tensor:
    """``images`` as a new leaf of the model's type on the model's device, a copy. Raises where they are none."""
    if not isinstance(model, Module):
        raise ArgumentError(f"explain: the model must be an nn.Module, got {type(model).__name__}")
    tensor = images if isinstance(images, TensorBase) else Tensor(np.asarray(images))
    shape = tuple(tensor.shape)
    if len(shape) != 4 or not all(shape):
        hint = "; make a batch of the one image: images[None]" if len(shape) == 3 else ""
        raise ShapeError(f"explain: images must be (N, C, H, W), at least one pixel of one image, got {shape}{hint}")
    if not tensor.dtype.is_floating_point:
        raise DTypeError(
            f"explain: images must be floating point, preprocessed as the model takes them, got {tensor.dtype.name}"
        )
    parameter = next(iter(model.parameters()), None)
    dtype = tensor.dtype if parameter is None else parameter.dtype
    leaf: Tensor = tensor.detach().to(device_of(model), dtype).clone()
    return leaf.requires_grad_()


def host(tensor: Any) -> Array:
    """A tensor's elements as a NumPy array of the caller's own, in C order."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


class BeforeSoftmax:
    """Told of operations by ``observe``: finds what a model's output is the softmax of, if it is one.

    Explained are scores that do not compete yet: probabilities rise also where those of other classes fall.
    """

    def __init__(self) -> None:
        self._last: tuple[Any, Any] = None, None

    def __call__(self, observation: Observation) -> None:
        if observation.operation.kind in ("softmax", "log_softmax"):
            self._last = observation.output, observation.inputs[0]

    def scores(self, output: Any) -> Any:
        """``output``, or what it is the softmax of."""
        last, before = self._last
        return before if output is last else output


def checked_output(output: Any, count: int) -> Any:
    """``output``, if it is a score for each class for each of ``count`` images. Raises ``ShapeError``."""
    if not isinstance(output, TensorBase):
        raise ShapeError(f"explain: the model must return one tensor of scores, got {type(output).__name__}")
    if len(output.shape) != 2 or output.shape[0] != count or output.shape[1] < 1:
        raise ShapeError(
            f"explain: the model must give one score for each class, ({count}, classes), got {tuple(output.shape)}; "
            "where it ends in maps, let it end in a mean over them, or in flatten(1)"
        )
    return output


def logits_of(model: Module, images: Any) -> FloatArray:
    """The scores (N, classes) of ``images``, before a softmax that the model may end with, nothing recorded."""
    inputs = as_images(model, images)
    found = []
    with at_rest(model), no_grad():
        for start in range(0, len(inputs.array), BATCH):
            before_softmax = BeforeSoftmax()
            batch = inputs[start : start + BATCH].clone()
            with observe(before_softmax):
                output = checked_output(model(batch), len(batch.array))
            found.append(host(before_softmax.scores(output)))
    return np.concatenate(found)


def scores_of(model: Module, images: Any, target: Target = None) -> tuple[FloatArray, Array]:
    """The score of each image's target, (N,), and the targets, (N,)."""
    logits = logits_of(model, images)
    targets = resolve_targets(logits, target)
    return logits[np.arange(len(targets)), targets], targets


def batches(model: Module, images: Any, target: Target) -> Iterator[tuple[Any, Target]]:
    """``images`` in parts small enough to be sent through ``model`` together, each with its part of ``target``."""
    inputs = as_images(model, images).detach()
    per_image = target is not None and np.ndim(host(target) if isinstance(target, TensorBase) else target) == 1
    if per_image and len(target) != len(inputs.array):
        raise ShapeError(
            f"target has {len(target)} classes for {len(inputs.array)} images; give one for each, or one for all"
        )
    for start in range(0, len(inputs.array), BATCH):
        part = slice(start, start + BATCH)
        yield inputs[part], target[part] if per_image else target
