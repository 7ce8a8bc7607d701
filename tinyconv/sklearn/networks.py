"""The network inside an estimator: how it is built, what it is fed, and how it is pickled."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tinyconv import optim
from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.transfer import to_host
from tinyconv.models import registry, weights
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.sklearn.portable import Portable
from tinyconv.sklearn.tables import Images, Shape
from tinyconv.sklearn.thin_net import ThinNet
from tinyconv.train.experiment import build_optimizer
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.recipes import Recipe

AUTO = "auto"
BATCH = 256
Model = str | Callable[..., Module]


class Network:
    """A ``module`` with the ``shape`` of its images and their ``preprocessing``, in evaluation mode but for a training.

    ``passes``: how often it has gone through training data.
    """

    def __init__(self, module: Module, shape: Shape, preprocessing: Preprocessing) -> None:
        self.portable = Portable(module)
        self.shape = shape
        self.preprocessing = preprocessing
        self.passes = 0
        self._recipe: Recipe | None = None
        self._optimizer: optim.Optimizer | None = None

    @property
    def module(self) -> Module:
        """The network itself."""
        return self.portable.module

    def optimizer(self, recipe: Recipe, fresh: bool) -> optim.Optimizer:
        """A ``fresh`` one, which is not kept; or that which goes on from call to call, while ``recipe`` stays."""
        if fresh:
            self._recipe = self._optimizer = None
            return build_optimizer(recipe, self.module)
        if self._optimizer is None or self._recipe != recipe:
            self._recipe, self._optimizer = recipe, build_optimizer(recipe, self.module)
        return self._optimizer

    def check_shape(self, found: Shape | None) -> None:
        """Raise ``ShapeError`` where images are of another shape; a table's (None) are what the network takes."""
        if found not in (None, self.shape):
            raise ShapeError(f"X has images of shape {found}, but those of fit were {self.shape}; resize them")

    def batches(self, table: Array) -> Iterator[Tensor]:
        """The images in ``table``, normalised, up to ``BATCH`` at a time."""
        images, device = Images(table, np.arange(len(table)), self.shape), device_of(self.module)
        for start in range(0, len(table), BATCH):
            yield Tensor(self.preprocessing.normalize(images[start : start + BATCH])).to(device)

    def logits(self, table: Array) -> FloatArray:
        """float64 (N, classes)."""
        with no_grad():
            parts = [to_host(self.module(inputs).array) for inputs in self.batches(table)]
        return np.concatenate(parts).astype(np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """The optimiser as the bytes of a safetensors file; what it is, the recipe says."""
        state = dict(vars(self))
        if self._optimizer is not None:
            stream = io.BytesIO()
            weights.save(self._optimizer.state_dict(), stream)
            state["_optimizer"] = stream.getvalue()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self._recipe is not None:
            self._optimizer = build_optimizer(self._recipe, self.module)
            self._optimizer.load_state_dict(weights.load(io.BytesIO(state["_optimizer"])))


def build(model: Model, options: Mapping[str, Any] | None, shape: Shape, classes: int) -> Module:
    """A freshly initialised network for images of ``shape``.

    ``model``: "auto", a name of the registry, or a function of in_channels, num_classes and image_size that returns a
    module; ``options`` go to it too. Raises ``ArgumentError`` for a model that is none of these, ``ShapeError`` where
    the images are too small for it.
    """
    channels, *size = shape
    image_size = (size[0], size[1])
    given = dict(options or {})
    if model == AUTO:
        model = ThinNet if min(image_size) == 1 else "facenet"
    if isinstance(model, str):
        try:
            return registry.build(model, channels, classes, image_size, **given)
        except ShapeError as error:
            if image_size != (1, 1):
                raise
            raise ShapeError(f"{error}; image_shape=(channels, height, width) says which images the rows are") from None
    if isinstance(model, Module) or not callable(model):
        what = f"a {type(model).__name__}" + (" that is built already" if isinstance(model, Module) else "")
        raise ArgumentError(
            f"model is {what}; give {AUTO!r}, a name ({', '.join(registry.names())}), or a class or function that "
            "builds it: model(in_channels=..., num_classes=..., image_size=...)"
        )
    network = model(in_channels=channels, num_classes=classes, image_size=image_size, **given)
    if not isinstance(network, Module):
        raise ArgumentError(f"model must return an nn.Module, got {type(network).__name__}")
    return network
