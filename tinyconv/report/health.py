"""Which units are of use: every channel of every layer, the verdict in words, and how far steps moved the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinyconv.core.errors import RunError, TinyconvError
from tinyconv.features.colours import format_number
from tinyconv.features.health import HealthRecord, always_on, faults, load_health, measure_health, verdict
from tinyconv.report.charts import Chart, chart
from tinyconv.report.material import Material
from tinyconv.report.responses import Gallery
from tinyconv.train.run_folder import RunFolder

POINTS, LINES = 120, 6


def health_values(material: Material, record: HealthRecord, anchors: set[str]) -> dict[str, Any]:
    """What the template is filled with; ``anchors``: the units that have a place on the page."""
    return {
        "sentences": verdict(record),
        "well": verdict(record)[0].startswith("no "),
        "layers": [_layer(record, name, anchors) for name in record.figures],
        "images": record.images,
        "epochs": record.epochs,
        "charts": [one for one in (_faults_by_epoch(record), _ratios(material)) if one is not None],
    }


def health_record(material: Material, shown: Gallery) -> HealthRecord | None:
    """What the training recorded, where that ends with these weights; else measured now; None without any channel."""
    file = RunFolder(material.run.path).health
    if file.is_file():
        try:
            record = load_health(file)
        except RunError:
            record = None
        if record is not None and record.epochs and record.epochs[-1] == material.run.epoch:
            return record
    try:
        return measure_health(material.run.model, shown.inputs, material.run.epoch)
    except TinyconvError:
        return None


def _layer(record: HealthRecord, name: str, anchors: set[str]) -> dict[str, Any]:
    known = record.figures[name]
    wrong = {fault: where[-1] for fault, where in faults(record, name).items()}
    always = always_on(record, name)[-1]
    cells = []
    for channel in range(known["mean"].shape[1]):
        fault = next((fault for fault, where in wrong.items() if where[channel]), "")
        active = 1 - float(known["zero"][-1, channel])
        cells.append(
            {
                "channel": channel,
                "anchor": f"{name}/{channel}" if f"{name}/{channel}" in anchors else "",
                "fault": fault,
                "class": fault.replace(" ", "-") if fault else "always-on" if always[channel] else "sound",
                "active": round(100 * active),
                "words": _words(known, channel, fault, bool(always[channel]), bool(record.layers[name]["rectified"])),
            }
        )
    return {"name": name, "cells": cells, "wrong": sum(bool(cell["fault"]) for cell in cells), "total": len(cells)}


def _words(known: Mapping[str, Any], channel: int, fault: str, always: bool, rectified: bool) -> str:
    figures = {key: float(values[-1, channel]) for key, values in known.items()}
    parts = [
        f"mean {format_number(figures['mean'])}, from {format_number(figures['min'])} "
        f"to {format_number(figures['max'])}"
    ]
    if rectified:
        parts.append(f"0 at {100 * figures['zero']:.0f}% of all places")
    if fault == "duplicate":
        parts.append(
            f"a duplicate of channel {int(figures['twin'])} (correlation {format_number(figures['correlation'])})"
        )
    elif fault:
        parts.append(fault)
    elif always:
        parts.append("its ReLU never cuts anything")
    return "; ".join(parts)


def _faults_by_epoch(record: HealthRecord) -> Chart | None:
    if len(record.epochs) < 2:
        return None
    rows: dict[str, tuple[str, Sequence[float | None]]] = {}
    for place, name in enumerate(list(record.figures)[:LINES]):
        where = np.any(list(faults(record, name).values()), axis=0)
        rows[name] = (f"series-{place}", [float(value) for value in where.sum(axis=1)])
    return chart(
        "Units with a fault",
        "How many channels of each layer were dead, constant, saturated or duplicates, epoch by epoch.",
        [float(epoch) for epoch in record.epochs],
        rows,
    )


def _ratios(material: Material) -> Chart | None:
    """How large a step was compared with the weights it changed: from gradients.jsonl, where the training wrote it."""
    names = [
        name
        for name in (material.steps[0].get("parameters", {}) if material.steps else {})
        if name.endswith("weight") and not name.split(".")[-2].startswith("bn")
    ][:LINES]
    every = max(1, -(-len(material.steps) // POINTS))
    lines = material.steps[::every]
    rows: dict[str, tuple[str, Sequence[float | None]]] = {}
    for place, name in enumerate(names):
        ratios = [line.get("parameters", {}).get(name, {}).get("ratio") for line in lines]
        rows[name.removesuffix(".weight")] = (f"series-{place}", ratios)
    return chart(
        "How far a step moved the weights",
        "The size of an update divided by that of the weights. About 10⁻³ is healthy; 10⁻¹ throws away what was "
        "learnt, 10⁻⁶ learns nothing.",
        [float(line["step"]) for line in lines],
        rows,
        written=_power,
        logarithmic=True,
        axis="step",
    )


def _power(value: float) -> str:
    """1e-3 as 10⁻³."""
    exponent = round(float(np.log10(value)))
    if abs(value / 10.0**exponent - 1) > 1e-6:
        return format_number(value)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
