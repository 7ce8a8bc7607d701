"""What a process says before it ends a job of several."""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import IO

UNKNOWN = b"\0\0\0\0"
"""Room for an int, as the system call wants it."""


def wait_until_read(stream: IO[str], patience: float) -> bool:
    """Flush ``stream`` and wait, at most ``patience`` seconds, until the pipe behind it is empty; whether it then is.

    A launcher passes on what its processes say, and drops what it has not read yet when one of them ends the job: on a
    busy machine, that was the traceback. Where ``stream`` is no pipe, nothing is lost, and nothing waited for.
    """
    stream.flush()
    if sys.platform == "win32":
        return True
    import fcntl
    import termios

    end = time.monotonic() + patience
    try:
        if not stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode):
            return True
        while any(fcntl.ioctl(stream.fileno(), termios.FIONREAD, UNKNOWN)):
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
    except (OSError, ValueError):  # closed, or nothing that the system knows
        pass
    return True
