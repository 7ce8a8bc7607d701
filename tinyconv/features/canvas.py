"""What every picture is made of: text that fits, cells with their borders and marks, colour bars, and the PNG file.

Maps are composed as one array of pixels and labelled with Pillow: a figure of 256 axes would take seconds.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.features.colours import (
    NOT_FINITE,
    STANDARD,
    Pixels,
    Scale,
    colour_table,
    colourise,
    count_not_finite,
    finite_limit,
    format_number,
)
from tinyconv.features.folders import make_folder
from tinyconv.utils.files import write_atomically

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

MARGIN = 20
GAP = 8
LABEL_HEIGHT = 16
VALUE_HEIGHT = 26
TITLE_SIZE, TEXT_SIZE, LABEL_SIZE = 20, 14, 12
INK = (25, 25, 30)
FAINT = (95, 95, 105)
PAPER = (255, 255, 255)
BORDER = (150, 150, 155)
HATCH_PAPER, HATCH_LINE = (236, 236, 238), (196, 196, 202)
ALARM = (190, 0, 160)
BAR_WIDTH = 18
MAX_BAR_HEIGHT = 220
KEY_TEXT = "NaN, inf"
# Crisp squares compress well at any level; higher ones only cost time.
COMPRESSION_LEVEL = 3


@lru_cache(maxsize=8)
def font(size: int = TEXT_SIZE, bold: bool = False) -> FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: it has the signs of mathematics, and the same shapes on any machine."""
    import matplotlib as mpl
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def text_width(text: str, size: int = TEXT_SIZE, bold: bool = False) -> int:
    """Pixels that ``text`` occupies on one line."""
    return int(np.ceil(font(size, bold).getlength(text)))


def wrap(text: str, width: int, size: int = TEXT_SIZE, bold: bool = False) -> list[str]:
    """Lines of ``text``, broken at spaces (within a word where one alone is too wide), none wider than ``width``."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if text_width(candidate, size, bold) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        while text_width(word, size, bold) > width and len(word) > 1:
            lengths = range(len(word) - 1, 0, -1)
            fitting = next((n for n in lengths if text_width(word[:n], size, bold) <= width), 1)
            lines.append(word[:fitting])
            word = word[fitting:]
        line = word
    return [*lines, line]


class Page:
    """White paper of a given size with a pencil that knows the sizes of this package's text."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("RGB", (width, height), PAPER)
        self.pencil = ImageDraw.Draw(self._image)

    def text(
        self,
        x: int,
        y: int,
        text: str,
        size: int = TEXT_SIZE,
        *,
        bold: bool = False,
        colour: tuple[int, int, int] = INK,
        anchor: str = "lt",
    ) -> None:
        """Write one line. ``anchor``: Pillow's two letters, horizontal l/m/r and vertical t/m/s(baseline)."""
        self.pencil.text((x, y), text, fill=colour, font=font(size, bold), anchor=anchor)

    def paste(self, pixels: Pixels, x: int, y: int) -> None:
        from PIL import Image

        self._image.paste(Image.fromarray(pixels), (x, y))

    def frame(self, x: int, y: int, width: int, height: int, colour: tuple[int, int, int] = BORDER) -> None:
        """A border of one pixel around (outside) the given rectangle."""
        self.pencil.rectangle((x - 1, y - 1, x + width, y + height), outline=colour)

    def pixels(self) -> Pixels:
        """(height, width, 3) uint8."""
        return np.array(self._image)


def enlarge(pixels: Pixels, factor: int) -> Pixels:
    """Nearest-neighbour enlargement of (H, W, 3) pixels by a whole number: every map value becomes a crisp square."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def shrink(values: FloatArray, factor: int) -> FloatArray:
    """Means over ``factor`` x ``factor`` blocks of (..., H, W); the last row and column of blocks may be smaller.

    A NaN or infinite value makes its whole block so: nothing that is wrong with a map can disappear.
    """
    if factor == 1:
        return values
    height, width = values.shape[-2:]
    rows, columns = np.arange(0, height, factor), np.arange(0, width, factor)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), rows, axis=-2), columns, axis=-1)
    row_counts = np.minimum(factor, height - rows)
    column_counts = np.minimum(factor, width - columns)
    means: FloatArray = sums / (row_counts[:, None] * column_counts[None, :])
    return means


def draw_map(
    page: Page, values: FloatArray, scale: Scale, x: int, y: int, factor: int, constant: float | None = None
) -> None:
    """One map with its top left corner at (x, y), enlarged ``factor`` times; hatched and labelled if ``constant``."""
    height, width = values.shape[0] * factor, values.shape[1] * factor
    if constant is None:
        page.paste(enlarge(colourise(values, scale), factor), x, y)
    else:
        page.paste(hatching(height, width), x, y)
        lines = constant_label(constant, height, width)
        top = y + (height - LABEL_HEIGHT * len(lines) + LABEL_HEIGHT) // 2
        for number, line in enumerate(lines):
            page.text(x + width // 2, top + LABEL_HEIGHT * number, line, LABEL_SIZE, anchor="mm")
    page.frame(x, y, width, height)


def constant_label(value: float, height: int, width: int) -> list[str]:
    """The lines of "constant 0.25" that fit a cell; none where it is too small for text."""
    number = format_number(value)
    candidates = [["constant", number], [f"constant {number}"], [number]]
    for lines in candidates:
        if LABEL_HEIGHT * len(lines) <= height and max(text_width(line, LABEL_SIZE) for line in lines) <= width:
            return lines
    return []


def draw_value(
    page: Page, value: float, scale: Scale, x: int, y: int, width: int, height: int, written: bool = True
) -> None:
    """A channel of one pixel: its colour, with the value ``written`` in it."""
    colour = colourise(np.array([value]), scale)[0]
    page.pencil.rectangle((x, y, x + width - 1, y + height - 1), fill=tuple(int(part) for part in colour))
    page.frame(x, y, width, height)
    if not written:
        return
    # Rec. 601 luma decides between black and white ink.
    bright = float(np.dot(colour, (0.299, 0.587, 0.114))) > 115
    ink = INK if bright else PAPER
    page.text(x + width // 2, y + height // 2, format_number(value), LABEL_SIZE, colour=ink, anchor="mm")


@lru_cache(maxsize=16)
def hatching(height: int, width: int) -> Pixels:
    """Diagonal lines on light grey: "there is a channel here, and it shows nothing"."""
    diagonal = (np.arange(height)[:, None] + np.arange(width)[None, :]) % 8
    return np.where((diagonal == 0)[..., None], HATCH_LINE, HATCH_PAPER).astype(np.uint8)


def cell_note(values: FloatArray, scale: Scale, room: int) -> tuple[str, tuple[int, int, int]]:
    """What stands at the right of a map's number, in ``room`` pixels, and its colour.

    The count of values that are not finite, or else the map's own largest magnitude.
    """
    bad = count_not_finite(values)
    if bad:
        what = "NaN" if np.isnan(values).any() else "inf"
        notes, colour = [f"{bad} {what}", what], ALARM
    else:
        sign, limit = "±" if scale.signed else "≤", finite_limit(values)
        notes, colour = [f"{sign}{format_number(limit, digits)}" for digits in (3, 2, 1)], FAINT
    return next((note for note in notes if text_width(note, LABEL_SIZE) <= room), ""), colour


def bar_labels(scale: Scale) -> list[tuple[float, str]]:
    """(share of the height from the top, text) of the ticks of a colour bar."""
    if scale.mode == "channel":
        top, middle, bottom = "own max", "half", "0"
        if scale.signed:
            top, middle, bottom = "+own max", "0", "−own max"
    elif scale.mode == STANDARD:
        top, middle, bottom = f"mean + {scale.limit:g} sd", "mean", f"mean − {scale.limit:g} sd"
    else:
        top, bottom = format_number(scale.limit), format_number(scale.low)
        middle = format_number((scale.limit + scale.low) / 2)
    return [(0.0, top), (0.5, middle), (1.0, bottom)]


def bar_width(scale: Scale) -> int:
    """Width of a colour bar with its labels, in pixels."""
    return BAR_WIDTH + GAP + max(text_width(text, LABEL_SIZE) for _, text in bar_labels(scale))


def draw_bar(page: Page, scale: Scale, x: int, y: int, height: int) -> None:
    """The vertical colour bar of ``scale``, largest value on top."""
    levels = np.rint(np.linspace(255, 0, height)).astype(np.int64)
    page.paste(np.repeat(colour_table(scale.signed)[levels][:, None], BAR_WIDTH, axis=1), x, y)
    page.frame(x, y, BAR_WIDTH, height)
    for share, text in bar_labels(scale):
        tick = y + round(share * (height - 1))
        page.pencil.line((x + BAR_WIDTH, tick, x + BAR_WIDTH + 3, tick), fill=INK)
        page.text(x + BAR_WIDTH + GAP, tick, text, LABEL_SIZE, anchor="lm")


def key_width() -> int:
    """Width of the key of ``draw_not_finite_key``."""
    return BAR_WIDTH + GAP + text_width(KEY_TEXT, LABEL_SIZE)


def draw_not_finite_key(page: Page, x: int, y: int) -> None:
    """The swatch that explains the colour of NaN and infinite values."""
    page.pencil.rectangle((x, y, x + BAR_WIDTH - 1, y + LABEL_HEIGHT - 1), fill=NOT_FINITE, outline=BORDER)
    page.text(x + BAR_WIDTH + GAP, y + LABEL_HEIGHT // 2, KEY_TEXT, LABEL_SIZE, anchor="lm")


def write_png(path: Path, pixels: Pixels) -> Path:
    """Write (H, W, 3) pixels as PNG. Returns ``path``.

    Missing folders are made. Raises ``RunError`` where the file cannot be written.
    """
    make_folder(path.parent)
    write_atomically(path, png_bytes(pixels))
    return path


def png_bytes(pixels: Pixels) -> bytes:
    """(H, W, 3) pixels as the bytes of a PNG file.

    It names tinyconv as its software, but no date and no author: equal pixels are equal bytes.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    made_by = PngInfo()
    made_by.add_text("Software", "tinyconv")  # by which a run folder tells its pictures from the user's own
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=COMPRESSION_LEVEL, pnginfo=made_by)
    return stream.getvalue()
