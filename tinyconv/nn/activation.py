"""Activation layers made of straight lines. (The smooth ones: ``soft_activation``.)"""

from __future__ import annotations

from tinyconv.core.errors import ArgumentError
from tinyconv.nn.module import Module
from tinyconv.ops.activation import hard_activation, rectifier, sloped_rectifier
from tinyconv.ops.tensor import Tensor


class InPlace(Module):
    """What layers share that may overwrite their input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class ReLU(InPlace):
    """max(x, 0).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.ReLU()(tc.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return rectifier.relu(input, inplace=self.inplace)


class Hardtanh(InPlace):
    """min(max(x, min_val), max_val).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` unless ``min_val`` < ``max_val``; ``DTypeError`` when called with other types.

    >>> nn.Hardtanh(0.0, 1.0)(tc.tensor([-1.0, 0.5, 2.0]))
    tensor([0. , 0.5, 1. ])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        if not min_val < max_val:
            raise ArgumentError(f"{type(self).__name__}: min_val = {min_val} must be below max_val = {max_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        return rectifier.hardtanh(input, self.min_val, self.max_val, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.ReLU6()(tc.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(InPlace):
    """x where x > ``threshold``, else ``value``.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Threshold(1.0, 7.0)(tc.tensor([0.0, 2.0]))
    tensor([7., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return rectifier.threshold(input, self.threshold, self.value, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class LeakyReLU(InPlace):
    """x where x > 0, else ``negative_slope`` x.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.LeakyReLU(0.5)(tc.tensor([-2.0, 3.0]))
    tensor([-1.,  3.])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return sloped_rectifier.leaky_relu(input, self.negative_slope, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class RReLU(InPlace):
    """x where x > 0, else a x, with a drawn from U(lower, upper) in training and their mean in evaluation.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.
    Source: Xu et al., "Empirical evaluation of rectified activations in convolutional network", 2015.

    >>> nn.RReLU(0.25, 0.75).eval()(tc.tensor([-2.0, 3.0]))
    tensor([-1.,  3.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        return sloped_rectifier.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class Softshrink(Module):
    """x moved by ``lambd`` towards 0, and 0 where |x| <= ``lambd``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Softshrink()(tc.tensor([-2.0, 0.3]))
    tensor([-1.5,  0. ])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return hard_activation.softshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Hardshrink(Module):
    """x where |x| > ``lambd``, else 0.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Hardshrink()(tc.tensor([-2.0, 0.3]))
    tensor([-2.,  0.])
    """

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return hard_activation.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        return f"{self.lambd}"


class Hardsigmoid(InPlace):
    """min(max(x + 3, 0), 6) / 6.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Hardsigmoid()(tc.tensor([-4.0, 0.0]))
    tensor([0. , 0.5])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hard_activation.hardsigmoid(input, inplace=self.inplace)


class Hardswish(InPlace):
    """x min(max(x + 3, 0), 6) / 6.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Hardswish()(tc.tensor([0.0, 5.0]))
    tensor([0., 5.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hard_activation.hardswish(input, inplace=self.inplace)
