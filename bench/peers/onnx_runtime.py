"""ONNX Runtime's side: the network as PyTorch exports it, batch norm folded into the convolutions."""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

NAME = "ONNX Runtime"


def installed() -> bool:
    """Whether there is one, and what exports for it."""
    return all(importlib.util.find_spec(name) is not None for name in ("onnxruntime", "onnx", "torch"))


def exported(network: Any, x: np.ndarray) -> bytes:
    """PyTorch's ``network`` as an ONNX file."""
    import torch

    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one; it needs no further package
        torch.onnx.export(network.eval(), (torch.from_numpy(x),), file, dynamo=False, input_names=["x"])
    return file.getvalue()


def inference(network: Any, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """The exported network on ``x``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(exported(network, x), options, providers=["CPUExecutionProvider"])

    def run() -> np.ndarray:
        (y,) = session.run(None, {"x": x})
        return y

    return run
