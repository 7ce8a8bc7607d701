"""What a mistake is, how it is made, and what was said."""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Mistake:
    """A mistake in a script, which is written for both libraries: ``tc`` stands for either.

    ``words``: what the message must name, such as the operation and the actual values. ``way_out``: what it must
    propose, as it proposes it. ``accepted``: why PyTorch does not refuse the same; "" if it does.
    """

    family: str
    title: str
    code: str
    words: tuple[str, ...]
    way_out: str
    accepted: str = ""


CALLS: dict[str, Mistake] = {}


def family(name: str) -> Callable[..., None]:
    """A function that adds mistakes of one family: ``add(title, code, *words, way_out=..., accepted=...)``."""

    def add(title: str, code: str, *words: str, way_out: str, accepted: str = "") -> None:
        key = f"{name}: {title}"
        if key in CALLS:
            raise ValueError(f"two mistakes are called {key!r}")
        CALLS[key] = Mistake(name, title, code, words, way_out, accepted)

    return add


def said(mistake: Mistake, library: str) -> Exception | None:
    """The error that the mistake gives in ``library``, "tinyconv" or "torch"; None if it is accepted."""
    tc = importlib.import_module(library)
    data = importlib.import_module(f"{library}.utils.data")
    names: dict[str, Any] = {"tc": tc, "nn": tc.nn, "F": tc.nn.functional, "optim": tc.optim, "np": np}
    for name in ("DataLoader", "TensorDataset", "SequentialSampler", "random_split"):
        names[name] = getattr(data, name)
    with _elsewhere(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(mistake.code, names)
        except Exception as error:
            return error
    return None


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """In an empty folder, which is gone afterwards."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
