"""The plain tensor that the tape knows: an array, and its place in the graph.

The public ``Tensor`` adds operators and methods to it, one floor up.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.errors import DTypeError, GraphError, ShapeError

if TYPE_CHECKING:
    from typing import Self

    from tinyconv.autograd.operation import Operation

Hook = Callable[[Any], Any]


class Storage:
    """The memory behind a tensor, shared with its views and with ``detach()``.

    ``version`` counts the writes in place, so that a backward notices that a value it needs is gone. ``rebased`` counts
    those of them that were recorded, so that a view taken earlier notices that its history is no longer the whole one.
    """

    __slots__ = ("rebased", "version")

    def __init__(self) -> None:
        self.version = 0
        self.rebased = 0


class HookHandle:
    """Returned by ``register_hook``; ``remove()`` takes the hook off again."""

    def __init__(self, hooks: list[Hook], hook: Hook) -> None:
        self._hooks = hooks
        self._hook = hook

    def remove(self) -> None:
        if self._hook in self._hooks:
            self._hooks.remove(self._hook)


class TensorBase:
    """An n-dimensional array with a device and a place on the tape.

    ``array``: the elements, in the memory order of ``core.layout``; engine code that writes into it calls
    ``bump_version()`` afterwards. ``node`` and ``output_index``: the operation that made this tensor and which of its
    results it is; ``None`` for a leaf.
    """

    tensor_class: ClassVar[type[TensorBase]]
    """What operations return. Set once, by the floor that completes the tensor."""

    def __init__(self, array: Array, device: Device = CPU, requires_grad: bool = False) -> None:
        self.array = array
        self.device = device
        self._grad: TensorBase | None = None
        self.node: Operation | None = None
        self.output_index = 0
        self.storage = Storage()
        self.rebased_seen = 0
        self.is_view = False
        self.is_layout_copy = False
        self._leaf_requires_grad = False
        self._leaf_hooks: list[Hook] = []
        if requires_grad:
            self.requires_grad = True

    @classmethod
    def wrap(cls, array: Array, device: Device) -> TensorBase:
        """A tensor for an operation's result."""
        return cls.tensor_class(array, device)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> dtypes.DType:
        return dtypes.from_numpy(self.array.dtype)

    @property
    def grad(self) -> Any:
        """The gradient that backward has gathered, a tensor of this one's shape; None before. It may be assigned."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and not isinstance(value, TensorBase):
            raise GraphError(f"grad: must be a tensor or None, got {type(value).__name__}")
        if value is not None and value.shape != self.shape:
            raise ShapeError(f"grad: a gradient of shape {value.shape} does not fit a tensor of shape {self.shape}")
        self._grad = value

    # --- the tape ---------------------------------------------------------------------------------------------------

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor: leaves are where gradients are kept."""
        return self.node is None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor."""
        return self.node is not None or self._leaf_requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.node is not None:
            if value:
                return
            raise GraphError("requires_grad of a tensor that an operation made cannot be switched off; use detach()")
        if value and not self.dtype.is_floating_point:
            raise DTypeError(f"only floating-point tensors can require gradients, this one is {self.dtype.name}")
        self._leaf_requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Operation | None:
        """The operation that made this tensor; ``None`` for a leaf."""
        return self.node

    def backward(
        self,
        gradient: TensorBase | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[TensorBase] | None = None,
    ) -> None:
        """Add d(self)/d(leaf), weighted by ``gradient``, to the ``grad`` of every leaf that requires it.

        ``gradient``: same shape as the tensor; may be left out for a tensor of one element (then 1).
        The graph is freed on the way unless ``retain_graph`` (default: the value of ``create_graph``) is true.
        ``create_graph`` records the backward itself, so it can be differentiated again.
        ``inputs``: only these leaves receive a gradient. Raises ``GraphError``, ``ShapeError``.
        """
        from tinyconv.autograd.engine import backward

        backward([self], [gradient], retain_graph, create_graph, inputs)

    def detach(self) -> Any:
        """The same elements, cut off from the tape. Memory and version counter are shared."""
        return self.alias()

    def alias(self) -> TensorBase:
        """A new leaf over the same memory."""
        other = self.wrap(self.array, self.device)
        other.storage = self.storage
        other.rebased_seen = self.storage.rebased
        other.is_layout_copy = self.is_layout_copy
        return other

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(gradient)`` when this tensor's gradient has been computed; a returned tensor replaces it."""
        if not self.requires_grad:
            raise GraphError("register_hook: this tensor does not require a gradient, so none would ever arrive")
        hooks = self._leaf_hooks if self.node is None else self.node.output_hooks(self.output_index)
        hooks.append(hook)
        return HookHandle(hooks, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in ``grad`` too. Does nothing for a leaf."""
        if not self.requires_grad:
            raise GraphError("retain_grad: this tensor does not require a gradient")
        if self.node is None:
            return
        # The hook lives on the operation that made the tensor: a strong reference back would be a cycle.
        reference = weakref.ref(self)

        def keep(gradient: TensorBase) -> None:
            tensor = reference()
            if tensor is None:
                return
            if tensor.grad is not None:
                tensor.grad = tensor.grad + gradient
            elif gradient.requires_grad:
                tensor.grad = gradient
            else:
                # A copy: the cotangent may be the caller's own tensor, or serve another operand as well.
                tensor.grad = tensor.wrap(layout.copy(gradient.array, array_module(tensor.device)), tensor.device)

        self.node.output_hooks(self.output_index).append(keep)

    @property
    def leaf_hooks(self) -> list[Hook]:
        return self._leaf_hooks

    # --- writing in place -------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """How often the memory behind this tensor has been written in place."""
        return self.storage.version

    def bump_version(self) -> None:
        """Note that the array has been written in place, so that a backward that needs the old value says so."""
        self.storage.version += 1

    def check_writable(self, name: str) -> None:
        """Raise ``GraphError`` if the in-place operation ``name`` cannot write into this tensor."""
        if self.is_layout_copy:
            raise GraphError(
                f"{name}: this tensor came from view(), which had to copy because 4-D tensors are stored channels-last;"
                " writing into the copy would not reach the original. Write into the original, or reshape().clone() it"
            )
        if not self.array.flags.writeable:
            reason = (
                "its elements are repeated without copies (by expand), so that one write would change several"
                if 0 in self.array.strides
                else "it was made over a read-only NumPy array"
            )
            raise GraphError(f"{name}: this tensor of shape {self.shape} cannot be written: {reason}; clone() it first")

    def share_storage(self, base: TensorBase) -> None:
        """Note that this tensor is a view of the memory of ``base``."""
        self.storage = base.storage
        self.rebased_seen = base.rebased_seen
        self.is_view = True
        self.is_layout_copy = base.is_layout_copy
