"""A health record as rows: a line for each layer, for each channel, or for each channel and epoch."""

from __future__ import annotations

import csv
import io
import warnings

import numpy as np

from tinyconv.core.arrays import FloatArray
from tinyconv.features.colours import format_number
from tinyconv.features.health.record import HEALTH_FIGURES, HealthRecord
from tinyconv.features.health.verdict import always_on, faults, verdict

LAYER_HEADERS = (
    *("layer", "judged by", "channels", "dead", "constant", "saturated", "duplicate", "always on"),
    *("zero", "kernel", "gradient", "update"),
)
"""The last four: share of values that are 0, and medians over channels of norms and of the update's share of |w|."""
CHANNEL_HEADERS = (
    *("channel", "mean", "sd", "min", "max", "zero", "most like", "corr."),
    *("kernel", "gradient", "update", "verdict"),
)
COLUMNS = ("layer", "channel", "epoch", *HEALTH_FIGURES, "fault")
HEADER = ",".join(COLUMNS)


def layer_rows(record: HealthRecord) -> list[tuple[str, ...]]:
    """Rows of ``LAYER_HEADERS``, at the last epoch."""
    rows = []
    for layer, known in record.figures.items():
        found = faults(record, layer)
        counts = [int(found[fault][-1].sum()) for fault in ("dead", "constant", "saturated", "duplicate")]
        counts.append(int(always_on(record, layer)[-1].sum()))
        rows.append(
            (
                layer,
                str(record.layers[layer]["response"]),
                str(known["mean"].shape[1]),
                *(str(count) if count else "" for count in counts),
                f"{np.nanmean(known['zero'][-1]):.0%}",
                *(_number(_median(known[name][-1])) for name in ("kernel_norm", "gradient_norm", "update_ratio")),
            )
        )
    return rows


def as_html(record: HealthRecord) -> str:
    """The verdict and the table of layers, for a notebook."""
    from markupsafe import escape

    cells = "".join(f"<th>{escape(header)}</th>" for header in LAYER_HEADERS)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in layer_rows(record))
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in verdict(record))
    return f"<ul>{sentences}</ul><table><tr>{cells}</tr>{rows}</table>"


def channel_rows(record: HealthRecord, layer: str) -> list[tuple[str, ...]]:
    """Rows of ``CHANNEL_HEADERS`` for a layer, at the last epoch."""
    known = record.figures[layer]
    rows = []
    for channel in range(known["mean"].shape[1]):

        def text(name: str, channel: int = channel) -> str:
            return _number(float(known[name][-1, channel]))

        twin = int(known["twin"][-1, channel])
        rows.append(
            (
                str(channel),
                *(text(name) for name in ("mean", "sd", "min", "max")),
                f"{known['zero'][-1, channel]:.0%}",
                "" if twin < 0 else str(twin),
                "" if twin < 0 else text("correlation"),
                *(text(name) for name in ("kernel_norm", "gradient_norm", "update_ratio")),
                _fault(record, layer, -1, channel) or ("always on" if always_on(record, layer)[-1, channel] else ""),
            )
        )
    return rows


def health_csv(record: HealthRecord) -> str:
    """Every figure of every channel at every epoch, a line for each; a figure that is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for layer, known in record.figures.items():
        found = faults(record, layer)
        for row, epoch in enumerate(record.epochs):
            for channel in range(known["mean"].shape[1]):
                figures = [float(known[name][row, channel]) for name in HEALTH_FIGURES]
                fault = next((name for name, where in found.items() if where[row, channel]), "")
                shown = ["" if np.isnan(figure) else f"{figure:.6g}" for figure in figures]
                writer.writerow([layer, channel, epoch, *shown, fault])
    return text.getvalue()


def _fault(record: HealthRecord, layer: str, row: int, channel: int) -> str:
    return next((name for name, where in faults(record, layer).items() if where[row, channel]), "")


def _median(values: FloatArray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a layer of which nothing is known, nothing is said
        return float(np.nanmedian(values))


def _number(value: float) -> str:
    return "" if np.isnan(value) else format_number(value)
