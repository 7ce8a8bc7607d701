"""The pictures of the theory, drawn from the arrays of the worked example."""

from __future__ import annotations

from theory.figures_backward import flipped, spread_out, switches
from theory.figures_forward import geometry, groups, matrix, sliding, transposed
from theory.figures_networks import receptive_field, step, timeline, winograd


def figures() -> dict[str, str]:
    """Every picture as SVG, by the name that the chapters call it."""
    drawings = {
        "sliding": sliding, "geometry": geometry, "groups": groups, "matrix": matrix, "transposed": transposed,
        "flipped": flipped, "stride-zeros": spread_out, "switches": switches, "step": step,
        "receptive-field": receptive_field, "winograd": winograd, "timeline": timeline,
    }  # fmt: skip
    return {name: draw().svg() for name, draw in drawings.items()}
