"""The worked example of the theory: one image of 4x4 pixels, and what ``backends.reference`` computes of it.

Small whole numbers, so that a reader can follow every product by hand. Nothing here is typed into the text: the
chapters in ``text/`` ask for these arrays by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.backends import reference
from tinyconv.core.windows import sliding_windows

Array = np.ndarray[Any, np.dtype[np.float64]]

ONE, NONE = (1, 1), (0, 0)


def maps(*rows: list[list[float]]) -> Array:
    """Planes side by side as channels of one image, (1, C, H, W)."""
    return np.array(rows, float)[None]


def window(maps: Array, i: int, j: int, size: int = 3) -> Array:
    """``size`` x ``size`` pixels of the first plane, from (i, j) on."""
    return maps[0, 0, i : i + size, j : j + size]


# --- one filter -----------------------------------------------------------------------------------------------------

x = maps([[1, 0, 2, 1], [0, 1, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]])
w = maps([[1, 2, 0], [0, -1, 1], [0, 0, 1]])
b = np.array([-3.0])
y = reference.conv2d(x, w, b, ONE, NONE, ONE, 1)

dy = maps([[1, -1], [2, 1]])
"""The cotangent of the output: what the rest of a network would send back. Here it is simply given."""
db = reference.channel_sum(dy)
dw = reference.conv2d_weight_gradient(x, dy, (3, 3), ONE, NONE, ONE, 1)
dx = reference.conv2d_input_gradient(dy, w, (4, 4), ONE, NONE, ONE, 1)


def turned(weight: Array) -> Array:
    """The filters turned by half a turn, with input and output channels exchanged: (K, C, R, S) to (C, K, R, S)."""
    return weight[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)


def spread(maps: Array, stride: int) -> Array:
    """``maps`` with stride - 1 zeros between neighbouring pixels."""
    images, channels, height, width = maps.shape
    result = np.zeros((images, channels, (height - 1) * stride + 1, (width - 1) * stride + 1), maps.dtype)
    result[:, :, ::stride, ::stride] = maps
    return result


def as_matrix(weight: Array, height: int, width: int) -> Array:
    """A convolution of one channel as a matrix: column n is what it makes of an image that is 1 at pixel n, else 0."""
    pixels = np.eye(height * width).reshape(-1, 1, height, width)
    return reference.conv2d(pixels, weight, None, ONE, NONE, ONE, 1).reshape(height * width, -1).T


# --- a whole network: two filters, ReLU, max pooling, softmax, cross entropy -----------------------------------------

TARGET, RATE = 1, 0.1


class Step:
    """One step of training on the image ``x``, forward and backward, every intermediate array kept."""

    def __init__(self, weight: Array, bias: Array) -> None:
        windows = sliding_windows((2, 2), (2, 2), (2, 2), NONE, ONE, False)
        self.weight, self.bias = weight, bias
        self.y = reference.conv2d(x, weight, bias, ONE, NONE, ONE, 1)
        self.a = reference.relu(self.y)
        pooled, self.switches = reference.max_pool2d(self.a, windows)
        self.z = pooled.reshape(1, 2)
        rows = (self.z, np.array([TARGET]), np.ones(1), np.zeros(1), np.ones(2))
        losses, maxima, logarithms = reference.cross_entropy(*rows)
        self.loss = float(losses[0])
        self.p = np.exp(self.z - maxima[:, None] - logarithms[:, None])
        self.dz = reference.cross_entropy_gradient(np.ones(1), *rows, maxima, logarithms)
        self.da = reference.max_pool2d_gradient(self.dz.reshape(pooled.shape), self.switches, windows)
        self.dy = reference.relu_gradient(self.da, self.a)
        self.dweight = reference.conv2d_weight_gradient(x, self.dy, (3, 3), ONE, NONE, ONE, 1)
        self.dbias = reference.channel_sum(self.dy)

    def after(self, rate: float) -> Step:
        """The network after plain gradient descent: w - rate dw, b - rate db."""
        weight, bias = self.weight.copy(), self.bias.copy()
        plain = {"penalty": 0.0, "sign": 1.0, "momentum": 0.0, "nesterov": False, "rate": rate}
        reference.sgd_step([weight, bias], [self.dweight, self.dbias], [], np.empty((2, 0)), **plain)
        return Step(weight, bias)

    def patch(self, channel: int) -> Array:
        """The 3x3 pixels that the winner of a channel looked at."""
        i, j = divmod(int(self.switches[0, channel, 0, 0]), 2)
        return window(x, i, j)


first = Step(np.concatenate([w, maps([[0, 1, -1], [1, 0, 0], [-1, 1, 0]])]), np.array([-3.0, -1.0]))
second = first.after(RATE)


def slope(channel: int, r: int, s: int, h: float) -> float:
    """How the loss of the network changes with one weight, measured: (L(w + h) - L(w - h)) / 2h."""
    losses = []
    for sign in (1, -1):
        weight = first.weight.copy()
        weight[channel, 0, r, s] += sign * h
        losses.append(Step(weight, first.bias).loss)
    return (losses[0] - losses[1]) / (2 * h)


# --- pooling and batch normalisation --------------------------------------------------------------------------------

pooled_x = maps([[1, 3, 2, 0], [4, 2, 1, 1], [0, 1, 5, 2], [2, 0, 3, 6]])
pool_windows = sliding_windows((4, 4), (2, 2), (2, 2), NONE, ONE, False)
pooled_y, switches = reference.max_pool2d(pooled_x, pool_windows)
pooled_dy = maps([[1, -2], [3, 4]])
pooled_dx = reference.max_pool2d_gradient(pooled_dy, switches, pool_windows)
averages = reference.avg_pool2d(pooled_x, (2, 2), (2, 2), NONE, False, True, None)
average_dx = reference.avg_pool2d_gradient(pooled_dy, (4, 4), (2, 2), (2, 2), NONE, False, True, None)

bn_x = maps([[1, 1], [5, 5]])
bn_weight, bn_bias = np.array([2.0]), np.array([1.0])
bn_y, bn_mean, bn_variance = reference.batch_norm(bn_x, bn_weight, bn_bias, 0.0, None, None, False)
bn_xhat = (bn_y - bn_bias) / bn_weight
bn_dy = maps([[1, 0], [0, 2]])
bn_dx, bn_dweight, bn_dbias, _ = reference.batch_norm_gradient(
    bn_dy, bn_x, bn_weight, bn_bias, 0.0, (bn_mean, bn_variance), False, None, False
)
