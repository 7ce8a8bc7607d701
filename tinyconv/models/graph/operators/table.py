"""The table of operators: what ONNX's name means, as a function of tensors.

    @operator("LeakyRelu")
    def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor: ...

Positional parameters are the node's inputs, None where it has none there; keyword parameters its attributes, with the
defaults that ONNX gives them. Any other attribute is refused. Two keywords are no attributes: ``outputs``, how many
results the node names, and ``training``, whether the network is in training mode.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinyconv.core.errors import UnsupportedError

FROM_THE_MODULE = ("outputs", "training")


@dataclass(frozen=True)
class Operator:
    """A ``function`` of inputs and attributes.

    ``numbers``: the positions of inputs that are taken as lists of Python numbers, such as shapes and axes. ``wants``:
    the keywords that are no attributes.
    """

    name: str
    function: Callable[..., Any]
    least: int
    most: int | None
    attributes: frozenset[str]
    numbers: frozenset[int]
    wants: tuple[str, ...]


OPERATORS: dict[str, Operator] = {}


def operator(*names: str, numbers: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter the function into the table under ``names``. ``numbers``: its parameters that take Python numbers."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(function).parameters.values()
        inputs = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        for name in names:
            OPERATORS[name] = Operator(
                name,
                function,
                least=sum(p.default is p.empty for p in inputs),
                most=None if any_number else len(inputs),
                attributes=frozenset(keywords).difference(FROM_THE_MODULE),
                numbers=frozenset(i for i, p in enumerate(inputs) if p.name in numbers),
                wants=tuple(word for word in FROM_THE_MODULE if word in keywords),
            )
        return function

    return enter


_BRANCHES = "a graph runs from its inputs to its outputs, without branches or loops"
_SEQUENCES = "layers for text and sequences are not offered"
_BYTES = "there are no 8-bit layers; export the network before it is quantised"
_RANDOM = "a graph draws no random numbers but for dropout"
_SAMPLING = "sampling at positions that are computed is not offered"

REASONS = {
    **dict.fromkeys(("If", "Loop", "Scan", "SequenceMap"), _BRANCHES),
    **dict.fromkeys(("LSTM", "GRU", "RNN", "Attention"), _SEQUENCES),
    **dict.fromkeys(("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear"), _BYTES),
    **dict.fromkeys(("DequantizeLinear", "DynamicQuantizeLinear"), _BYTES),
    **dict.fromkeys(("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"), _RANDOM),
    **dict.fromkeys(("Bernoulli", "Multinomial"), _RANDOM),
    **dict.fromkeys(("GridSample", "RoiAlign", "DeformConv", "AffineGrid", "MaxRoiPool"), _SAMPLING),
}
"""Where more can be said than that there is no such operator."""


def lookup(name: str, inputs: int, attributes: Any) -> Operator:
    """The operator ``name`` with that many inputs and these attributes. Raises ``UnsupportedError``."""
    found = OPERATORS.get(name)
    if found is None:
        raise UnsupportedError(f"operator {name} is not offered" + (f": {REASONS[name]}" if name in REASONS else ""))
    if inputs < found.least or (found.most is not None and inputs > found.most):
        expected = f"{found.least} to {found.most}" if found.least != found.most else str(found.most)
        raise UnsupportedError(f"operator {name} takes {expected} inputs, the node has {inputs}")
    for attribute in attributes:
        if attribute not in found.attributes:
            known = ", ".join(sorted(found.attributes)) or "none"
            raise UnsupportedError(f"operator {name} with the attribute {attribute!r} is not offered; known: {known}")
    return found
