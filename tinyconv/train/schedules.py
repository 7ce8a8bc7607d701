"""The learning rate of every step, as a recipe names it.

With η the recipe's rate, t the step, T all steps, w those of the warm-up and d those between two decays:

    t < w              η (t + 1) / w              of every schedule but one-cycle, which has a warm-up of its own
    "constant"         η
    "cosine"           η / 2 · (1 + cos(π (t − w) / (T − w)))
    "step"             η · factor^⌊(t − w) / d⌋
    "one-cycle"        up to η and down to almost nothing (``OneCycleLR``); w is its rise, by default 30% of T
"""

from __future__ import annotations

import math
from typing import Any

from tinyconv.optim import Optimizer, lr_scheduler
from tinyconv.train.recipes import Recipe

RISE = 0.3
"""The share of a one-cycle schedule in which the rate rises, unless the recipe says otherwise."""
SWING = 0.05
"""How far that schedule moves SGD's momentum against the rate, either way."""


def build_schedule(recipe: Recipe, optimizer: Optimizer, steps_per_epoch: int) -> lr_scheduler.LRScheduler:
    """The schedule that ``recipe`` names, to be stepped after every step of ``optimizer``."""
    steps = recipe.epochs * steps_per_epoch
    warmup = round(recipe.warmup * steps_per_epoch)
    if recipe.schedule == "one-cycle":
        rise = warmup / steps if warmup else RISE
        options: dict[str, Any] = {}
        if recipe.optimizer == "sgd":
            low, high = max(0.0, recipe.momentum - SWING), min(round(recipe.momentum + SWING, 9), 1.0)
            options = {"cycle_momentum": recipe.momentum > 0, "base_momentum": low, "max_momentum": high}
        return lr_scheduler.OneCycleLR(optimizer, max_lr=recipe.lr, total_steps=steps, pct_start=rise, **options)
    between = recipe.decay_every * steps_per_epoch

    def factor(step: int) -> float:
        after = step - warmup
        if after < 0:
            return (step + 1) / warmup
        if recipe.schedule == "cosine":
            return (1 + math.cos(math.pi * min(after / max(steps - warmup, 1), 1.0))) / 2
        return recipe.decay_factor ** (after // between) if recipe.schedule == "step" else 1.0

    return lr_scheduler.LambdaLR(optimizer, factor)
