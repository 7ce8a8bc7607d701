"""Watching operations as they run.

Hooks on modules miss what a network calls as a function (``F.relu``); every operation passes the tape. So whoever wants
to see activations watches here, and a network written with modules looks the same as its functional twin.

An *observer* is told of each operation on its own thread that has run, which is what looking at activations takes. A
*witness* is told when modules, forwards and backwards begin and end, on all threads, which is what measuring takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
Inputs = tuple["TensorBase | None", ...]
Outputs = tuple["TensorBase", ...]


class Witness:
    """Told when something begins and ends; derive from it and override what matters.

    Beginnings and ends are nested like brackets on each thread, and an end comes after an exception too.
    """

    def module_begins(self, module: object) -> None:
        """``module`` is called."""

    def module_ends(self, module: object) -> None:
        """``module`` has returned, or raised."""

    def forward_begins(self, operation: Operation, inputs: Inputs) -> None:
        """``operation`` is applied to ``inputs``."""

    def forward_ends(self, operation: Operation, inputs: Inputs, outputs: Outputs | None) -> None:
        """``operation`` has made ``outputs`` and is recorded; None if it raised."""

    def backward_begins(self, operation: Operation) -> None:
        """All cotangents of what ``operation`` made have arrived."""

    def backward_ends(self, operation: Operation) -> None:
        """The cotangents of its inputs are computed and sent on."""


class _Watch(threading.local):
    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self.scope: list[object] = []


_watch = _Watch()
_witnesses: tuple[Witness, ...] = ()
_changing = threading.Lock()


@contextmanager
def observe(observer: Observer) -> Iterator[None]:
    """Call ``observer`` after the forward of every operation on this thread, until the block ends or raises."""
    _watch.observers.append(observer)
    try:
        yield
    finally:
        _watch.observers.remove(observer)


def observed() -> bool:
    """Whether anyone watches this thread, or is a witness on all."""
    return bool(_witnesses or _watch.observers)


@contextmanager
def witness(witness: Witness) -> Iterator[None]:
    """Tell ``witness`` of what begins and ends on every thread, until the block ends or raises."""
    global _witnesses
    with _changing:
        _witnesses = (*_witnesses, witness)
    try:
        yield
    finally:
        with _changing:
            _witnesses = tuple(other for other in _witnesses if other is not witness)


def witnessed() -> bool:
    """Whether there is a witness."""
    return bool(_witnesses)


@contextmanager
def scope(module: object) -> Iterator[None]:
    """Mark that ``module`` is running, so that observers can name what runs inside it."""
    witnesses = _witnesses
    _watch.scope.append(module)
    for witness in witnesses:
        witness.module_begins(module)
    try:
        yield
    finally:
        for witness in witnesses:
            witness.module_ends(module)
        _watch.scope.pop()


def forward(operation: Operation, inputs: Inputs, run: Callable[[Inputs], Outputs]) -> Outputs:
    """``run(inputs)``, which applies ``operation``, between its announcements."""
    witnesses = _witnesses  # who hears the beginning hears the end, whatever happens in between
    for witness in witnesses:
        witness.forward_begins(operation, inputs)
    outputs = None
    try:
        outputs = run(inputs)
    finally:
        for witness in witnesses:
            witness.forward_ends(operation, inputs, outputs)
    if _watch.observers:
        observation = Observation(operation, inputs, outputs[0], tuple(_watch.scope))
        for observer in tuple(_watch.observers):
            observer(observation)
    return outputs


def backward(operation: Operation, cotangents: Any, run: Callable[[Operation, Any], None]) -> None:
    """``run(operation, cotangents)``, which sends cotangents back through ``operation``, between its announcements."""
    witnesses = _witnesses
    for witness in witnesses:
        witness.backward_begins(operation)
    try:
        run(operation, cotangents)
    finally:
        for witness in witnesses:
            witness.backward_ends(operation)
