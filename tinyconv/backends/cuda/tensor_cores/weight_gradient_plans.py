"""Plans of the weight gradient: partial sums over splits of the pixels, and a pass that adds them up."""

from __future__ import annotations

import functools
import math

from tinyconv.backends.cuda.launch import blocks_for
from tinyconv.backends.cuda.tensor_cores.catalog import WEIGHT_GRADIENTS, Arithmetic
from tinyconv.backends.cuda.tensor_cores.passes import THREADS, add_partial_sums
from tinyconv.backends.cuda.tensor_cores.plans import (
    NOWHERE,
    REMEMBERED,
    Geometry,
    Machine,
    Place,
    Plan,
    Role,
    Step,
    choose_way,
)


@functools.lru_cache(maxsize=REMEMBERED)
def plan_weight_gradient(geometry: Geometry, arithmetic: Arithmetic, aligned: bool, machine: Machine) -> Plan:
    """dweight, for which Y is dy's role, and WEIGHT that of dweight."""
    g = geometry
    pixels, terms = g.images * math.prod(g.output_size), g.taps * g.group_channels
    in_fours = g.group_channels % 4 == 0 and g.group_outputs % 4 == 0
    choice = WEIGHT_GRADIENTS[arithmetic, 4 if aligned and in_fours else 1]
    way = choose_way(*choice, (g.group_outputs, terms, pixels), g.groups, machine.processors)
    tiles = blocks_for(g.group_outputs, way.tile.rows) * blocks_for(terms, way.tile.columns)
    weights = g.outputs * terms
    numbers = (
        *(pixels, *g.output_size, *g.input_size, g.group_channels, g.channels, g.group_outputs, g.outputs),
        *(g.kernel_size[1], terms, *g.stride, -g.padding[0], -g.padding[1], *g.dilation),
        *(int(aligned and terms % 4 == 0), way.steps_each, weights),
    )
    split = way.splits > 1
    sums = Place(Role.WORKSPACE) if split else Place(Role.WEIGHT)
    places = Place(Role.X), Place(Role.Y), sums
    steps = [Step(way.kernel, (tiles, g.groups, way.splits), (way.tile.threads,), way.shared, places, numbers)]
    if split:
        dense = (weights, 1, 1, 1, 1, 1, 1)
        places = Place(Role.WORKSPACE), NOWHERE, Place(Role.WEIGHT)
        steps.append(
            Step(add_partial_sums, (blocks_for(weights, THREADS), 1, 1), (THREADS,), 0, places, (*dense, way.splits, 0))
        )
    return Plan(tuple(steps), way.splits * weights if split else 0)
