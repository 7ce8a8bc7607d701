"""Scores in a file: they are added method by method, and what is there already is not measured again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import RunError
from tinyconv.explain.scoring.ranking import MethodScore, score_methods
from tinyconv.explain.scoring.trial import PerturbationTrial
from tinyconv.utils.files import write_atomically

FORMAT, FORMAT_VERSION = "tinyconv-scores", 1


class ScoreRecord:
    """The scores in the file ``path``: those of ``subject``, a description of model, images and settings as JSON.

    Raises: ``RunError`` where the file holds scores of another subject, or something else.

    >>> from pathlib import Path
    >>> from tinyconv.explain.scoring import ScoreRecord
    >>> ScoreRecord(Path("scores.json"), {"run": "0001"}).methods
    {}
    """

    def __init__(self, path: Path, subject: Mapping[str, Any]) -> None:
        self.path, self.subject = path, dict(subject)
        self.random: dict[str, dict[str, Any]] = {}
        self.methods: dict[str, dict[str, Any]] = {}
        if path.is_file():
            self._read()

    def _read(self) -> None:
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
            ours = record.get("format") == FORMAT and record.get("format_version") == FORMAT_VERSION
        except (OSError, ValueError, AttributeError):
            ours = False
        if not ours:
            raise RunError(f"{self.path} holds no scores that this tinyconv can add to; choose another folder (--out)")
        known = json.loads(json.dumps(self.subject))
        other = [name for name in known if record["subject"].get(name) != known[name]]
        if other:
            raise RunError(
                f"{self.path} holds scores of another {other[0]}: {record['subject'].get(other[0])!r:.60}, and now it "
                f"is {known[other[0]]!r:.60}; choose another folder (--out), or replace them (--force)"
            )
        self.random, self.methods = record["random"], {row["method"]: row for row in record["methods"]}

    def add(
        self,
        trials: Mapping[str, PerturbationTrial],
        methods: Sequence[str],
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Iterator[tuple[str, MethodScore | str]]:
        """Measure those of ``methods`` that are not here yet, with their ``options``, each written as soon as known."""
        areas: dict[str, FloatArray] = {}
        for name, trial in trials.items():
            if name not in self.random:
                curves = trial.random_curves()
                self.random[name] = {"aopc": curves.aopc.tolist(), "curve": curves.drops.mean(axis=0).tolist()}
                self._write()
            areas[name] = np.array(self.random[name]["aopc"])
        missing = [method for method in methods if method not in self.methods]
        for method, found in score_methods(trials, missing, areas, options):
            if isinstance(found, MethodScore):
                self.methods[method] = found.to_json()
                self._write()
            yield method, found

    def _write(self) -> None:
        record = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "subject": self.subject,
            "random": self.random,
            "methods": list(self.methods.values()),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
