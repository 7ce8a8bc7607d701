"""The folder of one training run: where it is made, and what lies in it.

run.json             configuration, seed, versions, classes, preprocessing and result; its format has a version
splits.json          which images were learnt from and which were held out
graph.json           the model itself, where it was imported
config.toml          the settings: ``tinyconv train --config`` repeats the run with them
metrics.csv          one line per epoch
curves.png           loss and accuracy over the epochs
last.safetensors     the weights after the last epoch, to which the reported accuracy belongs
best.safetensors     the weights after the epoch with the lowest held-out loss
state.safetensors    everything that the next step depends on: ``tinyconv train --resume`` goes on from it
steps.jsonl          loss and learning rate of steps, where asked for (--log-every)
gradients.jsonl      norms of gradients, updates and weights, where asked for (--statistics-every)
health.npz           how every channel did along the training: dead, constant, duplicate; norms of its gradients
tensorboard/         event files, where asked for (--tensorboard)
features/            feature maps along the training
evaluation/          what tinyconv evaluate found
explanations/        what tinyconv explain, score, maximize, invert, units and dissect made
found/               what tinyconv find saw in photographs
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from tinyconv.core.errors import RunError
from tinyconv.utils.files import LEFTOVERS

FORMAT = "tinyconv-run"
FORMAT_VERSION = 1
RUN_FILE, METRICS_FILE, CURVES_FILE, FEATURES = "run.json", "metrics.csv", "curves.png", "features"
SPLITS_FILE, STATE_FILE, CONFIG_FILE = "splits.json", "state.safetensors", "config.toml"
STEPS_FILE, GRADIENTS_FILE, TENSORBOARD = "steps.jsonl", "gradients.jsonl", "tensorboard"
HEALTH_FILE = "health.npz"
GRAPH_FILE = "graph.json"
EVENTS = "events.out.tfevents.*"
CHECKPOINTS = ("best", "last")
DEFAULT_PARENT = Path("runs")
ARCHIVE_FILE = "features.npz"
KERNELS_FILE = "kernels.npz"
EVALUATION = "evaluation"
EVALUATION_FILES = ("metrics.json", "confusion.png", "mistakes.png")
EXPLANATIONS = "explanations"
EXPLANATION_FILES = ("explanations.npz", "scores.json", "synthesis.npz")
FOUND, BOXES_FILE = "found", "boxes.json"
# What tinyconv drew says so in its first bytes, before the pixels: behind the palette, where there is one.
MARKS = {
    ".png": (b"tEXtSoftware\0tinyconv", 256),
    ".gif": (b"\x21\xfe\x08tinyconv", 1024),
    ".html": (b'<meta name="generator" content="tinyconv">', 256),
}


class RunFolder:
    """Paths of the parts of the run in ``path``.

    Raises: nothing of its own; its methods raise ``RunError`` where a folder is in the way or cannot be made.

    >>> from tinyconv.train import RunFolder
    >>> RunFolder("runs/0001").path.name
    '0001'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._claim: int | None = None

    @classmethod
    def numbered(cls, parent: Path = DEFAULT_PARENT) -> RunFolder:
        """A new folder ``parent/0001``, ``0002``, ...: one above the highest there.

        Two runs that start at once get two folders.
        """
        try:
            parent.mkdir(parents=True, exist_ok=True)
            numbers = [int(entry.name) for entry in parent.iterdir() if re.fullmatch(r"\d+", entry.name)]
            number = max(numbers, default=0) + 1
            while True:
                path = parent / f"{number:04d}"
                try:
                    path.mkdir()
                except FileExistsError:  # another run was faster
                    number += 1
                else:
                    return cls(path)
        except OSError as error:
            raise _unwritable(parent, error) from None

    @classmethod
    def exact(cls, path: Path, force: bool = False) -> RunFolder:
        """The folder ``path`` itself, made if missing.

        Raises ``RunError`` if it holds anything, unless ``force`` and it is a run folder (it has ``run.json``): then
        what tinyconv wrote is deleted (see ``files``), and every other file is left alone.
        """
        cls.check(path, force)
        folder = cls(path)
        try:
            old = folder.files()
            for file in old:
                file.unlink()
            inner = {parent for file in old for parent in file.parents if path in parent.parents}
            for emptied in sorted(inner, reverse=True):  # the innermost first
                if not any(emptied.iterdir()):
                    emptied.rmdir()
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from None
        return folder

    @staticmethod
    def check(path: Path, force: bool = False) -> None:
        """Raise the ``RunError`` that ``exact`` would raise for a ``path`` in use; makes and deletes nothing."""
        try:
            if path.exists() and not path.is_dir():
                raise RunError(f"{path} is a file; give the run a folder of its own (--out)")
            if not path.is_dir() or not any(path.iterdir()):
                return
            if not (path / RUN_FILE).is_file():
                raise RunError(
                    f"folder {path} is not empty and not a run folder (it has no {RUN_FILE}); choose another (--out)"
                )
            if not force:
                raise RunError(
                    f"folder {path} exists and is not empty; choose another (--out), or replace the run in it (--force)"
                )
        except OSError as error:
            raise _unwritable(path, error) from None

    @property
    def run_file(self) -> Path:
        """Configuration, versions and result."""
        return self.path / RUN_FILE

    @property
    def splits(self) -> Path:
        """Which images were learnt from and which were held out."""
        return self.path / SPLITS_FILE

    @property
    def metrics(self) -> Path:
        """One line per epoch."""
        return self.path / METRICS_FILE

    @property
    def curves(self) -> Path:
        """Loss and accuracy over the epochs."""
        return self.path / CURVES_FILE

    @property
    def config(self) -> Path:
        """The settings that repeat the run."""
        return self.path / CONFIG_FILE

    @property
    def state(self) -> Path:
        """What a training goes on from."""
        return self.path / STATE_FILE

    @property
    def graph(self) -> Path:
        """The model as a graph, of a run that was imported."""
        return self.path / GRAPH_FILE

    @property
    def features(self) -> Path:
        """The feature maps along the training."""
        return self.path / FEATURES

    @property
    def health(self) -> Path:
        """How every channel did along the training."""
        return self.path / HEALTH_FILE

    @property
    def evaluation(self) -> Path:
        """What ``tinyconv evaluate`` found: a folder for each dataset and checkpoint."""
        return self.path / EVALUATION

    def checkpoint(self, which: str) -> Path:
        """The path of checkpoint ``which``: "best" or "last"."""
        if which not in CHECKPOINTS:
            raise RunError(f"there is no checkpoint {which!r}; a run has {' and '.join(CHECKPOINTS)}")
        return self.path / f"{which}.safetensors"

    def claim(self) -> None:
        """Make this process the one that trains here, until ``release`` or its end; again does nothing.

        Raises ``RunError`` where another process does: two of them would write over each other. Where the system has
        no locks (Windows, some network drives) nobody is kept out.
        """
        try:
            import fcntl
        except ImportError:
            return
        if self._claim is not None:
            return
        claim = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            raise RunError(
                f"run {self.path} is being trained by another process; wait for its end, or stop it"
            ) from None
        except OSError:
            pass
        self._claim = claim

    def release(self) -> None:
        """Let another process train here."""
        claim, self._claim = self._claim, None
        if claim is not None:
            os.close(claim)

    def tidy(self) -> None:
        """Delete the unfinished files of a process that was killed while it wrote them."""
        for leftover in self.path.rglob(LEFTOVERS):
            with contextlib.suppress(OSError):
                leftover.unlink()

    def files(self) -> list[Path]:
        """The files here that tinyconv wrote, ``run.json`` last: while it is there, the folder is known to be a run.

        Among them are the unfinished files of a process that was killed while it wrote them.
        Below ``features/``, be they from the training or made of it later: every ``features.npz`` and ``kernels.npz``,
        and every picture or page that names tinyconv as the software that made it. Below ``evaluation/`` the files of
        evaluations, below ``explanations/`` and ``found/`` likewise.
        """
        own = [self.splits, self.config, self.metrics, self.curves, self.state, *map(self.checkpoint, CHECKPOINTS)]
        own += [self.path / STEPS_FILE, self.path / GRADIENTS_FILE, self.health, self.graph]
        found = [file for file in own if file.is_file()]
        found += sorted(self.path.rglob(LEFTOVERS))
        found += sorted((self.path / TENSORBOARD).glob(EVENTS))
        found += sorted([*self.features.rglob(ARCHIVE_FILE), *self.features.rglob(KERNELS_FILE)])
        found += [file for file in sorted(self.features.rglob("*")) if drawn_by_tinyconv(file)]
        found += [file for file in sorted(self.evaluation.rglob("*")) if file.name in EVALUATION_FILES]
        explanations = sorted((self.path / EXPLANATIONS).rglob("*"))
        found += [file for file in explanations if file.name in EXPLANATION_FILES or drawn_by_tinyconv(file)]
        searches = sorted((self.path / FOUND).rglob("*"))
        found += [file for file in searches if file.name == BOXES_FILE or drawn_by_tinyconv(file)]
        return found + [self.run_file] * self.run_file.is_file()


def drawn_by_tinyconv(file: Path) -> bool:
    """Whether ``file`` is a PNG, GIF or HTML file that names tinyconv as the software that made it."""
    if file.suffix not in MARKS or not file.is_file():
        return False
    mark, head = MARKS[file.suffix]
    with file.open("rb") as stream:
        return mark in stream.read(head)


def _unwritable(path: Path, error: OSError) -> RunError:
    reason = (error.strerror or str(error)).lower()
    return RunError(f"run folder {path} cannot be made or written ({reason}); choose another (--out)")
