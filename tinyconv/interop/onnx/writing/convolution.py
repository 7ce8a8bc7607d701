"""Convolution, transposed, and locally connected."""

from __future__ import annotations

import numpy as np

from tinyconv.core.geometry import transposed_size
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.interop.onnx.writing.table import writes
from tinyconv.models.tracing import Step
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.convolution.locally_connected import LocallyConnected2d
from tinyconv.ops.convolution.patches import Unfold
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d


def _geometry(step: Step, rank: int) -> dict[str, list[int] | int]:
    """The attributes that both kinds share; of a signal, those of its one direction."""
    operation = step.operation
    padding = list(operation.padding[-rank:])
    return {
        "kernel_shape": list(operation.kernel_size[-rank:]),
        "strides": list(operation.stride[-rank:]),
        "pads": padding * 2,
        "dilations": list(operation.dilation[-rank:]),
        "group": operation.groups,
    }


@writes(Convolution2d)
def convolution(draft: Draft, step: Step, x: str, weight: str, bias: str = "") -> str:
    y = draft.node("Conv", x, weight, bias, **_geometry(step, len(step.output.shape) - 2))
    return draft.node("Relu", y) if step.operation.relu else y


@writes(TransposedConvolution2d)
def transposed(draft: Draft, step: Step, x: str, weight: str, bias: str = "") -> str:
    """With ``output_padding``: what the size of the result is more than the formula gives without."""
    rank = len(step.output.shape) - 2
    geometry = _geometry(step, rank)
    operation, source = step.operation, step.source
    axes = zip(
        source.shape[2:],
        operation.kernel_size[-rank:],
        operation.stride[-rank:],
        operation.padding[-rank:],
        operation.dilation[-rank:],
        (0,) * rank,
        strict=True,
    )
    least = (transposed_size(*axis) for axis in axes)
    geometry["output_padding"] = [size - own for size, own in zip(step.output.shape[2:], least, strict=True)]
    return draft.node("ConvTranspose", x, weight, bias, **geometry)


def _patches(draft: Draft, step: Step, x: str) -> str:
    """The pixels under each window as channels (c, r, s): a convolution whose kernels are one pixel each."""
    operation, source = step.operation, step.source
    channels = source.shape[1]
    rows, columns = operation.kernel_size
    one_pixel = np.eye(rows * columns, dtype=source.dtype).reshape(rows * columns, 1, rows, columns)
    kernels = draft.weight("pixels", np.tile(one_pixel, (channels, 1, 1, 1)))
    return draft.node(
        "Conv",
        x,
        kernels,
        kernel_shape=[rows, columns],
        strides=list(operation.stride),
        pads=list(operation.padding) * 2,
        dilations=list(operation.dilation),
        group=channels,
    )


@writes(Unfold)
def unfold(draft: Draft, step: Step, x: str) -> str:
    operation = step.operation
    n, taken, windows = step.output.shape
    return draft.reshape(_patches(draft, step, x), (n, taken, *operation.positions), (n, taken, windows))


@writes(LocallyConnected2d)
def locally_connected(draft: Draft, step: Step, x: str, weight: str, bias: str = "") -> str:
    """A product with a matrix of its own for each pixel: (positions, N, patch) times (positions, patch, outputs)."""
    (rows, columns), kernels = step.operation.positions, step.inputs[1]
    n, outputs = step.output.shape[:2]
    assert kernels is not None  # noqa: S101
    positions, patch = rows * columns, int(np.prod(kernels.shape[3:]))
    patches = _patches(draft, step, x)
    flat = draft.reshape(patches, (n, patch, rows, columns), (n, patch, positions))
    by_position = draft.node("Transpose", flat, perm=[2, 0, 1])
    matrices = draft.reshape(weight, kernels.shape, (positions, outputs, patch))
    products = draft.node("MatMul", by_position, draft.node("Transpose", matrices, perm=[0, 2, 1]))
    maps = draft.node("Transpose", products, perm=[1, 2, 0])
    y = draft.reshape(maps, (n, outputs, positions), (n, outputs, rows, columns))
    return draft.node("Add", y, bias) if bias else y
