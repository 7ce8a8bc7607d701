"""``tc.profile``: the block that is measured, and what can be asked of it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tinyconv.autograd.observe import witness
from tinyconv.core.errors import ArgumentError
from tinyconv.nn import Module
from tinyconv.ops import machine
from tinyconv.utils.files import write_atomically
from tinyconv.utils.profiler import table, trace
from tinyconv.utils.profiler.recording import Recorder
from tinyconv.utils.profiler.rows import LayerProfile


class profile:
    """Measure what the layers of ``model`` cost while the block runs, forward and backward: time, memory, arithmetic.

    ``print(p)`` shows the table, ``p.rows`` are its rows, ``p.export_chrome_trace(path)`` keeps every single piece of
    work for chrome://tracing or Perfetto. Without ``model`` there is one row for each kind of operation.

    Layers are the modules, by their path; an operation with a name of its own in a network (``F.relu``) that a module
    calls as a function is listed below that module, and what is called by no module under ``(outside)``. A module that
    is used twice has one row with two calls. Nothing hooks into the modules: operations announce themselves, on all
    threads, whether the tape records or not.

    Forward time is that of the calls. Backward time is that of the operations which the layer's forward recorded,
    wherever backward() is called; adding up gradients where branches meet belongs to the branch that came second. The
    rest of the block (data, optimiser, Python between the layers) is in ``total_time`` alone. Compiling a kernel, or
    reading it from the cache, counts as ``compile_time``, and not as the layer's. The profile's own bookkeeping is
    left out of all times but ``total_time``.

    Multiply-adds are the products of convolutions and matrix products that were asked for: a backward counts those of
    the gradients that were wanted. GFLOP/s counts each as two operations, by the formula: a Winograd kernel, which
    needs fewer, can exceed the processor's peak.

    Memory is that of results: ``made`` by forward, ``kept`` by the tape for backward (counted for the layer that keeps
    it first), ``peak`` the most that was held at once. Parameters, data and the kernels' scratch space are no results.

    ``clock``: gives the time in nanoseconds. A profile can be entered once.

    Raises: ``ArgumentError`` for a ``model`` that is no module, and for entering it again.

    >>> layer = nn.Linear(3, 2)
    >>> with tc.profile(layer) as p:
    ...     layer(tc.ones(4, 3)).sum().backward()
    >>> p.rows[0].calls, p.total_forward_multiply_adds, p.total_backward_multiply_adds
    (1, 24, 24)
    """

    def __init__(self, model: Module | None = None, *, clock: Callable[[], int] = time.perf_counter_ns) -> None:
        if model is not None and not isinstance(model, Module):
            raise ArgumentError(
                f"profile: model must be a Module, got {type(model).__name__}; leave it out to list operations"
            )
        self._clock = clock
        self._recorder = Recorder(model, clock)
        self._running = ExitStack()
        self._began: int | None = None
        self._ended: int | None = None

    def __enter__(self) -> Self:
        if self._began is not None:
            raise ArgumentError("profile: this profile has been used already; make a new one for each block")
        machine.threading_layer()  # loads the compiler and starts its threads, which is no layer's work
        self._running.callback(machine.on_preparation(self._recorder.preparation))
        self._running.enter_context(witness(self._recorder))
        self._began = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = self._clock()
        self._running.close()

    @property
    def rows(self) -> list[LayerProfile]:
        """The model's layers in the order of ``named_modules``, functions below their callers; then what is outside."""
        root, outside = self._recorder.root, self._recorder.outside
        if root is None:
            return list(outside.children)
        used = any(vars(outside.total).values())
        return [*root.walk(), *(outside.walk() if used else ())]

    @property
    def steps(self) -> int:
        """How often the model was called, at least 1: times and amounts in the table are averages over the steps."""
        root = self._recorder.root
        return 1 if root is None else max(1, root.calls)

    @property
    def total_time(self) -> float:
        """Seconds from the beginning of the block to its end, or until now."""
        if self._began is None:
            return 0.0
        return ((self._clock() if self._ended is None else self._ended) - self._began) / 1e9

    @property
    def total_forward_time(self) -> float:
        """Seconds in modules and operations going forward."""
        return self._recorder.whole.forward_ns / 1e9

    @property
    def total_backward_time(self) -> float:
        """Seconds in the backward of operations."""
        return self._recorder.whole.backward_ns / 1e9

    @property
    def total_compile_time(self) -> float:
        """Seconds of compiling kernels, or of reading them from the cache."""
        return self._recorder.whole.compile_ns / 1e9

    @property
    def total_forward_multiply_adds(self) -> int:
        """Products summed by convolutions and matrix products going forward."""
        return self._recorder.whole.forward_multiply_adds

    @property
    def total_backward_multiply_adds(self) -> int:
        """Products summed by convolutions and matrix products going back."""
        return self._recorder.whole.backward_multiply_adds

    @property
    def total_made_bytes(self) -> int:
        """New memory for results going forward, all of it, whether it was let go or not."""
        return self._recorder.whole.made_bytes

    @property
    def total_kept_bytes(self) -> int:
        """Memory that the tape kept for backward."""
        return self._recorder.whole.kept_bytes

    @property
    def peak_bytes(self) -> int:
        """The most memory that results held at once."""
        return self._recorder.memory.peak

    def table(self, sort_by: str | None = None, limit: int | None = None) -> str:
        """The rows as text, averages per step; ``sort_by``: an amount, the largest first; ``limit``: so many rows.

        Amounts include those of the layers inside, but for ``own_time``. ``sort_by`` is one of ``"total_time"``,
        ``"own_time"``, ``"forward_time"``, ``"backward_time"``, ``"compile_time"``, ``"multiply_adds"``,
        ``"forward_gflops"``, ``"backward_gflops"``, ``"made_bytes"``, ``"kept_bytes"``, ``"peak_bytes"``, ``"calls"``;
        otherwise rows stand in the order of the model. Raises ``ArgumentError`` for any other.
        """
        return table.render(self.rows, self.steps, self._summary(), sort_by, limit)

    def __str__(self) -> str:
        return self.table()

    def to_dict(self) -> dict[str, Any]:
        """Totals, and the rows under ``layers``: sums over all steps, in nanoseconds and bytes, for JSON."""
        return {
            "steps": self.steps,
            "total_ns": round(self.total_time * 1e9),
            **vars(self._recorder.whole),
            "peak_bytes": self.peak_bytes,
            "layers": [row.to_dict() for row in self.rows],
        }

    def export_chrome_trace(self, path: str | Path) -> None:
        """Write each call, forward, backward and compilation to ``path``, for chrome://tracing or ui.perfetto.dev.

        The file is written whole or not at all. Raises ``RunError`` where it cannot be written.
        """
        write_atomically(path, trace.chrome_trace(self._recorder.events, self._began or 0))

    def _summary(self) -> str:
        steps = f"{self.steps} steps, averages per step" if self.steps > 1 else "1 step"
        rest = max(0.0, self.total_time - self.total_forward_time - self.total_backward_time - self.total_compile_time)
        times = (
            ("in all", self.total_time),
            ("forward", self.total_forward_time),
            ("backward", self.total_backward_time),
            ("compiling kernels", self.total_compile_time),
            ("the rest", rest),
        )
        shown = ", ".join(f"{name} {seconds * 1e3:,.2f} ms" for name, seconds in times)
        return f"{steps}; the whole block: {shown}; mult-adds are those of the whole batch, forward and backward"
