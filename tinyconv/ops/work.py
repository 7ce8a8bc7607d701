"""How much arithmetic an operation does: the products that it sums, by its formula.

Forward and backward are counted alike, because a backward is made of operations too: that of a convolution runs the
input gradient and the weight gradient, each with as many products as the forward, and only those that are wanted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tinyconv.autograd.operation import Operation
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops.convolution.convolution import Convolution2d, ConvolutionInputGradient, ConvolutionWeightGradient
from tinyconv.ops.convolution.locally_connected import (
    LocallyConnected2d,
    LocallyConnectedInputGradient,
    LocallyConnectedWeightGradient,
)
from tinyconv.ops.product.linear import Linear
from tinyconv.ops.product.matmul import MatrixProduct


def multiply_adds(operation: Operation, inputs: Sequence[TensorBase | None], output: TensorBase) -> int:
    """Products summed into ``output`` by a convolution or a matrix product; 0 for anything else.

    A product counts whether or not a pixel of it lies in the padding, and whichever algorithm computes it.
    """
    shapes = [() if tensor is None else tensor.shape for tensor in inputs]
    if isinstance(operation, Convolution2d):  # each output is a sum over C / groups, R and S
        return math.prod(output.shape) * math.prod(shapes[1][1:])
    if isinstance(operation, ConvolutionInputGradient):  # of (dy, weight): the same products, gathered by input pixel
        return math.prod(shapes[0]) * math.prod(shapes[1][1:])
    if isinstance(operation, ConvolutionWeightGradient):  # of (x, dy): the same products, gathered by weight
        return math.prod(shapes[1]) * math.prod(output.shape[1:])
    if isinstance(operation, LocallyConnected2d):  # the same sums, each with a weight of its own
        return math.prod(output.shape) * math.prod(shapes[1][3:])
    if isinstance(operation, LocallyConnectedInputGradient):
        return math.prod(shapes[0]) * math.prod(shapes[1][3:])
    if isinstance(operation, LocallyConnectedWeightGradient):
        return math.prod(shapes[1]) * math.prod(output.shape[3:])
    if isinstance(operation, Linear | MatrixProduct):
        return math.prod(output.shape) * shapes[0][-1]
    return 0
