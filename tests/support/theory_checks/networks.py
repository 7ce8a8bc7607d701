"""Chapters 8 and 9: receptive fields and Winograd's algorithm."""

import numpy as np

from theory_checks.registry import NONE, ONE, close, equation
from tinyconv.backends import reference
from tinyconv.backends.reference import winograd
from tinyconv.core.geometry import output_size
from tinyconv.models.receptive_field import ReceptiveField


@equation("receptive-field")
def _(rng):
    layers = [(3, 1, 1, 1), (2, 2, 0, 1), (3, 2, 1, 2), (3, 1, 0, 1)]  # k, stride, p, dilation
    r, a, jump, field = 1, 0.0, 1, ReceptiveField()
    signal = np.zeros((1, 1, 1, 64))
    for k, stride, p, step in layers:
        r, a, jump = r + (k - 1) * step * jump, a + ((k - 1) * step / 2 - p) * jump, stride * jump
        field = field.through((1, k), (1, stride), (0, p), (1, step))
        signal = reference.conv2d(signal, np.ones((1, 1, 1, k)), None, (1, stride), (0, p), (1, step), 1)
    assert (field.size[1], field.start[1], field.jump[1]) == (r, a, jump)
    unit = 3  # the pixels with any influence on it, by going back with filters of ones
    back, sizes = np.zeros_like(signal), [64]
    back[..., unit] = 1
    for k, stride, p, step in layers[:-1]:
        sizes.append(output_size(sizes[-1], k, stride, p, step))
    for (k, stride, p, step), size in zip(reversed(layers), reversed(sizes), strict=True):
        back = reference.conv2d_input_gradient(
            back, np.ones((1, 1, 1, k)), (1, size), (1, stride), (0, p), (1, step), 1
        )
    seen = np.flatnonzero(back)
    middle = a + unit * jump
    assert (seen.min(), seen.max()) == (middle - (r - 1) / 2, middle + (r - 1) / 2)


@equation("winograd")
def _(rng):
    d, g = rng.normal(size=(3, 6, 6)), rng.normal(size=(3, 3, 3))
    expected = reference.conv2d(d[None], g[None], None, ONE, NONE, ONE, 1)[0, 0]
    a, b, big_g = winograd.A_TRANSPOSED.T, winograd.B_TRANSPOSED.T, winograd.G
    formula = a.T @ sum((big_g @ g[c] @ big_g.T) * (b.T @ d[c] @ b) for c in range(3)) @ a
    close(winograd.winograd_tile(d, g), expected)
    close(winograd.winograd_tile(d, g), formula)
