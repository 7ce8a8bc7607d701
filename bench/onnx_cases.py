"""ONNX's own test cases: small models with inputs and the outputs that a backend must give.

The package onnx makes the cases of each operator (``onnx.backend.test.case.node``); up to 1.17 it also carried them,
and cases that PyTorch exported, as folders. Both are read here and run by ``tinyconv.interop.onnx``.

Two cases of 1.17 expect what later versions corrected, and fail: test_adam_multiple, whose model lacks the epsilon that
its outputs were computed with, and an AveragePool with windows that hang over (test_averagepool_3d_dilations_large_
count_include_pad_is_1_ceil_mode_is_True), of which ONNX Runtime gives the later version's outputs.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinyconv.core.errors import DTypeError, UnsupportedError

LISTED = (
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool",
    "BatchNormalization", "Gemm", "MatMul", "Softmax", "LogSoftmax", "Relu", "LeakyRelu", "Elu", "Celu", "Selu",
    "ThresholdedRelu", "HardSigmoid", "HardSwish", "Gelu", "Mish", "Softplus", "Softsign", "Sigmoid", "Tanh", "PRelu",
    "Dropout", "Pad", "Resize", "Upsample", "Concat", "Flatten", "Reshape", "Transpose", "ReduceSum", "ReduceMean",
    "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
    "ReduceLogSumExp", "Clip", "LRN", "SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss", "Adam", "Momentum",
)  # fmt: skip
"""The operators of which every case is to pass, but for those that are refused by design."""

REFUSED = {
    "cubic": "operator Resize with mode='cubic' is not offered",
    "antialias": "operator Resize with antialias is not offered",
    "_int8_": "type int8",
    "float16": "float16",
}
"""Part of a case's name -> what the refusal says."""

WRONG_BEFORE = {
    "test_adam_multiple": (1, 20),
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": (1, 18),
}
"""Cases whose own data are wrong in versions of onnx before this one: later ones have others."""


@dataclass(frozen=True)
class Case:
    """``model``: a ``ModelProto``. ``data``: pairs of inputs and outputs, as lists of arrays."""

    name: str
    operator: str
    model: Any
    data: list[tuple[list[Any], list[Any]]]
    rtol: float = 1e-3
    atol: float = 1e-7


@dataclass(frozen=True)
class Outcome:
    """What became of a case: "passed", "failed" or "unsupported", and why."""

    case: str
    operator: str
    result: str
    reason: str = ""


def of_operators(operators: Iterable[str] | None = None) -> list[Case]:
    """The cases that the installed onnx makes of ``operators``; of all without them."""
    node = importlib.import_module("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cases divide by zero on purpose
        if operators is None:
            found = node.collect_testcases()
        else:
            for operator in operators:
                importlib.import_module(f"onnx.backend.test.case.node.{_file(node, operator)}")
            found = node._NodeTestCases
    cases = [Case(case.name, "", case.model, case.data_sets, case.rtol, case.atol) for case in found]
    named = _with_operators(cases)
    return named if operators is None else [case for case in named if case.operator in set(operators)]


def _file(node: ModuleType, operator: str) -> str:
    """The file with the operator's cases: "softmaxcrossentropy", or in other versions "softmax_cross_entropy_loss"."""
    files = [file.name for file in pkgutil.iter_modules(node.__path__)]
    return max((f for f in files if operator.lower().startswith(f.replace("_", ""))), key=len)


def of_folder(folder: Path) -> list[Case]:
    """The cases in ``folder``: one folder each, with model.onnx and test_data_set_0/input_0.pb, output_0.pb, ..."""
    import onnx

    cases = []
    for file in sorted(folder.glob("*/model.onnx")):
        model = onnx.load(file)
        sets = sorted(file.parent.glob("test_data_set_*"))
        data = [(_tensors(one, "input"), _tensors(one, "output")) for one in sets]
        cases.append(Case(file.parent.name, "", model, data))
    return _with_operators(cases)


def _tensors(folder: Path, kind: str) -> list[Any]:
    from onnx import TensorProto, numpy_helper

    found = []
    for number in range(len(list(folder.glob(f"{kind}_*.pb")))):
        tensor = TensorProto()
        try:
            tensor.ParseFromString((folder / f"{kind}_{number}.pb").read_bytes())
            found.append(numpy_helper.to_array(tensor))
        except Exception:
            found.append(None)  # a sequence or a map, which the model's inputs are refused for
    return found


def _with_operators(cases: list[Case]) -> list[Case]:
    """Each case under its operator: of those that are written out in other operators, the one they stand for."""
    single = {case.name: case.model.graph.node[0].op_type for case in cases if len(case.model.graph.node) == 1}
    return [Case(case.name, _operator(case, single), case.model, case.data, case.rtol, case.atol) for case in cases]


def _operator(case: Case, single: dict[str, str]) -> str:
    base = re.sub(r"_expanded.*", "", case.name)
    counted = [node.op_type for node in case.model.graph.node if node.op_type != "Constant"]
    return single.get(base) or (counted[0] if counted else "Constant")


def outcomes(cases: Iterable[Case]) -> Iterator[Outcome]:
    """Run each case."""
    for case in cases:
        try:
            problem = _problem(case)
            yield Outcome(case.name, case.operator, "failed" if problem else "passed", problem)
        except (UnsupportedError, DTypeError) as error:
            broken = "cannot be run on its inputs" in str(error)  # an error nobody thought of
            yield Outcome(case.name, case.operator, "failed" if broken else "unsupported", str(error))
        except Exception as error:
            yield Outcome(case.name, case.operator, "failed", f"{type(error).__name__}: {error}")


def _problem(case: Case) -> str:
    """What is wrong with the model's results; empty where nothing is."""
    from tinyconv import no_grad, set_float32_precision
    from tinyconv.interop.onnx.reading import from_model
    from tinyconv.ops.tensor import Tensor

    module = from_model(case.model)
    for inputs, expected in case.data:
        with no_grad(), set_float32_precision("exact"), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = module(*(Tensor(np.array(array)) for array in inputs))
        results = found if isinstance(found, tuple) else (found,)
        for number, (result, wanted) in enumerate(zip(results, expected, strict=True)):
            array, right = result.numpy(), np.asarray(wanted)
            if array.dtype != right.dtype or array.shape != right.shape:
                return f"output {number} is {array.dtype} {array.shape} instead of {right.dtype} {right.shape}"
            if not np.allclose(array, right, case.rtol, case.atol, equal_nan=True):
                worst = np.abs(array.astype(np.float64) - right.astype(np.float64)).max()
                return f"output {number} differs by {worst:.2g}"
    return ""
