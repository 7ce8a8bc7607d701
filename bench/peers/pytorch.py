"""PyTorch's sides: its default layout (NCHW) and channels-last, of which the better counts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.cases import PRODUCTS, Convolution

NCHW, CHANNELS_LAST = "PyTorch NCHW", "PyTorch channels-last"
LAYOUTS = (NCHW, CHANNELS_LAST)
EAGER = "PyTorch"
"""Where there is only one layout."""


def installed() -> bool:
    """Whether there is a PyTorch."""
    return importlib.util.find_spec("torch") is not None


def start(threads: int) -> None:
    """Start its threads before tinyconv's.

    Both may share one OpenMP library, and the one that comes first decides how long idle threads look for work. So
    PyTorch runs as it does by itself.
    """
    import torch

    torch.set_num_threads(threads)
    torch.relu(torch.zeros(1 << 20))


def in_layout(name: str, array: np.ndarray) -> Any:
    """``array`` as a tensor; 4-D ones in the layout ``name``."""
    import torch

    tensor = torch.from_numpy(array.copy())
    last = name == CHANNELS_LAST and array.ndim == 4
    return tensor.contiguous(memory_format=torch.channels_last) if last else tensor


def convolution(case: Convolution, arrays: dict[str, np.ndarray], layout: str) -> dict[str, Callable[[], object]]:
    """The three products; of the backward only the wanted gradient is computed."""
    import torch

    x, weight, dy = (in_layout(layout, arrays[name]) for name in ("x", "weight", "dy"))
    stride, padding, dilation = ([step, step] for step in (case.stride, case.padding, case.dilation))

    def forward() -> object:
        with torch.no_grad():
            return torch.nn.functional.conv2d(x, weight, None, stride, padding, dilation, case.groups)

    def gradient(wanted: int) -> Callable[[], object]:
        mask = [place == wanted for place in range(3)]

        def run() -> object:
            with torch.no_grad():
                return torch.ops.aten.convolution_backward(
                    dy, x, weight, None, stride, padding, dilation, False, [0, 0], case.groups, mask
                )

        return run

    return dict(zip(PRODUCTS, (forward, gradient(0), gradient(1)), strict=True))


def inference(network: Any, x: np.ndarray, layout: str) -> Callable[[], object]:
    """``network`` in evaluation mode, without a tape."""
    import torch

    network.eval()
    images = in_layout(layout, x)

    def run() -> object:
        with torch.inference_mode():
            return network(images)

    return run
