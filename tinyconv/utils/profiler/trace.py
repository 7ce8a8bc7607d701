"""A profile in the Trace Event Format, which chrome://tracing and Perfetto open."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from tinyconv.utils.profiler.recording import Event


def chrome_trace(events: Sequence[Event], began: int) -> bytes:
    """A JSON object with one complete event ("X") for each piece of work, and the memory held as a counter ("C").

    Times are in microseconds since ``began``. Threads are numbered from 1 in the order in which they worked first.
    """
    process = os.getpid()
    threads: dict[int, int] = {}
    for event in sorted(events, key=lambda event: event.start):
        threads.setdefault(event.thread, len(threads) + 1)
    entries: list[dict[str, Any]] = [_named("process_name", process, 0, "tinyconv")]
    entries += [_named("thread_name", process, number, f"thread {number}") for number in threads.values()]
    for event in events:
        start = (event.start - began) / 1e3
        entries.append(
            {
                "name": event.name,
                "cat": event.phase,
                "ph": "X",
                "ts": start,
                "dur": event.duration / 1e3,
                "pid": process,
                "tid": threads[event.thread],
                "args": event.facts,
            }
        )
        entries.append(
            {
                "name": "memory of results",
                "ph": "C",
                "ts": start + event.duration / 1e3,
                "pid": process,
                "tid": 0,
                "args": {"bytes": event.live_bytes},
            }
        )
    return json.dumps({"traceEvents": entries, "displayTimeUnit": "ms"}).encode()


def _named(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}
