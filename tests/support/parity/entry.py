"""What a parity entry says: which public names it covers, what to call them with, and what both must refuse.

    Entry(
        "tc.add", "Tensor.add", "Tensor.add_",
        calls=st.builds(lambda x, y, alpha: call(x, y, alpha=alpha), arrays(), arrays(), st.floats(-2, 2)),
        bad=(call(ones(2), ones(3)), call(ones(2), "text")),
    )

A name says where it is found: ``tc.`` the top of the package, ``Tensor.`` a method or property (the first argument is
the tensor; a method that ends in "_" is called on a clone), ``nn.``, ``F.``, ``init.``, ``nn.utils.``, ``optim.``,
``lr_scheduler.``, ``data.`` (utils.data), ``autograd.``. PyTorch's object is looked up under the same name.

Arguments are plain Python and NumPy: an array of float64 stands for a floating-point tensor, which is run as float64
and as float32 and requires a gradient unless it is a ``constant``; arrays of other types are tensors of their own type;
``exactly`` keeps float32 or float64 as given; ``Type("float32")`` stands for a dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Constant:
    """A floating-point tensor that requires no gradient."""

    array: np.ndarray


@dataclass(frozen=True)
class Exactly:
    """A tensor of the array's own type, with no gradient: for rules of promotion."""

    array: np.ndarray


@dataclass(frozen=True)
class Type:
    """An element type by name, such as ``Type("int64")``."""

    name: str


def constant(array: Any) -> Constant:
    return Constant(np.asarray(array, np.float64))


def exactly(array: Any) -> Exactly:
    return Exactly(np.asarray(array))


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape)


@dataclass(frozen=True)
class Call:
    """The arguments of one call. For a layer, ``constructor`` holds those that make it; the others are its input."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    constructor: Call | None = None
    training: bool = True

    def on(self, *inputs: Any, training: bool = True, **keywords: Any) -> Call:
        """``call(3, 8, 3).on(images)``: these arguments make the layer, those are what it is called with."""
        return Call(inputs, keywords, constructor=self, training=training)


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


@dataclass(frozen=True)
class Library:
    """tinyconv or PyTorch, so that one program runs on both: ``lib.nn.Linear(2, 3)``, ``lib.tensor(array)``."""

    name: str
    tc: Any
    nn: Any
    F: Any
    optim: Any
    data: Any
    dtype: Any
    """The floating-point type of this run."""

    @property
    def init(self) -> Any:
        return self.nn.init

    @property
    def lr_scheduler(self) -> Any:
        return self.optim.lr_scheduler

    def tensor(self, array: Any, requires_grad: bool = False) -> Any:
        """A tensor of ``array``: floating-point ones in the type of this run."""
        array = np.asarray(array)
        if array.dtype.kind != "f":
            return self.tc.tensor(array)
        return self.tc.tensor(array, dtype=self.dtype, requires_grad=requires_grad)

    def load(self, module: Any, state: dict[str, np.ndarray]) -> None:
        """Put ``state`` into ``module``."""
        module.load_state_dict({name: self.tc.tensor(value) for name, value in state.items()})


class Entry:
    """See the module's docstring.

    ``calls``: a strategy of ``Call``. ``program``: instead of a direct call, ``program(lib, *args, **kwargs)`` is run
    on both libraries, and what it returns is compared; arguments come as plain arrays. ``bad``: calls that both must
    refuse. ``ours_only``: why PyTorch has no such name (it is then only listed; tests of its own cover it).
    ``theirs``: PyTorch's name where it is another, or a function of ``torch``. ``values``: whether elements are
    compared (false for random draws: shape and type only). ``gradient``: whether gradients are. ``signature``: why the
    signature differs from PyTorch's, beyond what ``signatures.py`` allows for all. ``example_count``: how many calls
    are drawn. ``tolerances``: in float64 and in float32, relative to the largest element.
    """

    def __init__(
        self,
        *names: str,
        calls: SearchStrategy[Call] | None = None,
        program: Callable[..., Any] | None = None,
        bad: tuple[Call, ...] = (),
        theirs: str | Callable[..., Any] | None = None,
        values: bool = True,
        gradient: bool = True,
        signature: str = "",
        ours_only: str = "",
        example_count: int = 20,
        tolerances: tuple[float, float] = (1e-10, 1e-5),
    ) -> None:
        if (calls is None) == (not ours_only):
            raise ValueError(f"{names}: an entry has calls, or a reason why PyTorch has no such name")
        self.names = names
        self.calls = calls
        self.program = program
        self.bad = bad
        self.theirs = theirs
        self.values = values
        self.gradient = gradient
        self.signature = signature
        self.ours_only = ours_only
        self.example_count = example_count
        self.tolerances = tolerances
