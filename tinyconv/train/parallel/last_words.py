"""What a process says before it ends a job of several."""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import IO

UNKNOWN = b"\0\0\0\0"
"""Room for an int, as the system call wants it."""


def wait_until_read(stream: IO[str] | None, patience: float) -> bool:
    """Flush ``stream`` and wait, at most ``patience`` seconds, until the pipe behind it is empty; whether it then is.

    A launcher passes on what its processes say, and drops what it has not read yet when one of them ends the job: on a
    busy machine, that was the traceback. Where ``stream`` is no pipe, or closed, there is nothing to wait for.
    """
    if stream is None:
        return True
    try:
        stream.flush()
        return sys.platform == "win32" or _empty(stream.fileno(), time.monotonic() + patience)
    except (OSError, ValueError):  # closed, on one side or the other
        return True


def _empty(pipe: int, end: float) -> bool:
    import fcntl
    import termios

    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        return True
    while any(fcntl.ioctl(pipe, termios.FIONREAD, UNKNOWN)):
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True
