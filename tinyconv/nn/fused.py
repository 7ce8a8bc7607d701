"""Modules applied in a row, neighbours together where that saves passes over memory.

    BatchNorm2d, ReLU, MaxPool2d   one pass over the map finds statistics and winners; no normalised map is written
    BatchNorm2d, ReLU              the rectifier costs no pass, and no map is kept for it
    BatchNorm2d, + shortcut, ReLU  the end of a residual block, likewise
    ReLU, MaxPool2d                pooled first, which is the same, and rectified in the smaller size
    Conv2d, ReLU                   rectified on the way to memory; so is Linear, ReLU
    Conv2d, BatchNorm2d            in evaluation without gradients: one convolution with other weights
    all that follow each other     in evaluation without gradients: prepared once for inputs of one shape (prepared.py)

Results are those of the modules one by one, but for the rounding of float32. Whatever could tell the difference gets
the modules one by one: a hook on one of them, a class or an instance with a ``forward`` of its own, anyone who watches
operations (capture, profiler, summary), the precision "exact", and who wants shapes alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinyconv.autograd.grad_mode import is_grad_enabled
from tinyconv.autograd.observe import observed
from tinyconv.core.errors import TinyconvError
from tinyconv.core.precision import float32_precision
from tinyconv.core.shapes import is_shapes_only
from tinyconv.core.windows import Windows, sliding_windows
from tinyconv.nn.activation import ReLU
from tinyconv.nn.convolution import Conv2d
from tinyconv.nn.folding import folded_parameters, folds
from tinyconv.nn.linear import Linear
from tinyconv.nn.location import locate
from tinyconv.nn.module import Module
from tinyconv.nn.normalization.batch import BatchNorm2d
from tinyconv.nn.pooling.maximum import MaxPool2d
from tinyconv.nn.prepared import prepared
from tinyconv.ops.convolution.functions import conv2d, conv2d_relu
from tinyconv.ops.pooling.windows import window
from tinyconv.ops.prepared import add_relu
from tinyconv.ops.product.linear import linear_relu
from tinyconv.ops.tensor import Tensor

KINDS = {Conv2d, BatchNorm2d, ReLU, MaxPool2d, Linear}

MOST_TAPS = 255
"""The pixels that the switch of a fused max pooling can tell apart."""


def in_row(modules: Iterable[Module], x: Any) -> Any:
    """``modules`` applied one after the other: the output of each is the input of the next."""
    row = tuple(modules)
    together = _allowed()
    prepares = together and not is_grad_enabled()
    position = 0
    while position < len(row):
        taken, result = prepared(row[position:], x) if prepares else (0, None)
        if taken == 0 and together:
            taken, result = _together(row[position : position + 3], x)
        if taken == 0:
            taken, result = 1, row[position](x)
        x = result
        position += taken
    return x


def in_row_with_shortcut(modules: Sequence[Module], x: Any, shortcut: Any, activation: Module) -> Any:
    """``activation(in_row(modules, x) + shortcut)``: the end of a residual block."""
    last = modules[-1]
    if _allowed() and not is_grad_enabled() and _kind(activation) is ReLU:
        taken, y = prepared(modules, x)
        if taken == len(modules) and isinstance(shortcut, Tensor) and _are_alike(y, shortcut):
            return add_relu(y, shortcut)
    if _allowed() and _kind(last) is BatchNorm2d and _kind(activation) is ReLU:
        y = in_row(modules[:-1], x)
        if _takes(last, y) and isinstance(shortcut, Tensor) and _are_alike(y, shortcut):
            with _inside(last):
                return last.normalized(y, residual=shortcut, relu=True)
        return activation(last(y) + shortcut)
    return activation(in_row(modules, x) + shortcut)


def _allowed() -> bool:
    return not observed() and float32_precision() != "exact" and not is_shapes_only()


def _together(row: Sequence[Module], x: Any) -> tuple[int, Any]:
    """How many of the first of ``row`` were applied to ``x`` together, and their result; 0 if none were."""
    kinds = [_kind(module) for module in row]
    if kinds[:2] == [BatchNorm2d, ReLU] and _takes(row[0], x):
        windows = _windows(row[2], x) if kinds[2:] == [MaxPool2d] and row[0].training else None
        with _inside(row[0]):
            return 2 if windows is None else 3, row[0].normalized(x, relu=True, pooled_by=windows)
    if kinds[:2] == [ReLU, MaxPool2d] and not row[0].inplace and not row[1].return_indices:
        return 2, row[0](row[1](x))
    if kinds[:2] == [Conv2d, BatchNorm2d] and not is_grad_enabled() and folds(row[0], row[1]):
        rectified = kinds[2:] == [ReLU]
        return 3 if rectified else 2, _convolved(row[0], x, *folded_parameters(row[0], row[1]), rectified)
    if kinds[:2] == [Conv2d, ReLU] and row[0].padding_mode == "zeros":
        if kinds[2:] == [MaxPool2d] and is_grad_enabled():
            return 0, None  # the rectifier is then applied, and its gradient, to the smaller map
        return 2, _convolved(row[0], x, row[0].weight, row[0].bias, relu=True)
    if kinds[:2] == [Linear, ReLU]:
        with _inside(row[0]):
            return 2, linear_relu(x, row[0].weight, row[0].bias)
    return 0, None


def _kind(module: Module) -> type[Module] | None:
    """The class of a module that may be fused."""
    return type(module) if type(module) in KINDS and _is_plain(module) else None


def _convolved(conv: Any, x: Tensor, weight: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    """``conv`` with other parameters, and what follows it."""
    function = conv2d_relu if relu else conv2d
    with _inside(conv):
        return function(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)


def _is_plain(module: Module) -> bool:
    """Whether nobody could notice that the ``forward`` of ``module``, which is of a class of ours, is not called."""
    return not (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in vars(module)
    )


@contextmanager
def _inside(module: Module) -> Iterator[None]:
    """An error in here is the module's, as in its call."""
    try:
        yield
    except TinyconvError as error:
        locate(error, module)
        raise


def _takes(norm: Any, x: Any) -> bool:
    """Whether batch normalisation of ``x`` is of the kind that is fused. Others get their result, or error, unfused."""
    if not (isinstance(x, Tensor) and x.ndim == 4 and x.dtype.is_floating_point and x.shape[1] == norm.num_features):
        return False
    return norm.momentum is not None or not norm.training


def _are_alike(x: Tensor, y: Tensor) -> bool:
    return x.shape == y.shape and x.dtype is y.dtype and x.device == y.device


def _windows(pool: Any, x: Tensor) -> Windows | None:
    """The windows of a max pooling that can follow batch normalisation in its passes, or None."""
    if pool.return_indices or x.shape[2] * x.shape[3] == 0 or len(x) == 0:
        return None
    asked = window("MaxPool2d", 2, pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode)
    size = (x.shape[2], x.shape[3])
    fits = all(
        length + 2 * margin >= kernel
        for length, margin, kernel in zip(size, asked.padding, asked.kernel_size, strict=True)
    )
    if not fits or asked.dilation != (1, 1):
        return None
    windows = sliding_windows(size, asked.kernel_size, asked.stride, asked.padding, asked.dilation, asked.ceil_mode)
    return None if windows.overlap or windows.taps > MOST_TAPS else windows
