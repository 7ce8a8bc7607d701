"""The health of a network as it is, whether or not anything was recorded of its training."""

from __future__ import annotations

from tinyconv.core.arrays import FloatArray
from tinyconv.features.health.measure import measure
from tinyconv.features.health.record import HealthRecord
from tinyconv.features.health.units import find_units
from tinyconv.nn.module import Module


def measure_health(model: Module, images: FloatArray, epoch: int = 0) -> HealthRecord:
    """What the channels of ``model`` do with ``images`` (N, C, H, W), as it takes them: a record of one ``epoch``.

    Gradients and updates are not known of one moment: they are NaN.

    Raises: ``ArgumentError`` where the model runs no convolution and no linear layer.

    >>> from tinyconv.features.health import measure_health
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> images = np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)
    >>> sorted(measure_health(model, images).figures["conv1"])[:3]
    ['bound', 'correlation', 'gradient_norm']
    """
    units = find_units(model, images)
    record = HealthRecord.empty(units, len(images))
    record.add(epoch, measure(model, images, units))
    return record
