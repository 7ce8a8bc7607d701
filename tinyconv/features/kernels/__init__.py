"""What layers compare their input with: weights in one order (weights), pictures (picture), whole networks (dump)."""

from tinyconv.features.kernels.dump import dump_kernels
from tinyconv.features.kernels.picture import kernel_picture
from tinyconv.features.kernels.weights import Kernels, kernels_of

__all__ = ["Kernels", "dump_kernels", "kernel_picture", "kernels_of"]
