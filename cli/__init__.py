"""The ``tinyconv`` command. Each verb stands in a file of its own and imports the library when it runs."""

from __future__ import annotations

from .application import main

__all__ = ["main"]
