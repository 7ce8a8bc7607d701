"""Calls that are made twice, on the CPU and on the device "cuda", and what is compared: results and gradients.

The calls come from the tables that the other tests use: ``operation_cases`` and ``parity``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from device_arrays import DeviceArray
from operation_cases import Case
from parity.entry import Call, Entry
from parity.runner import Side, assert_same, find, tensors_in

import tinyconv as tc
from tinyconv.core import layout

ON_THE_HOST = {"step", "eta", "mu", "mu_product"}
"""What optimisers count in numbers of their own, on the CPU, as PyTorch's do."""


def on_cuda(tensor: tc.Tensor) -> tc.Tensor:
    """A leaf on the device with the numbers of ``tensor``."""
    moved = tensor.detach().to("cuda")
    moved.requires_grad = tensor.requires_grad
    return moved


def on_cpu(value: Any, where: str) -> Any:
    """``value`` with its tensors, each of which must be on the device and in the engine's order, on the CPU."""
    if isinstance(value, tc.Tensor):
        assert value.is_cuda, f"{where}: on {value.device}"
        assert isinstance(value.array, DeviceArray), f"{where}: the array is a {type(value.array)}"
        return value.detach().cpu()
    if isinstance(value, dict):
        return type(value)(
            (key, item if key in ON_THE_HOST else on_cpu(item, f"{where}[{key!r}]")) for key, item in value.items()
        )
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(on_cpu(item, where) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(on_cpu(item, f"{where}[{index}]") for index, item in enumerate(value))
    return value


def same(ours: Any, theirs: Any, tolerance: float, where: str, values: bool = True) -> None:
    """What the device gave is on it, and is what the CPU gave."""
    for mine, other in zip(tensors_in(ours), tensors_in(theirs), strict=True):
        assert mine.requires_grad == other.requires_grad, f"{where}: requires_grad is {mine.requires_grad}"
        kept = layout.is_engine_order(mine.array) or not layout.is_engine_order(other.array)
        assert kept, f"{where}: {mine.shape} has strides {mine.array.strides}, on the CPU {other.array.strides}"
    assert_same(on_cpu(ours, where), theirs, tolerance, where, values)


def backward(ours: Any, theirs: Any, create_graph: bool = False) -> None:
    """The same random cotangents through both."""
    generator = np.random.default_rng(2)
    for mine, other in zip(tensors_in(ours), tensors_in(theirs), strict=True):
        if other.requires_grad and other.grad_fn is not None:
            cotangent = tc.tensor(generator.standard_normal(other.shape), dtype=other.dtype)
            other.backward(cotangent, retain_graph=True, create_graph=create_graph)
            mine.backward(cotangent.to("cuda"), retain_graph=True, create_graph=create_graph)


# --- operations ---------------------------------------------------------------------------------------------------


def walk_case(case: Case, dtype: tc.dtype, tolerance: float, twice: bool) -> None:
    """One case of ``operation_cases``: results, gradients and, with ``twice``, gradients of gradients."""
    theirs = case.arguments(dtype)
    ours = [on_cuda(tensor) for tensor in theirs]
    tc.manual_seed(0)
    expected = case.run(*theirs)
    tc.manual_seed(0)
    found = case.run(*ours)
    same(found, expected, tolerance, str(case))
    leaves = [(mine, other) for mine, other in zip(ours, theirs, strict=True) if other.requires_grad]
    backward(found, expected, create_graph=twice)
    compare_gradients(leaves, 10 * tolerance, f"gradient of {case}")
    gradients = [
        (mine.grad, other.grad) for mine, other in leaves if other.grad is not None and other.grad.requires_grad
    ]
    if twice and gradients:
        for mine, other in leaves:
            mine.grad = other.grad = None
        backward([mine for mine, _ in gradients], [other for _, other in gradients])
        compare_gradients(leaves, 100 * tolerance, f"second gradient of {case}")


def compare_gradients(leaves: list[tuple[tc.Tensor, tc.Tensor]], tolerance: float, where: str) -> None:
    for mine, other in leaves:
        assert (mine.grad is None) == (other.grad is None), f"{where}: {mine.grad}, on the CPU {other.grad}"
        if other.grad is not None:
            same(mine.grad.detach(), other.grad.detach(), tolerance, where)


# --- public names -------------------------------------------------------------------------------------------------


class DeviceSide(Side):
    """tinyconv on the device: the tensors of a call's arguments are there, and layers before they are called."""

    def __init__(self, dtype: str) -> None:
        super().__init__(tc, dtype)
        self.library = replace(self.library)
        object.__setattr__(self.library, "tensor", self.tensor)

    def tensor(self, array: Any, requires_grad: bool = False) -> tc.Tensor:
        array = np.asarray(array)
        dtype = self.library.dtype if array.dtype.kind == "f" else None
        return tc.tensor(array, dtype=dtype, requires_grad=requires_grad, device="cuda")

    def convert(self, value: Any) -> Any:
        if isinstance(value, str) and value == "cpu":
            return "cuda"
        before = len(self.leaves)
        converted = super().convert(value)
        if isinstance(converted, tc.Tensor):
            converted = on_cuda(converted)
            self.leaves[before:] = [converted] * (len(self.leaves) - before)
        return converted

    def run(self, name: str, entry: Entry, call: Call, state: dict[str, np.ndarray] | None = None) -> Any:
        if entry.program is None and call.constructor is None:
            function = find(tc, name)
            if callable(function) and _makes_tensors(function, call):
                call = replace(call, kwargs={**call.kwargs, "device": "cuda"})
        return super().run(name, entry, call, state)

    def begin(self, state: dict[str, np.ndarray] | None) -> None:
        self.module.to("cuda")
        super().begin(state)


def _makes_tensors(function: Callable[..., Any], call: Call) -> bool:
    """Whether the call makes tensors of no tensor, so that it must be told where."""
    if "device" in call.kwargs:
        return False
    try:
        takes_device = "device" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    return takes_device and not any(isinstance(value, np.ndarray) for value in call.args)


def walk_call(name: str, entry: Entry, call: Call, dtype: str) -> None:
    """One call of ``parity``, on both devices."""
    tolerance = entry.tolerances[0 if dtype == "float64" else 1]
    mine, other = DeviceSide(dtype), Side(tc, dtype)
    tc.manual_seed(0)
    try:
        expected = other.run(name, entry, call)
    except Exception as refusal:
        assert_refused_alike(name, mine, entry, call, refusal)
        return
    tc.manual_seed(0)
    found = mine.run(name, entry, call, other.state)
    same(found, expected, tolerance, name, entry.values)
    if entry.program is None and entry.gradient:
        backward(found, expected)
        compare_gradients(list(zip(mine.leaves, other.leaves, strict=True)), 10 * tolerance, f"gradient of {name}")
    if mine.module is not None:
        parameters = zip(mine.module.parameters(), other.module.parameters(), strict=True)
        compare_gradients(list(parameters), 10 * tolerance, f"gradients of {name}")
        same(dict(mine.module.state_dict()), dict(other.module.state_dict()), tolerance, f"state of {name}")


def assert_refused_alike(name: str, mine: DeviceSide, entry: Entry, call: Call, refusal: Exception) -> None:
    """What the CPU refuses the device refuses too, with an error of the same kind."""
    error: Exception | None = None
    try:
        mine.run(name, entry, call)
    except Exception as raised:
        error = raised
    assert type(error) is type(refusal), f"{name}: {call}: {error!r}, on the CPU {refusal!r}"
