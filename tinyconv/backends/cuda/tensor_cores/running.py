"""Running plans on the GPU: the arrays' addresses, and a workspace for what lies between two launches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyconv.backends.cuda.launch import launch
from tinyconv.backends.cuda.tensor_cores.catalog import HOPPER, Arithmetic
from tinyconv.backends.cuda.tensor_cores.correlation_plans import (
    forward_correlation,
    gradient_phases,
    plan_forward,
    plan_input_gradient,
)
from tinyconv.backends.cuda.tensor_cores.plans import MOST_INDEX, Geometry, Machine, Plan, Role
from tinyconv.backends.cuda.tensor_cores.weight_gradient_plans import plan_weight_gradient
from tinyconv.core import gpu

ALIGNMENT = 16
"""Bytes that are copied at a time."""


def fits(geometry: Geometry) -> bool:
    """Whether these kernels can compute all three products of a convolution.

    They count in 32 bits inside an image, and the pixels of a batch.
    """
    weights = geometry.outputs * geometry.taps * geometry.group_channels
    correlations = [forward_correlation(geometry), *(phase for phase, _, _ in gradient_phases(geometry))]
    return weights < MOST_INDEX and geometry.groups < 2**16 and all(each.fits() for each in correlations)


def forward(x: Any, weight: Any, bias: Any, y: Any, geometry: Geometry, relu: bool, arithmetic: Arithmetic) -> None:
    """y = x * weight + bias, rectified if ``relu``.

    Contiguous arrays of float32: x (N, H, W, C), weight (K, R, S, C / groups), bias (K,) or None, y (N, P, Q, K).
    """
    arrays = {Role.X: x, Role.WEIGHT: weight, Role.BIAS: bias, Role.Y: y}
    addresses, aligned = _addresses(arrays)
    _run(plan_forward(geometry, bias is not None, relu, arithmetic, aligned, _machine()), addresses)


def input_gradient(dy: Any, weight: Any, bias: Any, dx: Any, geometry: Geometry, arithmetic: Arithmetic) -> None:
    """dx = the sum of dy weight over all that read a pixel forward, + bias; every pixel of dx is written.

    Contiguous arrays of float32: dy (N, P, Q, K), weight (K, R, S, C / groups), bias (C,) or None, dx (N, H, W, C).
    """
    arrays = {Role.Y: dy, Role.WEIGHT: weight, Role.BIAS: bias, Role.X: dx}
    addresses, aligned = _addresses(arrays)
    _run(plan_input_gradient(geometry, bias is not None, arithmetic, aligned, _machine()), addresses)


def weight_gradient(x: Any, dy: Any, dweight: Any, geometry: Geometry, arithmetic: Arithmetic) -> None:
    """dweight = the sum of dy x over all pixels of all images.

    Contiguous arrays of float32: x (N, H, W, C), dy (N, P, Q, K), dweight (K, R, S, C / groups).
    """
    addresses, aligned = _addresses({Role.X: x, Role.Y: dy, Role.WEIGHT: dweight})
    _run(plan_weight_gradient(geometry, arithmetic, aligned, _machine()), addresses)


def _addresses(arrays: dict[Role, Any]) -> tuple[dict[Role, int], bool]:
    """Where the arrays are, and whether all of them begin at a multiple of 16 bytes."""
    addresses = {role: int(array.data.ptr) for role, array in arrays.items() if array is not None}
    return addresses, all(address % ALIGNMENT == 0 for address in addresses.values())


def _run(plan: Plan, addresses: dict[Role, int]) -> None:
    workspace = gpu.array_module().empty(plan.workspace, np.float32) if plan.workspace else None
    if workspace is not None:
        addresses[Role.WORKSPACE] = int(workspace.data.ptr)
    for step in plan.steps:
        launch(step.kernel, step.grid, step.block, *step.arguments(addresses), shared=step.shared)


def _machine() -> Machine:
    return Machine(gpu.multiprocessors(), warp_groups=gpu.compute_capability() == HOPPER[:2])
