"""From a run's material to the page: what is computed once, and how much of it a plan has put on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyconv.core.errors import TinyconvError
from tinyconv.features.archive import tinyconv_version
from tinyconv.features.health import HealthRecord
from tinyconv.models.summary import Summary, summary
from tinyconv.report import architecture, overview
from tinyconv.report.arithmetic import Followed, arithmetic_data, follow, strongest
from tinyconv.report.dossiers import unit_facts, units_shown
from tinyconv.report.dreams import class_dreams, dreams_of
from tinyconv.report.encoding import photograph
from tinyconv.report.explanations import Explained, explain_all, explanations_values
from tinyconv.report.health import health_record, health_values
from tinyconv.report.maps import maps_values, selected, shown_epochs
from tinyconv.report.material import Material
from tinyconv.report.page import Section, page, section
from tinyconv.report.provenance import provenance
from tinyconv.report.responses import Gallery, gallery, responses_to
from tinyconv.report.trimming import Plan


@dataclass(frozen=True)
class Computed:
    """Everything that takes time, for the most generous plan."""

    material: Material
    seed: int
    summary: Summary
    stacks: list[architecture.Stack]
    followed: list[Followed]
    explained: Explained
    shown: Gallery
    units: list[dict[str, Any]]
    classes: list[dict[str, Any]]
    health: HealthRecord | None


def compute(material: Material, seed: int, message: Callable[[str], None]) -> Computed:
    """Run what must be run; ``message`` is told what."""
    run, most = material.run, Plan()
    one = run.preprocessing
    message("computing the layers and their arithmetic")
    followed = follow(material, most.followed)
    stacks = architecture.stacks_of(run.model, material.inputs[0], material.pictures[0])
    message("computing explanations, and putting them to the test")
    explained = explain_all(material, followed, seed)
    message("computing what every unit answers to")
    shown = gallery(material)
    convolutions = followed[0].passed.convolutions
    responses = responses_to(material, convolutions, shown)
    chosen = strongest(followed, most.units)
    dreams = dreams_of(material, responses, chosen, seed, message)
    return Computed(
        material,
        seed,
        summary(run.model, (one.channels, *one.image_size)),
        stacks,
        followed,
        explained,
        shown,
        unit_facts(material, shown, responses, chosen, dreams),
        _classes(material, seed),
        health_record(material, shown),
    )


def _classes(material: Material, seed: int) -> list[dict[str, Any]]:
    try:
        return class_dreams(material, seed)
    except TinyconvError:
        return []


def assemble(computed: Computed, plan: Plan, trimmed: list[str]) -> str:
    """The page with as much as ``plan`` says; ``trimmed``: what it says is left out."""
    material, run = computed.material, computed.material.run
    selection = selected(material, plan.maps_room)
    epochs = shown_epochs(material, selection)
    films = {} if selection is None else {name: sprites[0] for name, sprites in selection.sprites.items()}
    if selection is not None and selection.left_out:
        trimmed = [*trimmed, f"feature maps: shown are {' and '.join(selection.left_out)}"]
    size = run.preprocessing.image_size
    followed = computed.followed[: plan.followed]
    unit_channels = strongest(computed.followed, plan.units)
    layers = units_shown(computed.units, unit_channels, films, epochs, plan.every_unit)
    anchors = {unit["anchor"] for layer in layers for part in ("dossiers", "index") for unit in layer[part]}
    sections = [
        section(
            "overview",
            "Overview",
            "How good it became",
            curves=overview.curves(material),
            confusion=overview.confusion(material),
            mistakes=overview.mistakes(material),
            kind=material.kind,
        ),
        section(
            "architecture",
            "Architecture",
            "The network",
            net=architecture.drawing(computed.stacks),
            fields=architecture.fields(computed.stacks, size),
            image_size=size,
            picture=photograph(material.pictures[0]),
            rows=_layer_rows(computed.summary),
        ),
        section("maps", "Feature maps", "What it sees, epoch by epoch", **maps_values(material, selection))
        if selection is not None
        else None,
        section(
            "arithmetic",
            "Arithmetic",
            "How one number comes about",
            data=arithmetic_data(followed, strongest(computed.followed, plan.channels), run.classes),
        )
        if followed[0].passed.convolutions
        else None,
        section(
            "units",
            "Units",
            "What every unit looks for",
            classes=computed.classes,
            layers=layers,
            images=len(computed.shown.labels),
            kind=computed.shown.kind,
        ),
        section("health", "Health", "Which units are of use", **health_values(material, computed.health, anchors))
        if computed.health is not None
        else None,
        section(
            "explanations",
            "Explanations",
            "Why it decides as it does",
            **explanations_values(computed.explained, run.classes, plan.cases),
            kind=material.kind,
        ),
        section(
            "made", "How it was made", "How this page was made", trimmed=trimmed, **provenance(material, computed.seed)
        ),
    ]
    return _page(computed, [one for one in sections if one is not None])


def _layer_rows(layers: Summary) -> list[dict[str, str]]:
    rows = []
    for layer in layers.root.walk():
        if layer.children or layer.output_shape is None:
            continue
        row = layer.to_dict()
        seen = row["receptive_field"]
        rows.append(
            {
                "layer": layer.path,
                "type": layer.type,
                "shape": "×".join(map(str, layer.output_shape[1:])),
                "parameters": f"{row['parameters']:,}" if row["parameters"] else "",
                "work": f"{row['multiply_adds']:,}" if row["multiply_adds"] else "",
                "sees": "" if seen is None else "×".join(f"{length:g}" for length in seen),
            }
        )
    return rows


def _page(computed: Computed, sections: list[Section]) -> str:
    material = computed.material
    run = material.run
    source = Path(str(run.record.get("data", {}).get("source", "images"))).name
    model = run.record.get("model", {}).get("name", type(run.model).__name__)
    return page(
        sections,
        title=f"What {model} learnt from {source}",
        kicker=f"run {run.path.name} · {run.checkpoint.name}",
        heading=f"What {model} learnt from {source}",
        lead=(
            f"A convolutional network that tells {len(run.classes)} classes apart, seen from the inside: what it "
            "consists of, what it looks for, how that came about from epoch to epoch, and why it decides as it does."
        ),
        tiles=overview.tiles(material, computed.summary),
        absent=material.absent,
        version=tinyconv_version(),
    )
