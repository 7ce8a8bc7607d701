"""The whole state of a training in one file, from which it goes on bit for bit.

A safetensors file: every array under its key path (``trainer.optimizer.state.0.exp_avg``), the numbers, texts, lists
and dictionaries around them as JSON in its metadata (``tinyconv.models.structure``). Nothing in it can run code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyconv.core.errors import MissingFileError, RunError
from tinyconv.models import weights

STATE_FORMAT = "tinyconv-state"
STATE_VERSION = 1


def save_checkpoint(path: str | Path, state: Mapping[str, Any], facts: Mapping[str, Any] | None = None) -> None:
    """Write ``state`` to the file ``path``; a crash or a full disk at any moment leaves the file that was there whole.

    ``state``: dictionaries, lists and tuples of tensors, arrays, numbers, texts and None, as ``Trainer.state_dict()``
    gives it. They come back as they are now, floats to the last bit. ``facts``: what a reader wants to know without
    reading it all, such as the epoch; anything that JSON expresses.

    Raises: ``RunError`` where the file cannot be written, ``UnsupportedError`` for a state that would need pickle.

    >>> from tinyconv.train import load_checkpoint, save_checkpoint
    >>> model = nn.Linear(2, 1)
    >>> save_checkpoint("state.safetensors", {"model": model.state_dict(), "best": 0.1}, {"epoch": 3})
    >>> load_checkpoint("state.safetensors")["best"]
    0.1
    """
    weights.save(dict(state), path, {**(facts or {}), "format": STATE_FORMAT, "format_version": STATE_VERSION})


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """The state that ``save_checkpoint`` wrote to the file ``path``.

    Raises: ``RunError``, naming the file, where it is missing (then a ``MissingFileError``), damaged, of another kind,
        or of a newer format.

    >>> from tinyconv.train import load_checkpoint
    >>> try:
    ...     load_checkpoint("nowhere.safetensors")
    ... except FileNotFoundError as error:
    ...     "nowhere.safetensors" in str(error)
    True
    """
    if not Path(path).exists():
        raise MissingFileError(f"checkpoint {path} does not exist")
    facts = weights.load_metadata(path)
    if facts.get("format") != STATE_FORMAT:
        raise RunError(f"{path} is not the state of a training: its format is not {STATE_FORMAT!r}")
    version = facts.get("format_version")
    if version != STATE_VERSION:
        raise RunError(
            f"{path} has format version {version}, and this tinyconv goes on from version {STATE_VERSION} alone; "
            "go on with the tinyconv that began the training, or train anew"
        )
    state: dict[str, Any] = weights.load(path)
    return state
