"""Watching operations as they run.

Hooks on modules miss what a network calls as a function (``F.relu``); every operation passes the tape. So whoever wants
to see activations watches here, and a network written with modules looks the same as its functional twin.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyconv.autograd.operation import Operation
    from tinyconv.autograd.tensor_base import TensorBase


@dataclass(frozen=True)
class Observation:
    """One operation that has just run: what ran, on what, with which first result, inside which modules."""

    operation: Operation
    inputs: tuple[TensorBase | None, ...]
    output: TensorBase
    scope: tuple[object, ...]
    """The modules being called, outermost first."""


Observer = Callable[[Observation], None]


class _Watch(threading.local):
    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.scope: list[object] = []


_watch = _Watch()


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call ``observer`` after the forward of every operation on this thread, until the block ends or raises."""
    _watch.observers.append(observer)
    try:
        yield
    finally:
        _watch.observers.remove(observer)


def observed() -> bool:
    """Whether anyone is watching this thread."""
    return bool(_watch.observers)


@contextmanager
def scope(module: object) -> Iterator[None]:
    """Mark that ``module`` is running, so that observers can name what runs inside it."""
    _watch.scope.append(module)
    try:
        yield
    finally:
        _watch.scope.pop()


def notify(operation: Operation, inputs: tuple[TensorBase | None, ...], output: TensorBase) -> None:
    """Tell the observers of this thread that ``operation`` has run."""
    observation = Observation(operation, inputs, output, tuple(_watch.scope))
    for observer in tuple(_watch.observers):
        observer(observation)
