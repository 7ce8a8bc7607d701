"""The plain tensor that the tape knows: an array, and its place in the graph.

The public ``Tensor`` adds operators and methods to it, one floor up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tinyconv.autograd.hooks import Hook, HookHandle, Hooks, await_gradients
from tinyconv.autograd.views import View
from tinyconv.core import dtypes, layout
from tinyconv.core.arrays import Array, address, is_writable
from tinyconv.core.devices import CPU, Device, array_module
from tinyconv.core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from tinyconv.core.shapes import is_shapes_only

if TYPE_CHECKING:
    from typing import Self

    from tinyconv.autograd.operation import Operation


class Storage:
    """The memory behind a tensor, shared with its views and with ``detach()``.

    ``version`` counts the writes in place, so that a backward notices that a value it needs is gone, and a view that
    its history may be no longer the whole one. ``memos``: what was computed from the memory, until the next such write.
    """

    __slots__ = ("memos", "version")

    def __init__(self) -> None:
        self.version = 0
        self.memos: dict[Any, dict[Any, Any]] | None = None


class TensorBase:
    """An n-dimensional array with a device and a place on the tape.

    ``array``: the elements, in the memory order of ``core.layout``; engine code that writes into it calls
    ``bump_version()`` afterwards. ``node`` and ``output_index``: the operation that made this tensor and which of its
    results it is; ``None`` for a leaf.
    """

    tensor_class: ClassVar[type[TensorBase]]
    """What operations return. Set once, by the floor that completes the tensor."""

    def __init__(self, array: Array, device: Device = CPU, requires_grad: bool = False) -> None:
        if not hasattr(array, "strides"):
            raise ArgumentError(
                f"Tensor: wraps a NumPy array, got {array!r:.60}; tinyconv.tensor(data) makes a tensor of numbers and "
                "lists, tinyconv.empty(2, 3) one of a shape"
            )
        self.array = array
        self.device = device
        self._grad: TensorBase | None = None
        self._node: Operation | None = None
        self.output_index = 0
        self.storage = Storage()
        self.view_of: View | None = None
        self.is_layout_copy = False
        self._leaf_requires_grad = False
        self._leaf_hooks: Hooks | None = None
        self._accumulated_hooks: Hooks | None = None
        self._retains_grad = False
        if requires_grad:
            self.requires_grad = True

    @classmethod
    def wrap(cls, array: Array, device: Device) -> TensorBase:
        """A tensor for an operation's result."""
        return cls.tensor_class(array, device)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the dimensions.

        >>> tc.ones(2, 3).shape
        (2, 3)
        """
        return self.array.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements.

        >>> tc.tensor([1, 2]).dtype
        tinyconv.int64
        """
        return dtypes.from_numpy(self.array.dtype)

    @property
    def grad(self) -> Any:
        """The gradient that backward has gathered, a tensor of this one's shape; None before. It may be assigned.

        >>> x = tc.ones(2, requires_grad=True)
        >>> (x * 3).sum().backward()
        >>> x.grad
        tensor([3., 3.])
        """
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and not isinstance(value, TensorBase):
            raise GraphError(f"grad: must be a tensor or None, got {type(value).__name__}")
        if value is not None and value.shape != self.shape:
            raise ShapeError(f"grad: a gradient of shape {value.shape} does not fit a tensor of shape {self.shape}")
        if value is not None and value.dtype is not self.dtype:
            raise DTypeError(f"grad: a gradient of {value.dtype.name} does not fit a tensor of {self.dtype.name}")
        self._grad = value

    # --- the tape ---------------------------------------------------------------------------------------------------

    @property
    def node(self) -> Operation | None:
        """The operation that made this tensor, of a view the one that would make it from its root as it is now."""
        view = self.view_of
        if view is not None and view.is_out_of_date(self):
            view.refresh(self)
        return self._node

    @node.setter
    def node(self, value: Operation | None) -> None:
        self._node = value

    @property
    def has_node(self) -> bool:
        """Whether an operation made this tensor, up to date or not."""
        return self._node is not None

    @property
    def is_view(self) -> bool:
        """Whether the tensor shares the memory, and the history, of another."""
        return self.view_of is not None

    def set_history(self, node: Operation | None, output_index: int) -> None:
        """Make result ``output_index`` of ``node`` what made this tensor. A retained gradient follows; hooks do not."""
        if self._retains_grad:
            if self._node is not None:
                self._node.stop_retaining_grad(self.output_index, self)
            if node is not None:
                node.retain_grad_of(output_index, self)
        self._node, self.output_index = node, output_index

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor: leaves are where gradients are kept.

        >>> x = tc.ones(2, requires_grad=True)
        >>> x.is_leaf, (x * 2).is_leaf
        (True, False)
        """
        return self.node is None

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor.

        >>> tc.ones(2, requires_grad=True).requires_grad
        True
        """
        if self._node is not None or self._leaf_requires_grad:
            return True
        return self.view_of is not None and self.view_of.root.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None:
            if value:
                return
            raise GraphError("requires_grad of a tensor that an operation made cannot be switched off; use detach()")
        if value and not self.dtype.is_floating_point:
            raise DTypeError(
                f"requires_grad: only floating-point tensors can require gradients, this one is {self.dtype.name}; "
                "convert it first, with .float()"
            )
        self._leaf_requires_grad = bool(value)

    @property
    def accumulates_grad(self) -> bool:
        """Whether a backward adds to ``grad`` as to a leaf's.

        As in PyTorch, a view that no operation is recorded for, taken under ``no_grad()``, says that it requires a
        gradient if the tensor under it does, but gradients end there.
        """
        return self._node is None and self._leaf_requires_grad

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad`` and return the tensor.

        Shape: any; the result is the tensor itself.
        Dtype: float32 or float64.
        Raises: ``DTypeError`` for other types, ``GraphError`` for switching it off where an operation made the tensor.

        >>> tc.ones(2).requires_grad_().requires_grad
        True
        """
        self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Operation | None:
        """The operation that made this tensor; ``None`` for a leaf.

        >>> (tc.ones(2, requires_grad=True) * 2).grad_fn
        <Multiply>
        """
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
        ``inputs``: only these leaves receive a gradient.

        Shape: any; ``gradient`` has the tensor's.
        Dtype: float32 or float64; ``gradient`` has the tensor's.
        Raises: ``GraphError`` where nothing requires a gradient, the graph was freed, or a value it needs was
            overwritten; ``ShapeError`` for a gradient of another shape.

        >>> x = tc.tensor([1.0, 2.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from tinyconv.autograd.engine import backward

        backward([self], [gradient], retain_graph, create_graph, inputs)

    def detach(self) -> Any:
        """The same elements, cut off from the tape. Memory and version counter are shared.

        Shape: any; the result has the input's.
        Dtype: any; the result has the input's.
        Raises: nothing of its own.

        >>> (tc.ones(2, requires_grad=True) * 2).detach().requires_grad
        False
        """
        return self.alias()

    def alias(self) -> TensorBase:
        """A new leaf over the same memory."""
        other = self.wrap(self.array, self.device)
        other.storage = self.storage
        other.is_layout_copy = self.is_layout_copy
        return other

    def detach_(self) -> Self:
        """Cut this tensor itself off from the tape; it becomes a leaf that requires no gradient.

        Shape: any; the result is the tensor itself.
        Dtype: any.
        Raises: ``GraphError`` for a view.

        >>> y = tc.ones(2, requires_grad=True) * 2
        >>> y.detach_().is_leaf
        True
        """
        if self.view_of is not None:
            raise GraphError("detach_: a view cannot be cut off from the tensor it is a view of; use detach()")
        self.set_history(None, 0)
        self._retains_grad = self._leaf_requires_grad = False
        return self

    def register_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(gradient)`` when this tensor's gradient has been computed; a returned tensor replaces it.

        Hooks run in the order in which they were registered. A later write in place gives the tensor a new history;
        its earlier hooks stay with the old one.

        Shape: any; the gradient has the tensor's.
        Dtype: float32 or float64.
        Raises: ``GraphError`` for a tensor that requires no gradient.

        >>> x = tc.ones(2, requires_grad=True)
        >>> handle = x.register_hook(lambda gradient: gradient * 10)
        >>> (x * 3).sum().backward()
        >>> x.grad
        tensor([30., 30.])
        """
        if not self.requires_grad:
            raise GraphError(
                "register_hook: this tensor does not require a gradient, so none would ever arrive; "
                "call requires_grad_() on it first"
            )
        if self.node is not None:
            return self.node.output_hooks(self.output_index).add(hook)
        if self._leaf_hooks is None:
            self._leaf_hooks = Hooks()
        return self._leaf_hooks.add(hook)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(tensor)`` when a backward has added to the ``grad`` of this leaf; what it returns is ignored.

        Shape: any.
        Dtype: float32 or float64.
        Raises: ``GraphError`` for a tensor that is no leaf or requires no gradient.

        >>> x = tc.ones(2, requires_grad=True)
        >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
        >>> (x * 3).sum().backward()
        tensor([3., 3.])
        """
        if not self.requires_grad:
            raise GraphError("register_post_accumulate_grad_hook: this tensor does not require a gradient")
        if self.node is not None:
            raise GraphError("register_post_accumulate_grad_hook: only the gradient of a leaf is accumulated")
        if self._accumulated_hooks is None:
            self._accumulated_hooks = Hooks()
        await_gradients()
        return self._accumulated_hooks.add(hook)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf in ``grad`` too, after its hooks. Does nothing for a leaf.

        After a write in place it is the gradient of what the tensor holds then.

        Shape: any.
        Dtype: float32 or float64.
        Raises: ``GraphError`` for a tensor that requires no gradient.

        >>> y = tc.ones(2, requires_grad=True) * 2
        >>> y.retain_grad()
        >>> (y * 3).sum().backward()
        >>> y.grad
        tensor([3., 3.])
        """
        if not self.requires_grad:
            raise GraphError("retain_grad: this tensor does not require a gradient")
        if self._node is None or self._retains_grad:
            return
        if (node := self.node) is not None:
            node.retain_grad_of(self.output_index, self)
            self._retains_grad = True

    @property
    def retains_grad(self) -> bool:
        """Whether ``retain_grad`` was called on this tensor, which is no leaf.

        >>> y = tc.ones(2, requires_grad=True) * 2
        >>> y.retain_grad()
        >>> y.retains_grad
        True
        """
        return self._retains_grad

    def keep_grad(self, gradient: TensorBase) -> None:
        """Add what arrived for a tensor that retains its gradient."""
        if self.grad is not None:
            self.grad = self.grad + gradient
        elif gradient.requires_grad:
            self.grad = gradient
        else:
            # A copy: the cotangent may be the caller's own tensor, or serve another operand as well.
            self.grad = self.wrap(layout.copy(gradient.array, array_module(self.device)), self.device)

    @property
    def leaf_hooks(self) -> Hooks | None:
        return self._leaf_hooks

    @property
    def accumulated_hooks(self) -> Hooks | None:
        return self._accumulated_hooks

    # --- writing in place -------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """How often the memory behind this tensor has been written in place."""
        return self.storage.version

    def bump_version(self) -> None:
        """Note that the array has been written in place.

        A backward that needs the old value says so then, and what was computed from it is forgotten.
        """
        self.storage.version += 1
        self.storage.memos = None

    def memo(self) -> dict[Any, Any]:
        """A place for what is computed from this tensor's elements, such as a packed weight, as long as it is true.

        The next write in place that tinyconv makes or is told of, through this tensor or another over the same memory,
        takes it away. Writes through ``numpy()`` are not seen: call ``bump_version()`` after them.
        """
        memos = self.storage.memos
        if memos is None:
            memos = self.storage.memos = {}
        array = self.array
        view = address(array), array.shape, array.strides, array.dtype
        return memos.setdefault(view, {})

    def check_writable(self, name: str) -> None:
        """Raise ``GraphError`` if the in-place operation ``name`` cannot write into this tensor."""
        if self.is_layout_copy:
            raise GraphError(
                f"{name}: this tensor came from view(), which had to copy because 4-D and 5-D tensors are stored "
                "channels-last; writing into the copy would not reach the original. Write into the original, or "
                "reshape().clone() it"
            )
        if not is_writable(self.array) or (is_repeated(self.array) and not is_shapes_only()):
            reason = (
                "its elements are repeated without copies (by expand), so that one write would change several"
                if is_repeated(self.array)
                else "it was made over a read-only NumPy array"
            )
            raise GraphError(f"{name}: this tensor of shape {self.shape} cannot be written: {reason}; clone() it first")

    def own_memory(self) -> Self:
        """Note that nobody sees the tensor that this one is a view of, an intermediate result: it counts as none."""
        self.view_of = None
        return self

    def share_storage(self, base: TensorBase, operation: Operation | None = None) -> None:
        """Note that this tensor is a view of the memory of ``base``, made by ``operation``.

        Without ``operation`` it cannot be written in place while the tape records.
        """
        self.storage = base.storage
        self.view_of = View.made_by(operation, base)
        self.is_layout_copy = base.is_layout_copy


def is_repeated(array: Array) -> bool:
    """Whether several elements of ``array`` are one place in memory."""
    strides = array.strides
    return (
        array.size > 0
        and 0 in strides
        and any(stride == 0 and size > 1 for stride, size in zip(strides, array.shape, strict=True))
    )
