"""Runs the ``tinyconv`` command inside this process: no interpreter to start for every case."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple


class Outcome(NamedTuple):
    code: int
    stdout: str
    stderr: str


def tinyconv(*arguments: object) -> Outcome:
    """What ``tinyconv ARGUMENTS`` prints, and its exit code."""
    from tinyconv.cli.application import application

    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            application.main([str(argument) for argument in arguments], prog_name="tinyconv")
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Outcome(code, stdout.getvalue(), stderr.getvalue())
