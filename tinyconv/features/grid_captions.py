"""What is written above a grid of feature maps: their layer, how they are coloured, what is wrong with them."""

from __future__ import annotations

from tinyconv.core.arrays import FloatArray
from tinyconv.features.colours import STANDARD, STANDARD_SPAN, Scale, count_not_finite, format_number, is_constant
from tinyconv.features.input_panel import InputPanel
from tinyconv.features.layers import Layer
from tinyconv.features.sheet import sentences

MAX_CHANNELS = 256


def grid_title(layer: Layer, maps: FloatArray, total: int) -> str:
    """Which layer, how many of its maps, how large."""
    count, height, width = maps.shape
    selected = f"{count} of {total}" if count < total else f"{count}"
    what = "values" if (height, width) == (1, 1) else "feature maps"
    what = what if count != 1 or total != 1 else what.removesuffix("s")
    size = "" if (height, width) == (1, 1) else f" of {height}×{width} pixels"
    return f"{layer.name}: {selected} {what}{size}"


def grid_details(
    layer: Layer,
    maps: FloatArray,
    reduction: int,
    scale: Scale,
    epoch: int | None,
    subject: str,
    panel: InputPanel | None,
) -> list[str]:
    """The lines below the title: where it comes from, how it is coloured, what is wrong with it."""
    when = "" if epoch is None else "before training (epoch 0)" if epoch == 0 else f"epoch {epoch}"
    single = maps[0].size == 1
    own = f"above each map: its channel number and its own {'largest magnitude' if scale.signed else 'maximum'}"
    return sentences(
        [
            [when, subject],
            [layer.describe(), layer.sees("value" if single else "map pixel", panel.image_size if panel else None)],
            [describe_scale(scale), "" if single else own],
            _remarks(maps, reduction),
        ]
    )


def describe_scale(scale: Scale) -> str:
    """The scale in words, as printed on every picture."""
    if scale.limit == 0:
        return "colour scale: none, no finite value differs from 0"
    if scale.mode == "channel":
        return "colour scale: each channel its own"
    if scale.mode == STANDARD:
        return (
            f"colour scale: each channel standardised, {STANDARD_SPAN:g} standard deviations below its mean (blue) to "
            f"{STANDARD_SPAN:g} above (red)"
        )
    over = "shared by all epochs" if scale.mode == "shared" else "one for the whole layer"
    return f"colour scale: {over}, {format_number(scale.low)} to {format_number(scale.limit)}"


def _remarks(maps: FloatArray, reduction: int) -> list[str]:
    count = len(maps)
    spatial = maps[0].size > 1
    dead = sum(not channel.any() for channel in maps)
    constant = sum(is_constant(channel) for channel in maps)
    bad = sum(count_not_finite(channel) > 0 for channel in maps)
    remarks = []
    if dead:
        remarks.append(f"{dead} of {count} channels dead on this image (0 everywhere)")
    if spatial and constant > dead:
        remarks.append(f"{constant - dead} of {count} channels constant")
    if bad:
        remarks.append(f"{bad} of {count} channels contain NaN or infinite values")
    if count > MAX_CHANNELS:
        remarks.append(f"only the first {MAX_CHANNELS} of {count} channels are drawn; select others by their numbers")
    if reduction > 1:
        remarks.append(f"drawn at 1/{reduction} size, {reduction}×{reduction} pixels averaged")
    return remarks
