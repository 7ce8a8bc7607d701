"""Every public name, the object behind it, the page it stands on, and where PyTorch has the same."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import tinyconv as tc
from api_reference.families import page_of

SPACES = (
    "tc",
    "Tensor",
    "nn",
    "nn.functional",
    "nn.init",
    "nn.utils",
    "optim",
    "optim.lr_scheduler",
    "utils.data",
    "utils.dlpack",
    "utils.profiler",
    "autograd",
    "cuda",
    "onnx",
    "core.errors",
    "data",
    "models",
    "models.drawing",
    "models.graph",
    "train",
    "train.parallel",
    "features",
    "features.health",
    "features.kernels",
    "features.web",
    "explain",
    "explain.checks",
    "explain.lrp",
    "explain.scoring",
    "explain.synthesis",
    "report",
    "detection",
    "sklearn",
    "interop",
    "interop.onnx",
)
"""Where public names are found. Of an object with several names the first one here is its main one."""

ENGINE_ATTRIBUTES = {
    "accumulated_hooks", "accumulates_grad", "alias", "array", "bump_version", "check_writable", "has_node",
    "is_layout_copy", "is_view", "keep_grad", "leaf_hooks", "memo", "node", "output_index", "own_memory", "set_history",
    "share_storage", "storage", "tensor_class", "version", "view_of", "wrap",
}  # fmt: skip
"""What the engine keeps in a tensor; no part of the public interface."""

OWN_SPACES = (
    "core.errors.", "data.", "models.", "train.", "features.", "explain.", "report.", "detection.", "interop.",
    "sklearn.", "utils.profiler.",
)  # fmt: skip
"""What PyTorch has no counterpart of, or keeps in libraries of its own."""

OWN_NAMES = {
    "cuda.unavailable_because",
    "nn.LocallyConnected2d",
    "nn.functional.locally_connected2d",
    "tc.TinyconvError",
    "tc.data",
    "tc.empty_cache",
    "tc.explain",
    "tc.features",
    "tc.get_convolution_algorithm",
    "tc.get_float32_precision",
    "tc.models",
    "tc.profile",
    "tc.set_convolution_algorithm",
    "tc.set_float32_precision",
    "tc.train",
}
"""Names of ours elsewhere."""

ELSEWHERE = {"autograd.is_grad_enabled": "torch.is_grad_enabled"}
"""Names that PyTorch has in another place."""

FILES = {
    "data.images": ("ImageData", "read_image"),
    "data.map_dataset": ("MapDataset",),
    "data.sources": ("load", "names"),
    "data.splits": ("stratified_split",),
    "data.transforms": (
        "Augmentation",
        "ColorJitter",
        "Cutout",
        "Normalize",
        "RandomAffine",
        "RandomCrop",
        "RandomHorizontalFlip",
        "RandomShift",
    ),
    "interop.keras": ("load_weights",),
    "interop.mtcnn": ("Face", "Mtcnn"),
    "interop.pickled_arrays": ("read_npy",),
    "interop.pytorch": ("from_pytorch", "to_pytorch"),
    "models.zoo.alexnet": ("AlexNet",),
    "models.auxiliary": ("logits_of", "total_loss"),
    "models.zoo.densenet": ("DenseBlock", "DenseLayer", "DenseNet"),
    "models.zoo.face_finder": ("FaceFinder",),
    "models.zoo.facenet": ("FaceNet",),
    "models.zoo.googlenet": ("GoogLeNet", "GoogLeNetOutputs"),
    "models.zoo.inception": ("Classifier", "ConvolutionUnit", "Inception"),
    "models.zoo.mobilenet": ("InvertedResidual", "MobileNetV2"),
    "models.zoo.lenet": ("LeNet",),
    "models.counts": ("Count", "Published", "count", "counts", "csv_text", "table_text"),
    "models.zoo.deepface": ("DeepFace",),
    "models.zoo.early_layers": ("PartialConv2d", "Squash", "Subsampling"),
    "models.zoo.lenet5": ("LeNet5", "PenaltyLoss", "RadialBasis"),
    "models.zoo.neocognitron": ("CCells", "Neocognitron", "SCells"),
    "models.receptive_field": ("ReceptiveField",),
    "models.registry": ("build", "defaults", "names", "outline", "published", "renamed"),
    "models.zoo.mtcnn": ("ONet", "PNet", "RNet"),
    "models.zoo.resnet": ("BasicBlock", "Bottleneck", "ResNet"),
    "models.same_pooling": ("SameMaxPool2d",),
    "models.summary": ("LayerSummary", "Summary", "summary"),
    "models.zoo.squeezenet": ("Fire", "SqueezeNet"),
    "models.zoo.vgg": ("VGG",),
    "models.tracing": ("Computation", "Step", "Value", "trace"),
    "models.weights": ("load_metadata",),
}
"""Folders that have no ``__all__`` keep these in their files."""


@dataclass(frozen=True)
class Name:
    """One public name, such as ``tc.relu``, ``Tensor.relu``, ``nn.ReLU``."""

    text: str
    thing: Any
    page: str

    @property
    def space(self) -> str:
        return next(space for space in reversed(SPACES) if self.text.startswith(space + "."))

    @property
    def short(self) -> str:
        return self.text.rpartition(".")[2]

    @property
    def kind(self) -> str:
        """What it is: a module, a class, a property, a function or a value."""
        if inspect.ismodule(self.thing):
            return "module"
        if isinstance(self.thing, property):
            return "property"
        if inspect.isclass(self.thing):
            return "class"
        return "function" if callable(self.thing) else "value"

    @property
    def pytorch(self) -> str | None:
        """The same in PyTorch; None for what it does not have."""
        if self.text in OWN_NAMES or self.text.startswith(OWN_SPACES):
            return None
        return ELSEWHERE.get(self.text, "torch." + self.text.removeprefix("tc."))

    @property
    def documented_object(self) -> Any:
        return self.thing.fget if isinstance(self.thing, property) else self.thing

    @property
    def docstring(self) -> str:
        """Its own docstring: that of a base class or of a type of values does not count."""
        thing = self.documented_object
        if self.kind == "value":
            return ""
        if inspect.isclass(thing):
            return inspect.cleandoc(thing.__dict__.get("__doc__") or "")
        return inspect.cleandoc(getattr(thing, "__doc__", None) or "")


def module_of(space: str) -> ModuleType:
    return tc if space == "tc" else importlib.import_module(f"tinyconv.{space}")


def public_names() -> list[Name]:
    """All of them, in the order of ``SPACES`` and of the alphabet."""
    names = []
    for space in SPACES:
        names += sorted(_names_in(space), key=lambda name: (name[0].lower(), name[0]))
    return [Name(text, thing, page_of(text, thing)) for text, thing in names]


def _names_in(space: str) -> Iterator[tuple[str, Any]]:
    if space == "Tensor":
        # Of an instance, because some attributes are made by __init__; of the class, because properties explain.
        tensor = tc.tensor(1.0)
        for name in dir(tensor):
            if not name.startswith("_") and name not in ENGINE_ATTRIBUTES:
                thing = inspect.getattr_static(tc.Tensor, name, vars(tensor).get(name))
                yield f"Tensor.{name}", getattr(thing, "__func__", thing)
        return
    module = module_of(space)
    for name in getattr(module, "__all__", None) or _defined_in(module):
        yield f"{space}.{name}", getattr(module, name)
    for file, inner in FILES.items():
        if file.startswith(f"{space}."):
            for name in inner:
                yield f"{file}.{name}", getattr(importlib.import_module(f"tinyconv.{file}"), name)


def _defined_in(module: ModuleType) -> list[str]:
    """The public functions and classes that the file itself defines."""
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(thing) or inspect.isclass(thing))
        and thing.__module__ == module.__name__
    ]


def main_names(names: list[Name]) -> dict[int, list[Name]]:
    """The names of each object (by its ``id``), the main one first. A value is listed under each of its names.

    In its first space a function's main name is the one that it has itself: ``asin``, not ``arcsin``.
    """
    found: dict[int, list[Name]] = {}
    for name in names:
        key = id(name.text) if name.kind in ("value", "module") else id(name.documented_object)
        found.setdefault(key, []).append(name)
    for group in found.values():
        group.sort(key=lambda name: (SPACES.index(name.space), name.short != _own_name(name)))
    return found


def _own_name(name: Name) -> str | None:
    return getattr(name.documented_object, "__name__", None)
