"""Where a training step spends its time, its memory and its arithmetic, layer by layer: ``tc.profile``."""

from tinyconv.utils.profiler.profile import profile
from tinyconv.utils.profiler.rows import Amounts, LayerProfile
from tinyconv.utils.profiler.steps import profile_steps

__all__ = ["Amounts", "LayerProfile", "profile", "profile_steps"]
