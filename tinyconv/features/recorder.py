"""The callback that records what a few images look like inside the network, along its training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.features.archive import load_features, save_features
from tinyconv.features.capture import Activations
from tinyconv.features.colours import SCALE_MODES, Scale, scale_of
from tinyconv.features.dump import ARCHIVE_NAME, activations_of
from tinyconv.features.evolution import save_evolution_strip
from tinyconv.features.folders import file_name, make_folder
from tinyconv.features.grids import save_feature_grid
from tinyconv.features.layers import Layer
from tinyconv.features.probes import Probes
from tinyconv.train.callbacks import Callback
from tinyconv.train.records import EpochRecord
from tinyconv.train.trainer import Trainer

KINDS = ("conv", "pool")
MAX_BYTES = 256 * 2**20
MAX_PICTURES = 400


def default_epochs(last: int) -> list[int]:
    """0 (before training), 1, 2, 5, 10, 20, 50, 100, ... and the last: change is fast at first and slow later."""
    steps = [digit * 10**power for power in range(len(str(last))) for digit in (1, 2, 5)]
    return [0, *(step for step in steps if step < last), last]


class FeatureRecorder(Callback):
    """Writes the feature maps of a few images at chosen epochs of a training.

    Into ``folder``: ``probe-1-face/conv1-epoch-005.png`` (every channel; see ``feature_grid``) as the training goes on;
    at its end ``probe-1-face/conv1-evolution.png`` (the strongest channels over the epochs; see ``evolution_strip``),
    and ``features.npz`` with all recorded maps, (epochs, probes, C, H, W) for each layer (see ``archive``).

    ``probes``: the images. ``epochs``: when, by default ``default_epochs``; the state at the end is always recorded.
    ``kinds``: of layers, convolutions and poolings by default. ``scale``: of the grids, "layer", "channel" or "shared"
    (one scale per layer for all epochs and probes; the grids are then drawn at the end). ``meta``: goes into the
    archive. ``message``: is told in one sentence what the limits left out.

    Two limits, both stated by a message where they take effect. Recorded maps (float32) take at most ``max_bytes``: the
    number of channels kept per layer is halved until they fit. At most ``max_pictures`` files are written: first fewer
    probes are drawn, then fewer epochs; the archive has them all.

    Raises: ``ArgumentError`` for epochs, kinds or scales that do not exist, ``RunError`` where a file cannot be
        written.

    >>> from tinyconv.features import FeatureRecorder
    >>> from tinyconv.train import Callback
    >>> issubclass(FeatureRecorder, Callback)
    True
    """

    def __init__(
        self,
        folder: str | Path,
        probes: Probes,
        *,
        epochs: Sequence[int] | None = None,
        kinds: Sequence[str] = KINDS,
        scale: str = "layer",
        meta: Mapping[str, Any] | None = None,
        message: Callable[[str], None] = lambda _: None,
        max_bytes: int = MAX_BYTES,
        max_pictures: int = MAX_PICTURES,
    ) -> None:
        if scale not in SCALE_MODES:
            raise ArgumentError(f"scale {scale!r} does not exist: choose one of {', '.join(SCALE_MODES)}")
        if epochs is not None and any(epoch < 0 for epoch in epochs):
            raise ArgumentError(f"epochs to record count from 0 (before training), got {list(epochs)}")
        self.folder = Path(folder)
        self.probes = probes
        self.paths: list[Path] = []
        """The files written so far, in order."""
        self._asked = None if epochs is None else sorted(set(epochs))
        self._kinds, self._scale, self._meta, self._message = tuple(kinds), scale, dict(meta or {}), message
        self._max_bytes, self._max_pictures = max_bytes, max_pictures
        self._planned: list[int] = []
        self._layers: dict[str, Layer] = {}
        self._totals: dict[str, int] = {}
        self._kept = 0
        self._drawn_probes, self._drawn_epochs = 0, set[int]()
        self._epochs: list[int] = []
        self._maps: list[dict[str, FloatArray]] = []
        self._resumed: dict[str, Any] | None = None

    def on_train_start(self, trainer: Trainer) -> None:
        wanted = default_epochs(trainer.epochs) if self._asked is None else self._asked
        within = {epoch for epoch in wanted if trainer.epoch <= epoch < trainer.epochs}
        make_folder(self.folder)
        if self._resumed is not None:
            self._read_back(trainer, self._resumed)
        self._planned = sorted({*self._epochs, *within, trainer.epochs})
        if trainer.epoch in within and trainer.epoch not in self._epochs and trainer.batch == 0:
            self._record(trainer)

    def on_epoch_end(self, trainer: Trainer, record: EpochRecord) -> None:
        if record.epoch in self._planned:
            self._record(trainer)

    def on_train_end(self, trainer: Trainer) -> None:
        # Another callback may have stopped the training at an epoch that was not planned.
        if trainer.outcome == "finished" and trainer.epoch not in self._epochs:
            self._record(trainer)
        # After an interruption, what was recorded until then is finished all the same.
        if not self._maps:
            return
        arrays = self._stacked()
        if self._scale == "shared":
            scales = {name: scale_of(array, "shared") for name, array in arrays.items()}
            for epoch, maps in zip(self._epochs, self._maps, strict=True):
                self._draw(epoch, maps, scales)
        if len(self._epochs) > 1:
            for name, array in arrays.items():
                for probe in range(self._drawn_probes):
                    self._draw_evolution(name, probe, array[:, probe])

    def state_dict(self) -> dict[str, Any]:
        """What was decided. The maps are in the archive, written after each epoch that is recorded."""
        if not self._epochs:
            return {}
        return {
            "epochs": list(self._epochs),
            "kept": self._kept,
            "drawn_probes": self._drawn_probes,
            "drawn_epochs": sorted(self._drawn_epochs),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._resumed = state

    def _read_back(self, trainer: Trainer, state: dict[str, Any]) -> None:
        """Take up the maps of the epochs before the state; the archive may be ahead of it, where it was killed."""
        self._resumed = None
        try:
            archive = load_features(self.folder / ARCHIVE_NAME)
            recorded = list(archive.meta["epochs"])
            rows = [recorded.index(epoch) for epoch in state["epochs"]]
        except (RunError, KeyError, ValueError) as error:
            self._message(f"feature maps: those recorded until now are lost, for {error}")
            return
        self._know(activations_of(trainer.model, self.probes.inputs, kinds=self._kinds))
        self._epochs, self._kept, self._drawn_probes = list(state["epochs"]), state["kept"], state["drawn_probes"]
        self._drawn_epochs = {*state["drawn_epochs"], trainer.epochs}
        self._maps = [{name: archive.arrays[name][row] for name in self._layers} for row in rows]

    def _know(self, activations: Activations) -> None:
        self._layers = dict(activations.layers)
        self._totals = {name: array.shape[1] for name, array in activations.items()}

    def _record(self, trainer: Trainer) -> None:
        epoch = trainer.epoch
        with trainer.evaluation_weights():
            activations = activations_of(trainer.model, self.probes.inputs, kinds=self._kinds)
        if not self._layers:
            self._know(activations)
            self._limit(activations)
        maps = {name: activations[name][:, : self._kept].astype(np.float32) for name in self._layers}
        self._epochs.append(epoch)
        self._maps.append(maps)
        if self._scale != "shared":
            self._draw(epoch, maps, dict.fromkeys(maps, self._scale))
        # Each time: a training that is killed goes on from it.
        self._write_archive()

    def _stacked(self) -> dict[str, FloatArray]:
        return {name: np.stack([maps[name] for maps in self._maps]) for name in self._layers}

    def _limit(self, activations: Mapping[str, Array]) -> None:
        """Decide how many channels are kept and which pictures are drawn, and say so if it is not all of them."""
        most = max(self._totals.values())
        self._kept = most
        while self._kept > 1 and self._bytes(activations) > self._max_bytes:
            self._kept = (self._kept + 1) // 2
        if self._kept < most:
            self._message(
                f"feature maps: only the first {self._kept} channels of a layer are kept, for all (up to {most}) would "
                f"take more than {self._max_bytes / 2**20:.0f} MiB"
            )
        self._drawn_probes, self._drawn_epochs = len(self.probes), set(self._planned)
        while self._drawn_probes > 1 and self._pictures() > self._max_pictures:
            self._drawn_probes -= 1
        while len(self._drawn_epochs) > 1 and self._pictures() > self._max_pictures:
            self._drawn_epochs.remove(sorted(self._drawn_epochs)[-2])
        if self._drawn_probes < len(self.probes) or len(self._drawn_epochs) < len(self._planned):
            self._message(
                f"feature maps: pictures are drawn of {self._drawn_probes} of {len(self.probes)} probes at "
                f"{len(self._drawn_epochs)} of {len(self._planned)} epochs, for more than {self._max_pictures} files; "
                f"{ARCHIVE_NAME} has all maps"
            )

    def _bytes(self, activations: Mapping[str, Array]) -> int:
        kept = (array[:, : self._kept].size for array in activations.values())
        return 4 * len(self._planned) * sum(kept)

    def _pictures(self) -> int:
        return len(self._layers) * self._drawn_probes * (len(self._drawn_epochs) + 1)

    def _draw(self, epoch: int, maps: Mapping[str, FloatArray], scales: Mapping[str, str | Scale]) -> None:
        # An epoch that was not planned is the one at which the training was stopped: the last, which is always drawn.
        if epoch in self._planned and epoch not in self._drawn_epochs:
            return
        for name, layer in self._layers.items():
            for probe in range(self._drawn_probes):
                path = self.folder / self.probes.folder(probe) / f"{file_name(name)}-epoch-{epoch:03d}.png"
                save_feature_grid(
                    path,
                    maps[name][probe],
                    layer,
                    image=self.probes.pictures[probe],
                    epoch=epoch,
                    subject=self.probes.title(probe),
                    total_channels=self._totals[name],
                    scale=scales[name],
                )
                self.paths.append(path)

    def _draw_evolution(self, name: str, probe: int, maps: FloatArray) -> None:
        path = self.folder / self.probes.folder(probe) / f"{file_name(name)}-evolution.png"
        save_evolution_strip(
            path,
            maps,
            self._epochs,
            self._layers[name],
            image=self.probes.pictures[probe],
            subject=self.probes.title(probe),
            total_channels=self._totals[name],
        )
        self.paths.append(path)

    def _write_archive(self) -> None:
        meta = {
            **self._meta,
            "epochs": self._epochs,
            "probe_indices": [int(index) for index in self.probes.indices],
            "probe_labels": list(self.probes.labels),
            "channels": self._totals,
        }
        path = save_features(self.folder / ARCHIVE_NAME, self._stacked(), self._layers, self.probes.pictures, meta)
        self.paths += [path] * (path not in self.paths)
