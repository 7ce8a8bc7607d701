"""Weights to begin with: those of a run, or of a file that tinyconv or another library wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.models import weights
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.train.run_folder import RunFolder

NESTED = ("model", "state_dict")
"""Where checkpoints that hold more than the weights have them."""

LISTED = 6


@dataclass(frozen=True)
class Start:
    """Which weights of ``source`` a model begins with.

    ``taken``: how many tensors. ``anew``: those of the model that begin as if there were no file, each with the reason.
    ``left``: those of the file that the model has no place for.

    Raises: nothing of its own.

    >>> from tinyconv.train import Start
    >>> print(Start("old.safetensors", 4, ("fc.bias (10, in the file 1000)",), ()))
    weights of old.safetensors: 4 tensors taken; anew: fc.bias (10, in the file 1000)
    """

    source: str
    taken: int
    anew: tuple[str, ...]
    left: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"weights of {self.source}: {self.taken} tensors taken"]
        for title, names in (("anew", self.anew), ("not used", self.left)):
            if names:
                rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
                parts.append(f"{title}: {', '.join(names[:LISTED])}{rest}")
        return "; ".join(parts)


def start_from(model: Module, source: str | Path) -> Start:
    """Give ``model`` the weights of ``source`` that it has by name and shape; the others stay as they are.

    ``source``: a run's folder (its last checkpoint), or a safetensors or npz file, such as a PyTorch network's state
    dict. A layer of another shape, as the last one for other classes, begins anew.

    Raises: ``ArgumentError`` where fewer than half of the model's tensors are there, for then they are another
        network's, and for a model that learns its stages without labels first; ``RunError`` for a file that is none.

    >>> from tinyconv.train import start_from
    >>> tc.save(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 99)).state_dict(), "old.safetensors")
    >>> print(start_from(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 5)), "old.safetensors"))
    weights of old.safetensors: 2 tensors taken; anew: 1.weight (5x8, in the file 99x8), 1.bias (5, in the file 99)
    """
    if hasattr(model, "learn_unsupervised"):
        raise ArgumentError(
            f"weights {source}: a {type(model).__name__} learns its stages from the images before the first step, "
            "which would replace them; leave weights out"
        )
    entries, own = _entries(Path(source)), model.state_dict()
    fitting, anew = {}, []
    for name, tensor in own.items():
        if name not in entries:
            anew.append(f"{name} (not in the file)")
        elif entries[name].shape != tensor.shape:
            anew.append(f"{name} ({_by(tensor)}, in the file {_by(entries[name])})")
        else:
            fitting[name] = entries[name]
    if 2 * len(fitting) < len(own):
        raise ArgumentError(
            f"weights {source} fit {len(fitting)} of the {len(own)} tensors of this {type(model).__name__}, so they "
            f"are another network's: {anew[0]}; the file begins with {next(iter(entries), 'nothing')}"
        )
    model.load_state_dict(fitting, strict=False)
    return Start(str(source), len(fitting), tuple(anew), tuple(name for name in entries if name not in own))


def _entries(source: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, or of a run's last checkpoint."""
    if source.is_dir():
        checkpoint = RunFolder(source).checkpoint("last")
        if not checkpoint.is_file():
            raise RunError(f"weights {source}: the folder is no trained run, it has no {checkpoint.name}")
        source = checkpoint
    content = weights.load(source)
    for name in NESTED:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise RunError(f"weights file {source} holds no state dict; save model.state_dict()")
    found: Mapping[str, Any] = content
    return found


def _by(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
