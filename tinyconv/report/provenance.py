"""How a report was made: from which run, which weights and which images, by which command."""

from __future__ import annotations

from typing import Any

from tinyconv.features.archive import tinyconv_version
from tinyconv.report.material import Material

WORDS = (
    (
        "convolution",
        "A small kernel of weights is laid over every place of its input; the sum of products is its answer.",
    ),
    ("kernel", "The weights of one convolution channel: a pattern that it looks for."),
    ("feature map, channel", "All answers of one kernel, as a picture: bright where the pattern was found."),
    ("activation", "One value of a feature map, behind batch norm and ReLU."),
    ("batch norm", "Shifts and scales each channel so that its values have about mean 0 and size 1."),
    ("ReLU", "Keeps what is positive and makes everything else 0."),
    ("pooling", "Keeps the largest (or the mean) of neighbouring values: the map shrinks."),
    ("logit", "The score of a class before all scores are turned into probabilities (softmax)."),
    ("loss", "−log of the probability given to the true class: 0 where the network is sure and right."),
    ("gradient", "How the loss changes with a weight: learning takes a small step against it."),
    ("receptive field", "The patch of the image that a value depends on."),
    ("held-out images", "Images that the network never learnt from, kept to judge it by."),
)


def provenance(material: Material, seed: int) -> dict[str, Any]:
    """The rows of the table at the end of the page."""
    run = material.run
    record = run.record
    data, settings = record.get("data", {}), record.get("recipe", {})
    versions = record.get("environment") or record.get("versions") or {}
    rows: list[tuple[str, str]] = [
        ("run", run.path.name),
        ("trained", str(record.get("started", "unknown"))),
        ("command", " ".join(["tinyconv", *map(str, record.get("command", [])[1:])])),
        ("weights", f"{run.checkpoint.name}, after epoch {run.epoch}"),
        ("sha256 of the weights", run.checkpoint_sha256),
        ("images", str(data.get("spec") or data.get("source") or "unknown")),
        ("credit", str(data.get("credit", ""))),
        ("seed of the training", str(record.get("seed"))),
        ("seed of this page", str(seed)),
        ("normalisation", _normalisation(material)),
        ("optimiser", _optimiser(settings)),
        ("versions of the training", ", ".join(f"{k} {v}" for k, v in versions.items() if isinstance(v, str | int))),
        ("tinyconv", tinyconv_version()),
        ("arithmetic", "exact float32 (no Winograd), evaluation mode"),
    ]
    return {
        "rows": [(name, value) for name, value in rows if value],
        "code": ("command", "sha256 of the weights", "images"),
        "words": WORDS,
    }


def _normalisation(material: Material) -> str:
    one = material.run.preprocessing
    mean = ", ".join(f"{value:.4f}" for value in one.mean)
    std = ", ".join(f"{value:.4f}" for value in one.std)
    return f"(pixel − {mean}) / {std}, of pixels in [0, 1] at {one.image_size[0]}×{one.image_size[1]}"


def _optimiser(settings: dict[str, Any]) -> str:
    if not settings:
        return ""
    return (
        f"{settings.get('optimizer')}, learning rate {settings.get('lr')} ({settings.get('schedule')}), "
        f"batches of {settings.get('batch_size')}"
    )
