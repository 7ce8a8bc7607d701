"""Convolutions for the kernels of ``backends.cuda.tensor_cores``: run by the PTX interpreter, compared with float64."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from ptx import Memory, Program, run
from ptx.compiling import compiling

from tinyconv.backends.cuda.kernels import Kernel
from tinyconv.backends.cuda.tensor_cores.catalog import Arithmetic
from tinyconv.backends.cuda.tensor_cores.plans import Geometry, Plan, Role
from tinyconv.core.geometry import output_size

CAPABILITY = (8, 0)
"""What is compiled for: later GPUs run it too."""

BOUNDS = {Arithmetic.EXACT: 4 * 2.0**-23, Arithmetic.FAST: 4 * 2.0**-23, Arithmetic.TF32: 2.1 * 2.0**-11}
"""Of an element's error, in units of the sum of its terms' sizes. TF32 rounds each factor by 2^-11 at most."""


def geometry(images, channels, outputs, size, taps, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    out = tuple(output_size(*axis) for axis in zip(size, taps, stride, padding, dilation, strict=True))
    return Geometry(images, channels, outputs, size, out, taps, stride, padding, dilation, groups)


@functools.cache
def ptx_of(kernel: Kernel) -> str:
    """The kernel's PTX. Skips the test where nothing can compile it."""
    with compiling():
        return kernel.ptx("float32", kernel.target(CAPABILITY))


@functools.cache
def program(kernel: Kernel) -> Program:
    return Program(ptx_of(kernel))


def interpret(plan: Plan, arrays: dict[Role, Any], result: Role, programs: dict[Kernel, Program] | None = None):
    """(the result that a plan writes, the statistics of each launch). The result and the workspace are NaN before."""
    memory = Memory()
    poisoned = np.full(arrays[result].shape, np.nan, np.float32)
    addresses = {role: memory.put(poisoned if role is result else array) for role, array in arrays.items()}
    if plan.workspace:
        addresses[Role.WORKSPACE] = memory.fresh((plan.workspace,), np.float32)
    statistics = []
    for step in plan.steps:
        text = (programs or {}).get(step.kernel) or program(step.kernel)
        arguments = list(step.arguments(addresses))
        statistics.append(run(text, memory, step.grid, step.block, arguments, shared=step.shared))
    return memory.get(addresses[result], poisoned.shape), statistics


def assert_near(found, expected, bound):
    error = abs(found - expected)
    worst = np.unravel_index(np.nanargmax(error - bound), error.shape)
    assert not np.isnan(found).any()
    assert (error <= bound).all(), f"{found[worst]} instead of {expected[worst]} at {worst}, {bound[worst]} allowed"


def drawn(g: Geometry, seed: int = 0) -> dict[str, Any]:
    """Random arrays of a convolution."""
    random = np.random.default_rng(seed)
    shapes = {
        "x": (g.images, *g.input_size, g.channels),
        "weight": (g.outputs, *g.kernel_size, g.group_channels),
        "bias": (g.outputs,),
        "y": (g.images, *g.output_size, g.outputs),
        "shift": (g.channels,),
    }
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def forward(x, weight, g: Geometry):
    y = np.zeros((g.images, *g.output_size, g.outputs))
    padded = _padded(x.astype(np.float64), g)
    for inside, outside, r, s in _taps(g):
        y[..., outside] += _seen(padded, g, r, s)[..., inside] @ weight[outside, r, s].T.astype(np.float64)
    return y


def input_gradient(dy, weight, g: Geometry):
    (height, width), (above, before) = g.input_size, g.padding
    padded = _padded(np.zeros((g.images, height, width, g.channels)), g)
    for inside, outside, r, s in _taps(g):
        _seen(padded, g, r, s)[..., inside] += dy[..., outside] @ weight[outside, r, s].astype(np.float64)
    return padded[:, above : above + height, before : before + width]


def weight_gradient(x, dy, g: Geometry):
    dweight = np.zeros((g.outputs, *g.kernel_size, g.group_channels))
    padded = _padded(x.astype(np.float64), g)
    for inside, outside, r, s in _taps(g):
        seen = _seen(padded, g, r, s)[..., inside]
        dweight[outside, r, s] = np.einsum("npqk,npqc->kc", dy[..., outside].astype(np.float64), seen)
    return dweight


def _padded(x, g):
    return np.pad(x, ((0, 0), (g.padding[0],) * 2, (g.padding[1],) * 2, (0, 0)))


def _taps(g):
    for group in range(g.groups):
        inside = slice(group * g.group_channels, (group + 1) * g.group_channels)
        outside = slice(group * g.group_outputs, (group + 1) * g.group_outputs)
        for r in range(g.kernel_size[0]):
            for s in range(g.kernel_size[1]):
                yield inside, outside, r, s


def _seen(padded, g, r, s):
    """The pixels that tap (r, s) sees, a view."""
    down, across = (
        slice(tap * step, tap * step + (count - 1) * stride + 1, stride)
        for tap, step, count, stride in zip((r, s), g.dilation, g.output_size, g.stride, strict=True)
    )
    return padded[:, down, across]
