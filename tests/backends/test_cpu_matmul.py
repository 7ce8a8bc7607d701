"""The matrix product on the register tile."""

import importlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.cpu import parallel

module = importlib.import_module("tinyconv.backends.cpu.matmul")  # whose name in the package is a function

ORDERS = {
    "by rows": np.ascontiguousarray,
    "by columns": np.asfortranarray,
    "strided": lambda matrix: np.repeat(np.repeat(matrix, 2, axis=0), 2, axis=1)[::2, ::2],
    "reversed": lambda matrix: matrix[::-1].copy()[::-1],
}
orders = st.sampled_from(sorted(ORDERS))
sizes = st.sampled_from([1, 2, 7, 8, 9, 16, 17, 33])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40)
@given(rows=sizes, inner=sizes, columns=sizes, order_a=orders, order_b=orders)
@example(rows=1, inner=1, columns=1, order_a="by columns", order_b="by rows")
def test_products_equal_the_definition_in_any_memory_order(dtype, rows, inner, columns, order_a, order_b):
    random = np.random.default_rng(rows + 100 * inner + 10000 * columns)
    a, b = random.standard_normal((rows, inner)).astype(dtype), random.standard_normal((inner, columns)).astype(dtype)
    ours = cpu.matmul(ORDERS[order_a](a), ORDERS[order_b](b))
    bound = (inner + 1) * np.finfo(dtype).eps * (abs(a).astype(float) @ abs(b))
    assert ours.dtype == dtype
    assert ours.shape == (rows, columns)
    assert (abs(ours - a.astype(float) @ b) <= bound + 1e-300).all()


@pytest.mark.parametrize("order", ["by rows", "by columns"])
@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 300, 70), (7, 17, 5), (200, 130, 33), (2, 0, 3)])
def test_bias_and_rectifier_are_added_on_the_way_out_and_a_memo_keeps_the_panels(
    rows, inner, columns, order, monkeypatch
):
    random = np.random.default_rng(0)
    a, b, bias = (random.standard_normal(shape) for shape in ((rows, inner), (inner, columns), columns))
    expected = reference.matmul(a, b, bias)
    np.testing.assert_allclose(cpu.matmul(a, ORDERS[order](b), bias), expected, rtol=1e-10, atol=1e-10)
    rectified = cpu.matmul(a, ORDERS[order](b), bias, relu=True)
    np.testing.assert_allclose(rectified, reference.matmul(a, b, bias, relu=True), rtol=1e-10, atol=1e-10)
    memo, packed = {}, []
    pack = module.pack
    monkeypatch.setattr(module, "pack", lambda *weight: packed.append(weight) or pack(*weight))
    for uses in range(4):
        kept = cpu.matmul(a, ORDERS[order](b), bias, relu=True, memo=memo)
        np.testing.assert_array_equal(kept, rectified)
        assert len(packed) == (inner > 0 and uses > 0), "a weight is packed once, from its second use on"


@pytest.mark.parametrize(("rows", "inner", "columns"), [(300, 500, 40), (40, 500, 300), (4000, 40, 70)])
def test_a_matrix_stored_by_columns_is_read_as_it_lies_or_copied(rows, inner, columns):
    random = np.random.default_rng(0)
    a, b = random.standard_normal((inner, rows)).T, random.standard_normal((inner, columns))
    np.testing.assert_allclose(cpu.matmul(a, b), a @ b, rtol=1e-10, atol=1e-10)


def test_the_rectifier_lets_nan_pass():
    a = np.array([[np.nan, 1.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(cpu.matmul(a, np.eye(2), relu=True), [[np.nan, np.nan], [0, 0]])


def test_the_definition_is_numpys_product():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(reference.matmul(a, b), a @ b)


@pytest.mark.parametrize("transposed", [False, True])
def test_large_products_are_right_and_have_the_same_bits_on_any_number_of_threads(threads, transposed):
    random = np.random.default_rng(0)
    a, b = (
        random.standard_normal((200, 1100)).astype(np.float32),
        random.standard_normal((1100, 300)).astype(np.float32),
    )
    stored = np.asfortranarray(a) if transposed else a
    results = []
    for count in (1, parallel.max_threads()):
        threads(count)
        results.append(cpu.matmul(stored, b))
    np.testing.assert_array_equal(*results)
    np.testing.assert_allclose(results[0], a.astype(float) @ b, atol=1e-3)


def test_a_sum_over_nothing_is_zero():
    assert cpu.matmul(np.empty((2, 0), np.float32), np.empty((0, 3), np.float32)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert cpu.matmul(np.empty((0, 2), np.float32), np.empty((2, 3), np.float32)).shape == (0, 3)


def test_read_only_matrices_are_taken():
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    a.flags.writeable = False
    np.testing.assert_array_equal(cpu.matmul(a, a.T), a @ a.T)
