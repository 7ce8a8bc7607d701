"""What happens to the gradients between backward and the optimiser's step."""

from __future__ import annotations

from tinyconv.nn.module import Module
from tinyconv.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm
from tinyconv.ops.tensor import Tensor


def divide(model: Module, samples: int) -> None:
    """From sums over ``samples`` to their mean."""
    for parameter in model.parameters():
        gradient = parameter.grad
        if gradient is not None:
            gradient.check_writable("Trainer")
            gradient.array /= samples
            gradient.bump_version()


def clip(model: Module, largest_norm: float | None, largest_value: float | None) -> Tensor | None:
    """Limit each element, then all together. Returns the norm, where that is limited; one not finite changes nothing.

    On a GPU, which is not waited for, it makes them all NaN.
    """
    if largest_value is not None:
        clip_grad_value_(model.parameters(), largest_value)
    if largest_norm is None:
        return None
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = get_total_norm(gradients)
    if norm.device.type == "cpu" and not norm.isfinite():
        return norm
    clip_grads_with_norm_(model.parameters(), largest_norm, norm)
    return norm
