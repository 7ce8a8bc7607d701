"""What a step of a random program may compute: each entry is one function for both libraries.

``m`` is the library, ``f`` its ``nn.functional``. Functions keep numbers of moderate size moderate, so that rounding
stays far below what the comparison allows.
"""

from __future__ import annotations

from typing import Any

import tinyconv as tc

SHAPES = [(), (3,), (2, 3), (3, 2), (1, 3), (2, 1), (2, 3, 2), (1, 2, 4, 4), (2, 2, 4, 4)]

UNARY = {
    "tanh": lambda m, f, t: t.tanh(),
    "sigmoid": lambda m, f, t: t.sigmoid(),
    "sin": lambda m, f, t: m.sin(t),
    "relu": lambda m, f, t: f.relu(t),
    "cos": lambda m, f, t: m.cos(t),
    "neg": lambda m, f, t: -t,
    "half": lambda m, f, t: t * 0.5,
    "one more": lambda m, f, t: 1.0 + t,
    "square": lambda m, f, t: t * t,
    "exp of tanh": lambda m, f, t: t.tanh().exp(),
    "log of 1 + square": lambda m, f, t: (t * t + 1.0).log(),
    "sqrt of 1 + square": lambda m, f, t: (t**2 + 1.0).sqrt(),
    "reciprocal": lambda m, f, t: 1.0 / (t * t + 1.0),
    "clamp": lambda m, f, t: t.clamp(-0.5, 0.8),
    "leaky": lambda m, f, t: m.where(t > 0, t, t * 0.1),
    "masked_fill": lambda m, f, t: t.masked_fill(t > 0.5, 0.25),
    "softmax": lambda m, f, t: t.softmax(-1) if t.ndim else t.sigmoid(),
    "log_softmax": lambda m, f, t: t.log_softmax(0) if t.ndim else t.sigmoid(),
    "flip": lambda m, f, t: t.flip((0,)) if t.ndim else t * 2.0,
    "clone": lambda m, f, t: t.clone(),
    "detach": lambda m, f, t: t.detach(),
    "picked": lambda m, f, t: t[[0, -1, 0]] if t.ndim else t * 3.0,
    "masked": lambda m, f, t: t[t > t.detach().mean()] if t.ndim else t * 3.0,
    "max_pool2d": lambda m, f, t: (
        f.max_pool2d(t.clone(), 2) if t.ndim == 4 and t.shape[-1] > 1 < t.shape[-2] else t + 0.5
    ),
    "avg_pool2d": lambda m, f, t: (
        f.avg_pool2d(t.clone(), 2) if t.ndim == 4 and t.shape[-1] > 1 < t.shape[-2] else t + 0.5
    ),
}

BINARY = {
    "add": lambda m, f, t, u: t + u,
    "sub": lambda m, f, t, u: t - u,
    "mul": lambda m, f, t, u: t * u,
    "div": lambda m, f, t, u: t / (u * u + 1.0),
    "maximum": lambda m, f, t, u: m.maximum(t, u),
    "where": lambda m, f, t, u: m.where(u > 0, t, u),
    "add with alpha": lambda m, f, t, u: m.add(t, u, alpha=0.5),
    "stack": lambda m, f, t, u: m.stack([t, u]) if t.shape == u.shape and t.ndim < 3 else t - u,
    "cat": lambda m, f, t, u: m.cat([t, u], -1) if t.shape == u.shape and t.ndim else t - u,
    "matmul": lambda m, f, t, u: t @ u if t.ndim == u.ndim == 2 and t.shape[1] == u.shape[0] else t * u,
    "gram": lambda m, f, t, u: t @ t.transpose(0, 1) + u.sum() if t.ndim == 2 else t + u,
}

REDUCTIONS = {
    "sum": lambda m, f, t: t.sum(),
    "mean": lambda m, f, t: t.mean(),
    "sum over the first": lambda m, f, t: t.sum(0) if t.ndim else t.sum(),
    "mean over the last, kept": lambda m, f, t: t.mean(-1, keepdim=True) if t.ndim else t.mean(),
    "sum over two": lambda m, f, t: t.sum((0, -1)) if t.ndim > 1 else t.sum(),
    "amax": lambda m, f, t: t.clone().amax(-1) + 0.0 if t.ndim else t * 0.1,
    "logsumexp": lambda m, f, t: t.clone().logsumexp(0) + 0.0 if t.ndim else t.tanh(),
    "prod": lambda m, f, t: t.tanh().prod(0) + 0.0 if t.ndim else t.tanh(),
    "var": lambda m, f, t: t.clone().var(unbiased=False) + 0.0,
    "norm": lambda m, f, t: (t * t).sum().add(1.0).sqrt(),
}

VIEWS = {
    "first": lambda m, t: t[0] if t.ndim else t.reshape(1),
    "last along the last": lambda m, t: t[..., -1] if t.ndim else t.unsqueeze(0),
    "rest": lambda m, t: t[1:] if t.ndim and t.shape[0] > 1 else t[...],
    "every other of the last": lambda m, t: t[..., ::2] if t.ndim else t[...],
    "new dimension": lambda m, t: t[None] if t.ndim < 4 else t[:, 0],
    "narrow": lambda m, t: t.narrow(-1, 0, max(t.shape[-1] - 1, 1)) if t.ndim else t[...],
    "transpose": lambda m, t: t.transpose(0, -1) if t.ndim else t[...],
    "permute": lambda m, t: t.permute(*range(1, t.ndim), 0) if t.ndim else t[...],
    "flatten": lambda m, t: t.flatten(),
    "reshape": lambda m, t: t.reshape(-1, t.shape[-1]) if t.ndim else t.reshape(1, 1),
    "view": lambda m, t: t.view(t.shape[0], -1) if t.ndim else t.view(1),
    "unsqueeze": lambda m, t: t.unsqueeze(-1) if t.ndim < 4 else t[0],
    "squeeze": lambda m, t: t.squeeze(),
    "expand": lambda m, t: t.expand(2, *t.shape) if t.ndim < 3 else t.expand(*t.shape),
    "row of an expanded": lambda m, t: t.expand(2, *t.shape)[0] if t.ndim < 3 else t[:1],
    "split": lambda m, t: t.split(1)[0] if t.ndim else t[...],
    "chunk": lambda m, t: t.chunk(2, -1)[-1] if t.ndim else t[...],
    "unbind": lambda m, t: t.unbind(-1)[0] if t.ndim else t[...],
    "part of a split": lambda m, t: t.split(1)[0][..., :1] if t.ndim else t[...],
    "diagonal": lambda m, t: t.diagonal() if t.ndim > 1 and hasattr(tc.Tensor, "diagonal") else t[...],
}

IN_PLACE_UNARY = {
    "mul_ by a number": lambda m, f, t: t.mul_(0.7),
    "add_ a number": lambda m, f, t: t.add_(0.3),
    "zero_": lambda m, f, t: t.zero_(),
    "fill_": lambda m, f, t: t.fill_(0.4),
    "tanh_": lambda m, f, t: t.tanh_(),
    "sigmoid_": lambda m, f, t: t.sigmoid_(),
    "neg_": lambda m, f, t: t.neg_(),
    "clamp_": lambda m, f, t: t.clamp_(-0.6, 0.6),
    "relu in place": lambda m, f, t: f.relu(t, inplace=True),
    "masked_fill_": lambda m, f, t: (
        t.masked_fill_(t > 0.2, -0.3) if hasattr(tc.Tensor, "masked_fill_") else t.mul_(0.9)
    ),
    "number to all": lambda m, f, t: assign(t, ..., 0.2),
    "number to the first": lambda m, f, t: assign(t, 0 if t.ndim else ..., -0.2),
    "number to a slice": lambda m, f, t: assign(t, slice(1, None) if t.ndim else ..., 0.6),
    "number where positive": lambda m, f, t: assign(t, t > 0, 0.1),
    "number to a list": lambda m, f, t: assign(t, [0, -1] if t.ndim and t.shape[0] > 1 else ..., 0.5),
}

IN_PLACE_BINARY = {
    "add_": lambda m, f, t, u: t.add_(u),
    "sub_ with alpha": lambda m, f, t, u: t.sub_(u, alpha=0.5),
    "mul_": lambda m, f, t, u: t.mul_(u),
    "div_": lambda m, f, t, u: t.div_(u * u + 1.0),
    "copy_": lambda m, f, t, u: t.copy_(u),
    "+=": lambda m, f, t, u: t.__iadd__(u),
    "*=": lambda m, f, t, u: t.__imul__(u),
    "to all": lambda m, f, t, u: assign(t, ..., u),
    "to the first": lambda m, f, t, u: assign(t, 0, u) if u.ndim < t.ndim else assign(t, ..., u),
    "to the rest": lambda m, f, t, u: assign(t, slice(1, None), u) if u.ndim < t.ndim and t.shape[0] > 1 else t.add_(u),
    "to a list": lambda m, f, t, u: assign(t, [0, -1], u) if u.ndim < t.ndim and t.shape[0] > 1 else t.add_(u),
    "to the last of the last": lambda m, f, t, u: assign(t, (..., -1), u) if u.ndim == 0 < t.ndim else t.add_(u),
}


INTO_PARTS = {"fill_", "zero_", "masked_fill_"} | {
    name for name in (*IN_PLACE_UNARY, *IN_PLACE_BINARY) if name.startswith(("number ", "to "))
}
"""Writes of one number, or into a part of the tensor."""


def assign(t: Any, index: Any, value: Any) -> Any:
    t[index] = value
    return t
