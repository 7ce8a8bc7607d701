"""Parameter: the tensors that a module learns."""

from __future__ import annotations

import numpy as np

from tinyconv.core.errors import ArgumentError
from tinyconv.ops.tensor import Tensor


class Parameter(Tensor):
    """A tensor that a ``Module`` lists among its ``parameters()`` as soon as it is assigned to an attribute.

    ``data``: the tensor whose values it starts from; they are shared, not copied. Without it the parameter is empty.
    """

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            data = Tensor(np.empty(0, np.float32))
        if not isinstance(data, Tensor):
            raise ArgumentError(f"Parameter takes a Tensor, got {type(data).__name__}; tinyconv.tensor(...) makes one")
        super().__init__(data.array, device=data.device, requires_grad=requires_grad)
        self.storage = data.storage

    def __repr__(self) -> str:
        plain = Tensor(self.array, device=self.device, requires_grad=self.requires_grad)
        return f"Parameter containing:\n{plain!r}"
