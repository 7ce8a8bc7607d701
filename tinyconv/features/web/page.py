"""The page of a run's feature maps over the epochs: one HTML file that needs nothing else, from a disk or a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyconv.core.errors import RunError
from tinyconv.features.archive import Features
from tinyconv.features.layers import Layer
from tinyconv.features.web.player import (
    controls,
    epoch_words,
    film,
    input_pictures,
    player_script,
    player_style,
    templates,
    text_file,
)
from tinyconv.features.web.trimming import Selection, select
from tinyconv.train.records import EpochRecord

MAX_BYTES = 15_000_000
TEXT_BYTES = 1_500_000
"""Room for everything on the page that is no sprite."""
CURVE_WIDTH, CURVE_HEIGHT = 560, 150


def evolution_page(
    features: Features,
    *,
    title: str,
    scale: str = "shared",
    history: Sequence[EpochRecord] = (),
    facts: Mapping[str, str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> str:
    """HTML of a recording's maps (``load_features``) with a slider over its epochs; equal arguments, equal text.

    ``title``: of the run. ``scale``: "shared", "channel" or "layer"; see ``web.film_scale``. ``history``: of the
    training, for the curve and for what is said of each epoch. ``facts``: for the foot of the page, name -> value.
    ``max_bytes``: what does not fit is left out in the order of ``web.trimming``, and the page says what.

    Raises: ``RunError`` for a file that is no recording along a training.

    >>> from tinyconv.features import Features, Layer, evolution_page
    >>> maps = np.random.default_rng(0).random((2, 1, 4, 6, 6)).astype(np.float32)
    >>> meta = {"epochs": [0, 1], "layers": {"conv1": Layer("conv1").as_json()}, "probe_labels": ["<script>"]}
    >>> page = evolution_page(Features({"conv1": maps}, np.zeros((1, 1, 8, 8)), meta), title="a run")
    >>> "&lt;script&gt;" in page, "<script>:" in page
    (True, False)
    """
    epochs, layers, titles = recording(features)
    selection = select(features.arrays, scale, max(max_bytes - TEXT_BYTES, 0))
    shown = [epochs[frame] for frame in selection.frames]
    images = features.images
    image_size = None if images is None else images.shape[2:4]
    films = [
        {
            "layer": layer,
            "sees": layer.sees("map pixel", image_size),
            "size": features.arrays[name].shape[3:],
            "html": film(
                layer,
                selection.sprites[name],
                shown,
                map_size=features.arrays[name].shape[3:] or None,
                image_size=image_size,
                total_channels=features.meta.get("channels", {}).get(name),
            ),
        }
        for name, layer in layers.items()
    ]
    count = len(next(iter(selection.sprites.values())))
    page: str = (
        templates()
        .get_template("evolution.html")
        .render(
            title=title,
            style=player_style() + text_file("page.css"),
            script=player_script(),
            controls=controls(shown, captions(shown, history), titles[:count]),
            pictures="" if images is None else input_pictures(images[:count], titles[:count]),
            films=films,
            curve=curve(history, shown),
            left_out=_left_out(selection, max_bytes),
            facts=facts or {},
            epochs=shown,
        )
    )
    return page


def recording(features: Features) -> tuple[list[int], dict[str, Layer], list[str]]:
    """Epochs, layers and the images' titles. Raises ``RunError`` where these are not maps along a training."""
    meta = features.meta
    try:
        epochs = [int(epoch) for epoch in meta["epochs"]]
        layers = {name: Layer.from_json(name, meta["layers"][name]) for name in features.arrays}
        labels = [str(label) for label in meta["probe_labels"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"these feature maps are no recording along a training ({type(error).__name__}: {error}); "
            "RUN/features/features.npz is one"
        ) from None
    wrong = [name for name, array in features.arrays.items() if array.shape[:2] != (len(epochs), len(labels))]
    if wrong or not layers:
        raise RunError(
            f"these feature maps are damaged: layer {wrong[0] if wrong else '(none)'} has not {len(epochs)} epochs of "
            f"{len(labels)} images"
        )
    return epochs, layers, [f"{number}: {label}" for number, label in enumerate(labels, start=1)]


def captions(epochs: Sequence[int], history: Sequence[EpochRecord]) -> list[str]:
    """What is said of each epoch: how well the network did then, where ``history`` knows."""
    known = {record.epoch: record for record in history}
    said = []
    for epoch in epochs:
        record, words = known.get(epoch), epoch_words(epoch)
        accuracy = None if record is None else record.test_accuracy
        said.append(words if accuracy is None else f"{words}: {accuracy:.1%} of held-out images right")
    return said


def curve(history: Sequence[EpochRecord], epochs: Sequence[int]) -> dict[str, Any] | None:
    """Points of the accuracy over the epochs in a drawing of fixed size, and where the slider's epochs stand in it."""
    last = max([record.epoch for record in history] + list(epochs), default=0)
    if not history or not last:
        return None

    def at(epoch: int) -> float:
        return round(CURVE_WIDTH * epoch / last, 1)

    def line(values: Sequence[tuple[int, float | None]]) -> str:
        return " ".join(f"{at(epoch)},{CURVE_HEIGHT * (1 - value):.1f}" for epoch, value in values if value is not None)

    return {
        "width": CURVE_WIDTH,
        "height": CURVE_HEIGHT,
        "training": line([(record.epoch, record.train_accuracy) for record in history]),
        "held_out": line([(record.epoch, record.test_accuracy) for record in history]),
        "marks": [at(epoch) for epoch in epochs],
        "last": last,
    }


def _left_out(selection: Selection, max_bytes: int) -> str:
    if not selection.left_out:
        return ""
    return f"To stay below {max_bytes / 1e6:.0f} MB, this page shows {' and '.join(selection.left_out)}."
