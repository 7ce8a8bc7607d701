"""What ONNX's operators do, one file per family; ``table.py`` tells how they are written down."""

from tinyconv.models.graph.operators import (
    activation,
    convolution,
    dropout,
    elementwise,
    indexing,
    losses,
    normalization,
    optimizers,
    pooling,
    products,
    reductions,
    resizing,
    shape,
)
from tinyconv.models.graph.operators.table import OPERATORS, Operator, lookup

__all__ = ["OPERATORS", "Operator", "lookup"]

FAMILIES = (
    activation, convolution, dropout, elementwise, indexing, losses, normalization, optimizers, pooling, products,
    reductions, resizing, shape,
)  # fmt: skip
"""Importing a family enters its operators into the table."""
