"""What an operation is called in a drawing: "conv 3×3, stride 2"."""

from __future__ import annotations

import re
from typing import Any

from tinyconv.models.tracing import Step
from tinyconv.ops.activation.rectifier import Hardtanh
from tinyconv.ops.convolution.locally_connected import LocallyConnected2d
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d
from tinyconv.ops.pooling.adaptive import AdaptiveAvgPool, AdaptiveMaxPool
from tinyconv.ops.pooling.average import AvgPool
from tinyconv.ops.pooling.maximum import MaxPool
from tinyconv.ops.pooling.power import LPPool

NAMES = {
    "BatchNorm": "batch norm",
    "GroupNorm": "group norm",
    "InstanceNorm": "instance norm",
    "LayerNorm": "layer norm",
    "LocalResponseNorm": "local response norm",
    "Relu": "ReLU",
    "LeakyRelu": "leaky ReLU",
    "Prelu": "PReLU",
    "Elu": "ELU",
    "Gelu": "GELU",
    "GeluTanh": "GELU",
    "Silu": "SiLU",
    "Hardswish": "hard swish",
    "Hardsigmoid": "hard sigmoid",
    "LogSoftmax": "log-softmax",
    "Concatenate": "concatenate",
    "MatrixProduct": "matrix product",
    "Resample": "resize",
    "GetItem": "slice",
    "ConstantPad": "pad",
    "Sum": "sum",
}
"""Operations whose class is called otherwise than what they are."""

POOLINGS = {
    MaxPool: "max pool",
    AvgPool: "average pool",
    LPPool: "power-average pool",
    AdaptiveAvgPool: "average",
    AdaptiveMaxPool: "maximum",
}

SIGNS = {"Add": "+", "Subtract": "−", "Multiply": "×", "Divide": "÷"}


def words_of(step: Step) -> str:
    """The words for a step, with the numbers of its window where it has one."""
    operation = step.operation
    if operation.kind == "conv" and hasattr(operation, "kernel_size"):
        return ", ".join([_convolution(step), *_spacing(step)])
    if type(operation) in POOLINGS:
        return _pooling(step)
    if operation.kind == "reshape" or operation.name == "Reshape":
        return "flatten" if len(step.output.shape) == 2 else "reshape"
    if isinstance(operation, Hardtanh) and (operation.low, operation.high) == (0, 6):
        return "ReLU6"
    if operation.name in SIGNS:
        return _arithmetic(step)
    return NAMES.get(operation.name, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", operation.name).lower())


def _convolution(step: Step) -> str:
    operation, channels = step.operation, step.source.shape[1]
    window = _by(operation.kernel_size[-_rank(step) :])
    if isinstance(operation, LocallyConnected2d):
        return f"locally connected {window}"
    words = f"transposed conv {window}" if isinstance(operation, TransposedConvolution2d) else f"conv {window}"
    groups = getattr(operation, "groups", 1)
    if groups == channels and groups > 1:
        return f"{words}, depthwise"
    return f"{words}, {groups} groups" if groups > 1 else words


def _pooling(step: Step) -> str:
    operation = step.operation
    name = POOLINGS[type(operation)]
    if type(operation) not in (AdaptiveAvgPool, AdaptiveMaxPool):
        return ", ".join([f"{name} {_by(operation.kernel_size[-_rank(step) :])}", *_spacing(step)])
    size = step.output.shape[2:]
    return f"{name} over the map" if max(size) == 1 else f"adaptive {name} to {_by(size)}"


def _spacing(step: Step) -> list[str]:
    """Stride and dilation, where they are not 1."""
    found = []
    for name in ("stride", "dilation"):
        sizes = getattr(step.operation, name, (1, 1))[-_rank(step) :]
        if max(sizes) > 1:
            found.append(f"{name} {sizes[0] if len(set(sizes)) == 1 else _by(sizes)}")
    return found


def _arithmetic(step: Step) -> str:
    """Of two results "add"; of a result and a number "÷ 49"; of a result and a weight "× scale"."""
    sign, others = SIGNS[step.operation.name], [value for value in step.inputs if value is not None]
    plain = [value for value in others if not value.depends]
    if not plain:
        return {"+": "add", "−": "subtract", "×": "multiply", "÷": "divide"}[sign]
    (other,) = plain[:1]
    if other.array is not None and other.array.size == 1:
        text = f"{other.array.reshape(-1)[0]:.4g}"
    else:
        text = other.name.rpartition(".")[2] or "constants"
    return f"{text} {sign}" if other is others[0] and sign in "−÷" else f"{sign} {text}"


def _rank(step: Step) -> int:
    return max(1, len(step.source.shape) - 2)


def _by(sizes: Any) -> str:
    return "×".join(map(str, sizes))
