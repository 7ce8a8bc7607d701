"""A file of one JSON object a line, which a resumed training goes on with where its state was taken."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tinyconv.core.errors import RunError
from tinyconv.train.callbacks.callback import Callback

if TYPE_CHECKING:
    from tinyconv.train.trainer import Trainer


class JsonLines(Callback):
    """Base of the callbacks that write such a file, to ``path``.

    Its state is the length of the file: lines that were written after the state was taken are cut off when the
    training is resumed, and written again.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._length = 0
        self._file: TextIO | None = None

    def on_train_start(self, trainer: Trainer) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch()
            with self.path.open("r+b") as file:
                file.truncate(min(self._length, self.path.stat().st_size))
            self._file = self.path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise self._unwritable(error) from None

    def write(self, entry: dict[str, Any]) -> None:
        """Append ``entry`` as a line; a number that is not finite, which JSON does not have, becomes null."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(_finite(entry), allow_nan=False) + "\n")
        except OSError as error:
            raise self._unwritable(error) from None

    def on_train_end(self, trainer: Trainer) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def state_dict(self) -> dict[str, Any]:
        return {"length": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._length = int(state["length"])

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"{self.path} cannot be written: {(error.strerror or str(error)).lower()}")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
