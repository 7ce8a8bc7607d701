"""ONNX files under PyTorch's names; ``tinyconv.interop.onnx`` is all there is about them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from tinyconv.core.absent import explaining
from tinyconv.core.errors import UnsupportedError
from tinyconv.interop.onnx import exporting
from tinyconv.nn.module import Module

__getattr__ = explaining(__name__)

__all__ = ["export"]


def export(
    model: Module,
    args: Any,
    f: str | os.PathLike[str] | IO[bytes],
    *,
    export_params: bool = True,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_axes: Mapping[str, Mapping[int, str] | Sequence[int]] | None = None,
    do_constant_folding: bool = True,
) -> None:
    """Write ``model``, in evaluation mode, as the ONNX file ``f``: a path, or an open binary file.

    ``args``: the input on which the model is run to see its graph, or a tuple of several. ``input_names``,
    ``output_names``: "input" and "output" by default. ``dynamic_axes``: the sizes that stay open, as in
    ``{"input": {0: "batch"}}``; all others are those of ``args``. ``opset_version``: 18 (the default) or newer. Weights
    are always written, and what depends on weights alone is always computed beforehand.

    Shape: whatever the model takes.
    Dtype: the model's; it is that of the file.
    Raises: as ``tinyconv.interop.onnx.export``; ``UnsupportedError`` for ``export_params=False`` and
        ``do_constant_folding=False``.

    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> tc.onnx.export(model, tc.zeros(1, 1, 8, 8), "model.onnx", dynamic_axes={"input": {0: "batch"}})
    """
    if not export_params:
        raise UnsupportedError("onnx.export: export_params=False would write a file that cannot compute; leave it out")
    if not do_constant_folding:
        raise UnsupportedError("onnx.export: do_constant_folding=False is not offered; leave it out")
    exporting.export(
        model,
        args,
        f,
        input_names=("input",) if input_names is None else input_names,
        output_names=("output",) if output_names is None else output_names,
        dynamic_axes={} if dynamic_axes is None else dynamic_axes,
        opset_version=opset_version,
    )
