"""Which page a name stands on: functions and layers by the file they live in, everything else by its namespace."""

from __future__ import annotations

import inspect
from typing import Any

FAMILIES: dict[str, tuple[str, str]] = {
    "creation": ("Making tensors", "creation new_arrays random random_fill sequences"),
    "arithmetic": (
        "Arithmetic and rounding",
        "arithmetic binary bounds combination division elementwise pointwise powers rounding",
    ),
    "transcendental": ("Exponentials, angles, special functions", "exponential hyperbolic special trigonometry"),
    "comparison": ("Comparison and logic", "bitwise comparison found logical type_queries"),
    "reductions": ("Reductions", "counting cumulative extremes positions reduction spread summation"),
    "sorting": ("Sorting", "sorting"),
    "shape": ("Shapes, joining, splitting", "join permutation rearrangement shape split triangles"),
    "indexing": ("Indexing", "gathering index_tensors indexing placement placing scatter selection"),
    "products": ("Matrix products and distances", "distance einsum linear matmul products"),
    "in-place": ("In place", "in_place in_place_forms"),
    "convolution": ("Convolution", "convolution functions locally_connected patches transposed_convolution"),
    "pooling": ("Pooling", "pooling"),
    "resizing": ("Padding, resizing, shuffling pixels", "grids interpolation padding pixel_shuffle resampling"),
    "activation": (
        "Activations",
        "activation gated_activation hard_activation rectifier sloped_rectifier soft_activation softmax",
    ),
    "normalization": ("Normalisation", "normalization"),
    "dropout": ("Dropout", "dropout"),
    "loss": ("Losses", "binary_loss classification_loss loss margin_loss regression_loss"),
}
"""Functions. Page: its title, and the files in the folders of ``ops`` whose functions stand on it."""

LAYERS: dict[str, tuple[str, str]] = {
    "nn-module": ("Modules and containers", "containers module parameter parameter_containers registry"),
    "nn-convolution": (
        "Layers: convolution",
        "convolution locally_connected patches transposed_convolution volume_convolution",
    ),
    "nn-linear": ("Layers: linear", "distance linear"),
    "nn-pooling": ("Layers: pooling", "pooling"),
    "nn-resizing": ("Layers: padding, resizing, shuffling pixels", "padding pixel_shuffle upsampling volume_padding"),
    "nn-normalization": ("Layers: normalisation", "normalization"),
    "nn-dropout": ("Layers: dropout", "dropout"),
    "nn-activation": ("Layers: activations", "activation soft_activation softmax"),
    "nn-loss": ("Layers: losses", "loss margin_loss regression_loss"),
}
"""Layers. Page: its title, and the files in ``nn`` whose classes stand on it."""

SPACES = {
    "Tensor": ("tensor", "Methods and attributes of a tensor"),
    "nn.init": ("nn-init", "Initial values"),
    "nn.utils": ("nn-utils", "Utilities for parameters"),
    "optim.lr_scheduler": ("lr-scheduler", "Schedules of the learning rate"),
    "optim": ("optim", "Optimisers"),
    "utils.data": ("utils-data", "Datasets, samplers, loaders"),
    "utils.dlpack": ("utils-dlpack", "Memory handed to other libraries"),
    "utils.profiler": ("profiler", "The profiler"),
    "autograd": ("autograd", "The tape"),
    "data": ("data", "Images: sources, transforms, splits"),
    "models.drawing": ("models-drawing", "Models as drawings"),
    "models.graph": ("models-graph", "Models as graphs"),
    "models": ("models", "Models, summaries, weights"),
    "train.parallel": ("train-parallel", "Training by several processes"),
    "train": ("train", "Training"),
    "features.health": ("features-health", "The health of channels"),
    "features.kernels": ("features-kernels", "Kernels"),
    "features.web": ("features-web", "Feature maps on a page"),
    "features": ("features", "Feature maps"),
    "explain.checks": ("explain-checks", "Invariants of explanations"),
    "explain.scoring": ("explain-scoring", "Scores of explanations"),
    "explain.lrp": ("explain-lrp", "Layer-wise relevance propagation"),
    "explain.synthesis": ("explain-synthesis", "Images made by a network"),
    "explain": ("explain", "Explanations"),
    "interop.onnx": ("onnx", "ONNX files"),
    "onnx": ("onnx", "ONNX files"),
    "detection": ("detection", "Finding things in photographs"),
    "sklearn": ("sklearn", "Estimators for scikit-learn"),
    "interop": ("interop", "Doors to other tools"),
}
"""Namespace: its page and the title of that."""

OTHERS = ("types", "Types, devices, random numbers, threads, errors")


def page_of(text: str, thing: Any) -> str:
    """The page of a name; that of a module is the page of what it holds."""
    file = _file_of(thing)
    if inspect.ismodule(thing):
        return SPACES.get(file, ("index", ""))[0]
    floor, _, rest = file.partition(".")
    elsewhere = file.startswith(("ops.tensor", "ops.machine")) or text.startswith(("nn.init.", "nn.utils."))
    if floor in ("ops", "nn") and not elsewhere:
        return _page_of_file(rest, FAMILIES if floor == "ops" else LAYERS)
    for space, (page, _) in SPACES.items():
        if text.startswith(f"{space}.") or file.startswith(f"{space}.") or file == space:
            return page
    return OTHERS[0]


def title_of(page: str) -> str:
    titles = {name: title for name, (title, _) in {**FAMILIES, **LAYERS}.items()}
    titles |= dict([*SPACES.values(), OTHERS])
    return titles.get(page) or page.replace("-", " ").capitalize()


def _file_of(thing: Any) -> str:
    """Where a thing is defined, without the package's name; "" for values."""
    if inspect.ismodule(thing):
        return thing.__name__.removeprefix("tinyconv.")
    thing = thing.fget if isinstance(thing, property) else thing
    return (getattr(thing, "__module__", None) or "").removeprefix("tinyconv").removeprefix(".")


def _page_of_file(path: str, pages: dict[str, tuple[str, str]]) -> str:
    """The page that names the file or a folder that it lies in; a file that none names has one of its own."""
    for part in reversed(path.split(".")):
        for page, (_, files) in pages.items():
            if part in files.split():
                return page
    own = path.split(".")[0].replace("_", "-")
    return own if pages is FAMILIES else f"nn-{own}"
