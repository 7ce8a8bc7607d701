"""What other processes do while the tests run in this one, which keeps one core busy: they would wait for it later.

``start`` queues a command, ``result`` waits for it; whoever asks for one that was not queued has it run now.
"""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

LIMIT = 900
"""Seconds, for what hangs: a simulated kernel waits for ever at a barrier that one thread never reaches."""

Command = tuple[str, ...]

_workers = ThreadPoolExecutor(1)
_begun: dict[Command, Future[subprocess.CompletedProcess[str]]] = {}
_running: set[subprocess.Popen[str]] = set()
_stopped = False


def start(command: Command, **environment: str) -> Future[subprocess.CompletedProcess[str]]:
    """Run ``command`` when those before it have ended."""
    if command not in _begun:
        _begun[command] = _workers.submit(_run, command, environment)
    return _begun[command]


def result(command: Command, **environment: str) -> subprocess.CompletedProcess[str]:
    """How ``command`` ended."""
    return start(command, **environment).result()


def _run(command: Command, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    if _stopped:
        return subprocess.CompletedProcess(command, 1, "", "stopped")
    with subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent,
        start_new_session=True,  # Ctrl-C is for the tests, which then stop it
    ) as process:
        _running.add(process)
        try:
            out, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate()
            errors += f"\nstopped after {LIMIT} s"
        finally:
            _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, errors)


def stop() -> None:
    """End what runs, and what waits."""
    global _stopped
    _stopped = True
    for process in tuple(_running):
        process.kill()
    _workers.shutdown(wait=True, cancel_futures=True)
