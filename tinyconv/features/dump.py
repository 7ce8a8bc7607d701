"""Feature maps of one image through a trained model, written as pictures and as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.features.archive import save_features
from tinyconv.features.capture import Activations, capture
from tinyconv.features.channels import check_channels, parse_channels
from tinyconv.features.folders import file_name
from tinyconv.features.grids import save_feature_grid
from tinyconv.features.naming import matches
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

FORMATS = ("png", "npz")
ARCHIVE_NAME = "features.npz"


def dump_features(
    model: Module,
    image: Array,
    out: str | Path,
    *,
    patterns: str | Sequence[str] = ("*",),
    channels: str | Sequence[int] | None = None,
    formats: str | Sequence[str] = FORMATS,
    scale: str = "layer",
    picture: FloatArray | None = None,
    epoch: int | None = None,
    subject: str = "",
    meta: Mapping[str, Any] | None = None,
    message: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Run ``image`` through ``model`` and write the maps of its layers into the folder ``out``. Returns the paths.

    ``image``: (C, H, W), as the model takes it (preprocessed). ``patterns``: which layers, see ``capture``.
    ``channels``: numbers, or a text such as "0-31,40". A layer without them is left out, and ``message`` told so in one
    sentence; a layer that is named without a wildcard must have them, and so must at least one layer.
    ``formats``: "png" (``<layer>.png``, see ``feature_grid``), "npz" (``features.npz``, see ``archive``), or both, also
    as "png,npz". ``scale``: "layer", "channel" or "standard", see ``feature_grid``. ``picture``: the image as a
    reader knows it, (C, H, W) in [0, 1], drawn beside the maps; by default the input itself. ``epoch``, ``subject``:
    for the captions. ``meta``: goes into the archive.

    At most 256 channels of a layer are drawn; the archive has them all.

    Raises: ``ArgumentError`` for layers, channels, formats or scales that do not exist, ``ShapeError``, ``RunError``.

    >>> from tinyconv.features import dump_features
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> paths = dump_features(model, np.zeros((1, 8, 8), np.float32), "maps", patterns="conv*", formats="npz")
    >>> [path.name for path in paths]
    ['features.npz']
    """
    kinds = checked_formats(formats)
    numbers = parse_channels(channels) if isinstance(channels, str) else channels
    if scale not in ("layer", "channel", "standard"):
        raise ArgumentError(f"scale {scale!r} does not exist for a single image: choose layer, channel or standard")
    if image.ndim != 3:
        raise ShapeError(f"dump_features: the image must have shape (channels, height, width), got {image.shape}")
    activations = activations_of(model, image[None], patterns)
    # All layers are checked before the first file is written.
    selected = _selected(numbers, activations, patterns, message)
    folder, written = Path(out), []
    if "png" in kinds:
        for name, channel_numbers in selected.items():
            array = activations[name]
            written.append(
                save_feature_grid(
                    folder / f"{file_name(name)}.png",
                    array[0, channel_numbers],
                    activations.layers[name],
                    image=image if picture is None else picture,
                    epoch=epoch,
                    subject=subject,
                    channels=channel_numbers,
                    total_channels=array.shape[1],
                    scale=scale,
                )
            )
    if "npz" in kinds:
        arrays = {name: activations[name][:, channel_numbers] for name, channel_numbers in selected.items()}
        record = {**(meta or {}), "channels": None if numbers is None else list(numbers), "epoch": epoch}
        written.append(save_features(folder / ARCHIVE_NAME, arrays, activations.layers, image[None], record))
    return written


def activations_of(
    model: Module, images: Array, patterns: str | Sequence[str] = ("*",), kinds: Sequence[str] | None = None
) -> Activations:
    """The activations (see ``capture``) of a batch of images (N, C, H, W), without recording gradients."""
    with no_grad(), capture(model, patterns, kinds=kinds) as activations:
        model(Tensor(np.asarray(images)).to(device_of(model)))
    return activations


def _selected(
    numbers: Sequence[int] | None,
    activations: Activations,
    patterns: str | Sequence[str],
    message: Callable[[str], None],
) -> dict[str, list[int]]:
    """Layer -> channels to write; without the layers that lack them and that no pattern names outright."""
    if numbers is None:
        return {name: list(range(array.shape[1])) for name, array in activations.items()}
    named = [
        pattern for pattern in ([patterns] if isinstance(patterns, str) else patterns) if not set(pattern) & set("*?[")
    ]
    selected: dict[str, list[int]] = {}
    left_out: list[str] = []
    missing: DimensionError | None = None
    for name, array in activations.items():
        try:
            selected[name] = check_channels(numbers, array.shape[1], name)
        except DimensionError as error:
            if any(matches(pattern, name, activations.layers[name].path) for pattern in named):
                raise
            left_out.append(name)
            missing = missing or error
    if missing is not None and not selected:
        raise missing
    if left_out:
        message(f"left out, for they lack some of the channels: {', '.join(left_out)}")
    return selected


def checked_formats(formats: str | Sequence[str]) -> tuple[str, ...]:
    """The formats among ``FORMATS`` that are asked for. Raises ``ArgumentError`` for another, or none."""
    kinds = tuple(part.strip() for part in formats.split(",")) if isinstance(formats, str) else tuple(formats)
    unknown = [kind for kind in kinds if kind not in FORMATS]
    if unknown or not kinds:
        raise ArgumentError(f"format {unknown[0] if unknown else ''!r} does not exist: choose png, npz, or png,npz")
    return kinds
