"""Names for the layers and weights of a network that comes from a file.

Exporters leave them in two places. The names of weights are those of a state dict ("features.0.weight"), which say
where the layer lies; and the names of nodes are paths ("/layer1/layer1.0/relu/Relu"). Where a file has neither, a layer
is named after its kind: conv1, relu2.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from tinyconv.models.graph import GraphModule, Node
from tinyconv.models.graph.layers import LAYERS, SLOTS

KINDS = {
    "ConvTranspose": "conv", "BatchNormalization": "norm", "InstanceNormalization": "norm", "Gemm": "linear",
    "LayerNormalization": "norm", "GroupNormalization": "norm", "LRN": "norm", "MaxPool": "pool", "AveragePool": "pool",
    "GlobalAveragePool": "pool", "GlobalMaxPool": "pool", "LogSoftmax": "log_softmax", "MatMul": "linear",
}  # fmt: skip
RESERVED = frozenset(dir(GraphModule)) | {
    "graph", "training", "_parameters", "_buffers", "_modules", "_steps", "_homes", "_lifted", "_outputs",
}  # fmt: skip


class Naming:
    """Gives out paths, each once; a path leads to a layer, or to a folder of layers, never to both.

    ``loose``: names of weights that are no layer's, whose folders are kept free for them.
    """

    def __init__(self, loose: Collection[str] = ()) -> None:
        self._leaves: set[str] = set()
        self._folders: set[str] = set()
        for name in filter(_is_telling, loose):
            self._folders.update(_folders(_cleaned(name)))
        self._counts: Counter[str] = Counter()
        self._shared: dict[tuple[str, tuple[str, ...]], str] = {}

    def layer(self, node: Node, name: str, weights: Collection[str]) -> str:
        """The path of the layer that ``node``, called ``name`` in the file, may be."""
        if node.operator not in LAYERS:
            return ""
        own = tuple(x for place, x in enumerate(node.inputs) if place in SLOTS.get(node.operator, ()) and x in weights)
        shared = self._shared.get((node.operator, own)) if own else None
        if shared is not None:
            return shared
        wanted = _path_of_weights(own) or _path_of_node(name)
        if wanted in self._folders:  # what a module does beside its submodules: "conv1.relu" beside "conv1.conv"
            wanted = f"{wanted}.{_kind(node.operator)}"
        path = self._free(wanted) if wanted else self.numbered(node.operator)
        if own:
            self._shared[node.operator, own] = path
        return path

    def weight(self, name: str, operator: str) -> str:
        """The path of a weight that is no layer's."""
        wanted = _cleaned(name) if _is_telling(name) else ""
        return self._free(wanted or f"{_kind(operator)}_weight")

    def numbered(self, operator: str) -> str:
        """The kind with a running number."""
        while True:
            self._counts[_kind(operator)] += 1
            path = f"{_kind(operator)}{self._counts[_kind(operator)]}"
            if self._is_free(path):
                return self._take(path)

    def _free(self, path: str) -> str:
        number, candidate = 0, path
        while not self._is_free(candidate):
            number += 1
            candidate = f"{path}_{number}"
            if number > 1 and self._below_a_leaf(path):  # a layer is in the way of the folder
                candidate = f"{path.replace('.', '_')}_{number}"
        return self._take(candidate)

    def _take(self, path: str) -> str:
        self._leaves.add(path)
        self._folders.update(_folders(path))
        return path

    def _is_free(self, path: str) -> bool:
        return path not in self._leaves and path not in self._folders and not self._below_a_leaf(path)

    def _below_a_leaf(self, path: str) -> bool:
        return any(folder in self._leaves for folder in _folders(path))


def _folders(path: str) -> list[str]:
    """The paths on the way to ``path``."""
    parts = path.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


def _cleaned(path: str) -> str:
    return ".".join(clean(part) for part in path.split(".") if part)


def clean(part: str) -> str:
    """One part of a path: letters, digits and _; not a name that a module has already."""
    text = re.sub(r"[^0-9A-Za-z_]+", "_", part).strip("_") or "part"
    return f"{text}_" if text in RESERVED else text


def _kind(operator: str) -> str:
    return KINDS.get(operator, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operator).lower())


def _is_telling(name: str) -> bool:
    """Whether a person gave the name: exporters number theirs, as in "onnx::Conv_123", "val_7" and "17"."""
    return not re.fullmatch(r"(.*::.*|val_\d+|_?\d+|.*_?[Cc]onstant.*)", name)


def _path_of_weights(names: tuple[str, ...]) -> str:
    """What stands before the last dot in all the names."""
    paths = {name.rpartition(".")[0] for name in names if _is_telling(name)}
    found = paths.pop() if len(paths) == 1 else ""
    return _cleaned(found)


def _path_of_node(name: str) -> str:
    """PyTorch's "/layer1/layer1.0/relu/Relu": each part that begins with the one before it takes its place."""
    if not name.startswith("/"):
        return ""
    *parts, _ = name.strip("/").split("/")
    if not parts:
        return ""
    path: list[str] = []
    for part in parts:
        if path and part.startswith(f"{path[-1]}."):
            path[-1:] = [part]
        else:
            path.append(part)
    return ".".join(clean(piece) for part in path for piece in part.split(".") if piece)
