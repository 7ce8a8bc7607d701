"""Loss layers between numbers: each calls the function of the same name in ``nn.functional``."""

from __future__ import annotations

from tinyconv.nn.loss import Loss
from tinyconv.ops.loss import regression_loss
from tinyconv.ops.loss.loss import REDUCTIONS
from tinyconv.ops.tensor import Tensor


class MSELoss(Loss):
    """The squared differences.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.MSELoss()(tc.tensor([1.0, 2.0]), tc.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """The absolute differences.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.L1Loss()(tc.tensor([1.0, 2.0]), tc.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2, with the differences d.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.SmoothL1Loss(reduction="none")(tc.tensor([0.5, 3.0]), tc.zeros(2))
    tensor([0.125, 2.5  ])
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.smooth_l1_loss(input, target, beta=self.beta, reduction=self.reduction)


class HuberLoss(Loss):
    """d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), with the differences d.

    Shape: input any; target that of input; result (), or that of input for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.HuberLoss(reduction="none", delta=2.0)(tc.tensor([0.5, 3.0]), tc.zeros(2))
    tensor([0.125, 4.   ])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.huber_loss(input, target, delta=self.delta, reduction=self.reduction)


class KLDivLoss(Loss):
    """t (ln t - input): the Kullback-Leibler divergence of log-probabilities from probabilities t.

    ``log_target``: the target holds ln t. ``reduction``: "batchmean", the divergence of its definition, or as
    elsewhere.

    Shape: any; target is broadcast with input; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.KLDivLoss(reduction="batchmean")(tc.tensor([[0.5, 0.5]]).log(), tc.tensor([[1.0, 0.0]]))
    tensor(0.6931)
    """

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.kl_div(input, target, log_target=self.log_target, reduction=self.reduction)


class PoissonNLLLoss(Loss):
    """e^x - t x for counts t and the logarithm x of their expectation; x - t ln(x + eps) if not ``log_input``.

    ``full`` adds Stirling's approximation of ln t! where t > 1.

    Shape: any; target is broadcast with input; result (), or the broadcast shape for "none".
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.PoissonNLLLoss()(tc.tensor([0.0]), tc.tensor([3.0]))
    tensor(1.)
    """

    def __init__(self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return regression_loss.poisson_nll_loss(
            input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Loss):
    """(ln v + (input - target)^2 / v) / 2, with the variance v = max(var, eps).

    ``full`` adds ln(2 pi) / 2.

    Shape: input any; target that of input; var: that of input, or with one dimension of size 1, or without the last.
    Dtype: float32 or float64; the result has the input's.
    Raises: ``ArgumentError`` for an unknown reduction; when called, ``ShapeError``, ``DTypeError``.

    >>> nn.GaussianNLLLoss()(tc.tensor([2.0]), tc.tensor([4.0]), tc.tensor([4.0]))
    tensor(1.1931)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return regression_loss.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )
