"""Entries for a function that is a method too."""

from __future__ import annotations

from typing import Any

from parity.entry import Entry

FORMS = "PyTorch has several forms, of which its docstring heads one"
ONE_BY_ONE = "PyTorch's docstring writes the sizes one by one"
OTHER_NAME = "PyTorch's docstring calls the same argument otherwise"


def both(name: str, *, tc: str = "", method: str = "", only: str = "", **options: Any) -> list[Entry]:
    """Entries for ``tc.name`` and ``Tensor.name``; ``tc`` and ``method`` excuse their signatures.

    ``only``: "tc" or "method" where there is no other.
    """
    entries = []
    if only != "method":
        entries.append(Entry(f"tc.{name}", signature=tc, **options))
    if only != "tc":
        entries.append(Entry(f"Tensor.{name}", signature=method, **options))
    return entries
