"""Floor 2: the tape. Records operations as they run and sends cotangents back through them.

It knows arrays, operations and their order, and no operation by name.
"""

from tinyconv.autograd.engine import backward, grad
from tinyconv.autograd.function import Function
from tinyconv.autograd.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from tinyconv.autograd.gradcheck import gradcheck, gradgradcheck

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
