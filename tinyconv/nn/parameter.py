"""The tensors of a module: parameters, which it learns, and buffers, which belong to its state otherwise."""

from __future__ import annotations

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a ``Module`` lists among its ``parameters()`` as soon as it is assigned to an attribute.

    ``data``: the tensor whose values it starts from; they are shared, not copied. Without it the parameter is empty.

    Shape: that of ``data``.
    Dtype: that of ``data``; floating-point if it requires a gradient.
    Raises: ``ArgumentError`` for data that is no tensor; ``DTypeError`` for integers that would require a gradient.

    >>> nn.Parameter(tc.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        data = _data("Parameter", data)
        super().__init__(data.array, device=data.device, requires_grad=requires_grad)
        self.storage = data.storage

    def __repr__(self) -> str:
        plain = Tensor(self.array, device=self.device, requires_grad=self.requires_grad)
        return f"Parameter containing:\n{plain!r}"


class Buffer(Tensor):
    """A tensor that a ``Module`` lists among its ``buffers()`` as soon as it is assigned to an attribute.

    ``data``: the tensor whose values it starts from; they are shared, not copied. Without it the buffer is empty.
    ``persistent``: whether ``state_dict()`` has it.

    Shape: that of ``data``.
    Dtype: that of ``data``.
    Raises: ``ArgumentError`` for data that is no tensor.

    >>> layer = nn.Module()
    >>> layer.steps = nn.Buffer(tc.zeros(2))
    >>> layer.state_dict()
    OrderedDict([('steps', tensor([0., 0.]))])
    """

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        data = _data("Buffer", data)
        super().__init__(data.array, device=data.device)
        self.storage = data.storage
        self.persistent = persistent


def _data(name: str, data: Tensor | None) -> Tensor:
    """The tensor that a parameter or buffer is made over."""
    if data is None:
        return Tensor(np.empty(0, np.float32))
    if not isinstance(data, Tensor):
        raise ArgumentError(f"{name} takes a Tensor, got {type(data).__name__}; tinyconv.tensor(...) makes one")
    return data
