"""Chapters 1 to 5: convolution, its sizes, its matrix and its gradients."""

import itertools
import math

import numpy as np
from theory.example import as_matrix, spread, turned

from theory_checks.registry import NONE, ONE, close, equation
from tinyconv.backends import reference
from tinyconv.core.geometry import output_size, transposed_size

GEOMETRIES = [
    # stride, padding, dilation, groups
    ((1, 1), (0, 0), (1, 1), 1),
    ((2, 1), (1, 2), (1, 2), 2),
    ((3, 2), (0, 1), (2, 1), 1),
    ((1, 2), (2, 0), (1, 1), 4),
]


class Arrays:
    """Random x, w, b, dy of a convolution, and the pixels of x with zeros around it."""

    def __init__(self, rng, stride, padding, dilation, groups):
        self.geometry = stride, padding, dilation, groups
        self.x, self.w, self.b = (
            rng.normal(size=(2, 4, 6, 7)),
            rng.normal(size=(4, 4 // groups, 2, 3)),
            rng.normal(size=4),
        )
        self.y = reference.conv2d(self.x, self.w, self.b, *self.geometry)
        self.dy = rng.normal(size=self.y.shape)

    def pixel(self, n, k, c, i, j, r, s):
        """x[n, g C' + c, i stride + r dilation - p, ...], or 0 outside."""
        (stride_y, stride_x), (pad_y, pad_x), (step_y, step_x), groups = self.geometry
        u, v = i * stride_y + r * step_y - pad_y, j * stride_x + s * step_x - pad_x
        channel = k // (len(self.w) // groups) * self.w.shape[1] + c
        inside = 0 <= u < self.x.shape[2] and 0 <= v < self.x.shape[3]
        return self.x[n, channel, u, v] if inside else 0.0


def every(rng):
    return [Arrays(rng, *geometry) for geometry in GEOMETRIES]


@equation("one-channel")
def _(rng):
    x, w, b = rng.normal(size=(5, 6)), rng.normal(size=(3, 2)), rng.normal()
    y = np.zeros((3, 5))
    for i, j in np.ndindex(3, 5):
        y[i, j] = b + sum(x[i + r, j + s] * w[r, s] for r, s in np.ndindex(3, 2))
    close(reference.conv2d(x[None, None], w[None, None], np.array([b]), ONE, NONE, ONE, 1)[0, 0], y)


@equation("forward")
def _(rng):
    for a in every(rng):
        y = np.zeros_like(a.y)
        for n, k, i, j in np.ndindex(*y.shape):
            y[n, k, i, j] = a.b[k] + sum(
                a.pixel(n, k, c, i, j, r, s) * a.w[k, c, r, s] for c, r, s in np.ndindex(*a.w.shape[1:])
            )
        close(a.y, y)


@equation("output-size")
def _(rng):
    for h, k, stride, p, step in itertools.product(range(5, 12), (1, 2, 3), (1, 2, 3), (0, 1, 2), (1, 2)):
        size = math.floor((h + 2 * p - step * (k - 1) - 1) / stride) + 1
        starts = [u for u in range(-p, h + p, stride) if u + step * (k - 1) < h + p]
        assert output_size(h, k, stride, p, step) == size == len(starts)
    y = reference.conv2d(np.zeros((1, 1, 7, 11)), np.zeros((1, 1, 3, 2)), None, (2, 3), (1, 0), (2, 1), 1)
    assert y.shape[2:] == ((7 + 2 - 4 - 1) // 2 + 1, (11 - 1 - 1) // 3 + 1)


@equation("transposed")
def _(rng):
    for stride, p, step, _ in GEOMETRIES:
        x, w, b = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=(3, 2, 2, 3)), rng.normal(size=2)
        size = tuple(transposed_size(*axis, 0) for axis in zip((3, 4), (2, 3), stride, p, step, strict=True))
        y = np.broadcast_to(b[:, None, None], (2, 2, *size)).copy()
        for n, c, u, v, k, i, j, r, s in np.ndindex(2, 2, *size, 3, 3, 4, 2, 3):
            if i * stride[0] + r * step[0] - p[0] == u and j * stride[1] + s * step[1] - p[1] == v:
                y[n, c, u, v] += x[n, k, i, j] * w[k, c, r, s]
        close(reference.conv2d_input_gradient(x, w, size, stride, p, step, 1, b), y)


@equation("transposed-size")
def _(rng):
    for h, k, stride, p, step in itertools.product(range(2, 7), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        for q in range(stride):
            size = (h - 1) * stride - 2 * p + step * (k - 1) + 1 + q
            assert transposed_size(h, k, stride, p, step, q) == size
            assert output_size(size, k, stride, p, step) == h  # back again, whichever q


@equation("matrix")
def _(rng):
    x, w = rng.normal(size=(1, 1, 5, 4)), rng.normal(size=(1, 1, 3, 2))
    close(reference.conv2d(x, w, None, ONE, NONE, ONE, 1).ravel(), as_matrix(w, 5, 4) @ x.ravel())


@equation("chain")
def _(rng):
    w, dy = rng.normal(size=(1, 1, 3, 2)), rng.normal(size=(1, 1, 3, 3))
    derivative = as_matrix(w, 5, 4)  # derivative[o, m] of y[o] by x[m]
    dx = [sum(derivative[o, m] * dy.ravel()[o] for o in range(9)) for m in range(20)]
    close(reference.conv2d_input_gradient(dy, w, (5, 4), ONE, NONE, ONE, 1).ravel(), dx)


@equation("bias-gradient")
def _(rng):
    dy = rng.normal(size=(2, 3, 4, 5))
    close(reference.channel_sum(dy), [sum(dy[n, k, i, j] for n, i, j in np.ndindex(2, 4, 5)) for k in range(3)])


@equation("weight-gradient")
def _(rng):
    for a in every(rng):
        dw = np.zeros_like(a.w)
        for k, c, r, s in np.ndindex(*a.w.shape):
            dw[k, c, r, s] = sum(
                a.dy[n, k, i, j] * a.pixel(n, k, c, i, j, r, s) for n, i, j in np.ndindex(len(a.dy), *a.dy.shape[2:])
            )
        close(reference.conv2d_weight_gradient(a.x, a.dy, (2, 3), *a.geometry), dw)


@equation("input-gradient")
def _(rng):
    for a in every(rng):
        (stride, p, step, groups), dx = a.geometry, np.zeros_like(a.x)
        channels, filters = a.w.shape[1], len(a.w) // groups
        for n, channel, u, v in np.ndindex(*a.x.shape):
            g, c = divmod(channel, channels)
            for k in range(g * filters, (g + 1) * filters):
                for i, j, r, s in np.ndindex(*a.dy.shape[2:], 2, 3):
                    if i * stride[0] + r * step[0] - p[0] == u and j * stride[1] + s * step[1] - p[1] == v:
                        dx[n, channel, u, v] += a.dy[n, k, i, j] * a.w[k, c, r, s]
        close(reference.conv2d_input_gradient(a.dy, a.w, (6, 7), *a.geometry), dx)


@equation("adjoint")
def _(rng):
    for a in every(rng):
        y = reference.conv2d(a.x, a.w, None, *a.geometry)
        dx = reference.conv2d_input_gradient(a.dy, a.w, (6, 7), *a.geometry)
        dw = reference.conv2d_weight_gradient(a.x, a.dy, (2, 3), *a.geometry)
        close([(a.x * dx).sum(), (a.w * dw).sum()], [(y * a.dy).sum()] * 2)


@equation("flipped")
def _(rng):
    w, dy = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))
    around = np.pad(dy, ((2, 2), (1, 1)))
    flipped = np.array([[w[2 - r, 1 - s] for s in range(2)] for r in range(3)])
    dx = np.zeros((6, 4))
    for u, v in np.ndindex(6, 4):  # dy[u + r - (R - 1), ...] lies at (u + r, ...) of what has R - 1 rings around it
        dx[u, v] = sum(around[u + r, v + s] * flipped[r, s] for r, s in np.ndindex(3, 2))
    close(reference.conv2d_input_gradient(dy[None, None], w[None, None], (6, 4), ONE, NONE, ONE, 1)[0, 0], dx)


@equation("flipped-stride")
def _(rng):
    for stride, padding, dilation in itertools.product((1, 2, 3), (0, 1), (1, 2)):
        x, w = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(4, 3, 3, 3))
        geometry = (stride,) * 2, (padding,) * 2, (dilation,) * 2
        dy = rng.normal(size=reference.conv2d(x, w, None, *geometry, 1).shape)
        left_over = (8 + 2 * padding - dilation * 2 - 1) % stride
        full = (dilation * 2 - padding, dilation * 2 - padding + left_over)
        around = np.pad(spread(dy, stride), (NONE, NONE, full, full))
        dx = reference.conv2d(around, turned(w), None, ONE, NONE, geometry[2], 1)
        close(reference.conv2d_input_gradient(dy, w, (8, 8), *geometry, 1), dx)


@equation("exchanged")
def _(rng):
    for stride, padding, dilation in itertools.product((1, 2, 3), (0, 1), (1, 2)):
        x, geometry = rng.normal(size=(2, 3, 9, 8)), ((stride,) * 2, (padding,) * 2, (dilation,) * 2)
        dy = rng.normal(size=reference.conv2d(x, np.zeros((4, 3, 3, 2)), None, *geometry, 1).shape)
        swapped = (x.swapaxes(0, 1), dy.swapaxes(0, 1), None, geometry[2], geometry[1], geometry[0], 1)
        dw = reference.conv2d(*swapped).swapaxes(0, 1)[:, :, :3, :2]
        close(reference.conv2d_weight_gradient(x, dy, (3, 2), *geometry, 1), dw)
