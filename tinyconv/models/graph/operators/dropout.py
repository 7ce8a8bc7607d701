"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.core.errors import UnsupportedError
from tinyconv.models.graph.operators.table import operator
from tinyconv.nn import functional as F
from tinyconv.ops.creation.creation import ones_like
from tinyconv.ops.tensor import Tensor


@operator("Dropout", numbers=("ratio", "training_mode"))
def dropout(
    x: Tensor,
    ratio: Any = None,
    training_mode: Any = None,
    *,
    seed: int | None = None,
    training: bool = False,
    outputs: int = 1,
) -> Any:
    """In training mode, what is kept is scaled by 1 / (1 - ratio); the second result is what was kept.

    Whether it is training mode the network knows, unless the graph computes it. A file with a ``seed`` asks for the
    same choice each time; it is made as ONNX's reference implementation makes it.
    """
    if training_mode is not None:
        training = all(training_mode) if isinstance(training_mode, list) else bool(training_mode)
    share = 0.5 if ratio is None else float(ratio[0] if isinstance(ratio, list) else ratio)
    if not training or share == 0:
        return x if outputs == 1 else (x, ones_like(x).bool())
    if not 0 <= share < 1:
        raise UnsupportedError(f"operator Dropout: ratio is a share from 0 to below 1, got {share}")
    if seed is None:
        kept = F.dropout(ones_like(x), share) if outputs > 1 else None
        if kept is None:
            return F.dropout(x, share)
        return x * kept, kept > 0
    drawn = np.random.RandomState(seed).uniform(0, 1, tuple(x.shape)) >= share
    mask = Tensor(drawn).to(x.device)
    y = x * mask.to(x.dtype) * (1 / (1 - share))
    return y if outputs == 1 else (y, mask)
