"""From figures to plain words: which channels are of no use, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyconv.core.arrays import Array, FloatArray
from tinyconv.features.colours import CONSTANT_TOLERANCE, format_number
from tinyconv.features.health.record import HealthRecord

DUPLICATE = 0.98
SATURATED = 0.95
LEARNS_NOTHING, THROWS_AWAY = 1e-6, 0.1
LISTED = 12

FAULTS = {
    "not finite": "NaN or infinite",
    "dead": "dead (0 everywhere)",
    "saturated": f"saturated (at a bound of the activation for {SATURATED:.0%} of values or more)",
    "constant": "constant (the same value everywhere)",
    "duplicate": f"duplicates of others (correlation beyond ±{DUPLICATE})",
    "untrained": "without a gradient at any recorded step",
}
"""What can be wrong with a channel, worst first, and the words for it; one with an earlier fault has no later one."""


def faults(record: HealthRecord, layer: str) -> dict[str, Array]:
    """Fault -> where the channels of ``layer`` have it: bool (epochs, C). Of several faults the first one counts.

    Raises: ``KeyError`` for a layer that the record does not have.

    >>> from tinyconv.features.health import faults, measure_health
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> record = measure_health(model, np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32))
    >>> list(faults(record, "conv1"))
    ['not finite', 'dead', 'saturated', 'constant', 'duplicate', 'untrained']
    """
    known = record.figures[layer]
    low, high = known["min"], known["max"]
    finite = np.isfinite(low) & np.isfinite(high) & np.isfinite(known["mean"])
    size = np.maximum(np.abs(low), np.abs(high))
    dead = finite & (low == 0) & (high == 0)
    gradient = known["gradient_norm"]
    trained = np.nan_to_num(gradient).max(axis=0, initial=0) > 0
    measured = np.isfinite(gradient).any(axis=0)
    found = {
        "not finite": ~finite,
        "dead": dead,
        "saturated": finite & (known["bound"] >= SATURATED),
        "constant": finite & (high - low <= CONSTANT_TOLERANCE * size),
        "duplicate": np.abs(known["correlation"]) > DUPLICATE,
        "untrained": np.broadcast_to(measured & ~trained, low.shape),
    }
    earlier = np.zeros(low.shape, bool)
    for name, where in found.items():
        found[name] = where & ~earlier
        earlier = earlier | where
    return found


def always_on(record: HealthRecord, layer: str) -> Array:
    """Where a rectifier never cuts, so that the channel only adds: bool (epochs, C). No fault, but worth knowing.

    Raises: ``KeyError`` for a layer that the record does not have.

    >>> from tinyconv.features.health import always_on, measure_health
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> with tc.no_grad():
    ...     biases = model[0].bias.fill_(10.0)
    >>> record = measure_health(model, np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32))
    >>> always_on(record, "conv1").all()
    np.True_
    """
    low = record.figures[layer]["min"]
    sound = ~np.any(list(faults(record, layer).values()), axis=0)
    return np.broadcast_to(bool(record.layers[layer]["rectified"]), low.shape) & (low > 0) & sound


def since(where: Array) -> Array:
    """Of each channel the row since which ``where`` (epochs, C) holds up to the last; -1: it does not hold there."""
    rows, channels = where.shape
    broken = np.where(where, -1, np.arange(rows)[:, None]).max(axis=0, initial=-1)
    return np.where(broken == rows - 1, -1, broken + 1) if rows else np.full(channels, -1)


@dataclass(frozen=True)
class Finding:
    """``channels`` of a layer that have a ``fault`` at the last epoch; ``epochs``: since when each has.

    ``text``: a sentence, such as "conv2: 5 of 32 dead (0 everywhere) since epoch 3: channels 1, 4, 9, 20, 31".

    Raises: nothing of its own.

    >>> from tinyconv.features.health import Finding
    >>> Finding("conv2", "dead", (1, 4), (3, 3), "conv2: 2 of 32 dead").channels
    (1, 4)
    """

    layer: str
    fault: str
    channels: tuple[int, ...]
    epochs: tuple[int, ...]
    text: str


def findings(record: HealthRecord) -> list[Finding]:
    """What is wrong at the last epoch of ``record``, layer by layer, and since when.

    Raises: nothing of its own.

    >>> from tinyconv.features.health import findings, measure_health
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> with tc.no_grad():
    ...     dead = model[0].bias[2].fill_(-100.0)
    >>> images = np.random.default_rng(0).random((4, 1, 8, 8)).astype(np.float32)
    >>> [finding.text for finding in findings(measure_health(model, images)) if finding.fault == "dead"]
    ['conv1: 1 of 4 dead (0 everywhere): channel 2']
    """
    found = []
    for layer in record.figures:
        for fault, where in faults(record, layer).items():
            begun = since(where)
            channels = np.flatnonzero(begun >= 0)
            if len(channels):
                epochs = tuple(record.epochs[row] for row in begun[channels])
                text = _sentence(record, layer, fault, channels.tolist(), epochs)
                found.append(Finding(layer, fault, tuple(channels.tolist()), epochs, text))
    return found


def verdict(record: HealthRecord) -> list[str]:
    """All there is to say, as sentences: the findings, then what is remarkable about updates; "no faults" if nothing.

    Raises: nothing of its own.

    >>> from tinyconv.features.health import HealthRecord, verdict
    >>> verdict(HealthRecord([0], 4, {}))
    ['no dead, constant, saturated or duplicate channel among 0, over 4 images']
    """
    sentences = [finding.text for finding in findings(record)]
    if not sentences:
        channels = sum(known["mean"].shape[1] for known in record.figures.values())
        sentences = [f"no dead, constant, saturated or duplicate channel among {channels}, over {record.images} images"]
    return sentences + [text for layer in record.figures for text in _updates(record, layer)]


def _sentence(record: HealthRecord, layer: str, fault: str, channels: Sequence[int], epochs: Sequence[int]) -> str:
    total = record.figures[layer]["mean"].shape[1]
    first, last = min(epochs), max(epochs)
    when = ""
    if len(record.epochs) > 1:
        when = (
            f" since {_moment(first)}"
            if first == last
            else f", since {_moment(first)} the first, all since {_moment(last)}"
        )
    if fault == "untrained":
        when = ""
    names = [_pair(record, layer, channel) if fault == "duplicate" else str(channel) for channel in channels[:LISTED]]
    more = f" and {len(channels) - LISTED} more" if len(channels) > LISTED else ""
    word = "channel" if len(channels) == 1 else "channels"
    words = FAULTS[fault]
    if len(channels) == 1:
        words = words.replace("duplicates of others", "a duplicate of another")
    if len(channels) == total:
        return f"{layer}: all {total} {words}{when}"
    return f"{layer}: {len(channels)} of {total} {words}{when}: {word} {', '.join(names)}{more}"


def _pair(record: HealthRecord, layer: str, channel: int) -> str:
    known = record.figures[layer]
    twin, correlation = int(known["twin"][-1, channel]), float(known["correlation"][-1, channel])
    return f"{channel} of {twin} ({format_number(correlation)})"


def _moment(epoch: int) -> str:
    return "before training (epoch 0)" if epoch == 0 else f"epoch {epoch}"


def _updates(record: HealthRecord, layer: str) -> list[str]:
    """What is remarkable about how large a layer's updates were; nothing where they were not recorded."""
    ratios = record.figures[layer]["update_ratio"]
    rows = np.flatnonzero(np.isfinite(ratios).any(axis=1))
    if not len(rows):
        return []
    medians: FloatArray = np.nanmedian(ratios[rows], axis=1)
    row = int(np.argmax(medians))
    largest, epoch = float(medians[row]), record.epochs[rows[row]]
    if largest < LEARNS_NOTHING:
        return [f"{layer}: learns nothing: no recorded step changed the weights by more than {largest:.1g} of them"]
    if largest > THROWS_AWAY:
        return [f"{layer}: a step changed {largest:.0%} of the weights at epoch {epoch}: the learning rate is too high"]
    return []
