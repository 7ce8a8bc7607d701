"""The tables of the theory, and the one calculation that is longer than a line."""

from __future__ import annotations

from typing import Any

import numpy as np

from theory.example import first, second
from theory.sums import matrix, plain
from tinyconv import nn
from tinyconv.core.geometry import output_size, pair
from tinyconv.models.receptive_field import ReceptiveField
from tinyconv.models.zoo.facenet import FaceNet


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def size_table() -> str:
    """Output sizes of usual layers."""
    cases = [
        ("LeNet-5, first layer", 32, 5, 1, 0, 1),
        ("3×3, same size", 56, 3, 1, 1, 1),
        ("3×3, half the size", 56, 3, 2, 1, 1),
        ("AlexNet's first layer (as in torchvision)", 224, 11, 4, 2, 1),
        ("ResNet's first layer", 224, 7, 2, 3, 1),
        ("2×2 pooling", 56, 2, 2, 0, 1),
        ("3×3, dilation 2, same size", 56, 3, 1, 2, 2),
    ]
    rows = []
    for name, size, kernel, stride, padding, dilation in cases:
        free = size + 2 * padding - dilation * (kernel - 1) - 1
        result = output_size(size, kernel, stride, padding, dilation)
        rest = free % stride
        rows.append([name, size, kernel, stride, padding, dilation, f"⌊{free} / {stride}⌋ + 1 = **{result}**", rest])
    head = ["layer", "$H$", "$k$", "$\\sigma$", "$p$", "$\\delta$", "$O$", "left over"]
    return table(head, rows)


def field_table() -> str:
    """The receptive fields of the face net's layers."""
    field, rows = ReceptiveField(), [["the image", "", "", 1, 1, 0]]
    for name, layer in FaceNet(1, 2, (64, 64)).named_modules():
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            kernel, stride = pair(layer.kernel_size, "kernel"), pair(layer.stride, "stride")
            field = field.through(kernel, stride, pair(layer.padding, "padding"), (1, 1))
            rows.append(
                [f"`{name}`", kernel[0], stride[0], plain(field.size[0]), plain(field.jump[0]), plain(field.start[0])]
            )
    return table(["layer", "$k$", "$\\sigma$", "sees $r$ pixels", "jump $j$", "middle $a$"], rows)


def step_table() -> str:
    """The network before and after its step."""
    rows = [
        [when, *(plain(value) for value in (*step.z[0], *step.p[0], step.loss))]
        for when, step in [("before", first), ("after", second)]
    ]
    return table(["", "$z_0$", "$z_1$", "$p_0$", "$p_1$", "loss"], rows)


def short_winograd(d: np.ndarray[Any, Any], g: np.ndarray[Any, Any]) -> str:
    """F(2, 3) of four pixels and three taps, beside the sums of three products."""
    products = np.array(
        [
            (d[0] - d[2]) * g[0],
            (d[1] + d[2]) * (g[0] + g[1] + g[2]) / 2,
            (d[2] - d[1]) * (g[0] - g[1] + g[2]) / 2,
            (d[1] - d[3]) * g[2],
        ]
    )
    outputs = np.array([products[:3].sum(), products[1] - products[2] - products[3]])
    return f"$m = {matrix(products)}$ and $y = {matrix(outputs)}$."
