"""Modules and operations that take as long as a test says, on a clock that only they move."""

from __future__ import annotations

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd import Function
from tinyconv.nn import functional as F


class Clock:
    """Nanoseconds that pass only where a test says so."""

    def __init__(self):
        self.now = 1_000_000

    def __call__(self):
        return self.now


def lasting(clock, forward, backward):
    """A function of one tensor whose forward and backward take so many nanoseconds."""

    class Lasting(Function):
        @staticmethod
        def forward(ctx, x):
            clock.now += forward
            return x * 2

        @staticmethod
        def backward(ctx, dy):
            clock.now += backward
            return dy * 2

    return Lasting.apply


class Slow(nn.Module):
    """A module whose forward takes ``before`` nanoseconds in Python, ``forward`` in an operation."""

    def __init__(self, clock, forward, backward, before=0):
        super().__init__()
        self.clock, self.before = clock, before
        self.function = lasting(clock, forward, backward)

    def forward(self, x):
        self.clock.now += self.before
        return self.function(x)


def rows(p):
    return {row.path: row for row in p.rows}


def leaf(*shape):
    return tc.ones(*shape, requires_grad=True)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.head = nn.Linear(2 * 3 * 3, 2)

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = F.max_pool2d(x, 2)
        return F.relu(self.head(x.flatten(1)))
