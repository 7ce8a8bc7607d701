"""Runs one drawn call on both libraries and compares: results, types, gradients; counts what it compared."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

import tinyconv
from parity.entry import Call, Constant, Entry, Exactly, Library, Type

COUNTS: dict[str, Counter[str]] = {}
"""For each namespace: names, calls, results, gradients compared; bad inputs that both refused."""

NAMESPACES = {
    "tc": "",
    "Tensor": "Tensor",
    "nn": "nn",
    "F": "nn.functional",
    "init": "nn.init",
    "nn.utils": "nn.utils",
    "optim": "optim",
    "lr_scheduler": "optim.lr_scheduler",
    "data": "utils.data",
    "autograd": "autograd",
}


def namespace(name: str) -> str:
    return name.rpartition(".")[0]


def count(name: str, what: str, amount: int = 1) -> None:
    COUNTS.setdefault(namespace(name), Counter())[what] += amount


def find(root: Any, name: str) -> Any:
    """The object called ``name`` in ``root``, which is tinyconv or PyTorch."""
    folder, _, last = name.rpartition(".")
    for part in [*NAMESPACES[folder].split("."), last]:
        root = getattr(root, part) if part else root
    return root


def library(root: Any, dtype: str) -> Library:
    return Library(
        root.__name__,
        root,
        root.nn,
        root.nn.functional,
        root.optim,
        root.utils.data,
        getattr(root, dtype),
    )


class Side:
    """One library, with the tensors that a call's arguments became."""

    def __init__(self, root: Any, dtype: str) -> None:
        self.root = root
        self.library = library(root, dtype)
        self.leaves: list[Any] = []
        self.module: Any = None
        self.state: dict[str, np.ndarray] | None = None

    def convert(self, value: Any) -> Any:
        """Placeholders and arrays to this library's tensors and types, inside any nesting."""
        if isinstance(value, np.ndarray):
            if value.dtype != np.float64:
                return self.root.tensor(value)
            leaf = self.root.tensor(value, dtype=self.library.dtype, requires_grad=True)
            self.leaves.append(leaf)
            return leaf
        if isinstance(value, Constant):
            return self.root.tensor(value.array, dtype=self.library.dtype)
        if isinstance(value, Exactly):
            return self.root.tensor(value.array)
        if isinstance(value, Type):
            return getattr(self.root, value.name)
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return type(value)(self.convert(item) for item in value)
        if isinstance(value, dict):
            return {key: self.convert(item) for key, item in value.items()}
        return value

    def run(self, name: str, entry: Entry, call: Call, state: dict[str, np.ndarray] | None = None) -> Any:
        """The result of the call. A layer that is made on the way is kept, with the ``state`` that it began with."""
        if entry.program is not None:
            return entry.program(self.library, *call.args, **call.kwargs)
        function = find(self.root, name)
        if self.root is not tinyconv and entry.theirs is not None:
            function = entry.theirs if callable(entry.theirs) else find(self.root, entry.theirs)
        if call.constructor is not None:
            constructor = call.constructor
            self.module = function(*self.convert(constructor.args), **self.convert(constructor.kwargs))
            self.module.to(self.library.dtype).train(call.training)
            self.begin(state)
            return self.module(*self.convert(call.args), **self.convert(call.kwargs))
        args, kwargs = list(self.convert(call.args)), self.convert(call.kwargs)
        if not callable(function):  # a property
            return getattr(args[0], name.rpartition(".")[2])
        if not name.endswith("_"):
            return function(*args, **kwargs)
        target = args[0] = args[0].clone()
        result = function(*args, **kwargs)
        assert result is target, f"{name} did not return the tensor that it wrote into"
        return result

    def begin(self, state: dict[str, np.ndarray] | None) -> None:
        """Put ``state`` into the layer; without one, draw its parameters and note what it begins with."""
        if state is not None:
            self.library.load(self.module, state)
            return
        generator = np.random.default_rng(1)
        for parameter in self.module.parameters():
            parameter.data = self.library.tensor(generator.uniform(-1, 1, tuple(parameter.shape)))
        self.state = {key: value.numpy().copy() for key, value in self.module.state_dict().items()}


def tensors_in(value: Any) -> list[Any]:
    """Every tensor in a nesting of lists, tuples and dicts, in order."""
    if hasattr(value, "requires_grad"):
        return [value]
    if isinstance(value, dict):
        return [tensor for item in value.values() for tensor in tensors_in(item)]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


def dtype_name(dtype: Any) -> str:
    return repr(dtype).rpartition(".")[2]


def as_array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().numpy())


def assert_same(ours: Any, theirs: Any, tolerance: float, where: str, values: bool = True) -> None:
    """The same nesting of the same numbers, types and tensors."""
    if hasattr(theirs, "requires_grad"):
        assert hasattr(ours, "requires_grad"), f"{where}: {ours!r} is no tensor, PyTorch gives {theirs!r}"
        assert dtype_name(ours.dtype) == dtype_name(theirs.dtype), f"{where}: {ours.dtype}, PyTorch {theirs.dtype}"
        assert tuple(ours.shape) == tuple(theirs.shape), f"{where}: {ours.shape}, PyTorch {tuple(theirs.shape)}"
        if values:
            expected = as_array(theirs)
            if expected.dtype == np.float32:  # also where the call began with integers
                tolerance = max(tolerance, 1e-5)
            finite = np.abs(expected[np.isfinite(expected)]) if expected.dtype.kind == "f" else np.zeros(0)
            scale = max(1.0, float(finite.max())) if finite.size else 1.0
            np.testing.assert_allclose(
                as_array(ours), expected, rtol=0, atol=tolerance * scale, err_msg=where, equal_nan=True
            )
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs), f"{where}: {list(ours)}, PyTorch {list(theirs)}"
        for key, value in theirs.items():
            assert_same(ours[key], value, tolerance, f"{where}[{key!r}]", values)
    elif isinstance(theirs, list | tuple):
        assert isinstance(ours, list | tuple), f"{where}: {ours!r}, PyTorch {theirs!r}"
        assert len(ours) == len(theirs), f"{where}: {ours!r}, PyTorch {theirs!r}"
        for index, value in enumerate(theirs):
            assert_same(ours[index], value, tolerance, f"{where}[{index}]", values)
    elif isinstance(theirs, float) and values:
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=where)
    elif type(theirs).__module__.partition(".")[0] == "torch" and hasattr(theirs, "itemsize"):
        assert dtype_name(ours) == dtype_name(theirs), where
    elif type(theirs).__module__.partition(".")[0] not in ("torch",) and values:
        assert ours == theirs, f"{where}: {ours!r}, PyTorch {theirs!r}"


def backward(ours: Any, theirs: Any, seed: int) -> bool:
    """Send the same random cotangents back through both; false if nothing requires a gradient."""
    pairs = [
        (mine, other)
        for mine, other in zip(tensors_in(ours), tensors_in(theirs), strict=True)
        if other.requires_grad and other.grad_fn is not None
    ]
    for mine, _ in pairs:
        assert mine.requires_grad, "PyTorch's result requires a gradient, ours does not"
    for mine, other in zip(tensors_in(ours), tensors_in(theirs), strict=True):
        assert other.requires_grad or not mine.requires_grad, "our result requires a gradient, PyTorch's does not"
    generator = np.random.default_rng(seed)
    cotangents = [generator.standard_normal(tuple(other.shape)).astype(as_array(other).dtype) for _, other in pairs]
    for root, results in ((tinyconv, [p[0] for p in pairs]), (None, [p[1] for p in pairs])):
        if root is None:
            import torch as root
        if results:
            root.autograd.backward(results, [root.tensor(cotangent) for cotangent in cotangents])
    return bool(pairs)


def compare(name: str, entry: Entry, call: Call, dtype: str) -> None:
    """One call on both sides. Where PyTorch refuses, tinyconv must too, with an error of its own."""
    import torch

    tolerance = entry.tolerances[0 if dtype == "float64" else 1]
    mine, other = Side(tinyconv, dtype), Side(torch, dtype)
    count(name, "calls")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own
        try:
            theirs = other.run(name, entry, call)
        except Exception as refusal:
            assert_refused(name, entry, call, dtype, refusal)
            return
    ours = mine.run(name, entry, call, other.state)
    assert_same(ours, theirs, tolerance, f"{name} result", entry.values)
    count(name, "results", max(1, len(tensors_in(theirs))))
    if entry.program is None and entry.gradient and entry.values and backward(ours, theirs, seed=len(repr(call))):
        for index, (leaf, expected) in enumerate(zip(mine.leaves, other.leaves, strict=True)):
            assert (leaf.grad is None) == (expected.grad is None), f"{name}: gradient of argument {index}: {leaf.grad}"
            if expected.grad is not None:
                assert_same(leaf.grad, expected.grad, tolerance * 10, f"{name}: gradient of argument {index}")
                count(name, "gradients")
    if other.module is not None:
        compare_modules(name, entry, mine.module, other.module, tolerance)


def compare_modules(name: str, entry: Entry, ours: Any, theirs: Any, tolerance: float) -> None:
    """Printed form, gradients of the parameters, and what the call left in the buffers."""
    assert plain(repr(ours)) == plain(repr(theirs)), f"{ours!r}, PyTorch {theirs!r}"
    parameters = dict(ours.named_parameters())
    for key, parameter in theirs.named_parameters():
        if parameter.grad is not None and entry.gradient:
            assert_same(parameters[key].grad, parameter.grad, tolerance * 10, f"{name}: gradient of {key}")
            count(name, "gradients")
    assert_same(dict(ours.state_dict()), dict(theirs.state_dict()), tolerance, f"{name}: state")


def plain(text: str) -> str:
    """A layer's printed form, without the bias that newer releases of PyTorch show for normalisations."""
    return text.replace("affine=True, bias=True", "affine=True")


def assert_refused(name: str, entry: Entry, call: Call, dtype: str, refusal: Exception | None) -> None:
    """Our side must raise one of its own errors, or Python's for a wrong signature, with something to say."""
    try:
        result = Side(tinyconv, dtype).run(name, entry, call)
    except (tinyconv.TinyconvError, TypeError) as error:
        message = str(error)
    else:
        raise AssertionError(f"{name}: PyTorch refuses {call} ({refusal!r}); tinyconv gives {result!r}")
    assert len(message) > 10, f"{name}: says only {message!r}"
    count(name, "refused")


def compare_refusal(name: str, entry: Entry, call: Call) -> None:
    """A bad call: PyTorch must refuse it, or it does not belong in the table; and so must tinyconv."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = Side(torch, "float64").run(name, entry, call)
        except Exception as error:
            assert_refused(name, entry, call, "float64", error)
            return
    raise AssertionError(f"{name}: PyTorch takes {call} and gives {result!r}: that is no bad input")
