"""Which channels of a network are of use: dead, constant, saturated and duplicate ones, along the training.

Each channel is judged by what passes the activation behind it (units), counted over many images (statistics, measure),
epoch by epoch (recorder, record), and put into words (verdict).
"""

from tinyconv.features.health.record import HealthRecord, load_health, save_health
from tinyconv.features.health.recorder import HealthRecorder
from tinyconv.features.health.snapshot import measure_health
from tinyconv.features.health.verdict import Finding, always_on, faults, findings, verdict

__all__ = [
    "Finding",
    "HealthRecord",
    "HealthRecorder",
    "always_on",
    "faults",
    "findings",
    "load_health",
    "measure_health",
    "save_health",
    "verdict",
]
