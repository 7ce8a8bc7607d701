"""Batch normalisation over a batch that several processes share."""

from __future__ import annotations

from typing import Any, ClassVar

from tinyconv.core.communication import Communicator, world
from tinyconv.core.dtypes import DType
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d, _BatchNorm
from tinyconv.ops.normalization.synchronized import synchronized_batch_norm
from tinyconv.ops.tensor import Tensor


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation whose statistics, in training, are those of the batch of all processes together.

        y = (x - mean) / √(variance + eps) · weight + bias,   mean and variance per channel

    Otherwise, and in a process alone, it is ``BatchNorm1d``, ``BatchNorm2d`` or ``BatchNorm3d``. ``process_group``: the
    communicator of the processes, by default that of all that were launched together. All of them call the layer
    equally often.

    Shape: input (N, num_features), (N, num_features, L), (N, num_features, H, W) or (N, num_features, D, H, W); result
        the same. N may differ between processes.
    Dtype: float32 or float64, the parameters'.
    Raises: as ``BatchNorm2d``; ``UnsupportedError`` on a GPU, with several processes.
    Source: Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 1.

    >>> nn.SyncBatchNorm(1, eps=0.0)(tc.tensor([[1.0], [3.0]])).detach()
    tensor([[-1.],
            [ 1.]])
    """

    shapes: ClassVar[dict[int, str]] = {2: "(N, C)", 3: "(N, C, L)", 4: "(N, C, H, W)", 5: "(N, C, D, H, W)"}

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Communicator | None = None,
        device: Any = None,
        dtype: DType | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def forward(self, input: Tensor) -> Tensor:
        communicator = self.process_group or world()
        if not self.training or communicator.ranks == 1:
            return self.normalized(input)
        momentum = self.count_batch(input)
        tracked = self.track_running_stats
        return synchronized_batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            momentum,
            self.eps,
            communicator,
        )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Communicator | None = None) -> Module:
        """``module`` with each batch normalisation in it replaced by a synchronised one that has its parameters.

        A module that is itself one is returned converted; others are changed in place and returned.

        Raises: nothing of its own.

        >>> model = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)))
        >>> type(model[1]).__name__
        'SyncBatchNorm'
        """
        if isinstance(module, BatchNorm1d | BatchNorm2d | BatchNorm3d):
            return cls._from(module, process_group)
        for name, child in list(module._modules.items()):
            if child is not None:
                module._modules[name] = cls.convert_sync_batchnorm(child, process_group)
        return module

    @classmethod
    def _from(cls, norm: _BatchNorm, process_group: Communicator | None) -> SyncBatchNorm:
        converted = cls(
            norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats, process_group
        )
        # The very parameters and buffers: an optimiser that has them already goes on with them.
        converted._parameters.update(norm._parameters)
        converted._buffers.update(norm._buffers)
        converted.train(norm.training)
        return converted
