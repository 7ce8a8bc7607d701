"""One table for each family of public names, with what to call them with on tinyconv and on PyTorch.

``tests/parity`` runs them. A name in an ``__all__``, or a public attribute of ``Tensor``, that no table covers fails
``test_every_public_name_has_an_entry``. How an entry is written: ``entry.py``.
"""

from __future__ import annotations

import importlib
import pkgutil

from parity.entry import Entry

MACHINERY = {"both", "draws", "entry", "runner", "signatures"}

TABLES = {
    module.name: importlib.import_module(f"parity.{module.name}")
    for module in pkgutil.iter_modules(__path__)
    if module.name not in MACHINERY
}

ENTRIES: list[Entry] = [entry for table in TABLES.values() for entry in table.ENTRIES]
