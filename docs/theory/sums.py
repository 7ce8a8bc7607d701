"""Numbers, arrays and sums of products as a reader writes them down."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain(value: float, digits: int = 3) -> str:
    """A number without needless zeros: 3, -0.5, 0.731."""
    text = f"{float(value):.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def matrix(values: Any, digits: int = 3) -> str:
    """The last two axes of an array as a matrix inside a formula; a vector as a row."""
    rows = np.atleast_2d(np.asarray(values))
    rows = rows.reshape(-1, rows.shape[-1])
    lines = [" & ".join(plain(value, digits) for value in row) for row in rows]
    return r"\begin{bmatrix} " + r" \\ ".join(lines) + r" \end{bmatrix}"


def products(first: Any, second: Any, extra: float | None = None, digits: int = 3) -> str:
    """The sum of the products of two arrays' elements, spelled out; ``extra`` is added at its end."""
    pairs = zip(np.ravel(first), np.ravel(second), strict=True)
    terms = [rf"{_factor(a, digits)} \cdot {_factor(b, digits)}" for a, b in pairs]
    return " + ".join(terms + ([] if extra is None else [_factor(extra, digits)]))


def total(first: Any, second: Any, extra: float = 0.0, digits: int = 3) -> str:
    """What ``products`` comes to."""
    return plain(np.sum(np.asarray(first) * np.asarray(second)) + extra, digits)


def added(values: Any, digits: int = 3) -> str:
    """The sum of an array's elements, spelled out."""
    return " + ".join(_factor(value, digits) for value in np.ravel(values))


def floats(values: Any) -> str:
    """An array as Python lists of floats."""
    return str(np.asarray(values, float).tolist())


def _factor(value: float, digits: int) -> str:
    text = plain(value, digits)
    return f"({text})" if text.startswith("-") else text
