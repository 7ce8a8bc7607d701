"""tinyconv: a convolutional-network engine, readable from ``loss.backward()`` down to the SIMD register tile.

    import tinyconv as tc
    from tinyconv import nn, optim

Names, signatures, defaults and meanings are PyTorch's. Importing is light: kernels are compiled, and the compiler is
loaded, when the first one runs.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tinyconv.autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from tinyconv.core.devices import Device as device
from tinyconv.core.dtypes import DType as dtype
from tinyconv.core.dtypes import bool_, float32, float64, int32, int64, promote_types, uint8
from tinyconv.core.errors import TinyconvError
from tinyconv.core.random import Generator, initial_seed, manual_seed
from tinyconv.ops.activation import log_softmax, relu, softmax
from tinyconv.ops.arithmetic import (
    add,
    div,
    floor_divide,
    maximum,
    minimum,
    mul,
    pow,
    remainder,
    sub,
    where,
)
from tinyconv.ops.comparison import (
    allclose,
    eq,
    equal,
    ge,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
)
from tinyconv.ops.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from tinyconv.ops.elementwise import (
    abs,
    ceil,
    clamp,
    cos,
    exp,
    expm1,
    floor,
    log,
    log1p,
    neg,
    reciprocal,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    tanh,
)
from tinyconv.ops.indexing import gather, index_select, narrow, take_along_dim
from tinyconv.ops.join import cat, chunk, split, stack, unbind
from tinyconv.ops.machine import get_num_threads, set_num_threads
from tinyconv.ops.matmul import bmm, matmul, mm
from tinyconv.ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    logsumexp,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    sum,
    var,
)
from tinyconv.ops.shape import (
    broadcast_to,
    clone,
    flatten,
    flip,
    permute,
    reshape,
    squeeze,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from tinyconv.ops.tensor import Tensor

if TYPE_CHECKING:
    from tinyconv import autograd, cuda, data, features, models, nn, optim, train, utils
    from tinyconv.models.weights import load, save

bool = bool_
float = float32
double = float64
int = int32
long = int64

_FOLDERS = ("autograd", "cuda", "data", "features", "models", "nn", "optim", "train", "utils")


def __getattr__(name: str) -> Any:
    """Load a folder, or ``save`` and ``load``, when it is first asked for."""
    if name in _FOLDERS:
        return importlib.import_module(f"tinyconv.{name}")
    if name in ("load", "save"):
        weights: ModuleType = importlib.import_module("tinyconv.models.weights")
        return getattr(weights, name)
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("tinyconv")
    raise AttributeError(f"module 'tinyconv' has no attribute {name!r}")


__all__ = [
    "Generator",
    "Tensor",
    "TinyconvError",
    "abs",
    "add",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "autograd",
    "bmm",
    "bool",
    "broadcast_to",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clone",
    "cos",
    "cuda",
    "data",
    "device",
    "div",
    "double",
    "dtype",
    "empty",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "exp",
    "expm1",
    "eye",
    "features",
    "flatten",
    "flip",
    "float",
    "float32",
    "float64",
    "floor",
    "floor_divide",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "ge",
    "get_num_threads",
    "gt",
    "index_select",
    "initial_seed",
    "int",
    "int32",
    "int64",
    "is_grad_enabled",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "linspace",
    "load",
    "log",
    "log1p",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "models",
    "mul",
    "narrow",
    "ne",
    "neg",
    "nn",
    "no_grad",
    "norm",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "pow",
    "prod",
    "promote_types",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "reciprocal",
    "relu",
    "remainder",
    "reshape",
    "round",
    "rsqrt",
    "save",
    "set_grad_enabled",
    "set_num_threads",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "sum",
    "t",
    "take_along_dim",
    "tanh",
    "tensor",
    "train",
    "transpose",
    "uint8",
    "unbind",
    "unflatten",
    "unsqueeze",
    "utils",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
