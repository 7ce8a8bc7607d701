"""Pictures of numbers, as PNG: the same numbers give the same bytes, whatever matplotlib is configured to."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID = "#20242a", "#e3e5e8"
DOTS_PER_INCH = 120
ELLIPSIS = "…"


def figure_png(draw: Callable[[Figure], None], width: float, height: float, arranged: bool = True) -> bytes:
    """PNG of what ``draw`` puts on an empty figure of ``width`` x ``height`` inches.

    ``arranged``: matplotlib makes room for texts; otherwise ``draw`` says where everything goes.
    Class names, folders and files are the user's: they are shown as they are written, even with a ``$``, which begins a
    formula for matplotlib, and a sign that its font lacks becomes a box.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams["text.parse_math"] = False
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained" if arranged else None)
        canvas = FigureCanvasAgg(figure)
        draw(figure)
        stream = io.BytesIO()
        # Not matplotlib's own mark, whose version number would change the bytes; by ours a picture is known as one.
        canvas.print_figure(stream, format="png", metadata={"Software": "tinyconv"})
    return stream.getvalue()


def plain_axes(axes: Axes) -> None:
    """A light grid behind the data, and no frame above and at the right."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def percent(value: float, digits: int = 4) -> str:
    """A share as text: 0.975 is "97.5%"."""
    return f"{100 * value:.{digits}g}%"


def shortened(text: str, length: int) -> str:
    """``text`` on one line, with an ellipsis for what exceeds ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + ELLIPSIS
