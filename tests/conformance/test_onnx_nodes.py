"""ONNX's own cases for each of its operators: all of them pass, but for those that are refused by name and reason."""

import bench_folder  # noqa: F401  (so that the benchmarks are found)
import numpy as np
import pytest
from onnx_files import Draft

from bench import onnx_cases
from bench.suites.onnx import row_of, table
from tinyconv.models.graph.operators import OPERATORS


@pytest.mark.parametrize("operator", onnx_cases.LISTED)
def test_every_case_of_the_operator_passes_or_is_refused_by_name(operator):
    onnx = pytest.importorskip("onnx", reason="the cases come with the package onnx")
    version = tuple(int(number) for number in onnx.__version__.split(".")[:2])
    cases = onnx_cases.of_operators([operator])
    assert cases
    for outcome in onnx_cases.outcomes(cases):
        if version < onnx_cases.WRONG_BEFORE.get(outcome.case, (0, 0)):
            continue
        refusal = next((says for part, says in onnx_cases.REFUSED.items() if part in outcome.case), None)
        if refusal is None:
            assert outcome.result == "passed", outcome
        else:
            assert outcome.result == "unsupported", outcome
            assert refusal in outcome.reason, outcome


def test_the_listed_operators_are_in_the_table():
    assert set(onnx_cases.LISTED) <= set(OPERATORS)


def test_a_wrong_result_fails_and_an_error_that_nobody_thought_of_is_no_refusal():
    pytest.importorskip("onnx", reason="writes a case with the package onnx")

    draft = Draft()
    draft.node("Relu", ["x"], ["y"])
    model = draft.model({"x": [2]}, {"y": [2]})
    x = np.array([-1, 2], np.float32)
    right, wrong = np.array([0, 2], np.float32), np.array([0, 3], np.float32)
    cases = [
        onnx_cases.Case("right", "Relu", model, [([x], [right])]),
        onnx_cases.Case("wrong", "Relu", model, [([x], [wrong])]),
    ]
    cases.append(onnx_cases.Case("other type", "Relu", model, [([x], [right.astype(np.float64)])]))
    found = list(onnx_cases.outcomes(cases))
    assert [outcome.result for outcome in found] == ["passed", "failed", "failed"]
    assert row_of("Relu", found) == {"operator": "Relu", "passed": 1, "failed": 2, "unsupported": 0}
    assert table([row_of("Relu", found)]).splitlines()[-1].split() == ["total", "1", "2", "0"]
