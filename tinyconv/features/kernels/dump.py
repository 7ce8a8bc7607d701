"""The kernels of a network, written as pictures and as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyconv.core.arrays import FloatArray
from tinyconv.core.errors import DimensionError
from tinyconv.features.archive import save_features
from tinyconv.features.canvas import write_png
from tinyconv.features.channels import check_channels, parse_channels
from tinyconv.features.dump import FORMATS, checked_formats
from tinyconv.features.folders import file_name
from tinyconv.features.kernels.picture import kernel_picture
from tinyconv.features.kernels.weights import kernels_of
from tinyconv.nn.module import Module

ARCHIVE_NAME = "kernels.npz"


def dump_kernels(
    model: Module,
    image: FloatArray,
    out: str | Path,
    *,
    patterns: str | Sequence[str] = ("*",),
    channels: str | Sequence[int] | None = None,
    formats: str | Sequence[str] = FORMATS,
    epoch: int | None = None,
    subject: str = "",
    meta: Mapping[str, Any] | None = None,
    message: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Write the kernels of the layers of ``model`` into the folder ``out``. Returns the paths.

    ``image``: (C, H, W), anything of the right shape. "png": ``<layer>-kernels.png``, see ``kernel_picture``. "npz":
    ``kernels.npz``, an array (outputs, inputs, height, width) for each layer. ``channels``: the output channels, as
    numbers or a text such as "0-31,40"; a layer without them is left out of the pictures, and ``message`` told so.

    Raises: ``ArgumentError`` for layers, channels or formats that do not exist, ``DimensionError`` for channels that no
        layer has, ``RunError`` where a file cannot be written.

    >>> from tinyconv.features.kernels import dump_kernels
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> [path.name for path in dump_kernels(model, np.zeros((1, 8, 8), np.float32), "kernels")]
    ['conv1-kernels.png', 'kernels.npz']
    """
    kinds = checked_formats(formats)
    numbers = parse_channels(channels) if isinstance(channels, str) else channels
    found = kernels_of(model, image, (patterns,) if isinstance(patterns, str) else tuple(patterns))
    drawn, missing = [], None
    for name, kernels in found.items():
        try:
            check_channels(numbers or (), len(kernels.weights), name)
            drawn.append(name)
        except DimensionError as error:
            missing = missing or error
    if missing is not None and not drawn:
        raise missing
    if len(drawn) < len(found):
        message(
            f"left out, for they lack some of the channels: {', '.join(name for name in found if name not in drawn)}"
        )
    folder, written = Path(out), []
    if "png" in kinds:
        for name in drawn:
            pixels = kernel_picture(found[name], channels=numbers, epoch=epoch, subject=subject)
            written.append(write_png(folder / f"{file_name(name)}-kernels.png", pixels))
    if "npz" in kinds:
        arrays = {name: kernels.weights for name, kernels in found.items()}
        layers = {name: kernels.layer for name, kernels in found.items()}
        record = {
            **(meta or {}),
            "content": "kernels (outputs, inputs, height, width)",
            "groups": {name: kernels.groups for name, kernels in found.items()},
            "epoch": epoch,
        }
        written.append(save_features(folder / ARCHIVE_NAME, arrays, layers, None, record))
    return written
