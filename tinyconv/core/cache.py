"""Where on the disk the engine keeps what it made or measured on this machine."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = "TINYCONV_CACHE_DIR"


def folder() -> Path:
    """The user's folder for it: ``TINYCONV_CACHE_DIR`` names another."""
    if os.environ.get(FOLDER):
        return Path(os.environ[FOLDER])
    caches = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(caches) / "tinyconv"
