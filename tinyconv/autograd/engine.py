"""The backward pass: cotangents flow from results to leaves, newest operation first.

Every recorded operation carries a number that grows with time, and its inputs were made before it. Taking the pending
operation with the highest number therefore visits each one only after all cotangents of its results have arrived.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from tinyconv.autograd import observe
from tinyconv.autograd.accumulate import accumulate, settle
from tinyconv.autograd.completion import uses_of_awaited_leaves
from tinyconv.autograd.grad_mode import set_grad_enabled
from tinyconv.autograd.hooks import anyone_awaits_gradients
from tinyconv.autograd.operation import Edge, Operation
from tinyconv.autograd.retained import freed
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, DTypeError, GraphError, ShapeError, UnsupportedError

Target = tuple[Operation, int] | int
"""What a gradient can be asked for: a result of an operation, or a leaf (by its ``id``)."""


def backward(
    tensors: TensorBase | Sequence[TensorBase],
    grad_tensors: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: TensorBase | Sequence[TensorBase] | None = None,
) -> None:
    """Add the gradients of ``tensors``, weighted by ``grad_tensors``, to the ``grad`` of the leaves that require it.

    ``grad_tensors``: the cotangents, of the tensors' shapes; may be left out for tensors of one element.
    ``retain_graph``: whether the graph can be differentiated once more; by default only with ``create_graph``, which
    records the backward itself. ``inputs``: only these tensors, leaves or not, receive a gradient.

    Shape: any; a cotangent has that of its tensor.
    Dtype: float32 or float64; a cotangent has that of its tensor.
    Raises: ``GraphError`` where nothing requires a gradient, the graph was freed, or a value it needs was overwritten;
        ``ShapeError`` for a cotangent of another shape.

    >>> x = tc.tensor([1.0, 2.0], requires_grad=True)
    >>> tc.autograd.backward([x * x, 3 * x], [tc.ones(2), tc.ones(2)])
    >>> x.grad
    tensor([5., 7.])
    """
    tensors = _listed(tensors)
    wanted_tensors = None if inputs is None else _listed(inputs)
    if wanted_tensors is not None and not wanted_tensors:
        raise ArgumentError("backward: inputs is empty; leave it out to reach every leaf")
    wanted = None if wanted_tensors is None else [_target(tensor) for tensor in wanted_tensors]
    sweep = _Sweep(wanted, retain_graph, create_graph)
    if wanted is None and not create_graph and anyone_awaits_gradients():
        sweep.awaited = uses_of_awaited_leaves(tensors)
    sweep.run(tensors, None if grad_tensors is None else _listed(grad_tensors))
    for key in list(sweep.leaves):
        if wanted is None or key in wanted:
            settle(sweep.leaves.pop(key), create_graph)
    for tensor in wanted_tensors or ():
        if tensor.node is not None and (gradient := sweep.captured.get(_target(tensor))) is not None:
            accumulate(tensor, [gradient], create_graph)


def grad(
    outputs: TensorBase | Sequence[TensorBase],
    inputs: TensorBase | Sequence[TensorBase],
    grad_outputs: TensorBase | Sequence[TensorBase | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` with respect to ``inputs``, one for each, without touching any ``grad``.

    ``grad_outputs``: the cotangents, of the outputs' shapes; may be left out for outputs of one element.
    An input that the outputs do not depend on raises, or gives ``None`` with ``allow_unused``, or zeros with
    ``materialize_grads``. ``only_inputs`` can only be true, and ``is_grads_batched`` only false.

    Shape: any; a cotangent has that of its tensor.
    Dtype: float32 or float64; a cotangent has that of its tensor.
    Raises: ``GraphError`` where nothing requires a gradient, the graph was freed, a value it needs was overwritten, or
        an input is not used; ``ShapeError`` for a cotangent of another shape; ``ArgumentError`` for
        ``materialize_grads`` with ``allow_unused=False``; ``UnsupportedError`` for batched cotangents.

    >>> x = tc.tensor(2.0, requires_grad=True)
    >>> (first,) = tc.autograd.grad(x**3, x, create_graph=True)
    >>> tc.autograd.grad(first, x)
    (tensor(12.),)
    """
    if not only_inputs:
        raise UnsupportedError("grad: only_inputs=False is not offered; use backward() to fill the grad of every leaf")
    if is_grads_batched:
        raise UnsupportedError("grad: is_grads_batched is not offered; call grad() once for each cotangent")
    if materialize_grads and allow_unused is False:
        raise ArgumentError("grad: materialize_grads gives zeros for unused inputs, which allow_unused=False forbids")
    outputs, inputs = _listed(outputs), _listed(inputs)
    targets = [_target(tensor) for tensor in inputs]
    sweep = _Sweep(targets, retain_graph, create_graph)
    sweep.run(outputs, None if grad_outputs is None else _listed(grad_outputs))
    results = []
    for position, target in enumerate(targets):
        found = sweep.captured.get(target) if isinstance(target, tuple) else sweep.leaves.get(target, (None, None))[1]
        if found is None and materialize_grads:
            tensor = inputs[position]
            zeros = layout.zeros(tensor.shape, tensor.array.dtype, array_module(tensor.device))
            found = TensorBase.wrap(zeros, tensor.device)
        elif found is None and not allow_unused:
            raise GraphError(
                f"grad: the outputs do not depend on input {position} (shape {inputs[position].shape}); "
                "pass allow_unused=True to get None for it"
            )
        results.append(found)
    return tuple(results)


def _listed(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _target(tensor: TensorBase) -> Target:
    if not tensor.requires_grad:
        raise GraphError(f"an input of shape {tensor.shape} does not require a gradient; call requires_grad_() on it")
    return id(tensor) if tensor.node is None else (tensor.node, tensor.output_index)


class _Sweep:
    """One backward pass: the cotangents that wait, the leaves reached, the results whose gradient was asked for."""

    def __init__(self, targets: Iterable[Target] | None, retain_graph: bool | None, create_graph: bool) -> None:
        self.targets = None if targets is None else set(targets)
        self.create_graph = create_graph
        self.retain_graph = create_graph if retain_graph is None else retain_graph
        self.leaves: dict[int, list[Any]] = {}
        """The leaf and its gradient, by the leaf's ``id``."""
        self.awaited: dict[int, int] = {}
        """Uses not visited yet of the leaves that are settled as soon as there is none, by the leaf's ``id``."""
        self.captured: dict[Target, Any] = {}
        self._pending: dict[Operation, dict[int, Any]] = {}
        self._queue: list[tuple[int, Operation]] = []
        self._useful: set[Operation] | None = None
        self._cut_off: list[Operation] = []

    def run(self, roots: Sequence[TensorBase], gradients: Sequence[TensorBase | None] | None) -> None:
        gradients = [None] * len(roots) if gradients is None else gradients
        if len(gradients) != len(roots):
            raise ArgumentError(f"{len(roots)} outputs need {len(roots)} gradients, got {len(gradients)}")
        if self.targets is not None:
            self._useful, self._cut_off = _leading_to(self.targets, roots)
        with set_grad_enabled(self.create_graph):
            for root, gradient in zip(roots, gradients, strict=True):
                node = root.node
                start: Edge = root if node is None else (node, root.output_index)
                self._send(start, _seed(root, gradient))
            while self._queue:
                _, operation = heapq.heappop(self._queue)
                cotangents = self._pending.pop(operation)
                if observe.witnessed():
                    observe.backward(operation, cotangents, self._visit)
                else:
                    self._visit(operation, cotangents)
            for key, arrived in self.leaves.items():
                # As in PyTorch, the hooks of a root run even if its gradient was not asked for.
                if self.targets is None or key in self.targets or any(arrived[0] is root for root in roots):
                    _pass_hooks(arrived)
        if self._cut_off and any(
            target not in self.captured and target not in self.leaves for target in self.targets or ()
        ):
            raise freed(self._cut_off[0])

    def _send(self, edge: Edge, gradient: Any) -> None:
        if isinstance(edge, TensorBase):
            known = self.leaves.get(id(edge))
            if known is None:
                self.leaves[id(edge)] = [edge, gradient]
            else:
                known[1] = known[1] + gradient
        elif edge is not None:
            operation, index = edge
            waiting = self._pending.get(operation)
            if waiting is None:
                waiting = self._pending[operation] = {}
                heapq.heappush(self._queue, (-operation.sequence, operation))
            waiting[index] = waiting[index] + gradient if index in waiting else gradient

    def _visit(self, operation: Operation, cotangents: dict[int, Any]) -> None:
        for index, hooks in operation.hooks.items():
            if index in cotangents:
                cotangents[index] = hooks.pass_through(cotangents[index])
        for index, retaining in operation.retaining_grad.items():
            for reference in retaining if index in cotangents else ():
                if (tensor := reference()) is not None:
                    tensor.keep_grad(cotangents[index])
        if self.targets is not None:
            for index, cotangent in cotangents.items():
                if (operation, index) in self.targets:
                    self.captured[operation, index] = cotangent
        if self._useful is not None and operation not in self._useful:
            return
        if operation.is_freed:
            raise freed(operation)
        results = self._backward(operation, cotangents)
        if len(results) != len(operation.edges):
            raise GraphError(
                f"{operation.name}: backward must return one gradient per input: "
                f"{len(operation.edges)} inputs, {len(results)} returned"
            )
        result = None
        for edge, result in zip(operation.edges, results, strict=True):
            if result is not None:
                self._send(edge, result)
        edges = operation.edges
        if not self.retain_graph:
            operation.release()
        if self.awaited:
            del result, results  # a gradient that nobody else holds need not be copied
            for edge in edges:
                self._count_use(edge)

    def _count_use(self, edge: Edge) -> None:
        """A use of the leaf at ``edge`` was visited: after the last one, its gradient is complete."""
        uses = self.awaited.get(id(edge))
        if uses is None:
            return
        self.awaited[id(edge)] = uses - 1
        if uses == 1 and (arrived := self.leaves.pop(id(edge), None)) is not None:
            _pass_hooks(arrived)
            settle(arrived, create_graph=False)

    def _backward(self, operation: Operation, cotangents: dict[int, Any]) -> tuple[Any, ...]:
        """Run the operation's backward, which computes what ``needs_input_gradient`` asks for.

        Where only some gradients are wanted, the others are not asked for: an image's costs no weight gradient.
        """
        needs = operation.needs_input_gradient
        if self.targets is not None and self._useful is not None:
            operation.needs_input_gradient = tuple(
                _leads_on(edge, self.targets, self._useful) for edge in operation.edges
            )
        try:
            results = operation.backward(*(cotangents.get(index) for index in range(operation.output_count)))
        finally:
            operation.needs_input_gradient = needs
        return results if isinstance(results, tuple) else (results,)


def _pass_hooks(arrived: list[Any]) -> None:
    """Let the leaf's own hooks change the gradient that arrived there."""
    hooks = arrived[0].leaf_hooks
    if hooks is not None:
        arrived[1] = hooks.pass_through(arrived[1])


def _leads_on(edge: Edge, targets: set[Target], useful: set[Operation]) -> bool:
    """Whether a cotangent sent along ``edge`` reaches a target, there or further on."""
    if isinstance(edge, tuple):
        return edge in targets or edge[0] in useful
    return edge is not None and id(edge) in targets


def _leading_to(targets: set[Target], roots: Sequence[TensorBase]) -> tuple[set[Operation], list[Operation]]:
    """The operations that have a target among their inputs, directly or through earlier operations.

    And those of which nobody can tell, because an earlier backward freed them. (A target may be freed itself: nothing
    is asked of what came before it.)
    """
    reachable: set[Operation] = set()
    made_targets = {target[0] for target in targets if isinstance(target, tuple)}
    stack = [root.node for root in roots if root.node is not None]
    while stack:
        operation = stack.pop()
        if operation in reachable:
            continue
        reachable.add(operation)
        stack.extend(edge[0] for edge in operation.edges if isinstance(edge, tuple))
    useful: set[Operation] = set()
    for operation in sorted(reachable, key=lambda node: node.sequence):
        if any(_leads_on(edge, targets, useful) for edge in operation.edges):
            useful.add(operation)
    return useful, [operation for operation in reachable if operation.is_freed and operation not in made_targets]


def _seed(root: TensorBase, gradient: TensorBase | None) -> TensorBase:
    if root.node is None and not root.accumulates_grad:
        raise GraphError(
            "backward: the tensor does not require a gradient: nothing it depends on does, or no_grad() was on; "
            "make a leaf with requires_grad=True, and compute the tensor again"
        )
    if gradient is not None:
        if not isinstance(gradient, TensorBase):
            raise DTypeError(f"backward: the gradient is a {type(gradient).__name__}; make it a tensor")
        if gradient.shape != root.shape or gradient.dtype is not root.dtype:
            raise ShapeError(
                f"backward: the gradient is {gradient.dtype.name} of shape {gradient.shape}, the tensor is "
                f"{root.dtype.name} of shape {root.shape}; they must be alike"
            )
        return gradient
    if root.array.size != 1:
        raise GraphError(
            f"backward: a tensor of shape {root.shape} needs an explicit gradient of that shape; "
            "only a tensor of one element has the default, 1"
        )
    ones = layout.full(root.shape, 1, root.array.dtype, array_module(root.device))
    return TensorBase.wrap(ones, root.device)
