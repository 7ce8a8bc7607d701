"""A program that runs in tinyconv and in PyTorch at once, and is compared after every step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinyconv as tc
from random_programs import vocabulary

try:
    import torch
except ImportError:  # the tests that need it are skipped then
    torch = None  # type: ignore[assignment]

DIFFERENCES = {
    "4-D and 5-D tensors are stored channels-last": "reshape and flatten of one give a view in one library, a copy in "
    "the other, and view copies where PyTorch's gives a view or raises: where they differ, both go on with a clone",
    "a result may overlap an operand of an operation in place": "tinyconv computes the result before it writes, "
    "PyTorch refuses or not, depending on the strides: operands never share the memory that is written",
    "backward keeps other tensors": "PyTorch keeps both operands of a convolution, the input of a pooling and "
    "the result of prod even where no gradient needs them, and raises if they are overwritten: convolution, pooling "
    "and the larger reductions get clones, and give results, that nobody writes",
    "no part of an expanded tensor can be written": "PyTorch lets a number into memory that is repeated, and a tensor "
    "into a part that is not; tinyconv refuses whatever the tensor that is written repeats: there is no such step",
    "the second derivative of abs is recorded": "it is zero in both, and PyTorch's zero requires no gradient: programs "
    "use no abs",
    "a gradient knows what it depends on": "PyTorch computes the three of a convolution in one operation, so that each "
    "depends on all operands, and cuts zeros off where a number was written: a gradient that requires one in only one "
    "library is compared, and is no part of the program, and no backward to chosen leaves goes through one",
    "the way of a gradient past a view that was written": "the gradient is the same, but which node of the view it "
    "passes, and so which hooks, differs for second derivatives and operations made of several: no view gets a hook, "
    "and sigmoid_ and tanh_, which keep their result, are not written into views",
    "detach_ of a result that a backward keeps": "PyTorch's backward then raises; here it has the value, and the "
    "place on the tape, that it had in the forward: only leaves and results not yet used are detached in place",
    "a second backward through a freed part raises": "PyTorch raises only if the part kept tensors, tinyconv always: "
    "the step asserts that tinyconv raises, and PyTorch is not asked. Where an operation is made of several here, a "
    "differentiable gradient shares more of the forward's graph: what its backward may have freed is not asked again",
}
"""Where tinyconv differs from PyTorch on purpose, and how programs avoid that."""

BOTH_GRADIENTS = "ConvolutionBackwardBackward0"
"""PyTorch's node behind every gradient of a convolution: on the way to the weight even where only images matter."""

TOLERANCE = 1e-10
MOST_TENSORS = 12


@dataclass
class Counts:
    """What the programs of a run did."""

    programs: int = 0
    steps: int = 0
    backward_passes: int = 0
    second_derivatives: int = 0
    writes_into_views: int = 0
    refused_steps: int = 0
    programs_with_refusal: int = 0
    second_passes_refused: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in vars(self).items())


@dataclass
class Pair:
    """A tensor on both sides."""

    name: str
    ours: Any
    theirs: Any


@dataclass
class Hooked:
    """A hook on both sides, and what it has seen."""

    ours: list[np.ndarray] = field(default_factory=list)
    theirs: list[np.ndarray] = field(default_factory=list)
    handles: tuple[Any, ...] = ()


class Refused(Exception):  # noqa: N818
    """Both libraries raised."""


class Program:
    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.generator = np.random.default_rng(0)
        self.pairs: list[Pair] = []
        self.leaves: list[Pair] = []
        self.hooks: list[Hooked] = []
        self.hooked: set[str] = set()
        self.freed: set[Any] = set()
        self.perhaps_freed: set[Any] = set()
        self.gradients: list[tuple[Any, set[Any]]] = []
        self.lines: list[str] = []
        self.names = 0
        self.records = True
        self.refusals = 0

    # --- choosing and making tensors --------------------------------------------------------------------------------

    def choose(self, number: int, suits: Callable[[Pair], bool] = lambda pair: True) -> Pair | None:
        """The most recent tensor that suits, or one ``number`` places before it."""
        suiting = [pair for pair in reversed(self.pairs) if suits(pair)]
        return suiting[number % len(suiting)] if suiting else None

    def numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.generator.uniform(-1.0, 1.0, shape)

    def leaf(self, shape: tuple[int, ...], requires_grad: bool) -> Pair:
        values = self.numbers(shape)
        pair = self.add(tc.tensor(values), torch.tensor(values), f"leaf{shape}" + " requires grad" * requires_grad)
        if requires_grad:
            pair.ours.requires_grad_()
            pair.theirs.requires_grad_()
        self.leaves.append(pair)
        return pair

    def add(self, ours: Any, theirs: Any, line: str) -> Pair:
        pair = Pair(f"t{self.names}", ours, theirs)
        self.names += 1
        self.lines.append(f"{pair.name} = {line}")
        self.pairs.append(pair)
        if len(self.pairs) > MOST_TENSORS:
            del self.pairs[0]
        return pair

    # --- steps ------------------------------------------------------------------------------------------------------

    def both(self, line: str, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[Any, Any]:
        """Run a step on both sides. Raises ``Refused`` if both raise, and ``AssertionError`` if only one does."""
        results: list[Any] = []
        errors: list[Exception | None] = []
        # A warning: what PyTorch is about to refuse, tinyconv refuses.
        expected = (tc.TinyconvError, (RuntimeError, IndexError, ValueError, TypeError, UserWarning))
        for side, raised in ((ours, expected[0]), (theirs, expected[1])):
            try:
                results.append(side())
                errors.append(None)
            except raised as error:
                results.append(None)
                errors.append(error)
        if (errors[0] is None) != (errors[1] is None):
            self.fail(f"{line}: tinyconv {_outcome(errors[0])}, PyTorch {_outcome(errors[1])}")
        if errors[0] is not None:
            self.lines.append(f"{line}   # both raise")
            self.counts.refused_steps += 1
            self.refusals += 1
            raise Refused
        return results[0], results[1]

    def compute(self, line: str, function: Callable[..., Any], *pairs: Pair) -> Pair | None:
        """A new tensor from others."""
        libraries = ((tc, tc.nn.functional), (torch, torch.nn.functional))
        with contextlib.suppress(Refused):
            ours, theirs = self.both(
                line,
                lambda: function(*libraries[0], *(pair.ours for pair in pairs)),
                lambda: function(*libraries[1], *(pair.theirs for pair in pairs)),
            )
            if _largest(theirs) > 1e3:
                ours, theirs = ours * 1e-3, theirs * 1e-3
            return self.add(ours, theirs, line)
        return None

    def view(self, line: str, function: Callable[..., Any], pair: Pair) -> Pair | None:
        """A new view, or what the view operation makes of a tensor that is none."""
        with contextlib.suppress(Refused):
            named = line.split(" of ")[0]
            if named == "view" and not _can_view(pair.theirs):
                function = vocabulary.VIEWS["reshape"]
            ours, theirs = self.both(line, lambda: function(tc, pair.ours), lambda: function(torch, pair.theirs))
            if ours is pair.ours or theirs is pair.theirs:
                self.require(line, ours is pair.ours, theirs is pair.theirs, "give the tensor itself")
                return pair
            aliases = np.may_share_memory(ours.array, pair.ours.array), _memory(theirs) == _memory(pair.theirs)
            if aliases[0] != aliases[1] or ours.is_layout_copy:
                ours, theirs = ours.clone(), theirs.clone()
                line += ", cloned"
            return self.add(ours, theirs, line)
        return None

    def write(self, line: str, function: Callable[..., Any], pair: Pair, other: Pair | None = None) -> None:
        """A write in place into ``pair``."""
        name = line.partition(": ")[2].removesuffix(f" {other.name}" if other else "")
        if _is_repeated(pair.theirs) and name in vocabulary.INTO_PARTS:
            return
        if pair.theirs._is_view() and name in ("sigmoid_", "tanh_"):
            return
        libraries = ((tc, tc.nn.functional), (torch, torch.nn.functional))
        with contextlib.suppress(Refused):
            self.both(
                line,
                lambda: function(*libraries[0], pair.ours, *([other.ours] if other else [])),
                lambda: function(*libraries[1], pair.theirs, *([other.theirs] if other else [])),
            )
            self.lines.append(line)
            if pair.theirs._is_view() and pair.theirs.requires_grad and self.records:
                self.counts.writes_into_views += 1

    def hook(self, pair: Pair, scale: float | None) -> None:
        if pair.name in self.hooked and not _is_usable(pair.theirs):
            return  # PyTorch refuses the first hook on such a view, and takes the second
        self.hooked.add(pair.name)
        hooked = Hooked()

        def hook(seen: list[np.ndarray]) -> Callable[[Any], Any]:
            def called(gradient: Any) -> Any:
                if gradient is None:  # PyTorch calls hooks where no gradient arrives, too
                    return None
                seen.append(np.array(gradient.detach().numpy()))
                return None if scale is None else gradient * scale

            return called

        line = f"{pair.name}.register_hook({'look' if scale is None else f'times {scale}'})"
        with contextlib.suppress(Refused):
            hooked.handles = self.both(
                line,
                lambda: pair.ours.register_hook(hook(hooked.ours)),
                lambda: pair.theirs.register_hook(hook(hooked.theirs)),
            )
            self.lines.append(line)
            self.hooks.append(hooked)

    def clear_grads(self) -> None:
        for pair in {id(pair): pair for pair in (*self.leaves, *self.pairs)}.values():
            pair.ours.grad = None
            pair.theirs.grad = None

    def backward(self, pair: Pair, retain_graph: bool, inputs: list[Pair] | None = None) -> None:
        cotangent = self.numbers(tuple(pair.theirs.shape))
        line = f"{pair.name}.backward(retain_graph={retain_graph}, inputs={inputs and [leaf.name for leaf in inputs]})"
        nodes = _nodes(pair.theirs)
        if nodes & self.freed:
            if inputs or any(gradient in nodes for gradient, _ in self.gradients):
                return  # the freed part may not be on the way
            with contextlib.suppress(tc.TinyconvError):
                pair.ours.backward(tc.tensor(cotangent), retain_graph=True)
                self.fail(f"{line}: part of the graph was freed, and tinyconv did not raise")
            self.lines.append(f"{line}   # a second pass: tinyconv raises")
            self.counts.second_passes_refused += 1
            self._forget_the_failed_pass()
            return
        if nodes & self.perhaps_freed:
            return
        if inputs and any(type(node).__name__ == BOTH_GRADIENTS for node in nodes):
            return  # a tensor on the way there in one library only would retain a gradient, or call a hook
        try:
            self.both(
                line,
                lambda: pair.ours.backward(
                    tc.tensor(cotangent), retain_graph, inputs=inputs and [leaf.ours for leaf in inputs]
                ),
                lambda: pair.theirs.backward(
                    torch.tensor(cotangent), retain_graph, inputs=inputs and [leaf.theirs for leaf in inputs]
                ),
            )
        except Refused:
            self._forget_the_failed_pass(pair)
            return
        self.lines.append(line)
        self.counts.backward_passes += 1
        if not retain_graph:
            self.freed |= nodes
            for gradient, forward in reversed(self.gradients):
                if gradient in nodes or gradient in self.perhaps_freed:
                    self.perhaps_freed |= forward

    def _forget_the_failed_pass(self, pair: Pair | None = None) -> None:
        """How far a backward got before it raised differs: forget the gradients, and the graph it may have freed."""
        self.clear_grads()
        for hooked in self.hooks:
            hooked.ours.clear()
            hooked.theirs.clear()
        if pair is not None:
            self.pairs = [other for other in self.pairs if not other.theirs.requires_grad]
            self.leaf((2, 3), requires_grad=True)

    def differentiate_twice(self, pair: Pair, leaves: list[Pair]) -> None:
        """The gradient as part of the graph: a new tensor, of which a later backward takes the second derivative."""
        nodes = _nodes(pair.theirs)
        if nodes & (self.freed | self.perhaps_freed):
            return
        cotangent = self.numbers(tuple(pair.theirs.shape))
        line = f"grad({pair.name}, {[leaf.name for leaf in leaves]}, create_graph=True)"

        def side(library: Any, root: Any, inputs: list[Any]) -> Any:
            found = library.autograd.grad(root, inputs, library.tensor(cotangent), create_graph=True, allow_unused=True)
            return [None if gradient is None else (gradient * gradient).sum() for gradient in found]

        try:
            ours, theirs = self.both(
                line,
                lambda: side(tc, pair.ours, [leaf.ours for leaf in leaves]),
                lambda: side(torch, pair.theirs, [leaf.theirs for leaf in leaves]),
            )
        except Refused:
            self._forget_the_failed_pass(pair)
            return
        for one, other in zip(ours, theirs, strict=True):
            self.require(line, one is None, other is None, "find no gradient")
            if one is not None:
                self.same(line, one.array, other.detach().numpy())
            if one is not None and one.requires_grad == other.requires_grad:
                self.add(one, other, line)
                self.gradients.append((other.grad_fn, nodes))
                self.counts.second_derivatives += 1

    # --- comparing --------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Compare values, flags, gradients and what hooks have seen."""
        self.counts.steps += 1
        for pair in {id(pair): pair for pair in (*self.leaves, *self.pairs)}.values():
            name, ours, theirs = pair.name, pair.ours, pair.theirs
            self.require(name, ours.requires_grad, theirs.requires_grad, "have requires_grad")
            self.same(f"{name}", ours.array, theirs.detach().numpy())
            with contextlib.suppress(Refused):
                is_leaf = self.both(f"{name}.is_leaf", lambda o=ours: o.is_leaf, lambda t=theirs: t.is_leaf)
                self.require(name, *is_leaf, "have is_leaf")
                if is_leaf[1] or theirs.retains_grad:
                    self.require(name, ours.grad is None, theirs.grad is None, "have no grad")
                    if theirs.grad is not None:
                        self.same(f"{name}.grad", ours.grad.array, theirs.grad.detach().numpy())
        for number, hooked in enumerate(self.hooks):
            self.require(f"hook {number}", len(hooked.ours), len(hooked.theirs), "call it so often:")
            for one, other in zip(hooked.ours, hooked.theirs, strict=True):
                self.same(f"what hook {number} saw", one, other)

    def require(self, what: str, ours: Any, theirs: Any, property: str) -> None:
        if ours != theirs:
            self.fail(f"{what}: does tinyconv {property}? {ours}. And PyTorch? {theirs}")

    def same(self, what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
        if ours.shape != theirs.shape:
            self.fail(f"{what}: tinyconv has shape {ours.shape}, PyTorch {theirs.shape}")
        if ours.size and not np.abs(ours - theirs).max() <= TOLERANCE * max(1.0, np.abs(theirs).max()):
            self.fail(f"{what}: tinyconv has\n{ours}\nPyTorch\n{theirs}")

    def fail(self, message: str) -> None:
        raise AssertionError("\n".join(["", *self.lines, "=> " + message]))


def _outcome(error: Exception | None) -> str:
    return "goes on" if error is None else f"raises {type(error).__name__} ({str(error)[:160]})"


def _largest(theirs: Any) -> float:
    return float(theirs.detach().abs().max()) if theirs.numel() else 0.0


def _can_view(theirs: Any) -> bool:
    try:
        theirs.detach().view(theirs.shape[0], -1) if theirs.ndim else theirs.detach().view(1)
    except RuntimeError:
        return False
    return True


def _is_usable(theirs: Any) -> bool:
    try:
        theirs.is_leaf  # noqa: B018
    except RuntimeError:
        return False
    return True


def _is_repeated(theirs: Any) -> bool:
    return any(stride == 0 and size > 1 for stride, size in zip(theirs.stride(), theirs.shape, strict=True))


def _memory(theirs: Any) -> int:
    return int(theirs.untyped_storage().data_ptr())


def share_memory(one: Pair, other: Pair) -> bool:
    return _memory(one.theirs) == _memory(other.theirs)


def _nodes(theirs: Any) -> set[Any]:
    """The operations of PyTorch's graph that lead to a tensor."""
    try:
        start = theirs.grad_fn
    except RuntimeError:
        return set()
    found: set[Any] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in found and type(node).__name__ != "AccumulateGrad":
            found.add(node)
            waiting.extend(following for following, _ in node.next_functions)
    return found
