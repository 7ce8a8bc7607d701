"""Rows of layers in evaluation, made ready once for inputs of one shape (``ops/prepared.py``).

A small network spends more time between its kernels than in them. So where nothing is recorded, the row of layers that
is applied to an input of some shape is prepared, and from then on called as one. From the first call: it rounds
otherwise than the layers one by one, and a result must not depend on what ran before. Before each call it is asked
whether everything that went into it is still the same: the layers, their settings, their parameters and the values of
these. If not, it is made anew.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from operator import is_
from typing import Any

from tinyconv.core.algorithms import convolution_algorithm
from tinyconv.core.geometry import output_size
from tinyconv.core.windows import sliding_windows
from tinyconv.nn.activation import ReLU
from tinyconv.nn.convolution import Conv2d
from tinyconv.nn.dropout import Dropout
from tinyconv.nn.folding import folded_parameters, folds
from tinyconv.nn.linear import Flatten, Identity, Linear
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.batch import BatchNorm2d
from tinyconv.nn.pooling.adaptive import AdaptiveAvgPool2d
from tinyconv.nn.pooling.maximum import MaxPool2d
from tinyconv.ops.pooling.windows import window
from tinyconv.ops.prepared import PreparedRow
from tinyconv.ops.tensor import Tensor

SETTINGS: dict[type[Module], tuple[str, ...]] = {
    Conv2d: ("stride", "padding", "dilation", "groups", "padding_mode"),
    BatchNorm2d: ("training", "eps"),
    ReLU: ("inplace",),
    MaxPool2d: ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    AdaptiveAvgPool2d: ("output_size",),
    Linear: (),
    Flatten: ("start_dim", "end_dim"),
    Dropout: ("training",),
    Identity: (),
}
"""The layers that can be prepared, and of each what its result depends on beside its parameters and buffers."""

REGISTERED = {Conv2d: ("weight", "bias"), Linear: ("weight", "bias"), BatchNorm2d: ("weight", "bias")}
"""The parameters that must be registered as such: others would not be seen to change."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

MOST_SHAPES = 4
"""Prepared rows that are kept for one layer as their first."""


class _Ready:
    """A prepared row, and what it was made of: entries of dictionaries that must be what they were."""

    def __init__(self, modules: Sequence[Module], call: PreparedRow) -> None:
        self.call, self.length = call, len(modules)
        self.members = [vars(module) for module in modules]
        self.hooks = [members[name] for members in self.members for name in HOOKS]
        entries = [
            (members, name)
            for module, members in zip(modules, self.members, strict=True)
            for name in ("forward", *SETTINGS[type(module)])
        ]
        tensors: list[Tensor] = []
        for members in self.members:
            for registry in (members["_parameters"], members["_buffers"]):
                entries += [(registry, name) for name in registry]
                tensors += [tensor for tensor in registry.values() if tensor is not None]
        for tensor in tensors:
            entries += [(vars(tensor), "array"), (vars(tensor), "storage")]
        self.holders = [holder for holder, _ in entries]
        self.names = [name for _, name in entries]
        self.values = [holder.get(name) for holder, name in entries]
        self.storages = [tensor.storage for tensor in tensors]
        self.versions = [storage.version for storage in self.storages]

    def is_for(self, modules: Sequence[Module]) -> bool:
        """Whether a call with ``modules`` gives what they give."""
        return (
            all(map(is_, map(vars, modules), self.members))
            and not any(self.hooks)
            and all(map(is_, map(dict.get, self.holders, self.names), self.values))
            and [storage.version for storage in self.storages] == self.versions
        )


_rows: weakref.WeakKeyDictionary[Module, dict[Any, _Ready | None]] = weakref.WeakKeyDictionary()
"""For the first layer of a row and the inputs' kind: the prepared row; None where it cannot be prepared."""


def prepared(modules: Sequence[Module], x: Any) -> tuple[int, Any]:
    """How many of the first of ``modules`` were applied to ``x``, and their result; (0, None) if none were."""
    if type(modules[0]) not in SETTINGS or not isinstance(x, Tensor):
        return 0, None
    array = x.array
    kind = array.shape, array.dtype, len(modules), convolution_algorithm()
    known = _rows.get(modules[0])
    if known is None:
        known = _rows[modules[0]] = {}
    ready = known.get(kind)
    if ready is None or not ready.is_for(modules[: ready.length]):
        if kind not in known and len(known) >= MOST_SHAPES:
            del known[next(iter(known))]
        ready = known[kind] = _prepare(modules, x)
        if ready is None:
            return 0, None
    return ready.length, ready.call(x)


def _prepare(modules: Sequence[Module], x: Tensor) -> _Ready | None:
    if not x.dtype.is_floating_point or x.array.size == 0:
        return None
    row, position = PreparedRow(x), 0
    while position < len(modules):
        taken = _append(row, modules[position : position + 3], x.dtype)
        if taken == 0:
            break
        position += taken
    row.finish()
    return _Ready(modules[:position], row) if row.layers else None


def _append(row: PreparedRow, modules: Sequence[Module], dtype: Any) -> int:
    """Append the first of ``modules`` that can be prepared together; gives their number."""
    kinds = [type(module) if _is_plain(module) else None for module in modules]
    first: Any = modules[0]
    is_map = len(row.shape) == 4
    if kinds[0] is Conv2d and is_map and first.weight.dtype is dtype and row.shape[1] == first.in_channels:
        if first.padding_mode != "zeros" or isinstance(first.padding, str):
            return 0
        if not _fits(row, first.kernel_size, first.stride, first.padding, first.dilation):
            return 0
        weight, bias, taken = first.weight, first.bias, 1
        if kinds[1:2] == [BatchNorm2d]:
            if not folds(first, modules[1]):
                return 0
            (weight, bias), taken = folded_parameters(first, modules[1]), 2
        relu = kinds[taken : taken + 1] == [ReLU]
        row.conv2d(weight, bias, first.stride, first.padding, first.dilation, first.groups, relu)
        return taken + relu
    if kinds[0] is Linear and len(row.shape) == 2 and first.weight.dtype is dtype:
        if row.shape[1] != first.in_features:
            return 0
        relu = kinds[1:2] == [ReLU]
        row.linear(first.weight, first.bias, relu)
        return 1 + relu
    if kinds[0] is MaxPool2d and is_map and not first.return_indices:
        asked = window("MaxPool2d", 2, first.kernel_size, first.stride, first.padding, first.dilation, first.ceil_mode)
        geometry = asked.kernel_size, asked.stride, asked.padding, asked.dilation, asked.ceil_mode
        if not _fits(row, *geometry):
            return 0
        row.max_pool2d(sliding_windows((row.shape[2], row.shape[3]), *geometry))
        return 1
    if kinds[0] is AdaptiveAvgPool2d and is_map and first.output_size in (1, (1, 1)):
        row.adaptive_avg_pool2d((1, 1))
        return 1
    if kinds[0] is ReLU and row.layers:
        row.relu()
        return 1
    if kinds[0] is Flatten and is_map and (first.start_dim, first.end_dim) == (1, -1):
        row.flatten()
        return 1
    return int(kinds[0] is Identity or (kinds[0] is Dropout and not first.training))


def _fits(row: PreparedRow, *geometry: Any) -> bool:
    """Whether the maps have a whole window; where they have none, the layer itself says so."""
    axes = zip(row.shape[2:], *geometry[:4], strict=True)
    return min(output_size(*axis, *geometry[4:]) for axis in axes) >= 1


def _is_plain(module: Module) -> bool:
    """Whether all that ``module`` does follows from what is asked for before each call."""
    members = vars(module)
    return (
        type(module) in SETTINGS
        and not any(members[name] for name in HOOKS)
        and "forward" not in members
        and all(name in members["_parameters"] for name in REGISTERED.get(type(module), ()))
    )
