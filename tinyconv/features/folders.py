"""Where results go: folders and names that any file system takes."""

from __future__ import annotations

import re
from pathlib import Path

from tinyconv.core.errors import RunError


def make_folder(folder: Path) -> Path:
    """Make ``folder`` and its parents where missing. Raises ``RunError`` in one sentence where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RunError(f"folder {folder} cannot be made: {reason}; choose another") from None
    return folder


def file_name(text: str) -> str:
    """``text`` as part of a file name: letters, digits, dot, dash and underscore; everything else becomes a dash."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "unnamed"
