"""Chapter 6 and the step of chapter 7: the other layers, forward and backward."""

import numpy as np

from theory_checks.registry import NONE, ONE, close, equation, measured
from tinyconv.backends import reference
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import sliding_windows


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
