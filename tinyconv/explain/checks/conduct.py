"""Checks of how the methods behave, whatever they compute: batches, repetition, and what they leave behind."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import TinyconvError
from tinyconv.explain.checks.finding import Finding
from tinyconv.explain.checks.slopes import apart
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.methods import METHODS
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

FEWER = {"samples": 3, "steps": 3}
"""Options of which a method's behaviour does not depend on the number."""


def a_batch_changes_nothing(subject: Subject) -> Finding:
    """Each image's map in a batch, and alone."""
    worst, where = 0.0, ""
    for method, maps in _maps(subject, subject.images).items():
        alone = [
            _explained(method, subject.model, subject.images[place : place + 1], subject.targets[place : place + 1])
            for place in range(len(subject))
        ]
        difference = apart(maps, np.concatenate(alone))
        if difference > worst:
            worst, where = difference, f" ({method})"
    return Finding(
        "batch", "an image's map is the same in a batch and alone, by every method", worst, 1e-10,
        f"of the largest value{where}",
    )  # fmt: skip


def the_same_again(subject: Subject) -> Finding:
    """Every method twice: bit for bit, random draws included."""
    first, second = (_maps(subject, subject.images[:1]) for _ in range(2))
    other = [method for method, maps in first.items() if maps.tobytes() != second[method].tobytes()]
    return Finding(
        "again", "the same seed gives the same bits, by every method", float(len(other)), 0.0,
        f"methods that differ{': ' * bool(other)}{', '.join(other)}",
    )  # fmt: skip


def the_model_stays_as_it_is(subject: Subject) -> Finding:
    """Weights, statistics, modes and gradients before and after every method."""
    model, changed = subject.model, []
    for parameter in model.parameters():
        parameter.grad = Tensor(np.full(tuple(parameter.shape), 0.5)).to(parameter.device)
    model.train()
    before = _state(model)
    try:
        for method in METHODS:
            _maps(subject, subject.images[:1], [method])
            if _state(model) != before:
                changed.append(method)
                before = _state(model)
    finally:
        model.eval()
        for parameter in model.parameters():
            parameter.grad = None
    return Finding(
        "untouched", "weights, statistics, modes and gradients of the model are left alone, by every method",
        float(len(changed)), 0.0, f"methods that change them{': ' * bool(changed)}{', '.join(changed)}",
    )  # fmt: skip


def _maps(subject: Subject, images: FloatArray, methods: Any = None) -> dict[str, FloatArray]:
    """The maps of every method that explains this model."""
    found = {}
    for method in methods or METHODS:
        try:
            found[method] = _explained(method, subject.model, images, subject.targets[: len(images)])
        except TinyconvError:  # a method may refuse a network, such as one without convolutions
            continue
    return found


def _explained(method: str, model: Module, images: FloatArray, targets: Any) -> FloatArray:
    entry = METHODS[method]
    options = {name: value for name, value in FEWER.items() if name in entry.options}
    return entry.function(model, images, targets, **options).values


def _state(model: Module) -> list[Any]:
    arrays = [value.cpu().numpy().tobytes() for value in model.state_dict().values()]
    gradients = [None if each.grad is None else each.grad.cpu().numpy().tobytes() for each in model.parameters()]
    return [arrays, gradients, [module.training for module in model.modules()]]
