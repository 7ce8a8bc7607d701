"""Every numbered equation of docs/theory.md once more, index by index, to be held against the function that it names.

A check is a function of a random generator, by the label of its equation. Nothing but the functions under test comes
from the package.
"""

import numpy as np

CHECKS = {}
ONE, NONE = (1, 1), (0, 0)


def equation(label):
    """Enters a check under the label of its equation."""

    def add(check):
        CHECKS[label] = check
        return check

    return add


def close(ours, expected):
    """In float64 sums in another order differ by rounding only."""
    np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-12)


def measured(function, x, h=1e-6):
    """The derivative of a function of one array by differences."""
    slopes = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        change = np.zeros_like(x)
        change[index] = h
        slopes[index] = (function(x + change) - function(x - change)) / (2 * h)
    return slopes
