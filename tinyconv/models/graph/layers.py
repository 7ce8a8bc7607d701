"""The nodes that are exactly one of the layers: those run as layers, with their names, weights and fused passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyconv import nn
from tinyconv.core.arrays import Array
from tinyconv.models.graph.description import Node, Weight

# Operator -> names in the layer of the inputs that are weights. A layer needs those without a "?".
SLOTS: dict[str, dict[int, str]] = {
    "Conv": {1: "weight", 2: "bias"},
    "ConvTranspose": {1: "weight", 2: "bias"},
    "Gemm": {1: "weight", 2: "bias"},
    "BatchNormalization": {1: "weight", 2: "bias", 3: "running_mean", 4: "running_var"},
    "PRelu": {1: "weight"},
}


@dataclass(frozen=True)
class Known:
    """What is known of a node: the ``weights`` at its slots, its numbers, and how many dimensions its input has."""

    node: Node
    weights: Mapping[str, Weight]
    constants: Mapping[str, Array]
    rank: int | None

    def __call__(self, attribute: str, default: Any = None) -> Any:
        """An attribute, or what ONNX takes where there is none."""
        return self.node.attributes.get(attribute, default)

    def number(self, position: int, default: Any) -> Any:
        """The number at an input; None where it is computed."""
        if not self.has(position):
            return default
        constant = self.constants.get(self.node.inputs[position])
        return None if constant is None or constant.size != 1 else constant.item()

    def has(self, position: int) -> bool:
        """Whether the node has that input."""
        return position < len(self.node.inputs) and self.node.inputs[position] != ""

    def results(self) -> int:
        """How many results the node has."""
        return len(self.node.outputs)


Builder = Callable[[Known], "nn.Module | None"]


def layer_of(known: Known) -> nn.Module | None:
    """The layer that the node is, or None where it is not exactly one."""
    node = known.node
    build = LAYERS.get(node.operator)
    if build is None or not node.path or known.results() != 1:
        return None
    slots = SLOTS.get(node.operator, {})
    for position, name in slots.items():
        if known.has(position) and node.inputs[position] != f"{node.path}.{name}":
            return None
    layer = build(known)
    dtypes = {weight.dtype for weight in known.weights.values()}
    if layer is None or len(dtypes) > 1:
        return None
    return layer.double() if dtypes == {"float64"} else layer


def _geometry(known: Known, rank: int) -> dict[str, Any] | None:
    """Stride, padding and dilation, where the margins of both sides are equal."""
    pads = known("pads", [0] * (2 * rank))
    automatic = known("auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "VALID") or (automatic == "NOTSET" and pads[:rank] != pads[rank:]):
        return None
    padding = (0,) * rank if automatic == "VALID" else tuple(pads[:rank])
    if min(padding, default=0) < 0:
        return None
    ones = [1] * rank
    return {
        "stride": tuple(known("strides", ones)),
        "padding": padding,
        "dilation": tuple(known("dilations", ones)),
    }


def _by_rank(name: str, rank: int | None) -> Any:
    """The layer of that name for so many spatial dimensions, as in Conv2d."""
    return getattr(nn, f"{name}{rank}d") if rank in (1, 2, 3) else None


def _convolution(known: Known) -> nn.Module | None:
    shape = known.weights["weight"].shape
    rank = len(shape) - 2
    geometry, layer = _geometry(known, rank), _by_rank("Conv", rank)
    groups = known("group", 1)
    if geometry is None or layer is None or known("kernel_shape", list(shape[2:])) != list(shape[2:]):
        return None
    built: nn.Module = layer(shape[1] * groups, shape[0], shape[2:], groups=groups, bias=known.has(2), **geometry)
    return built


def _transposed_convolution(known: Known) -> nn.Module | None:
    shape = known.weights["weight"].shape
    rank = len(shape) - 2
    geometry, layer = _geometry(known, rank), _by_rank("ConvTranspose", rank)
    groups = known("group", 1)
    if geometry is None or layer is None or known("output_shape") or known("auto_pad", "NOTSET") != "NOTSET":
        return None
    extra = tuple(known("output_padding", [0] * rank))
    room = zip(extra, geometry["stride"], geometry["dilation"], strict=True)
    if any(more >= max(step, gap) for more, step, gap in room):
        return None
    built: nn.Module = layer(
        shape[0], shape[1] * groups, shape[2:], groups=groups, bias=known.has(2), output_padding=extra, **geometry
    )
    return built


def _linear(known: Known) -> nn.Module | None:
    plain = known("alpha", 1.0) == known("beta", 1.0) == 1.0 and not known("transA", 0) and known("transB", 0)
    shape = known.weights["weight"].shape
    if not plain or len(shape) != 2:
        return None
    if known.has(2) and known.weights["bias"].shape != (shape[0],):
        return None
    return nn.Linear(shape[1], shape[0], bias=known.has(2))


def _batch_norm(known: Known) -> nn.Module | None:
    rank = known.rank
    layer = _by_rank("BatchNorm", 1 if rank == 2 else None if rank is None else rank - 2)
    if layer is None:
        return None
    features = known.weights["weight"].shape[0]
    built: nn.Module = layer(features, eps=known("epsilon", 1e-5), momentum=round(1 - known("momentum", 0.9), 7))
    return built


def _pool(name: str) -> Builder:
    def build(known: Known) -> nn.Module | None:
        kernel = tuple(known("kernel_shape"))
        geometry, layer = _geometry(known, len(kernel)), _by_rank(name, len(kernel))
        if geometry is None or layer is None or known("storage_order", 0):
            return None
        # PyTorch's layers refuse margins of more than half a window.
        extents = [gap * (taps - 1) + 1 for gap, taps in zip(geometry["dilation"], kernel, strict=True)]
        if any(2 * margin > extent for margin, extent in zip(geometry["padding"], extents, strict=True)):
            return None
        if name == "AvgPool":
            # Windows that hang over the margins count their pixels otherwise.
            if set(geometry.pop("dilation")) != {1} or (known("ceil_mode", 0) and any(geometry["padding"])):
                return None
            geometry["count_include_pad"] = bool(known("count_include_pad", 0))
        built: nn.Module = layer(kernel, ceil_mode=bool(known("ceil_mode", 0)), **geometry)
        return built

    return build


def _global_pool(name: str) -> Builder:
    def build(known: Known) -> nn.Module | None:
        layer = _by_rank(name, None if known.rank is None else known.rank - 2)
        return None if layer is None else layer(1)

    return build


def _prelu(known: Known) -> nn.Module | None:
    shape = known.weights["weight"].shape
    channels = max(shape, default=1)
    along_channels = known.rank is not None and shape == (channels, *(1,) * (known.rank - 2))
    return nn.PReLU(channels) if along_channels or channels == 1 else None


def _dropout(known: Known) -> nn.Module | None:
    share = known.number(1, 0.5)
    switched_by_input = known.has(2) and known.number(2, None) is None
    if share is None or known("seed") is not None or switched_by_input or not 0 <= share < 1:
        return None
    return nn.Dropout(round(float(share), 7))


def _flatten(known: Known) -> nn.Module | None:
    return nn.Flatten() if known("axis", 1) == 1 and (known.rank or 0) >= 2 else None


def _softmax(layer: type[nn.Softmax | nn.LogSoftmax]) -> Builder:
    return lambda known: layer(dim=known("axis", -1))


def _clip(known: Known) -> nn.Module | None:
    return nn.ReLU6() if known.number(1, None) == 0 and known.number(2, None) == 6 else None


def _response(known: Known) -> nn.Module | None:
    if not known("size") % 2:
        return None
    return nn.LocalResponseNorm(known("size"), known("alpha", 1e-4), known("beta", 0.75), known("bias", 1.0))


def _plain(layer: Callable[[], nn.Module]) -> Builder:
    return lambda _: layer()


LAYERS: dict[str, Builder] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Gemm": _linear,
    "BatchNormalization": _batch_norm,
    "MaxPool": _pool("MaxPool"),
    "AveragePool": _pool("AvgPool"),
    "GlobalAveragePool": _global_pool("AdaptiveAvgPool"),
    "GlobalMaxPool": _global_pool("AdaptiveMaxPool"),
    "PRelu": _prelu,
    "Dropout": _dropout,
    "Flatten": _flatten,
    "Softmax": _softmax(nn.Softmax),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "LRN": _response,
    "Clip": _clip,
    "LeakyRelu": lambda known: nn.LeakyReLU(known("alpha", 0.01)),
    "Elu": lambda known: nn.ELU(known("alpha", 1.0)),
    "Relu": _plain(nn.ReLU),
    "Sigmoid": _plain(nn.Sigmoid),
    "Tanh": _plain(nn.Tanh),
    "HardSwish": _plain(nn.Hardswish),
    "Mish": _plain(nn.Mish),
    "Softplus": _plain(nn.Softplus),
    "Softsign": _plain(nn.Softsign),
}
