"""Smooth activation layers."""

from __future__ import annotations

from tinyconv.nn.activation import InPlace
from tinyconv.nn.module import Module
from tinyconv.ops.activation import gated_activation, soft_activation
from tinyconv.ops.elementwise import elementwise, hyperbolic
from tinyconv.ops.tensor import Tensor


class ELU(InPlace):
    """x where x > 0, else ``alpha`` (e^x - 1).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.ELU()(tc.tensor([-100.0, 2.0]))
    tensor([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.elu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class SELU(InPlace):
    """1.0507 x where x > 0, else 1.0507 * 1.6733 (e^x - 1).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.SELU()(tc.tensor([0.0, 1.0]))
    tensor([0.    , 1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.selu(input, inplace=self.inplace)


class CELU(InPlace):
    """x where x > 0, else ``alpha`` (e^(x / alpha) - 1).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.CELU(3.0)(tc.tensor([-100.0, 2.0]))
    tensor([-3.,  2.])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.celu(input, self.alpha, inplace=self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Softplus(Module):
    """ln(1 + e^(beta x)) / beta, and x itself where beta x > ``threshold``.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Softplus()(tc.tensor([0.0, 100.0]))
    tensor([  0.6931, 100.    ])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Softsign(Module):
    """x / (1 + |x|).

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Softsign()(tc.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.softsign(input)


class Tanhshrink(Module):
    """x - tanh x.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Tanhshrink()(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.2384])
    """

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.tanhshrink(input)


class LogSigmoid(Module):
    """ln(1 / (1 + e^-x)), without overflow.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.LogSigmoid()(tc.tensor([-1000.0, 1000.0]))
    tensor([-1000.,     0.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return soft_activation.logsigmoid(input)


class GELU(Module):
    """x Phi(x), with the integral Phi of the standard normal density.

    ``approximate``: "none", or "tanh" for a formula with the hyperbolic tangent that differs by up to 5e-4.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.GELU()(tc.tensor([-1.0, 1.0]))
    tensor([-0.1587,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return gated_activation.gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(InPlace):
    """x / (1 + e^-x), also called swish.

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.SiLU()(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return gated_activation.silu(input, inplace=self.inplace)


class Mish(InPlace):
    """x tanh(ln(1 + e^x)).

    ``inplace``: overwrite the input, which saves memory where nothing else needs it.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Mish()(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.8651])
    """

    def forward(self, input: Tensor) -> Tensor:
        return gated_activation.mish(input, inplace=self.inplace)


class Tanh(Module):
    """The hyperbolic tangent.

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Tanh()(tc.tensor([0.0, 1.0]))
    tensor([0.    , 0.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        return hyperbolic.tanh(input)


class Sigmoid(Module):
    """1 / (1 + e^-x).

    Shape: any; the result has the input's.
    Dtype: float32 or float64; the result has the input's.
    Raises: nothing of its own; ``DTypeError`` when called with other types.

    >>> nn.Sigmoid()(tc.tensor([0.0, 1.0]))
    tensor([0.5   , 0.7311])
    """

    def forward(self, input: Tensor) -> Tensor:
        return elementwise.sigmoid(input)
