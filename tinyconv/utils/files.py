"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from tinyconv.core.errors import RunError

LEFTOVERS = ".*.[0-9]*-[0-9]*.partial"
"""The names of files that ``write_atomically`` had not finished when its process was killed."""


def write_atomically(path: str | Path, content: bytes) -> None:
    """Make ``content`` the file ``path``; a reader, or a crash, sees the old file or the new one, never a part.

    The bytes go to a temporary file in the same folder (a rename is atomic within one file system only), are forced to
    the disk, and take the name over. Raises ``RunError`` in one sentence if the folder is missing or cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        way_out = "make room on the disk" if full else "choose another folder or file name"
        raise RunError(f"{target} cannot be written: {reason.lower()}; {way_out}") from None
    finally:
        temporary.unlink(missing_ok=True)
