"""Writing files whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from tinyconv.core.errors import RunError


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
        raise RunError(f"{target} cannot be written: {reason.lower()}; choose another folder or file name") from None
    finally:
        temporary.unlink(missing_ok=True)
