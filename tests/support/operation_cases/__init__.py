"""Tables of every differentiable function, with arguments to call it with: a file for each family.

The tests of ``tests/ops`` run over them: gradients, second derivatives, layout, untouched inputs, values.
A public function of ``tinyconv.ops`` that is missing here fails ``test_every_public_function_has_a_case``.
"""

from __future__ import annotations

import importlib
import pkgutil

import tinyconv.ops
from operation_cases import (
    activations,
    convolutions,
    elementwise,
    losses,
    normalizations,
    poolings,
    products,
    rearrangement,
    reductions,
)
from operation_cases.case import Case

__all__ = ["CASES", "FAMILIES", "IN_PLACE", "WITHOUT_GRADIENT", "Case"]

CASES: list[Case] = [
    *elementwise.CASES,
    *reductions.CASES,
    *rearrangement.CASES,
    *products.CASES,
    *convolutions.CASES,
    *poolings.CASES,
    *normalizations.CASES,
    *activations.CASES,
    *losses.CASES,
]

NO_FAMILY = {"comparison", "creation", "dispatch", "images", "in_place", "machine", "summation", "tensor"}
"""What has no gradient, or is no operation. Any other file of ``tinyconv.ops`` is a family."""

FAMILIES = [
    importlib.import_module(f"tinyconv.ops.{module.name}")
    for module in pkgutil.iter_modules(tinyconv.ops.__path__)
    if module.name not in NO_FAMILY
]

WITHOUT_GRADIENT = {"argmax", "argmin", "all", "any"}
"""Functions whose results are positions or truth values; and those covered by tests of their own:"""

IN_PLACE = {"set_item"}
"""Covered by tests/autograd/test_in_place.py."""
