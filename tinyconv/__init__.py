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

from tinyconv.autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from tinyconv.core.absent import missing
from tinyconv.core.algorithms import convolution_algorithm as get_convolution_algorithm
from tinyconv.core.algorithms import set_convolution_algorithm
from tinyconv.core.devices import Device as device
from tinyconv.core.dtypes import DType as dtype
from tinyconv.core.dtypes import bool_, can_cast, finfo, float32, float64, iinfo, int32, int64, promote_types, uint8
from tinyconv.core.errors import TinyconvError
from tinyconv.core.pool import empty_cache
from tinyconv.core.precision import float32_precision as get_float32_precision
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.random import Generator, initial_seed, manual_seed
from tinyconv.ops.activation.hard_activation import hardshrink
from tinyconv.ops.activation.rectifier import relu, relu_, threshold, threshold_
from tinyconv.ops.activation.sloped_rectifier import prelu, rrelu, rrelu_
from tinyconv.ops.activation.soft_activation import celu, celu_, selu, selu_
from tinyconv.ops.activation.softmax import log_softmax, softmax
from tinyconv.ops.creation.creation import (
    as_tensor,
    empty,
    empty_like,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from tinyconv.ops.creation.random import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from tinyconv.ops.creation.sequences import arange, eye, linspace, logspace, tril_indices, triu_indices
from tinyconv.ops.elementwise.arithmetic import add, div, divide, mul, multiply, rsub, sub, subtract, true_divide
from tinyconv.ops.elementwise.bitwise import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
)
from tinyconv.ops.elementwise.bounds import clamp, clamp_max, clamp_min, clip, fmax, fmin, maximum, minimum
from tinyconv.ops.elementwise.combination import addcdiv, addcmul, copysign, lerp, nan_to_num
from tinyconv.ops.elementwise.comparison import (
    allclose,
    eq,
    equal,
    ge,
    greater,
    greater_equal,
    gt,
    isclose,
    le,
    less,
    less_equal,
    lt,
    ne,
    not_equal,
)
from tinyconv.ops.elementwise.division import floor_divide, fmod, remainder
from tinyconv.ops.elementwise.elementwise import (
    abs,
    absolute,
    exp,
    fill,
    log,
    neg,
    negative,
    positive,
    sgn,
    sigmoid,
    sign,
)
from tinyconv.ops.elementwise.exponential import exp2, expm1, log1p, log2, log10, logaddexp, logit, xlogy
from tinyconv.ops.elementwise.hyperbolic import acosh, arccosh, arcsinh, arctanh, asinh, atanh, cosh, sinh, tanh
from tinyconv.ops.elementwise.logical import (
    isfinite,
    isinf,
    isnan,
    isneginf,
    isposinf,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    signbit,
)
from tinyconv.ops.elementwise.powers import float_power, pow, reciprocal, rsqrt, sqrt, square
from tinyconv.ops.elementwise.rounding import ceil, fix, floor, frac, heaviside, round, trunc
from tinyconv.ops.elementwise.selection import masked_fill, where
from tinyconv.ops.elementwise.special import erf, erfc, erfinv
from tinyconv.ops.elementwise.trigonometry import (
    acos,
    arccos,
    arcsin,
    arctan,
    arctan2,
    asin,
    atan,
    atan2,
    cos,
    deg2rad,
    hypot,
    rad2deg,
    sin,
    sinc,
    tan,
)
from tinyconv.ops.indexing.gathering import (
    argwhere,
    gather,
    index_select,
    masked_select,
    narrow,
    nonzero,
    select,
    take,
    take_along_dim,
)
from tinyconv.ops.indexing.placing import masked_scatter, scatter_reduce
from tinyconv.ops.indexing.scatter import index_add, index_copy, index_fill, index_put, scatter, scatter_add
from tinyconv.ops.machine import get_num_threads, set_num_threads, use_deterministic_algorithms
from tinyconv.ops.product.einsum import einsum
from tinyconv.ops.product.matmul import bmm, dot, ger, inner, matmul, mm, mv, outer, vdot
from tinyconv.ops.product.products import addbmm, addmm, addmv, addr, baddbmm, kron, tensordot
from tinyconv.ops.reduction.counting import bincount, bucketize, histc, searchsorted, unique, unique_consecutive
from tinyconv.ops.reduction.cumulative import cummax, cummin, cumprod, cumsum, diff, logcumsumexp
from tinyconv.ops.reduction.extremes import amax, amin, aminmax, argmax, argmin, max, min
from tinyconv.ops.reduction.reduction import all, any, count_nonzero, mean, nanmean, nansum, prod, sum
from tinyconv.ops.reduction.sorting import argsort, kthvalue, median, msort, nanmedian, quantile, sort, topk
from tinyconv.ops.reduction.spread import logsumexp, norm, std, std_mean, var, var_mean
from tinyconv.ops.shape.grids import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    broadcast_shapes,
    broadcast_tensors,
    cartesian_prod,
    combinations,
    meshgrid,
)
from tinyconv.ops.shape.join import cat, column_stack, concat, concatenate, dstack, hstack, row_stack, stack, vstack
from tinyconv.ops.shape.permutation import adjoint, moveaxis, movedim, permute, swapaxes, swapdims, t, transpose
from tinyconv.ops.shape.rearrangement import flip, fliplr, flipud, repeat_interleave, roll, rot90, tile
from tinyconv.ops.shape.shape import broadcast_to, clone, flatten, ravel, reshape, squeeze, unflatten, unsqueeze
from tinyconv.ops.shape.split import chunk, dsplit, hsplit, split, tensor_split, unbind, vsplit
from tinyconv.ops.shape.triangles import diag, diag_embed, diagflat, diagonal, trace, tril, triu
from tinyconv.ops.tensor import Tensor
from tinyconv.ops.type_queries import is_floating_point, is_nonzero, is_tensor, numel, result_type

if TYPE_CHECKING:
    from tinyconv import autograd, cuda, data, explain, features, models, nn, onnx, optim, train, utils
    from tinyconv.models.weights import load, save
    from tinyconv.utils.profiler import profile

bool = bool_
float = float32
double = float64
int = int32
long = int64

# Importing the kernels' folder left its name here, where scripts mean ``torch.backends``.
globals().pop("backends", None)

_FOLDERS = ("autograd", "cuda", "data", "explain", "features", "models", "nn", "onnx", "optim", "train", "utils")


def __getattr__(name: str) -> Any:
    """Load a folder, or ``save``, ``load`` and ``profile``, when it is first asked for."""
    if name in _FOLDERS:
        return importlib.import_module(f"tinyconv.{name}")
    if name in ("load", "save"):
        weights: ModuleType = importlib.import_module("tinyconv.models.weights")
        return getattr(weights, name)
    if name == "profile":
        return importlib.import_module("tinyconv.utils.profiler").profile
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("tinyconv")
    raise missing(__name__, name)


__all__ = [
    "Generator",
    "Tensor",
    "TinyconvError",
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addbmm",
    "addcdiv",
    "addcmul",
    "addmm",
    "addmv",
    "addr",
    "adjoint",
    "all",
    "allclose",
    "amax",
    "amin",
    "aminmax",
    "any",
    "arange",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "argmax",
    "argmin",
    "argsort",
    "argwhere",
    "as_tensor",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "autograd",
    "baddbmm",
    "bernoulli",
    "bincount",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "bmm",
    "bool",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "bucketize",
    "can_cast",
    "cartesian_prod",
    "cat",
    "ceil",
    "celu",
    "celu_",
    "chunk",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "clone",
    "column_stack",
    "combinations",
    "concat",
    "concatenate",
    "copysign",
    "cos",
    "cosh",
    "count_nonzero",
    "cuda",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "data",
    "deg2rad",
    "device",
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diff",
    "div",
    "divide",
    "dot",
    "double",
    "dsplit",
    "dstack",
    "dtype",
    "einsum",
    "empty",
    "empty_cache",
    "empty_like",
    "enable_grad",
    "eq",
    "equal",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "eye",
    "features",
    "fill",
    "finfo",
    "fix",
    "flatten",
    "flip",
    "fliplr",
    "flipud",
    "float",
    "float32",
    "float64",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "from_dlpack",
    "from_numpy",
    "full",
    "full_like",
    "gather",
    "ge",
    "ger",
    "get_convolution_algorithm",
    "get_float32_precision",
    "get_num_threads",
    "greater",
    "greater_equal",
    "gt",
    "hardshrink",
    "heaviside",
    "histc",
    "hsplit",
    "hstack",
    "hypot",
    "iinfo",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "inference_mode",
    "initial_seed",
    "inner",
    "int",
    "int32",
    "int64",
    "is_floating_point",
    "is_grad_enabled",
    "is_nonzero",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "kron",
    "kthvalue",
    "le",
    "lerp",
    "less",
    "less_equal",
    "linspace",
    "load",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logcumsumexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logit",
    "logspace",
    "logsumexp",
    "long",
    "lt",
    "manual_seed",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "median",
    "meshgrid",
    "min",
    "minimum",
    "mm",
    "models",
    "moveaxis",
    "movedim",
    "msort",
    "mul",
    "multinomial",
    "multiply",
    "mv",
    "nan_to_num",
    "nanmean",
    "nanmedian",
    "nansum",
    "narrow",
    "ne",
    "neg",
    "negative",
    "nn",
    "no_grad",
    "nonzero",
    "norm",
    "normal",
    "not_equal",
    "numel",
    "ones",
    "ones_like",
    "onnx",
    "optim",
    "outer",
    "permute",
    "positive",
    "pow",
    "prelu",
    "prod",
    "profile",
    "promote_types",
    "quantile",
    "rad2deg",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "randn",
    "randn_like",
    "randperm",
    "ravel",
    "reciprocal",
    "relu",
    "relu_",
    "remainder",
    "repeat_interleave",
    "reshape",
    "result_type",
    "roll",
    "rot90",
    "round",
    "row_stack",
    "rrelu",
    "rrelu_",
    "rsqrt",
    "rsub",
    "save",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "searchsorted",
    "select",
    "selu",
    "selu_",
    "set_convolution_algorithm",
    "set_float32_precision",
    "set_grad_enabled",
    "set_num_threads",
    "sgn",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "std_mean",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "swapdims",
    "t",
    "take",
    "take_along_dim",
    "tan",
    "tanh",
    "tensor",
    "tensor_split",
    "tensordot",
    "threshold",
    "threshold_",
    "tile",
    "topk",
    "trace",
    "train",
    "transpose",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "true_divide",
    "trunc",
    "uint8",
    "unbind",
    "unflatten",
    "unique",
    "unique_consecutive",
    "unsqueeze",
    "use_deterministic_algorithms",
    "utils",
    "var",
    "var_mean",
    "vdot",
    "vsplit",
    "vstack",
    "where",
    "xlogy",
    "zeros",
    "zeros_like",
]
