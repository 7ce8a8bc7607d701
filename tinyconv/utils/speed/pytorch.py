"""PyTorch's sides: its default layout (NCHW) and channels-last, of which the better counts."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from tinyconv.core.arrays import Array, Pair
from tinyconv.models.auxiliary import WEIGHT as AUXILIARY_WEIGHT
from tinyconv.utils.measure import take_turns
from tinyconv.utils.speed.own import RATE, Side
from tinyconv.utils.speed.shapes import PRODUCTS, ConvolutionShape

NCHW, CHANNELS_LAST = "PyTorch NCHW", "PyTorch channels-last"
LAYOUTS = (NCHW, CHANNELS_LAST)
EAGER = "PyTorch"
"""Where there is only one layout."""


def installed() -> bool:
    """Whether there is a PyTorch."""
    return importlib.util.find_spec("torch") is not None


def _torch() -> Any:
    """The library, untyped: it need not be installed where types are checked."""
    return importlib.import_module("torch")


def start(threads: int) -> None:
    """Start its threads before tinyconv's.

    Both may share one OpenMP library, and the one that comes first decides how long idle threads look for work. So
    PyTorch runs as it does by itself.
    """
    torch = _torch()

    torch.set_num_threads(threads)
    torch.relu(torch.zeros(1 << 20))


def in_layout(name: str, array: Array, device: str = "cpu") -> Any:
    """``array`` as a tensor on ``device``; 4-D ones in the layout ``name``."""
    torch = _torch()

    tensor = torch.from_numpy(array.copy() if device == "cpu" else array).to(device)
    last = name == CHANNELS_LAST and array.ndim == 4
    return tensor.contiguous(memory_format=torch.channels_last) if last else tensor


def convolution(shape: ConvolutionShape, arrays: dict[str, Array], layout: str, device: str = "cpu") -> dict[str, Side]:
    """The three products; of the backward only the wanted gradient is computed."""
    torch = _torch()

    x, weight, dy = (in_layout(layout, arrays[name], device) for name in ("x", "weight", "dy"))
    stride, padding, dilation = (list(pair) for pair in (shape.stride, shape.padding, shape.dilation))

    def forward() -> Any:
        with torch.no_grad():
            return torch.nn.functional.conv2d(x, weight, None, stride, padding, dilation, shape.groups)

    def gradient(wanted: int) -> Callable[[], Any]:
        mask = [place == wanted for place in range(3)]

        def run() -> Any:
            with torch.no_grad():
                return torch.ops.aten.convolution_backward(
                    dy, x, weight, None, stride, padding, dilation, False, [0, 0], shape.groups, mask
                )

        return run

    return dict(zip(PRODUCTS, (forward, gradient(0), gradient(1)), strict=True))


def has_twin(name: str) -> bool:
    """Whether there is a PyTorch, and tinyconv's model ``name`` is written for it too."""
    return installed() and name in importlib.import_module("tinyconv.utils.speed.torch_networks").TWINS


def twin(
    name: str,
    model: Any,
    in_channels: int,
    num_classes: int,
    image_size: Pair,
    layout: str,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """PyTorch's network of tinyconv's ``model``, built by ``name`` and ``options``; with its weights, in ``layout``."""
    torch = _torch()

    from tinyconv.utils.speed import torch_networks

    network: Any = torch_networks.twin(name, in_channels, num_classes, image_size, **options or {})
    torch_networks.copy_weights(model, network)
    return network.to(memory_format=torch.channels_last) if layout == CHANNELS_LAST else network


def inference(network: Any, x: Array, layout: str) -> Side:
    """``network``, in evaluation mode, on images, without a tape."""
    torch = _torch()

    network.eval()
    images = in_layout(layout, x)

    def run() -> Any:
        with torch.inference_mode():
            return network(images)

    return run


def training_step(
    network: Any, x: Array, labels: Array, layout: str, compiled: bool = False, device: str = "cpu"
) -> Side:
    """A step with the quicker of PyTorch's implementations of AdamW, on a GPU the fused one; eager or compiled."""
    torch = _torch()

    network.to(device).train()
    images, targets = in_layout(layout, x, device), torch.from_numpy(labels).to(device)
    parameters = list(network.parameters())
    if device == "cpu":
        optimizer = _quicker_adamw(parameters)
    else:
        optimizer = torch.optim.AdamW(parameters, lr=RATE, fused=True)
    forward = torch.compile(network) if compiled else network

    def step() -> Any:
        optimizer.zero_grad()
        outputs = forward(images)
        logits, *auxiliaries = outputs if isinstance(outputs, tuple) else (outputs,)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        for auxiliary in auxiliaries:
            loss = loss + AUXILIARY_WEIGHT * torch.nn.functional.cross_entropy(auxiliary, targets)
        loss.backward()
        optimizer.step()
        return loss

    return step


def _quicker_adamw(parameters: list[Any]) -> Any:
    """What a user gets who says nothing, or the fused one, whichever takes less time for a step alone."""
    torch = _torch()

    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    found = {fused: torch.optim.AdamW(parameters, lr=0.0, fused=fused) for fused in (None, True)}
    timings = take_turns({str(fused): optimizer.step for fused, optimizer in found.items()}, 0.1)
    quicker = None if timings.fastest(["None", "True"]) == "None" else True
    return torch.optim.AdamW(parameters, lr=RATE, fused=quicker)
