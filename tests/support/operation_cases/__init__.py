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
    volumes,
)
from operation_cases.case import Case

__all__ = ["CASES", "FAMILIES", "IN_PLACE", "SHARED", "WITHOUT_GRADIENT", "Case"]

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
    *volumes.CASES,
]

NO_FAMILY = {
    "algorithms", "binary", "bitwise", "channels", "comparison", "counting", "creation", "dispatch", "found", "images",
    "in_place", "in_place_forms", "index_tensors", "logical", "loss", "machine", "new_arrays", "placement", "pointwise",
    "positions", "random", "random_fill", "sequences", "summation", "type_queries", "updates", "windows", "work",
}  # fmt: skip
"""What has no gradient, or is no operation. Any other file of ``tinyconv.ops`` is a family."""

FAMILIES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(tinyconv.ops.__path__, "tinyconv.ops.")
    if not module.ispkg and ".tensor." not in module.name and module.name.rpartition(".")[2] not in NO_FAMILY
]

WITHOUT_GRADIENT = {"all", "any", "argmax", "argmin", "argsort", "argwhere", "count_nonzero", "nonzero"}
"""Functions whose results are positions or truth values; and those covered by tests of their own:"""

IN_PLACE = {
    *("index_add_", "index_copy_", "index_fill_", "index_put_", "masked_scatter_", "put_", "scatter_", "scatter_add_"),
    *("scatter_reduce_", "set_item"),
    "broadcast_shapes",  # of shapes, not of tensors
    *("picked", "uniform_rows", "warped"),  # of arrays that become a batch: tests/backends/test_cpu_image_moves.py
}
"""Covered by tests/autograd/test_in_place.py, and beside PyTorch by tests/parity."""

SHARED = {"add_relu", "normalized_batch", "pooled", "synchronized_batch_norm"}
"""What layers that are fused, several poolings, or several processes have in common: covered by tests/nn/test_fused.py,
tests/nn/test_prepared.py, tests/train/test_parallel.py and by theirs."""
