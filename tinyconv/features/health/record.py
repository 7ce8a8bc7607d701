"""The health of a network's channels along its training, in one ``.npz`` file that NumPy alone can read.

Entries: ``conv1/mean`` and so on, (epochs, C) float32, and ``__meta__``, a JSON text with the epochs, the number of
images, and what each layer was judged by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import RunError
from tinyconv.features.archive import META, npz_bytes, read_npz
from tinyconv.features.health.measure import Figures
from tinyconv.features.health.units import Unit
from tinyconv.utils.files import write_atomically

FORMAT = "tinyconv health"
FORMAT_VERSION = 1
HEALTH_FIGURES = (
    *("mean", "sd", "min", "max", "zero", "bound", "twin", "correlation"),
    *("kernel_norm", "gradient_norm", "update_ratio"),
)
"""What is recorded of each channel. zero: share of values that are 0; bound: share at a bound of the activation; twin:
which earlier channel it is most correlated with, and correlation: how much; the last two are of an epoch's middle step.
"""


@dataclass
class HealthRecord:
    """Figures of every channel at every one of ``epochs``, over ``images`` images.

    ``layers``: layer -> what it is judged by: "response" (the name of the result), "rectified" and "bounds".
    ``figures``: layer -> figure -> (epochs, C), NaN where it is not known; see ``record.HEALTH_FIGURES``.

    Raises: nothing of its own.

    >>> from tinyconv.features.health import measure_health
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> record = measure_health(model, np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32))
    >>> record.epochs, record.layers["conv1"]["response"], record.figures["conv1"]["mean"].shape
    ([0], 'relu1', (1, 4))
    """

    epochs: list[int]
    images: int
    layers: dict[str, dict[str, Any]]
    figures: dict[str, dict[str, FloatArray]] = field(default_factory=dict)

    @classmethod
    def empty(cls, units: Sequence[Unit], images: int) -> HealthRecord:
        """A record of no epoch yet."""
        figures: dict[str, dict[str, FloatArray]] = {
            unit.layer: {name: np.empty((0, unit.channels)) for name in HEALTH_FIGURES} for unit in units
        }
        return cls([], images, {unit.layer: unit.as_json() for unit in units}, figures)

    def _repr_html_(self) -> str:
        """For a notebook: the verdict, and a line for each layer."""
        from tinyconv.features.health.table import as_html

        return as_html(self)

    def add(self, epoch: int, measured: Mapping[str, Figures]) -> None:
        """Append what was measured at ``epoch``."""
        self.epochs.append(epoch)
        for layer, known in self.figures.items():
            for name, values in known.items():
                row = measured[layer].get(name, np.full(values.shape[1], np.nan))
                known[name] = np.concatenate([values, row[None].astype(np.float32)])

    def kept(self, epochs: Sequence[int]) -> HealthRecord:
        """The same at some of its epochs alone. Raises ``ValueError`` for one that it lacks."""
        rows = [self.epochs.index(epoch) for epoch in epochs]
        figures = {
            layer: {name: values[rows] for name, values in known.items()} for layer, known in self.figures.items()
        }
        return HealthRecord(list(epochs), self.images, self.layers, figures)


def save_health(path: str | Path, record: HealthRecord) -> Path:
    """Write ``record`` to the npz file ``path``, whole or not at all; equal records make equal bytes.

    Raises: ``RunError`` where the file cannot be written.

    >>> from tinyconv.features.health import HealthRecord, load_health, save_health
    >>> load_health(save_health("health.npz", HealthRecord([0], 4, {}))).images
    4
    """
    path = Path(path)
    meta = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "epochs": record.epochs,
        "images": record.images,
        "layers": record.layers,
    }
    entries = {
        f"{layer}/{name}": values.astype(np.float32)
        for layer, known in record.figures.items()
        for name, values in known.items()
    }
    write_atomically(path, npz_bytes({**entries, META: np.array(json.dumps(meta))}))
    return path


def load_health(path: str | Path) -> HealthRecord:
    """Read a file of ``save_health``.

    Raises: ``RunError`` if it is missing, damaged, or not one of these files.

    >>> from tinyconv.features.health import load_health
    >>> try:
    ...     load_health("nowhere.npz")
    ... except RuntimeError as error:
    ...     "nowhere.npz" in str(error)
    True
    """
    path = Path(path)
    entries = read_npz(path, "health record")
    try:
        meta = json.loads(str(entries.pop(META)))
        if meta["format"] != FORMAT:
            raise RunError(f"{path} is not a health record of tinyconv")
        if int(meta["format_version"]) > FORMAT_VERSION:
            raise RunError(f"{path} has format version {meta['format_version']}; upgrade tinyconv")
        figures: dict[str, dict[str, FloatArray]] = {layer: {} for layer in meta["layers"]}
        for key, values in entries.items():
            layer, _, name = key.rpartition("/")
            figures[layer][name] = values
        return HealthRecord([int(epoch) for epoch in meta["epochs"]], int(meta["images"]), meta["layers"], figures)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is not a health record of tinyconv, or damaged ({type(error).__name__})") from None
