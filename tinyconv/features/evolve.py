"""The evolution of a run's feature maps, written as one page for all layers and an animation for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.features.animation import save_evolution_gif
from tinyconv.features.archive import Features, load_features
from tinyconv.features.folders import file_name, make_folder
from tinyconv.features.naming import matches, unknown_layer
from tinyconv.features.web.page import MAX_BYTES, evolution_page, recording
from tinyconv.train.comparison.history import read_history
from tinyconv.train.loading import read_record
from tinyconv.train.run_folder import ARCHIVE_FILE, RunFolder
from tinyconv.utils.files import write_atomically

PAGE = "evolution.html"
FORMATS = ("html", "gif")


def write_evolution(
    run: str | Path,
    out: str | Path,
    *,
    patterns: str | Sequence[str] = ("*",),
    formats: Sequence[str] = FORMATS,
    image: int = 1,
    scale: str = "shared",
    max_bytes: int = MAX_BYTES,
    wrote: Callable[[Path], None] = lambda _: None,
) -> list[Path]:
    """Write what the training in folder ``run`` recorded into the folder ``out``. Returns the paths.

    "html": ``evolution.html``, all recorded images, with a slider. "gif": ``conv1.gif`` and so on, of recorded image
    number ``image``, from 1. ``patterns``: which layers, see ``capture``. ``scale``: "shared" (one for all channels and
    epochs of a layer), "channel" (each channel its own) or "layer" (each epoch its own). ``wrote``: is told of each.

    Raises: ``RunError`` for a folder that is no run or has no recording; ``ArgumentError`` for layers, images, formats
        or scales that do not exist.

    >>> from tinyconv.features import write_evolution
    >>> try:
    ...     write_evolution("runs/0001", "maps")
    ... except RuntimeError as error:
    ...     "runs/0001" in str(error)
    True
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ArgumentError(f"format {unknown[0] if unknown else ''!r} does not exist: choose html, gif, or html,gif")
    folder = RunFolder(run)
    record = read_record(folder)
    features = chosen_layers(recorded(folder), patterns)
    epochs, layers, titles = recording(features)
    if not 1 <= image <= len(titles):
        raise ArgumentError(f"image {image} does not exist: the run recorded {len(titles)}, numbered from 1")
    out = make_folder(Path(out))
    written: list[Path] = []

    def finished(path: Path) -> None:
        written.append(path)
        wrote(path)

    if "html" in formats:
        model = record.get("model", {}).get("name", "a network")
        text = evolution_page(
            features,
            title=f"{model}, trained on {features.meta.get('source', 'images')}",
            scale=scale,
            history=read_history(folder.metrics),
            facts=_facts(features),
            max_bytes=max_bytes,
        )
        write_atomically(out / PAGE, text.encode())
        finished(out / PAGE)
    if "gif" in formats:
        for name, layer in layers.items():
            finished(
                save_evolution_gif(
                    out / f"{file_name(name)}.gif",
                    features.arrays[name][:, image - 1],
                    epochs,
                    layer,
                    image=None if features.images is None else features.images[image - 1],
                    subject=f"image {titles[image - 1]}",
                    total_channels=features.meta.get("channels", {}).get(name),
                    scale=scale,
                )
            )
    return written


def recorded(folder: RunFolder) -> Features:
    """What the training recorded. Raises ``RunError`` where there is nothing, with what to do."""
    file = folder.features / ARCHIVE_FILE
    if not file.is_file():
        raise RunError(
            f"run {folder.path} has no feature maps along its training ({file} is missing); train with --probes 1 or "
            "more"
        )
    return load_features(file)


def chosen_layers(features: Features, patterns: str | Sequence[str]) -> Features:
    """``features`` with the layers that ``patterns`` name. Raises ``ArgumentError`` for one that names none."""
    patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    paths = {name: str(features.meta.get("layers", {}).get(name, {}).get("path", "")) for name in features.arrays}
    for pattern in patterns:
        if not any(matches(pattern, name, path) for name, path in paths.items()):
            raise unknown_layer(pattern, list(paths))
    kept = {
        name: array
        for name, array in features.arrays.items()
        if any(matches(pattern, name, paths[name]) for pattern in patterns)
    }
    return Features(kept, features.images, features.meta)


def _facts(features: Features) -> dict[str, str]:
    """What the foot of the page says; nothing of where the run lies, so that equal runs make equal pages."""
    meta = features.meta
    return {
        "Images": f"{meta.get('source', 'unknown')}; {meta.get('credit', '')}".rstrip("; "),
        "Seed": str(meta.get("seed", "unknown")),
        "Made by": f"tinyconv {meta.get('tinyconv_version', '')}, from {ARCHIVE_FILE}",
    }
