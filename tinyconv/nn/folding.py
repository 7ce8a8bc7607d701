"""Batch normalisation folded into the convolution before it, in evaluation, and kept while both stay as they are."""

from __future__ import annotations

import weakref
from typing import Any

from tinyconv.nn.fusion import fuse_conv_bn_weights
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor

_Sources = tuple[tuple[Tensor, Any, int] | None, ...]

_folds_of: weakref.WeakKeyDictionary[Module, tuple[_Sources, float, Tensor, Tensor]] = weakref.WeakKeyDictionary()
"""For a convolution: what its folded weight and bias were made of, and they."""


def folds(conv: Any, norm: Any) -> bool:
    """Whether norm(conv(x)) is one convolution."""
    return (
        not norm.training
        and norm.running_mean is not None
        and conv.padding_mode == "zeros"
        and conv.out_channels == norm.num_features
        and conv.weight.dtype is norm.running_mean.dtype
    )


def folded_parameters(conv: Any, norm: Any) -> tuple[Tensor, Tensor]:
    """Its weight and bias: made once, and again when what they are made of is another tensor or was written into."""
    tensors = (conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    known = _folds_of.get(conv)
    if known is None or known[1] != norm.eps or not all(map(_is_unchanged, known[0], tensors)):
        sources = tuple(None if tensor is None else (tensor, tensor.array, tensor.version) for tensor in tensors)
        weight, bias = fuse_conv_bn_weights(*tensors[:4], norm.eps, *tensors[4:])
        known = _folds_of[conv] = sources, norm.eps, weight.detach(), bias.detach()
    return known[2], known[3]


def _is_unchanged(source: tuple[Tensor, Any, int] | None, tensor: Tensor | None) -> bool:
    if source is None or tensor is None:
        return source is None and tensor is None
    return source[0] is tensor and source[1] is tensor.array and source[2] == tensor.version
