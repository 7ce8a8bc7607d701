"""How relevance passes through each operation of a network, by what the operation does with its inputs.

    affine    convolution, linear layer, matrix product with weights: by the rule that the composite has for the layer
    folded    batch normalisation right behind an affine layer: part of that layer, so relevance passes it untouched
    shared    sums, means, averages, products with constants: every input gets its part of the output, as in the plain
              rule; a constant that is added keeps its part
    handed on activations, normalisation: one input for each output, which gets all of its relevance
    routed    views, concatenation, padding, max pooling (the winner takes all), dropout, gathering: the operation's own
              backward, for every output is an input
    halved    the product of two signals: both get half (Achtibat et al., "AttnLRP", 2024, proposition 3.3)

Other operations (a softmax in the middle, powers, losses) have no rule here, and say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.autograd.operation import Edge, Operation
from tinyconv.core.errors import ArgumentError
from tinyconv.explain.lrp.affine import AffineLayer, can_fold, leaf, quotient, sent_back
from tinyconv.explain.lrp.composites import Composite
from tinyconv.explain.lrp.rules import Epsilon, stabilized
from tinyconv.explain.trace import Passage, Step, Trace
from tinyconv.ops.activation.rectifier import Relu
from tinyconv.ops.activation.sloped_rectifier import Prelu
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.convolution.locally_connected import LocallyConnected2d
from tinyconv.ops.convolution.patches import Unfold
from tinyconv.ops.convolution.transposed_convolution import TransposedConvolution2d
from tinyconv.ops.dispatch import Cast
from tinyconv.ops.dropout import Dropout
from tinyconv.ops.elementwise.arithmetic import Add, Divide, Multiply, Subtract
from tinyconv.ops.elementwise.bounds import Clamp, LargerOrSmaller
from tinyconv.ops.elementwise.elementwise import Negate, Sigmoid, Unary
from tinyconv.ops.elementwise.pointwise import Pointwise
from tinyconv.ops.elementwise.selection import Where
from tinyconv.ops.indexing.gathering import TakeAlong
from tinyconv.ops.indexing.indexing import GetItem, SetItem
from tinyconv.ops.normalization.batch import BatchNorm
from tinyconv.ops.normalization.channels import ChannelNorm, FrozenNorm
from tinyconv.ops.normalization.layer import LayerNorm
from tinyconv.ops.normalization.response import LocalResponseNorm
from tinyconv.ops.pooling.adaptive import AdaptiveAvgPool
from tinyconv.ops.pooling.average import AvgPool
from tinyconv.ops.pooling.maximum import MaxOfWindows
from tinyconv.ops.product.linear import Linear
from tinyconv.ops.product.matmul import MatrixProduct
from tinyconv.ops.reduction.extremes import Extreme
from tinyconv.ops.reduction.reduction import Sum
from tinyconv.ops.resizing.padding import ConstantPad
from tinyconv.ops.resizing.pixel_shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from tinyconv.ops.resizing.resampling import Resample
from tinyconv.ops.shape.join import Concatenate
from tinyconv.ops.shape.permutation import Permute
from tinyconv.ops.shape.rearrangement import Flip, Roll
from tinyconv.ops.shape.shape import Copy, Expand, Reshape

AFFINE = (Convolution2d, TransposedConvolution2d, LocallyConnected2d, Linear, MatrixProduct)
SHARED = (Add, Subtract, Multiply, Divide, Sum, AdaptiveAvgPool, Resample)
HANDED_ON = (
    *(Relu, Prelu, Pointwise, Sigmoid, Unary, Negate, Clamp, Cast, Dropout),
    *(ChannelNorm, LayerNorm, LocalResponseNorm),
)
ROUTED = (
    *(MaxOfWindows, Extreme, LargerOrSmaller, Where, GetItem, SetItem, TakeAlong, Unfold),
    *(
        Concatenate,
        ConstantPad,
        Reshape,
        Permute,
        Expand,
        Copy,
        Flip,
        Roll,
        PixelShuffle,
        PixelUnshuffle,
        ChannelShuffle,
    ),
)


class Plan:
    """The way of relevance through the network of ``trace``, which keeps values: a passage for each of its steps.

    ``words``: for each operation, what a table calls its passage. Raises ``ArgumentError`` for an operation that
    relevance would have to pass through and cannot.
    """

    def __init__(self, trace: Trace, composite: Composite) -> None:
        self._composite = composite
        self._steps = {step.operation: step for step in trace.steps}
        self._image = trace.images
        order = _leading_to(trace.logits.node)
        self._signals: set[Operation] = set()
        for operation in order:
            if any(self._carries(edge) for edge in operation.edges):
                self._signals.add(operation)
        self._norm_behind = self._folds(order)
        self._folded = {norm.operation for norm in self._norm_behind.values()}
        self._first = self._next_to_pixels(order)
        self.words: dict[Operation, str] = {}
        self._passages: dict[Operation, Passage] = {}
        for step in trace.steps:
            if step.operation in self._signals:
                self._passages[step.operation], self.words[step.operation] = self._passage(step)

    def rules(self, step: Step) -> Passage | None:
        """What ``Trace.backward`` asks for."""
        return self._passages.get(step.operation)

    def _carries(self, edge: Edge) -> bool:
        """Whether what comes along ``edge`` depends on the images."""
        return edge[0] in self._signals if isinstance(edge, tuple) else edge is self._image

    def _signals_of(self, operation: Operation) -> list[int]:
        return [index for index, edge in enumerate(operation.edges) if self._carries(edge)]

    def _folds(self, order: Iterable[Operation]) -> dict[Operation, Step]:
        """For an affine operation, the batch normalisation that is part of it: the only one that uses its result."""
        uses = Counter(edge[0] for operation in order for edge in operation.edges if isinstance(edge, tuple))
        found = {}
        for operation in order:
            source = operation.edges[0] if operation.edges else None
            if not isinstance(operation, BatchNorm) or not isinstance(source, tuple) or uses[source[0]] != 1:
                continue
            step, norm = self._steps.get(source[0]), self._steps.get(operation)
            if step and norm and can_fold(source[0], operation, tuple(step.output.shape)):
                found[source[0]] = norm
        return found

    def _next_to_pixels(self, order: Iterable[Operation]) -> set[Operation]:
        """The affine operations with no other between them and the images."""
        behind: set[Operation] = set()
        for operation in order:
            sources = {edge[0] for edge in operation.edges if isinstance(edge, tuple)} & self._signals
            if any(source in behind or self._is_affine(source) for source in sources):
                behind.add(operation)
        return {operation for operation in self._signals if self._is_affine(operation)} - behind

    def _is_affine(self, operation: Operation) -> bool:
        return isinstance(operation, AFFINE) and len(self._signals_of(operation)) == 1

    def _passage(self, step: Step) -> tuple[Passage, str]:
        operation = step.operation
        signals = self._signals_of(operation)
        if operation in self._folded:
            return _handed_on(len(operation.edges), signals[0]), "in the layer before"
        if self._is_affine(operation):
            rule = self._composite.rule(step.name, step.kind, operation in self._first, step.path)
            layer = AffineLayer(step, signals[0], self._norm_behind.get(operation))
            return _by(lambda relevance: rule(layer, relevance), len(operation.edges), signals[0]), rule.words
        if isinstance(operation, FrozenNorm) or (isinstance(operation, BatchNorm) and operation.statistics is not None):
            # A layer with one input for each output: only the plain rule gives its shift a part.
            rule = self._composite.rule(step.name, "conv", is_first=False, path=step.path)
            if isinstance(rule, Epsilon):
                return _shared(step, signals, rule.epsilon), rule.words
        if isinstance(operation, Multiply) and len(signals) == 2:
            return _halved(operation), "in halves"
        divides_by_signal = isinstance(operation, Divide) and 1 in signals
        if (isinstance(operation, SHARED) or type(operation) is AvgPool) and not divides_by_signal:
            return _shared(step, signals), "in proportion"
        if isinstance(operation, HANDED_ON) and signals == [0]:
            return _handed_on(len(operation.edges), 0), "handed on"
        if isinstance(operation, ROUTED):
            return step.own_backward, "to the winners" if step.kind == "pool" else "routed"
        where = f" ({step.name})" if step.name else ""
        raise ArgumentError(
            f"LRP has no rule for {operation.name}{where}, which stands between the images and the scores; explain "
            "this network by a gradient method, such as integrated-gradients"
        )


def _leading_to(root: Operation) -> list[Operation]:
    """All operations on the tape before ``root``, and it, in the order in which they ran."""
    found: set[Operation] = set()
    stack = [root]
    while stack:
        operation = stack.pop()
        if operation not in found:
            found.add(operation)
            stack.extend(edge[0] for edge in operation.edges if isinstance(edge, tuple))
    return sorted(found, key=lambda operation: operation.sequence)


def _at(index: int, value: Any, count: int) -> tuple[Any, ...]:
    """``value`` for input ``index`` of ``count``, nothing for the others."""
    return tuple(value if place == index else None for place in range(count))


def _by(rule: Any, count: int, index: int) -> Passage:
    return lambda relevance: _at(index, rule(relevance), count)


def _handed_on(count: int, index: int) -> Passage:
    return lambda relevance: _at(index, relevance, count)


def _halved(operation: Multiply) -> Passage:
    return lambda relevance: operation.to_operands(relevance * 0.5, relevance * 0.5)


def _shared(step: Step, signals: list[int], epsilon: float = 0.0) -> Passage:
    """R_j = what j is of z, over z + eps sign z, times R: for an operation that is linear in its ``signals``."""
    again = step.operation.unrecorded_copy()

    def passage(relevance: Any) -> tuple[Any, ...]:
        operands = [leaf(x) if index in signals else x for index, x in enumerate(step.input_values)]
        with enable_grad():
            z = again.unrecorded_copy().apply(*operands)
        share = quotient(relevance, stabilized(z.detach(), epsilon))
        owed = iter(sent_back([z], [share], [operands[index] for index in signals]))
        return tuple(x.detach() * next(owed) if index in signals else None for index, x in enumerate(operands))

    return passage
