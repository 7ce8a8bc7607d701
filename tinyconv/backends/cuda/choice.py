"""The one place that chooses how a GPU computes a convolution: from its shape, the user's settings, and the GPU."""

from __future__ import annotations

import functools
from enum import Enum

import numpy as np

from tinyconv.backends.cuda.compiler import SIMULATED
from tinyconv.backends.cuda.tensor_cores.catalog import LEAST
from tinyconv.backends.cuda.tensor_cores.plans import Geometry
from tinyconv.backends.cuda.tensor_cores.running import fits
from tinyconv.backends.problem import Problem, Product
from tinyconv.core import gpu
from tinyconv.core.algorithms import convolution_algorithm
from tinyconv.core.precision import float32_precision


class Method(Enum):
    """How a convolution, or one of its gradients, is computed. The last three are named as precisions are."""

    DEPTHWISE = "depthwise"
    """Groups of one channel: nothing to sum over channels, so neighbouring threads take neighbouring groups. What it
    takes is the time to read and write the images."""

    PLAIN = "plain"
    """Tiles of a matrix product, one group at a time, without anything that only some GPUs have: float64, groups of few
    channels, few outputs, old GPUs, images beyond what the others count to, and the simulator."""

    EXACT = "exact"
    """The same in ordinary float32, with copies to shared memory that go on by themselves."""

    FAST = "fast"
    """By tensor cores, with three products of TF32 for one of float32."""

    TF32 = "tf32"
    """By tensor cores, with one product of numbers rounded to TF32."""


FEW = 8
"""Channels of a result, in each group, that would leave most of a tile of tensor cores empty."""


def choose(problem: Problem) -> Method:
    """How to compute ``problem`` here and now."""
    capability = (0, 0) if SIMULATED else gpu.compute_capability()
    return method(problem, float32_precision(), convolution_algorithm(), capability)


@functools.lru_cache(maxsize=1024)
def method(problem: Problem, precision: str, forced: str, capability: tuple[int, int]) -> Method:
    """How to compute ``problem`` with these settings, on a GPU of this capability.

    Of the algorithms that a user can force, a GPU knows two: "depthwise", wherever groups have one channel, and
    "direct", which is a tile for them too. It has nothing like "winograd", "folded", "pointwise" and "grouped": with
    them it chooses by the shape. The precision holds whatever is forced.
    """
    if problem.channels == 1 and forced != "direct" and (forced == "depthwise" or _is_depthwise(problem)):
        return Method.DEPTHWISE
    if problem.dtype != np.float32 or capability < LEAST or _columns(problem) <= FEW:
        return Method.PLAIN
    return Method(precision) if fits(geometry_of(problem)) else Method.PLAIN


def _is_depthwise(problem: Problem) -> bool:
    """Outputs that share a channel read it again, each for itself: with many of them a tile is better."""
    return problem.groups > 1 and problem.outputs <= FEW


def _columns(problem: Problem) -> int:
    """Channels of the result in each group; of a weight gradient its rows."""
    return problem.channels if problem.product is Product.INPUT_GRADIENT else problem.outputs


def geometry_of(problem: Problem) -> Geometry:
    """``problem`` as the tensor cores' kernels are told of it."""
    p = problem
    channels, outputs = p.channels * p.groups, p.outputs * p.groups
    sizes = p.input_size, p.output_size, p.kernel_size, p.stride, p.padding, p.dilation
    return Geometry(p.images, channels, outputs, *sizes, p.groups)
