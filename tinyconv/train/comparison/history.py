"""The epochs of a run, read back from its ``metrics.csv``."""

from __future__ import annotations

import csv
from dataclasses import MISSING, fields
from pathlib import Path

from tinyconv.core.errors import RunError
from tinyconv.train.records import EpochRecord

WHOLE_NUMBERS = ("epoch", "steps")


def read_history(file: Path) -> list[EpochRecord]:
    """What every finished epoch of a run came to; none where the file is not there yet.

    Columns of a newer tinyconv are passed over, and so is a last line that a crash cut short.
    Raises ``RunError`` where the file is damaged.
    """
    try:
        text = file.read_text(encoding="utf-8")
        # A line without its end was cut short by a crash, and what is left of its last number may still be one.
        rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    history = []
    for number, row in enumerate(rows, start=2):
        try:
            history.append(_record(row))
        except (KeyError, TypeError, ValueError):
            raise RunError(f"{file} is damaged: line {number} is not that of an epoch") from None
    return history


def _record(row: dict[str, str | None]) -> EpochRecord:
    values: dict[str, int | float | None] = {}
    for field in fields(EpochRecord):
        text = row.get(field.name)
        if text:
            values[field.name] = int(text) if field.name in WHOLE_NUMBERS else float(text)
        elif text is None and field.default is MISSING:
            raise KeyError(field.name)
        else:
            values[field.name] = None
    if values["epoch"] is None or values["train_loss"] is None:
        raise ValueError("an epoch has a number and a loss")
    return EpochRecord(**values)  # type: ignore[arg-type]  # the fields that are never empty were checked
