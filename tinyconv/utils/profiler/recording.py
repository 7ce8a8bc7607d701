"""Who is charged for what: turns beginnings and ends, as they are announced, into the rows and events of a profile.

On each thread the pieces of work that are under way lie on a stack. When one ends, the time it took less the time that
pieces inside it took is its own, and is charged to the row it belongs to, and to those around it as part of their
total. A backward belongs to the row whose forward recorded the operation; whatever an operation or a backward does by
means of other operations belongs to the same row as itself.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tinyconv.autograd.observe import Inputs, Outputs, Witness
from tinyconv.autograd.operation import Operation
from tinyconv.models.summary import is_layer
from tinyconv.nn import Module
from tinyconv.ops.work import multiply_adds
from tinyconv.utils.profiler.memory import LiveMemory
from tinyconv.utils.profiler.rows import OUTSIDE, Amounts, LayerProfile, layer_tree

Rows = tuple[LayerProfile, ...]
"""The rows that a piece of work is charged to, outermost first; the last is its own."""

FORWARD, BACKWARD, COMPILE = "forward", "backward", "compile"


@dataclass(frozen=True)
class Event:
    """A piece of work that has ended; times in nanoseconds of the profile's clock."""

    name: str
    phase: str
    thread: int
    start: int
    duration: int
    live_bytes: int
    facts: dict[str, Any]


@dataclass
class _Work:
    """A piece of work under way."""

    name: str
    subject: object
    rows: Rows
    phase: str
    start: int = 0
    inside: int = 0
    """Nanoseconds that are not its own: of pieces inside it that have ended, and of the profile."""
    called: dict[str, int] = field(default_factory=dict)
    """How often it has called functions of each kind."""


class _Stacks(threading.local):
    def __init__(self) -> None:
        self.stack: list[_Work] = []


class Recorder(Witness):
    """Fills the rows of a profile; see the module's docstring. Without a model there is a row for each operation."""

    def __init__(self, model: Module | None, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._stacks = _Stacks()
        self._lock = threading.RLock()  # the end of an array, which may come at any moment, is no reason to wait
        self._recorded_by: weakref.WeakKeyDictionary[Operation, Rows] = weakref.WeakKeyDictionary()
        self._layers: dict[Module, LayerProfile] = {}
        self.root: LayerProfile | None = None
        self.outside = LayerProfile(OUTSIDE if model is not None else "", "")
        if model is not None:
            self.root, self._layers = layer_tree(model)
        self.whole = Amounts()
        self.memory = LiveMemory()
        self.events: list[Event] = []

    # --- announcements ----------------------------------------------------------------------------------------------
    # Each reads the clock first and last: what lies between is the profile's own time, and nobody's.

    def module_begins(self, module: object) -> None:
        now = self._clock()
        rows, phase = self._around()
        if isinstance(module, Module) and self.root is not None and self._in_user_code():
            rows = self._rows_of_module(module, rows)
        name = rows[-1].path or rows[-1].type if rows else type(module).__name__
        self._begin(_Work(name, module, rows, phase), now)

    def module_ends(self, module: object) -> None:
        self._end(module, self._clock(), {"type": type(module).__name__})

    def forward_begins(self, operation: Operation, inputs: Inputs) -> None:
        now = self._clock()
        rows, phase = self._around()
        if self._in_user_code():
            rows = self._rows_of_function(operation, rows)
        self._begin(_Work(operation.name, operation, rows, phase), now)

    def forward_ends(self, operation: Operation, inputs: Inputs, outputs: Outputs | None) -> None:
        now = self._clock()
        facts = {} if outputs is None else self._account(operation, inputs, outputs)
        self._end(operation, now, facts)

    def backward_begins(self, operation: Operation) -> None:
        now = self._clock()
        rows, phase = self._around()
        if phase != BACKWARD:
            # What was recorded before the profile began belongs to nobody that it knows.
            rows = self._recorded_by.get(operation) or (
                self.outside,
                self.outside.child(operation.name, operation.name),
            )
        self._begin(_Work(f"{operation.name} backward", operation, rows, BACKWARD), now)

    def backward_ends(self, operation: Operation) -> None:
        self._end(operation, self._clock(), {})

    def preparation(self, kernel: str, begins: bool) -> None:
        """A kernel is about to be compiled, or read from the cache; or that is done."""
        now = self._clock()
        if begins:
            self._begin(_Work(kernel, kernel, self._around()[0], COMPILE), now)
        elif any(work.subject is kernel for work in self._stacks.stack):
            self._end(kernel, now, {})

    # --- rows -------------------------------------------------------------------------------------------------------

    def _around(self) -> tuple[Rows, str]:
        """The rows and the phase of the work that is under way on this thread."""
        stack = self._stacks.stack
        return (stack[-1].rows, stack[-1].phase) if stack else ((), FORWARD)

    def _in_user_code(self) -> bool:
        """Whether what begins now is called by a module or by the user's script, and not by an operation."""
        return all(isinstance(work.subject, Module) and work.phase == FORWARD for work in self._stacks.stack[-1:])

    def _rows_of_module(self, module: Module, around: Rows) -> Rows:
        row = self._layers.get(module)
        if row is not None:
            around = around if around and around[0] is self.root else row.lineage()[:-1]
        else:
            around = around or (self.outside,)
            row = self._called(around[-1], type(module).__name__, type(module).__name__)
        return (*around, self._count(row))

    def _rows_of_function(self, operation: Operation, around: Rows) -> Rows:
        """What a layer's own class stands for is the layer's; else a function has a row below that of its caller."""
        if self.root is None:
            return (self._count(self._called(self.outside, operation.name, operation.name)),)
        around = around or (self.outside,)
        stack = self._stacks.stack
        if not operation.kind or (stack and isinstance(stack[-1].subject, Module) and is_layer(stack[-1].subject)):
            return around
        return (*around, self._count(self._called(around[-1], f"{operation.kind}()", operation.name)))

    def _called(self, caller: LayerProfile, name: str, type: str) -> LayerProfile:
        """The row of a function among the children of ``caller``; the second of its name in one call has its own."""
        stack = self._stacks.stack
        if stack and stack[-1].phase == FORWARD and self.root is not None:
            before = stack[-1].called.get(name, 0)
            stack[-1].called[name] = before + 1
            name = f"{name}_{before}" if before else name
        with self._lock:
            return caller.child(name, type)

    def _count(self, row: LayerProfile) -> LayerProfile:
        with self._lock:
            row.calls += 1
        return row

    # --- amounts ----------------------------------------------------------------------------------------------------

    def _account(self, operation: Operation, inputs: Inputs, outputs: Outputs) -> dict[str, Any]:
        """Charge the products and the memory of an operation that has run; returns the facts for its event."""
        rows, phase = self._around()
        operands = [tensor.array for tensor in inputs if tensor is not None]
        products = multiply_adds(operation, inputs, outputs[0])
        with self._lock:
            made = self.memory.made([tensor.array for tensor in outputs], operands)
            kept = self.memory.kept(operation.kept_arrays(), operands) if operation.recorded else 0
            if operation.recorded:
                self._recorded_by[operation] = rows
            if phase == BACKWARD:
                self._charge(rows, backward_multiply_adds=products, gradient_bytes=made, kept_bytes=kept)
            else:
                self._charge(rows, forward_multiply_adds=products, made_bytes=made, kept_bytes=kept)
        facts: dict[str, Any] = {
            "inputs": [None if tensor is None else list(tensor.shape) for tensor in inputs],
            "output": list(outputs[0].shape),
            "made_bytes": made,
            "kept_bytes": kept,
        }
        return facts | ({"FLOP": 2 * products} if products else {})

    def _begin(self, work: _Work, asked: int) -> None:
        stack = self._stacks.stack
        around = stack[-1] if stack else None
        stack.append(work)
        work.start = self._clock()
        if around is not None:
            around.inside += work.start - asked

    def _end(self, subject: object, now: int, facts: dict[str, Any]) -> None:
        stack = self._stacks.stack
        while stack[-1].subject is not subject:  # a compilation that failed says nothing
            self._close(stack.pop(), now, {})
        self._close(stack.pop(), now, facts)
        if stack:
            stack[-1].inside += self._clock() - now

    def _close(self, work: _Work, now: int, facts: dict[str, Any]) -> None:
        duration = now - work.start
        if self._stacks.stack:
            self._stacks.stack[-1].inside += duration
        with self._lock:
            self._charge(work.rows, **{f"{work.phase}_ns": duration - work.inside})
            for row in work.rows:
                row.peak_bytes = max(row.peak_bytes, self.memory.settle())
            self.events.append(
                Event(work.name, work.phase, threading.get_ident(), work.start, duration, self.memory.settle(), facts)
            )

    def _charge(self, rows: Rows, **amounts: int) -> None:
        self.whole.add(**amounts)
        for row in dict.fromkeys(rows):
            row.total.add(**amounts)
        if rows:
            rows[-1].own.add(**amounts)
