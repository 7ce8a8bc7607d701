"""Explanations as matplotlib figures and as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyconv.explain.pictures.sheet import Sheet, Subject
from tinyconv.features.folders import make_folder
from tinyconv.train.figures import figure_png
from tinyconv.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinyconv.explain.attribution import Attribution


def explanation_figure(attributions: Attribution | Sequence[Attribution], subject: Subject | None = None) -> Figure:
    """A matplotlib figure of one or several methods' maps of the same images, each image beside its maps.

    Raises: ``ShapeError`` for attributions of different numbers of images, or other images than theirs.

    >>> from tinyconv.explain import METHODS, explanation_figure, gradient, input_x_gradient
    >>> model, image = nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), np.ones((1, 1, 4, 4), np.float32)
    >>> figure = explanation_figure([gradient(model, image), input_x_gradient(model, image)])
    >>> [text.get_text() for text in figure.axes[0].texts if text.get_text() in METHODS]
    ['gradient', 'input-x-gradient']
    """
    from matplotlib.figure import Figure

    sheet = Sheet(attributions, subject or Subject())
    figure = Figure(figsize=(sheet.width, sheet.height))
    sheet.draw(figure)
    return figure


def explanation_png(attributions: Attribution | Sequence[Attribution], subject: Subject | None = None) -> bytes:
    """The picture of ``explanation_figure`` as PNG: equal bytes for equal arguments.

    Raises: as ``explanation_figure``.

    >>> from tinyconv.explain import explanation_png, gradient
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> explanation_png(gradient(model, np.ones((1, 1, 4, 4), np.float32)))[1:4]
    b'PNG'
    """
    sheet = Sheet(attributions, subject or Subject())
    return figure_png(sheet.draw, sheet.width, sheet.height, arranged=False)


def save_explanation(
    path: Path | str, attributions: Attribution | Sequence[Attribution], subject: Subject | None = None
) -> Path:
    """Write the picture of ``explanation_figure`` as a PNG file. Returns its path.

    Raises: as ``explanation_figure``, and ``RunError`` where the file cannot be written.

    >>> from tinyconv.explain import gradient, save_explanation
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    >>> save_explanation("why.png", gradient(model, np.ones((1, 1, 4, 4), np.float32))).name
    'why.png'
    """
    path = Path(path)
    content = explanation_png(attributions, subject)
    make_folder(path.parent)
    write_atomically(path, content)
    return path
