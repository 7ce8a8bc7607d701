"""CNNFeatures: what a layer of a network computes, as the features of another estimator."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.errors import ArgumentError
from tinyconv.features.capture import capture, feature_extractor
from tinyconv.nn.conversion import device_of
from tinyconv.nn.module import Module
from tinyconv.ops.creation.creation import zeros
from tinyconv.sklearn import tables
from tinyconv.sklearn.networks import Network
from tinyconv.sklearn.portable import Portable
from tinyconv.train.loading import load_run
from tinyconv.train.preprocessing import Preprocessing

POOLINGS: dict[str, Callable[..., Array]] = {"average": np.mean, "max": np.max}


class CNNFeatures(TransformerMixin, BaseEstimator):
    """What a layer of a network computes for an image, as features for another estimator.

    ``network``: a ``CNNClassifier``, a copy of which ``fit`` trains on X and y; one that is trained already, as
    ``sklearn.frozen.FrozenEstimator(classifier)``; an ``nn.Module``, which is used as it is, on X as it is; or the path
    of a run's folder, with X in [0, 1]. ``layer``: a name by the rule of ``tinyconv.features.capture``, such as
    "relu2"; None: the one before the last linear layer. ``pooling`` "average" or "max" makes one feature of each
    channel's map; None makes one of each pixel. ``image_shape``: for a module, of the images in a table X; see
    ``CNNClassifier``, which has its own.

    After ``fit``: ``layer_``, ``n_features_in_``, ``network_`` (the module), ``estimator_`` (the trained classifier,
    where there is one).

    Raises: ``ValueError`` for a network, a layer or images that do not fit; it lists the layers there are.

    >>> from tinyconv.sklearn import CNNFeatures
    >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> features = CNNFeatures(network, "relu1", pooling="average").fit(np.zeros((1, 8, 8)))
    >>> features.transform(np.ones((5, 8, 8))).shape, features.get_feature_names_out().tolist()
    ((5, 4), ['relu1_0', 'relu1_1', 'relu1_2', 'relu1_3'])
    """

    def __init__(
        self,
        network: Any,
        layer: str | None = None,
        *,
        pooling: str | None = None,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        self.network = network
        self.layer = layer
        self.pooling = pooling
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train the network, where that is an estimator, and find the layer."""
        if self.pooling is not None and self.pooling not in POOLINGS:
            raise ArgumentError(
                f"CNNFeatures: pooling is {', '.join(map(repr, POOLINGS))} or None, got {self.pooling!r}"
            )
        table, found = tables.checked(self, X, reset=True)
        self._network = self._fitted(X, y, found, table.shape[1])
        self.layer_ = self._layer_before_the_last() if self.layer is None else self.layer
        self._map_shape = self._activations(table[:1]).shape[1:]
        return self

    def _fitted(self, X: Any, y: Any, found: tables.Shape | None, features: int) -> Network:
        network = self.network
        if isinstance(network, Module):
            shape = tables.image_shape(self.image_shape, found, features)
            unchanged = Preprocessing(shape[0], shape[1:], (0.0,) * shape[0], (1.0,) * shape[0])
            return Network(network, shape, unchanged)
        if isinstance(network, str | os.PathLike):
            run = load_run(Path(network))
            shape = (run.preprocessing.channels, *run.preprocessing.image_size)
            return Network(run.model, tables.image_shape(shape, found, features), run.preprocessing)
        self.estimator_ = clone(network).fit(X, y) if hasattr(network, "fit") else network
        if not isinstance(result := getattr(self.estimator_, "_network", None), Network):
            raise ArgumentError(
                f"CNNFeatures: network is a {type(network).__name__}; give a CNNClassifier, an nn.Module, or the path "
                "of a run's folder"
            )
        return result

    def transform(self, X: Any) -> FloatArray:
        """The activations of the layer, float32 (n, features): all of them, or pooled over the pixels of a map."""
        check_is_fitted(self)
        table, found = tables.checked(self, X, reset=False)
        self._network.check_shape(found)
        activations = self._activations(table)
        if self.pooling is not None and activations.ndim > 2:
            activations = POOLINGS[self.pooling](activations, axis=tuple(range(2, activations.ndim)))
        return activations.reshape(len(activations), -1)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the columns: the layer's, its channel, and without ``pooling`` the pixel's row and column."""
        check_is_fitted(self)
        shape = self._map_shape if self.pooling is None else self._map_shape[:1]
        return np.array(["_".join(map(str, (self.layer_, *place))) for place in np.ndindex(*shape)], dtype=object)

    @property
    def network_(self) -> Module:
        """The network whose activations these are."""
        check_is_fitted(self)
        return self._network.module

    def _activations(self, table: Array) -> Array:
        extract = feature_extractor(self._network.module, [self.layer_])
        return np.concatenate([extract(images)[self.layer_] for images in self._network.batches(table)])

    def _layer_before_the_last(self) -> str:
        """What the last linear layer, which tells the classes apart, is given."""
        module = self._network.module
        with no_grad(), capture(module) as activations:
            module(zeros(1, *self._network.shape, device=device_of(module)))
        names = list(activations)
        linear = [place for place, name in enumerate(names) if activations.layers[name].kind == "linear"]
        if not linear or not linear[-1]:
            raise ArgumentError(
                "CNNFeatures: the network has no layer before a last linear one; give layer, one of: "
                + ", ".join(names)
            )
        return names[linear[-1] - 1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = hasattr(self.network, "fit")
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Modules go with their tensors as safetensors."""
        state: dict[str, Any] = dict(super().__getstate__())
        if isinstance(self.network, Module):
            fitted: Network | None = state.get("_network")
            if fitted is None or fitted.module is not self.network:
                state["network"] = Portable(self.network)
            else:
                state["network"] = fitted.portable  # one copy for both
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["network"], Portable):
            state = {**state, "network": state["network"].module}
        super().__setstate__(state)
