"""Every numbered equation of docs/theory.md, computed as it stands there and by the function that it names.

The formulas are written out once more, index by index; nothing but the functions under test comes from the package.
"""

import itertools
import math

import numpy as np
import pytest
from theory.document import NUMBERS
from theory.equations import EQUATIONS
from theory.example import as_matrix, spread, turned

from tinyconv.backends import reference
from tinyconv.backends.reference import winograd
from tinyconv.core.geometry import output_size, transposed_size
from tinyconv.core.windows import sliding_windows
from tinyconv.models.receptive_field import ReceptiveField

CHECKS = {}
ONE, NONE = (1, 1), (0, 0)
GEOMETRIES = [
    # stride, padding, dilation, groups
    ((1, 1), (0, 0), (1, 1), 1),
    ((2, 1), (1, 2), (1, 2), 2),
    ((3, 2), (0, 1), (2, 1), 1),
    ((1, 2), (2, 0), (1, 1), 4),
]


def equation(label):
    def add(check):
        CHECKS[label] = check
        return check

    return add


@pytest.mark.parametrize("label", list(EQUATIONS), ids=[f"{NUMBERS[label]}-{label}" for label in EQUATIONS])
def test_the_code_computes_what_the_equation_says(label):
    CHECKS[label](np.random.default_rng(NUMBERS[label]))


def close(ours, expected):
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


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


# --- convolution ----------------------------------------------------------------------------------------------------


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


# --- the other layers -----------------------------------------------------------------------------------------------


@equation("linear")
def _(rng):
    x, w, b = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)
    y = [[b[k] + sum(x[m, c] * w[k, c] for c in range(4)) for k in range(5)] for m in range(3)]
    close(reference.matmul(x, w.T, b), y)


@equation("linear-gradient")
def _(rng):
    x, w, dy = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(3, 5))

    def loss(x, w, b):
        return (dy * reference.matmul(x, w.T, b)).sum()

    b = np.zeros(5)
    slopes = [
        measured(lambda v: loss(v, w, b), x),
        measured(lambda v: loss(x, v, b), w),
        measured(lambda v: loss(x, w, v), b),
    ]
    for slope, formula in zip(slopes, [reference.matmul(dy, w), reference.matmul(dy.T, x), dy.sum(0)], strict=True):
        np.testing.assert_allclose(formula, slope, rtol=1e-7, atol=1e-8)


def measured(function, x, h=1e-6):
    """The derivative of a function of one array by differences."""
    slopes = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        change = np.zeros_like(x)
        change[index] = h
        slopes[index] = (function(x + change) - function(x - change)) / (2 * h)
    return slopes


@equation("relu")
def _(rng):
    x = rng.normal(size=(3, 4))
    assert (reference.relu(x) == [[max(value, 0) for value in row] for row in x]).all()


@equation("relu-gradient")
def _(rng):
    x, dy = np.append(rng.normal(size=9), 0.0), rng.normal(size=10)
    dx = [one if y > 0 else 0 for y, one in zip(reference.relu(x), dy, strict=True)]
    assert (reference.relu_gradient(dy, reference.relu(x)) == dx).all()
    np.testing.assert_allclose(measured(lambda v: (dy * reference.relu(v)).sum(), x)[:9], dx[:9], rtol=1e-6, atol=1e-9)


def pooled(rng, stride, p, step):
    """Random x and, for each output of a 2x3 window, its pixels (r, s) -> (u, v) inside the image."""
    x = rng.normal(size=(2, 3, 6, 7))
    outputs = [output_size(*axis) for axis in zip((6, 7), (2, 3), stride, p, step, strict=True)]
    taps = {}
    for i, j in np.ndindex(*outputs):
        places = {
            (r, s): (i * stride[0] + r * step[0] - p[0], j * stride[1] + s * step[1] - p[1])
            for r, s in np.ndindex(2, 3)
        }
        taps[i, j] = {tap: (u, v) for tap, (u, v) in places.items() if 0 <= u < 6 and 0 <= v < 7}
    return x, outputs, taps


POOLINGS = [((2, 3), NONE, ONE), ((1, 1), (1, 1), ONE), ((2, 1), (1, 0), (1, 2))]


@equation("max-pool")
def _(rng):
    for geometry in POOLINGS:
        x, outputs, taps = pooled(rng, *geometry)
        windows = sliding_windows((6, 7), (2, 3), *geometry, False)
        y, switches = reference.max_pool2d(x, windows)
        for n, c, i, j in np.ndindex(2, 3, *outputs):
            where = max(taps[i, j].values(), key=lambda place: x[n, c, *place])
            assert y[n, c, i, j] == x[n, c, *where]
            assert divmod(windows.indices(switches)[n, c, i, j], 7) == where


@equation("max-pool-gradient")
def _(rng):
    for geometry in POOLINGS:
        x, outputs, taps = pooled(rng, *geometry)
        windows = sliding_windows((6, 7), (2, 3), *geometry, False)
        dy, dx = rng.normal(size=(2, 3, *outputs)), np.zeros_like(x)
        for n, c, i, j in np.ndindex(*dy.shape):
            dx[n, c, *max(taps[i, j].values(), key=lambda place: x[n, c, *place])] += dy[n, c, i, j]
        close(reference.max_pool2d_gradient(dy, reference.max_pool2d(x, windows)[1], windows), dx)


@equation("avg-pool")
def _(rng):
    for stride, padding in [((2, 3), NONE), ((1, 1), (1, 1))]:
        x, outputs, taps = pooled(rng, stride, padding, ONE)
        for counted in (False, True):
            y = np.zeros((2, 3, *outputs))
            for (i, j), window in taps.items():
                y[:, :, i, j] = sum(x[:, :, u, v] for u, v in window.values()) / (6 if counted else len(window))
            close(reference.avg_pool2d(x, (2, 3), stride, padding, False, counted, None), y)


@equation("avg-pool-gradient")
def _(rng):
    for stride, padding in [((2, 3), NONE), ((1, 1), (1, 1))]:
        x, outputs, taps = pooled(rng, stride, padding, ONE)
        dy, dx = rng.normal(size=(2, 3, *outputs)), np.zeros_like(x)
        for (i, j), window in taps.items():
            for u, v in window.values():
                dx[:, :, u, v] += dy[:, :, i, j] / len(window)
        close(reference.avg_pool2d_gradient(dy, (6, 7), (2, 3), stride, padding, False, False, None), dx)


@equation("moments")
def _(rng):
    x = rng.normal(size=(3, 2, 2, 4))
    mean, variance = reference.channel_moments(x, 1)
    for c in range(2):
        values = x[:, c].ravel()
        mu = sum(values) / 24
        close([mean[0, c], variance[0, c]], [mu, sum((value - mu) ** 2 for value in values) / 24])


def normalised(x, gamma, beta, eps):
    mu, nu = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    xhat = (x - mu) / np.sqrt(nu + eps)
    return xhat, gamma[:, None, None] * xhat + beta[:, None, None]


@equation("batch-norm")
def _(rng):
    x, gamma, beta = rng.normal(size=(3, 2, 2, 4)), rng.normal(size=2), rng.normal(size=2)
    y, mean, variance = reference.batch_norm(x, gamma, beta, 0.1, None, None, False)
    close(y, normalised(x, gamma, beta, 0.1)[1])
    close([mean, variance], [x.mean((0, 2, 3)), x.var((0, 2, 3))])


@equation("batch-norm-gradient")
def _(rng):
    x, gamma, beta = rng.normal(size=(2, 2, 1, 3)), rng.normal(size=2), rng.normal(size=2)
    dy, m = rng.normal(size=x.shape), 6
    xhat, _ = normalised(x, gamma, beta, 0.1)
    dbeta, dgamma = dy.sum((0, 2, 3)), (dy * xhat).sum((0, 2, 3))
    scale = (gamma / np.sqrt(x.var((0, 2, 3)) + 0.1))[:, None, None]
    dx = scale * (dy - dbeta[:, None, None] / m - xhat * dgamma[:, None, None] / m)
    statistics = x.mean((0, 2, 3)), x.var((0, 2, 3))
    ours = reference.batch_norm_gradient(dy, x, gamma, beta, 0.1, statistics, False, None, False)[:3]
    for got, expected in zip(ours, (dx, dgamma, dbeta), strict=True):
        close(got, expected)
    slope = measured(lambda v: (dy * normalised(v, gamma, beta, 0.1)[1]).sum(), x)
    np.testing.assert_allclose(dx, slope, rtol=1e-6, atol=1e-8)


@equation("folded")
def _(rng):
    x, w, b = rng.normal(size=(1, 2, 5, 5)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    gamma, beta, mu, nu = rng.normal(size=3), rng.normal(size=3), rng.normal(size=3), rng.random(3)
    y = reference.conv2d(x, w, b, ONE, ONE, ONE, 1)
    factor = gamma / np.sqrt(nu + 1e-3)
    folded = reference.conv2d(x, factor[:, None, None, None] * w, beta + (b - mu) * factor, ONE, ONE, ONE, 1)
    close(reference.batch_norm(y, gamma, beta, 1e-3, (mu, nu), None, False)[0], folded)


def cross_entropy(z, targets):
    ones = np.ones(len(z))
    return reference.cross_entropy(z, targets, ones, 0 * ones, np.ones(z.shape[1]))


@equation("softmax")
def _(rng):
    z = rng.normal(size=(4, 5))
    _, m, log_s = cross_entropy(z, np.zeros(4, np.int64))
    close(m, z.max(1))
    close(np.exp(z - m[:, None] - log_s[:, None]), np.exp(z) / np.exp(z).sum(1, keepdims=True))
    close(cross_entropy(z + 1000, np.zeros(4, np.int64))[2], log_s)  # and nothing overflows


@equation("cross-entropy")
def _(rng):
    z, t = rng.normal(size=(4, 5)), rng.integers(0, 5, 4)
    losses, m, log_s = cross_entropy(z, t)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    close(losses, -np.log(p[range(4), t]))
    close(losses, m + log_s - z[range(4), t])


@equation("cross-entropy-gradient")
def _(rng):
    z, t, ones = rng.normal(size=(4, 5)), rng.integers(0, 5, 4), np.ones(4)
    _, m, log_s = cross_entropy(z, t)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    dz = [[p[row, c] - (c == t[row]) for c in range(5)] for row in range(4)]
    close(reference.cross_entropy_gradient(ones, z, t, ones, 0 * ones, np.ones(5), m, log_s), dz)
    np.testing.assert_allclose(dz, measured(lambda v: cross_entropy(v, t)[0].sum(), z), rtol=1e-6, atol=1e-8)


@equation("sgd")
def _(rng):
    w, dw = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    stepped = w.copy()
    plain = {"penalty": 0.0, "sign": 1.0, "momentum": 0.0, "nesterov": False, "rate": 0.3}
    reference.sgd_step([stepped], [dw], [], np.empty((1, 0)), **plain)
    close(stepped, w - 0.3 * dw)


# --- whole networks -------------------------------------------------------------------------------------------------


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
