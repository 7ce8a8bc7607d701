"""What normalisations by channel share: weight and bias, and the running statistics of training."""

from __future__ import annotations

from typing import Any

from tinyconv.core import dtypes
from tinyconv.core.dtypes import DType
from tinyconv.nn import init
from tinyconv.nn.arguments import new_parameter, new_tensor, positive
from tinyconv.nn.module import Module
from tinyconv.nn.parameter import Parameter
from tinyconv.ops.creation.creation import zeros
from tinyconv.ops.normalization.channels import check_eps
from tinyconv.ops.tensor import Tensor


class Affine(Module):
    """Base of the normalisations with a weight, 1 at first, and a bias, 0 at first; either may be left out."""

    weight: Parameter | None
    bias: Parameter | None

    def register_affine(
        self, shape: tuple[int, ...], weight: bool, bias: bool, device: Any, dtype: DType | None
    ) -> None:
        """Make those that are wanted, not yet filled."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            self.register_parameter(name, new_parameter(shape, device, dtype) if wanted else None)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def shown_bias(self) -> str:
        """For the printed form: only a bias that is missing is mentioned."""
        return ", bias=False" if self.bias is None else ""


class ChannelNorm(Affine):
    """Base of batch and instance normalisation: one weight, bias and running statistics for each channel."""

    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: DType | None,
        *,
        bias: bool,
    ) -> None:
        super().__init__()
        layer = type(self).__name__
        self.num_features = positive(num_features, f"{layer}: num_features")
        check_eps(layer, eps)
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.register_affine((num_features,), affine, affine and bias, device, dtype)
        for name in ("running_mean", "running_var"):
            self.register_buffer(name, new_tensor((num_features,), device, dtype) if track_running_stats else None)
        count = None
        if track_running_stats:
            count = zeros((), dtype=dtypes.int64, device=device)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the batches seen so far."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Forget the batches seen so far; weight 1, bias 0."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}{self.shown_bias()}, "
            f"track_running_stats={self.track_running_stats}"
        )
