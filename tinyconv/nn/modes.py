"""Training and evaluation mode, for as long as a block lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinyconv.nn.module import Module


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Every module evaluates inside the block, and has its own mode again after it."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
