"""The matrices of Winograd's minimal filtering, and their products with vectors as Numba intrinsics.

F(m, r) computes m outputs of a correlation with r taps from m + r - 1 inputs with as many multiplications, not m r:

    y = Aᵀ [(G g) ⊙ (Bᵀ d)]          in two directions:  Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A

It is polynomial multiplication, evaluated at points: row i of G evaluates the filter at point i (divided by the product
of its distances from the others), row i of A the outputs; the last point is infinity, where a polynomial's value is its
leading coefficient. With the points 0, 1, -1, 2, -2, ∞, F(4, 3) and F(2, 5) have 6 inputs and one Bᵀ in common.

The gradients use the same matrices the other way round. With dM = A dY Aᵀ, the weight gradient is Gᵀ [(Bᵀ d B) ⊙ dM] G.

Sources: Winograd, "Arithmetic complexity of computations" (1980); Lavin & Gray, "Fast algorithms for convolutional
neural networks" (2016); derived here from the points.
"""

# ruff: noqa: ARG001 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from fractions import Fraction
from typing import Any

from llvmlite import ir
from numba import types

from tinyconv.backends.cpu.register_tile import address, first_lanes, intrinsic, masked_load, masked_store
from tinyconv.backends.cpu.simd import Vector

Matrix = tuple[tuple[Fraction, ...], ...]

CONTRACT = ("contract",)
"""A product and the sum that follows it may become one fused multiply-add."""

POINTS = tuple(map(Fraction, (0, 1, -1, 2, -2)))
"""The finite points. Small ones, of both signs: their powers are what rounding errors are multiplied by."""

SIZE = len(POINTS) + 1
"""Inputs of a tile along one axis, and points."""


def powers(count: int) -> Matrix:
    """Row i: the powers 0 ... count - 1 of point i; infinity has the last one only. This is A of F(count, r)."""
    infinity = tuple(Fraction(power == count - 1) for power in range(count))
    return (*(tuple(point**power for power in range(count)) for point in POINTS), infinity)


def filter_matrix(taps: int) -> Matrix:
    """G: ``powers``, each finite row divided by the product of (its point - another point)."""
    rows = list(powers(taps))
    for i, point in enumerate(POINTS):
        for j, other in enumerate(POINTS):
            if i != j:
                rows[i] = tuple(value / (point - other) for value in rows[i])
    return tuple(rows)


def input_matrix() -> Matrix:
    """Bᵀ: row i holds the coefficients of the polynomial that is zero at all finite points but i; the last at all."""
    rows = []
    for i in range(SIZE):
        coefficients = [Fraction(1)]
        for j, point in enumerate(POINTS):
            if i != j:  # times (x - point)
                shifted, scaled = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
                coefficients = [high - point * low for high, low in zip(shifted, scaled, strict=True)]
        rows.append(tuple(coefficients + [Fraction(0)] * (SIZE - len(coefficients))))
    return tuple(rows)


def transposed(matrix: Matrix) -> Matrix:
    """Columns as rows."""
    return tuple(zip(*matrix, strict=True))


def _mirrored(rows: Matrix) -> list[tuple[int, int]]:
    """Pairs of rows that differ in signs only: those of points p and -p."""
    pairs: list[tuple[int, int]] = []
    for i, row in enumerate(rows):
        for j in range(i + 1, len(rows)):
            taken = any(i in pair or j in pair for pair in pairs)
            if not taken and row != rows[j] and tuple(map(abs, row)) == tuple(map(abs, rows[j])):
                pairs.append((i, j))
    return pairs


class _Writer:
    """Writes sums of multiples of vectors into a function under construction."""

    def __init__(self, builder: Any, vector: Vector) -> None:
        self.builder, self.vector = builder, vector

    def sum(self, terms: list[tuple[Fraction, Any]]) -> Any:
        """The sum of factor · value over ``terms``; those of factor 1 come first, so that the others can be fused."""
        total = None
        for factor, value in sorted((term for term in terms if term[0]), key=lambda term: abs(term[0]) != 1):
            if abs(factor) != 1:
                scale = ir.Constant(self.vector.vector, [float(factor)] * self.vector.lanes)
                value = self.builder.fmul(value, scale, flags=CONTRACT)
            if total is None:
                total = self.builder.fneg(value) if factor == -1 else value
            else:
                add = self.builder.fsub if factor == -1 else self.builder.fadd
                total = add(total, value, flags=CONTRACT)
        return ir.Constant(self.vector.vector, None) if total is None else total

    def product(self, matrix: Matrix, values: list[Any]) -> list[Any]:
        """matrix · values. Mirrored columns are added and subtracted first, mirrored rows share their halves."""
        columns = list(transposed(matrix))
        for i, j in _mirrored(tuple(columns)):
            plus, minus = (self.sum([(Fraction(1), values[i]), (Fraction(sign), values[j])]) for sign in (1, -1))
            same = tuple(a if a == b else Fraction(0) for a, b in zip(columns[i], columns[j], strict=True))
            columns[j] = tuple(a if a != b else Fraction(0) for a, b in zip(columns[i], columns[j], strict=True))
            columns[i] = same
            values = [plus if k == i else minus if k == j else value for k, value in enumerate(values)]
        rows = transposed(tuple(columns))
        results: list[Any] = [None] * len(rows)
        for i, j in _mirrored(rows):
            halves: tuple[list[Any], list[Any]] = ([], [])
            for a, b, value in zip(rows[i], rows[j], values, strict=True):
                halves[a != b].append((a, value))
            even, odd = map(self.sum, halves)
            results[i] = self.builder.fadd(even, odd, flags=CONTRACT)
            results[j] = self.builder.fsub(even, odd, flags=CONTRACT)
        return [
            self.sum(list(zip(row, values, strict=True))) if result is None else result
            for row, result in zip(rows, results, strict=True)
        ]


def make_product(matrix: Matrix) -> Any:
    """An intrinsic that multiplies ``matrix`` by a column of vectors in memory."""

    @intrinsic
    def product(typingctx, source, index, step, first, end, count, target, place, target_step, limit, stored, rectify):
        """target[place + o target_step] = sum over i of matrix[o, i] source[index + i step], for every o < limit.

        Each element is a vector. Rows of ``source`` outside [first, end) count as zeros and are not read; ``count``
        lanes are read and ``stored`` written. ``rectify``: max(y, 0) is written; NaN passes.
        """
        vector = Vector(source.dtype)
        writer = _Writer(None, vector)

        def codegen(context, builder, signature, args):
            source_, index_, step_, first_, end_, count_, target_, place_, target_step_, limit_, stored_, rectify_ = (
                args
            )
            integer = ir.IntType(64)
            writer.builder = builder
            zero = ir.Constant(vector.vector, None)
            zeros = context.insert_unique_const(builder.module, f"zeros.{vector.lanes}.{vector.element}", zero)
            mask = first_lanes(builder, vector, count_)
            values = []
            for i in range(len(matrix[0])):
                place_of_row = builder.add(index_, builder.mul(step_, integer(i)))
                pointer = address(context, builder, signature.args[0], source_, place_of_row)
                inside = builder.and_(
                    builder.icmp_signed("<=", first_, integer(i)), builder.icmp_signed("<", integer(i), end_)
                )
                readable = builder.select(inside, pointer, builder.bitcast(zeros, pointer.type))
                values.append(masked_load(builder, vector, readable, mask))
            for o, result in enumerate(writer.product(matrix, values)):
                negative = builder.fcmp_ordered("<=", result, zero)
                result = builder.select(rectify_, builder.select(negative, zero, result), result)
                place_of_row = builder.add(place_, builder.mul(target_step_, integer(o)))
                pointer = address(context, builder, signature.args[6], target_, place_of_row)
                wanted = builder.icmp_signed("<", integer(o), limit_)
                lanes = builder.select(wanted, stored_, ir.Constant(integer, 0))
                masked_store(builder, vector, result, pointer, first_lanes(builder, vector, lanes))
            return context.get_dummy_value()

        number = types.intp
        arguments = (source, number, number, number, number, number, target, number, number, number, number)
        return types.void(*arguments, types.boolean), codegen

    return product
