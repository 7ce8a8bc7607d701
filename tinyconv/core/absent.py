"""Names that scripts for PyTorch use and tinyconv does not offer, each with the reason or the way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_TYPES = "the types are float32, float64, int64, int32, uint8 and bool"
_STREAMS = "all work goes to one stream; cuda.synchronize() waits for it"
_WINDOWS = "windows of random sizes are not offered: use MaxPool2d or MaxPool3d, or AdaptiveMaxPool2d to a given size"
_TEXT = "layers for text and sequences are not offered, only those for images"
_LAUNCHED = "several processes train by mpiexec -n 4 tinyconv train, or with train.parallel in a script"
_KERNELS = "kernels are compiled on first use and kept on disk: delete the line"
_HALF = "there is no half precision: delete the line and compute in float32"
_GRAPHS = "models are Python code, kept as weights alone: use save() and load(), or a state_dict()"
_TRANSFORMS = "gradients come from autograd.grad, also of gradients with create_graph=True; loop over the samples"
_ALGEBRA = "matrix products, norm() and einsum() are there, decompositions are not: use numpy.linalg on x.numpy()"
_CHANNELS = "give the number of channels; the error of a wrong one names the number that arrives"
_CALL = "build it from the layers and operations that there are"

NOT_OFFERED: dict[str, dict[str, str]] = {
    "tinyconv": {
        **dict.fromkeys(
            ("bfloat16", "float16", "half", "int8", "int16", "short", "uint16", "uint32", "uint64"), _TYPES
        ),
        **dict.fromkeys(("complex32", "complex64", "complex128", "chalf", "cfloat", "cdouble"), _TYPES),
        "ByteTensor": "use tensor(data, dtype=uint8)",
        "BoolTensor": "use tensor(data, dtype=bool)",
        "DoubleTensor": "use tensor(data, dtype=float64)",
        "FloatTensor": "use tensor(data, dtype=float32)",
        "IntTensor": "use tensor(data, dtype=int32)",
        "LongTensor": "use tensor(data, dtype=int64)",
        "Size": "a shape is a tuple of ints",
        "amp": _HALF,
        "asarray": "use as_tensor(data), which shares memory where it can, or tensor(data), which copies",
        "autocast": _HALF,
        "backends": "there is no cuDNN, MKL-DNN or MPS, and results are deterministic without their settings: "
        "delete the line",
        "compile": _KERNELS,
        "distributed": _LAUNCHED,
        "fft": "use numpy.fft on x.numpy(); no gradient flows through it",
        "func": _TRANSFORMS,
        "get_rng_state": "use Generator, whose get_state() and set_state() keep a position, or manual_seed()",
        "hub": "models are in tinyconv.models; weights are loaded from files with load()",
        "jit": _KERNELS,
        "linalg": _ALGEBRA,
        "multiprocessing": _LAUNCHED,
        "set_default_dtype": "new tensors of floats are float32: give dtype=float64, or convert with .double()",
        "set_default_device": "new tensors are on the CPU unless they are told: give device=, or convert with .to()",
        "set_default_tensor_type": "new tensors of floats are float32: give dtype=float64, or convert with .double()",
        "set_printoptions": "use numpy.set_printoptions and print x.numpy()",
        "set_rng_state": "use Generator, whose get_state() and set_state() keep a position, or manual_seed()",
        "sparse": "tensors are dense; scatter_add() and index_add() take indices and values",
        "vmap": _TRANSFORMS,
    },
    "tinyconv.nn": {
        **dict.fromkeys(("GRU", "GRUCell", "LSTM", "LSTMCell", "MultiheadAttention", "RNN", "RNNCell"), _TEXT),
        **dict.fromkeys(("Transformer", "TransformerDecoder", "TransformerDecoderLayer"), _TEXT),
        **dict.fromkeys(("TransformerEncoder", "TransformerEncoderLayer"), _TEXT),
        **dict.fromkeys(("CTCLoss", "Embedding", "EmbeddingBag"), _TEXT),
        **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d"), _WINDOWS),
        **dict.fromkeys(("LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d"), _CHANNELS),
        **dict.fromkeys(("LazyConv1d", "LazyConv2d", "LazyConv3d"), _CHANNELS),
        **dict.fromkeys(("LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d"), _CHANNELS),
        **dict.fromkeys(("LazyInstanceNorm1d", "LazyInstanceNorm2d", "LazyInstanceNorm3d"), _CHANNELS),
        "LazyLinear": "give in_features; the error of Linear names the number that arrives",
        "DataParallel": f"{_LAUNCHED}: use the model itself",
        "attention": _TEXT,
        "modules": "import layers from nn itself, as in nn.Conv2d",
        "parallel": f"{_LAUNCHED}: use the model itself",
        "quantized": "there are no 8-bit layers",
    },
    "tinyconv.nn.functional": {
        **dict.fromkeys(("fractional_max_pool2d", "fractional_max_pool3d"), _WINDOWS),
        **dict.fromkeys(("ctc_loss", "embedding", "embedding_bag"), _TEXT),
        **dict.fromkeys(("affine_grid", "grid_sample"), "interpolate() resizes; data.RandomAffine turns and shifts"),
        "multi_head_attention_forward": _TEXT,
        "scaled_dot_product_attention": "write softmax(q @ k.mT / d ** 0.5, -1) @ v",
    },
    "tinyconv.nn.utils": {
        "fusion": _CALL,
        "parametrizations": _CALL,
        "parametrize": f"parameters are used as they are: {_CALL}",
        "prune": "multiply the weights by a mask under no_grad() after each step",
        "rnn": _TEXT,
        "spectral_norm": _CALL,
        "weight_norm": _CALL,
    },
    "tinyconv.optim": {
        "LBFGS": "the optimisers are those that take one gradient per step, such as SGD and Adam",
        "Adafactor": "use Adam or AdamW",
        "SparseAdam": "gradients are dense: use Adam",
        "swa_utils": "average the tensors of state_dict() yourself, and load them with load_state_dict()",
    },
    "tinyconv.cuda": {
        **dict.fromkeys(("Event", "Stream", "current_stream", "graph", "CUDAGraph", "stream"), _STREAMS),
        "amp": _HALF,
        "get_device_properties": "get_device_name(), get_device_capability() and mem_get_info() say what there is",
        **dict.fromkeys(
            ("max_memory_allocated", "reset_peak_memory_stats"), "memory_allocated() says what is held now"
        ),
        "set_device": "a process computes on the first GPU that it sees: set CUDA_VISIBLE_DEVICES before it starts",
    },
}
"""Module: its names that are not offered, and why."""


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that ``module`` does not have."""
    reason = NOT_OFFERED.get(module, {}).get(name)
    if reason is not None:
        return AttributeError(f"{module}.{name} is not offered: {reason}")
    return AttributeError(f"module {module!r} has no attribute {name!r}")


def explaining(module: str) -> Callable[[str], Any]:
    """A module's ``__getattr__``, which says why a name is not there."""

    def explain(name: str) -> Any:
        raise missing(module, name)

    return explain
