"""The rows of a profile: a tree of layers, each with amounts of its own and with its children's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from tinyconv.nn import Module

OUTSIDE = "(outside)"
"""The row of what runs in no layer of the model: the loss function, additions of gradients."""


@dataclass
class Amounts:
    """What one row adds up: times in nanoseconds, products of convolutions and matrix products, bytes.

    Raises: nothing of its own.

    >>> from tinyconv.utils.profiler import Amounts
    >>> amounts = Amounts(forward_ns=2)
    >>> amounts.add(forward_ns=3, made_bytes=8)
    >>> amounts.forward_ns, amounts.made_bytes
    (5, 8)
    """

    forward_ns: int = 0
    backward_ns: int = 0
    compile_ns: int = 0
    """Compiling kernels, or reading them from the cache; in neither of the other times."""
    forward_multiply_adds: int = 0
    backward_multiply_adds: int = 0
    made_bytes: int = 0
    """New memory of results in the forward; a view makes none."""
    gradient_bytes: int = 0
    """New memory of results in the backward."""
    kept_bytes: int = 0
    """Memory that the tape keeps for the backward, counted where it is first kept; parameters and data are not."""

    def add(self, **amounts: int) -> None:
        """Add to the amounts of these names."""
        for name, amount in amounts.items():
            setattr(self, name, getattr(self, name) + amount)


@dataclass(eq=False)
class LayerProfile:
    """One row of ``tc.profile``: a module, an operation that a module calls as a function, or a kind of operation.

    ``path``: its place in the model, as in ``named_modules``; a function has its name with brackets, as in
    ``block.relu()``. ``own`` are the amounts of the layer without its children, ``total`` with them. Times are in
    seconds. ``peak_bytes``: the most memory that results held while the layer ran, its own and that of others.
    Raises: nothing of its own.

    >>> from tinyconv.utils.profiler import LayerProfile
    >>> row = LayerProfile("fc", "Linear")
    >>> row.total.add(forward_ns=2_000, forward_multiply_adds=8_000)
    >>> row.forward_gflops
    8.0
    """

    path: str
    type: str
    calls: int = 0
    own: Amounts = field(default_factory=Amounts)
    total: Amounts = field(default_factory=Amounts)
    peak_bytes: int = 0
    children: list[LayerProfile] = field(default_factory=list, repr=False)
    parent: LayerProfile | None = field(default=None, repr=False)

    @property
    def forward_time(self) -> float:
        """Seconds in the forward, children included."""
        return self.total.forward_ns / 1e9

    @property
    def own_forward_time(self) -> float:
        """Seconds in the forward, without the children."""
        return self.own.forward_ns / 1e9

    @property
    def backward_time(self) -> float:
        """Seconds in the backward of what this layer's forward recorded, children included."""
        return self.total.backward_ns / 1e9

    @property
    def own_backward_time(self) -> float:
        """Seconds in the backward of what this layer's own forward recorded."""
        return self.own.backward_ns / 1e9

    @property
    def total_time(self) -> float:
        """Seconds in forward and backward, children included."""
        return self.forward_time + self.backward_time

    @property
    def own_time(self) -> float:
        """Seconds in forward and backward, without the children."""
        return self.own_forward_time + self.own_backward_time

    @property
    def compile_time(self) -> float:
        """Seconds of compiling kernels, or of reading them from the cache, children included."""
        return self.total.compile_ns / 1e9

    @property
    def multiply_adds(self) -> int:
        """Products summed, in forward and backward, children included."""
        return self.total.forward_multiply_adds + self.total.backward_multiply_adds

    @property
    def forward_gflops(self) -> float | None:
        """10^9 additions and multiplications per second of the forward; None where there are none, or no time."""
        return _rate(self.total.forward_multiply_adds, self.total.forward_ns)

    @property
    def backward_gflops(self) -> float | None:
        """10^9 additions and multiplications per second of the backward."""
        return _rate(self.total.backward_multiply_adds, self.total.backward_ns)

    def walk(self) -> Iterator[LayerProfile]:
        """This row and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def child(self, name: str, type: str) -> LayerProfile:
        """The child of this name, made if there is none."""
        path = f"{self.path}.{name}" if self.path else name
        for child in self.children:
            if child.path == path:
                return child
        self.children.append(LayerProfile(path, type, parent=self))
        return self.children[-1]

    def lineage(self) -> tuple[LayerProfile, ...]:
        """The rows from the root down to this one."""
        return (*(() if self.parent is None else self.parent.lineage()), self)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON expresses it; amounts include the children's, but for ``own``."""
        return {
            "layer": self.path,
            "type": self.type,
            "calls": self.calls,
            **asdict(self.total),
            "forward_gflops": self.forward_gflops,
            "backward_gflops": self.backward_gflops,
            "peak_bytes": self.peak_bytes,
            "own": asdict(self.own),
        }


def _rate(multiply_adds: int, nanoseconds: int) -> float | None:
    """One multiply-add is two operations; operations per nanosecond are 10^9 per second."""
    return 2 * multiply_adds / nanoseconds if multiply_adds and nanoseconds else None


def layer_tree(model: Module) -> tuple[LayerProfile, dict[Module, LayerProfile]]:
    """The rows of all modules of ``model``, each once, under the first path that leads to it."""
    root = LayerProfile("", type(model).__name__)
    rows = {model: root}

    def add_children(module: Module, row: LayerProfile) -> None:
        for name, child in module.named_children():
            if child not in rows:
                rows[child] = row.child(name, type(child).__name__)
                add_children(child, rows[child])

    add_children(model, root)
    return root, rows
