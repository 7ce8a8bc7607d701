"""Sums of products in index notation: ``einsum("bij,bjk->bik", a, b)``.

Each tensor's repeated indices are first made a diagonal; then two at a time are multiplied, as one batched matrix
product: indices of both that are still needed form the batch, those of both that are not are summed over.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DTypeError, ShapeError
from tinyconv.ops.product.matmul import matmul
from tinyconv.ops.shape.permutation import permute
from tinyconv.ops.shape.shape import contiguous, expand, reshape
from tinyconv.ops.shape.triangles import diagonal

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The sum of products that ``equation`` writes in index notation, such as ``"ij,jk->ik"``.

    Each letter names a dimension; letters that the part after ``->`` lacks are summed over. Without ``->`` the letters
    that occur once remain, in alphabetical order. ``...`` stands for any further dimensions, which broadcast. A letter
    twice in one tensor takes the diagonal. Also ``einsum(a, [0, 1], b, [1, 2], [0, 2])`` with numbers for letters.

    Shape: as the equation says; dimensions of one letter have one size, or 1.
    Dtype: any but bool, the same for all; the result has it.
    Raises: ``ArgumentError`` for an equation that does not fit the tensors, ``ShapeError`` for sizes that differ.

    >>> tc.einsum("ij,j->i", tc.tensor([[1.0, 2.0], [3.0, 4.0]]), tc.tensor([1.0, 10.0]))
    tensor([21., 43.])
    """
    if isinstance(equation, str):
        tensors = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], list | tuple) else list(operands)
        inputs, output = _parse(equation, len(tensors))
    else:
        tensors, inputs, output = _from_lists((equation, *operands))
    for tensor in tensors:
        if not isinstance(tensor, TensorBase):
            raise DTypeError(f"einsum: an operand is a {type(tensor).__name__}, no tensor")
    if len({tensor.dtype for tensor in tensors}) > 1:
        raise DTypeError(f"einsum: takes tensors of one type, got {[tensor.dtype.name for tensor in tensors]}")
    inputs, output = _without_ellipsis(inputs, output, tensors)
    terms = [_diagonals(tensor, labels) for tensor, labels in zip(tensors, inputs, strict=True)]
    terms = _common_sizes(terms)
    while len(terms) > 1:
        needed = set(output).union(*(labels for _, labels in terms[2:]))
        terms[:2] = [_product(*terms[0], *terms[1], needed)]
    tensor, labels = terms[0]
    tensor, labels = _summed(tensor, labels, set(output))
    if labels != output:
        tensor = permute(tensor, tuple(labels.index(label) for label in output))
    return contiguous(tensor) if tensor.ndim in layout.CHANNELS_LAST else tensor


def _parse(equation: str, count: int) -> tuple[list[str], str | None]:
    """The labels of each operand and of the result (``None`` if left out); an ellipsis is written as one dot."""
    text = equation.replace(" ", "").replace("...", ".")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    for part in [*inputs, right]:
        wrong = set(part) - set(string.ascii_letters + ".")
        if wrong or part.count(".") > 1:
            raise ArgumentError(
                f"einsum: {equation!r}: dimensions are letters, with at most one '...' for each tensor; found {part!r}"
            )
    if len(inputs) != count:
        raise ArgumentError(f"einsum: {equation!r} is written for {len(inputs)} tensors, got {count}")
    if len(set(right)) != len(right) or not set(right) <= {*left, "."}:
        raise ArgumentError(f"einsum: {equation!r}: each letter of the result must stand there once, and on the left")
    return inputs, right if arrow else None


def _from_lists(arguments: tuple[Any, ...]) -> tuple[list[Any], list[str], str | None]:
    """The form ``a, [0, 1], b, [1, 2], [0, 2]``."""
    tensors, lists = list(arguments[0 : len(arguments) // 2 * 2 : 2]), list(arguments[1::2])
    output = arguments[-1] if len(arguments) % 2 else None
    if not all(isinstance(listed, list | tuple) for listed in [*lists, *([] if output is None else [output])]):
        raise ArgumentError("einsum: takes an equation first, or tensors that alternate with lists of numbers")

    def letters(listed: Any) -> str:
        if not all(part is ... or (isinstance(part, int) and 0 <= part < 52) for part in listed):
            raise ArgumentError(f"einsum: dimensions are numbers from 0 to 51, or '...', got {listed}")
        alphabet = string.ascii_uppercase + string.ascii_lowercase
        return "".join("." if part is ... else alphabet[part] for part in listed)

    inputs = [letters(listed) for listed in lists]
    written = ",".join(inputs) + ("" if output is None else "->" + letters(output))
    return tensors, *_parse(written.replace(".", "..."), len(tensors))


def _without_ellipsis(inputs: list[str], output: str | None, tensors: list[Any]) -> tuple[list[str], str]:
    """Each dot replaced by as many digits-like labels as it stands for, aligned at the last."""
    covered = [tensor.ndim - len(labels.replace(".", "")) for labels, tensor in zip(inputs, tensors, strict=True)]
    for labels, tensor, rest in zip(inputs, tensors, covered, strict=True):
        if rest < 0 or (rest > 0 and "." not in labels):
            raise ArgumentError(
                f"einsum: {labels.replace('.', '...')!r} does not name the {tensor.ndim} dimensions of {tensor.shape}"
            )
    most = max((rest for rest, labels in zip(covered, inputs, strict=True) if "." in labels), default=0)
    extra = [chr(0x2460 + index) for index in range(most)]  # labels that no equation can contain
    expanded = [
        labels.replace(".", "".join(extra[most - rest :])) for labels, rest in zip(inputs, covered, strict=True)
    ]
    if output is None:
        count = Counter("".join(inputs).replace(".", ""))
        output = "." + "".join(sorted(label for label, times in count.items() if times == 1))
    return expanded, output.replace(".", "".join(extra))


def _diagonals(tensor: Any, labels: str) -> tuple[Any, str]:
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.index(label, labels.index(label) + 1)
            if tensor.shape[first] != tensor.shape[second]:
                raise ShapeError(
                    f"einsum: index {label!r} stands twice in one tensor, for sizes {tensor.shape[first]} and "
                    f"{tensor.shape[second]}"
                )
            tensor = diagonal(tensor, 0, first, second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + label
    return tensor, labels


def _common_sizes(terms: list[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Dimensions of size 1 repeated where the same label has another size elsewhere."""
    sizes: dict[str, int] = {}
    for tensor, labels in terms:
        for label, size in zip(labels, tensor.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise ShapeError(f"einsum: index {label!r} stands for sizes {known} and {size}")
    result = []
    for tensor, labels in terms:
        target = tuple(sizes[label] for label in labels)
        result.append((tensor if tensor.shape == target else expand(tensor, target), labels))
    return result


def _summed(tensor: Any, labels: str, needed: set[str]) -> tuple[Any, str]:
    gone = tuple(dim for dim, label in enumerate(labels) if label not in needed)
    if not gone:
        return tensor, labels
    return tensor.sum(gone, dtype=tensor.dtype), "".join(label for label in labels if label in needed)


def _product(a: Any, in_a: str, b: Any, in_b: str, needed: set[str]) -> tuple[Any, str]:
    """The product of two terms, summed over the labels that nothing after them needs."""
    a, in_a = _summed(a, in_a, needed | set(in_b))
    b, in_b = _summed(b, in_b, needed | set(in_a))
    batch = [label for label in in_a if label in in_b and label in needed]
    summed = [label for label in in_a if label in in_b and label not in needed]
    rows = [label for label in in_a if label not in in_b]
    columns = [label for label in in_b if label not in in_a]
    sizes = dict(zip(in_a + in_b, a.shape + b.shape, strict=True))

    def arranged(tensor: Any, labels: str, *groups: list[str]) -> Any:
        """The dimensions group by group, each group but the batch merged into one."""
        ordered = permute(tensor, tuple(labels.index(label) for group in groups for label in group))
        shape = [sizes[label] for label in batch]
        return reshape(ordered, (*shape, *(math.prod(sizes[label] for label in group) for group in groups[1:])))

    if not summed or (batch and not (rows and columns)):
        # No matrices to multiply, or as many products of vectors as the batch is long: all elements at once instead.
        left, right = arranged(a, in_a, batch, rows, [], summed), arranged(b, in_b, batch, [], columns, summed)
        product = (left * right).sum(-1, dtype=left.dtype)
    else:
        product = matmul(arranged(a, in_a, batch, rows, summed), arranged(b, in_b, batch, summed, columns))
    result = "".join((*batch, *rows, *columns))
    return reshape(product, tuple(sizes[label] for label in result)), result
