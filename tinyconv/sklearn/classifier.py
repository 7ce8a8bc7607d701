"""CNNClassifier: a convolutional network that fits and predicts as scikit-learn's classifiers do."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from tinyconv import nn
from tinyconv.core.arrays import Array, FloatArray
from tinyconv.core.devices import Device
from tinyconv.core.errors import ArgumentError, DataError, RunError
from tinyconv.core.random import Generator, drawing_from
from tinyconv.data.transforms import Augmentation, Transform
from tinyconv.nn.module import Module
from tinyconv.sklearn import tables
from tinyconv.sklearn.networks import AUTO, BATCH, Model, Network, build
from tinyconv.sklearn.samples import Samples
from tinyconv.sklearn.stopping import BestWeights
from tinyconv.train.batches import PREFETCHED, Batches
from tinyconv.train.callbacks import Callback
from tinyconv.train.progress import progress
from tinyconv.train.recipes import Recipe
from tinyconv.train.schedules import build_schedule
from tinyconv.train.trainer import Trainer

LARGEST_SEED = np.iinfo(np.int32).max


class CNNClassifier(ClassifierMixin, BaseEstimator):
    """A convolutional network as one of scikit-learn's classifiers.

    **X** holds images (n, channels, height, width) or (n, height, width), of any scale: every channel is normalised. Or
    it is a table (n, features), whose rows are images of ``image_shape``, (channels, height, width) or (height, width);
    without that a row is one pixel with a channel for each feature. **y** holds labels of any kind.

    ``model``: "auto" (``facenet``; where height or width is 1, two convolutions without batch norm), a name of
    ``tinyconv.models.registry``, or a class or function that builds one: ``model(in_channels=..., num_classes=...,
    image_size=...)``; ``model_options`` are passed on to it. Training is that of ``tinyconv train``: ``epochs`` in
    batches of ``batch_size``, by ``optimizer`` "adamw", "adam" or "sgd" with ``lr`` and ``weight_decay`` (None: what
    suits the optimiser) under a ``schedule`` "one-cycle", "cosine", "step" or "constant". ``augmentation``: a list of
    ``tinyconv.data.transforms`` that change the images anew in every epoch. With ``early_stopping`` the share
    ``validation_fraction`` of each class is held out; the training ends after ``n_iter_no_change`` epochs without a
    lower loss on it, with the weights of the lowest. With ``warm_start``, ``fit`` goes on from the weights there are.
    ``random_state`` None: other numbers each time; a whole number: the same bits each time. The generator of
    ``manual_seed`` is not touched. ``verbose``: a line for each epoch.

    **sample_weight**: a weight of 2 is the same as standing in X twice, to the last bit, and 0 as not standing there: a
    sample of weight w comes ceil(w) times in an epoch, each time counting w / ceil(w). The order of rows has no effect.

    After ``fit``: ``classes_``, ``n_features_in_``, ``n_iter_`` (epochs), ``loss_curve_`` (mean loss of each),
    ``network_`` (the module), and with ``early_stopping`` ``validation_scores_`` (accuracies). Pickles hold the weights
    as safetensors.

    Raises: ``ValueError`` for images, labels or options that do not fit, and where the loss becomes NaN.

    >>> from tinyconv.sklearn import CNNClassifier
    >>> X, y = np.arange(32.0).reshape(8, 2, 2), np.repeat(["dark", "light"], 4)
    >>> classifier = CNNClassifier(epochs=10, batch_size=4, lr=0.02, random_state=0).fit(X, y)
    >>> classifier.predict(X[[0, 7]]).tolist(), classifier.n_features_in_
    (['dark', 'light'], 4)
    """

    def __init__(
        self,
        model: Model = AUTO,
        *,
        model_options: Mapping[str, Any] | None = None,
        image_shape: Sequence[int] | None = None,
        epochs: int = 30,
        batch_size: int = 32,
        optimizer: str = "adamw",
        lr: float | None = None,
        weight_decay: float | None = None,
        schedule: str = "one-cycle",
        label_smoothing: float = 0.0,
        augmentation: Sequence[Transform] | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        device: str = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.model = model
        self.model_options = model_options
        self.image_shape = image_shape
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.augmentation = augmentation
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # --- learning ---------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from images ``X`` and labels ``y``, from the start; with ``warm_start`` from the weights there are."""
        return self._learn(X, y, sample_weight, None, self.warm_start and hasattr(self, "_network"), in_one=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Pass over ``X`` and ``y`` once, at a constant learning rate, from the weights there are.

        ``classes``: all that will ever come, to be given in the first call. The first call's ``X`` also sets the
        normalisation, so it should not be too small.
        """
        goes_on = hasattr(self, "_network")
        if not goes_on and classes is None:
            raise ArgumentError("CNNClassifier: the first call of partial_fit needs classes, all that y will ever hold")
        return self._learn(X, y, sample_weight, classes, goes_on, in_one=False)

    def _learn(self, X: Any, y: Any, sample_weight: Any, classes: Any, goes_on: bool, in_one: bool) -> Self:
        recipe = self._recipe()
        table, labels, found = tables.checked_with_labels(self, X, y, reset=not goes_on)
        weights = self._weights(sample_weight, table)
        present = np.unique(labels if weights is None else labels[weights > 0])
        if not goes_on:
            self.classes_ = present if classes is None else np.unique(classes)
        if len(unknown := np.setdiff1d(present, self.classes_)):
            raise ArgumentError(
                f"y holds {unknown.tolist()[0]!r}, which is none of the classes {self.classes_.tolist()}"
            )
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"CNNClassifier needs at least 2 classes in y, got 1 class: {self.classes_.tolist()[0]!r}"
            )
        codes = np.searchsorted(self.classes_, labels)
        samples, judged = Samples.of(table, codes, weights), None
        if not goes_on:
            self._seed = int(check_random_state(self.random_state).randint(LARGEST_SEED))
        if self.early_stopping and in_one:
            samples, judged = samples.split(codes, self.validation_fraction, self._seed)
        if goes_on:
            self._network.check_shape(found)
        else:
            self._begin(samples, table, tables.image_shape(self.image_shape, found, table.shape[1]))
        self._train(samples, judged, table, codes, recipe, in_one)
        return self

    def _begin(self, samples: Samples, table: Array, shape: tables.Shape) -> None:
        preprocessing = samples.preprocessing(table, shape)
        with drawing_from(Generator(self._seed, "initial values")):
            module = build(self.model, self.model_options, shape, len(self.classes_))
        self._network = Network(module.to(Device(self.device)), shape, preprocessing)
        self.loss_curve_: list[float] = []
        if hasattr(self, "validation_scores_"):
            del self.validation_scores_  # of an earlier fit

    def _train(
        self, samples: Samples, judged: Samples | None, table: Array, codes: Array, recipe: Recipe, in_one: bool
    ) -> None:
        """All epochs under a schedule, or one pass with the optimiser of the passes before."""
        network, classes, device = self._network, len(self.classes_), Device(self.device)
        images: Any = samples.images(table, network.shape)
        is_plain = samples.has_equal_weights
        batches = Batches(
            images,
            codes[samples.rows] if is_plain else samples.targets(codes, classes, recipe.label_smoothing),
            recipe.batch_size,
            network.preprocessing,
            augmentation=None if self.augmentation is None else Augmentation(list(self.augmentation), self._seed),
            shuffle=True,
            seed=self._seed,
            device=device,
            classes=classes,
            prefetch=0 if self.augmentation is None else PREFETCHED,  # threads pay for work, not for a look-up
        )
        callbacks: list[Callback] = [progress(sys.stdout)] if self.verbose else []
        held_out = None
        if judged is not None:
            images = judged.images(table, network.shape)
            held_out = Batches(images, codes[judged.rows], BATCH, network.preprocessing, device=device, prefetch=0)
            best = BestWeights(self.n_iter_no_change)
            callbacks.append(best)
        optimizer = network.optimizer(recipe, fresh=in_one)
        schedule = build_schedule(recipe, optimizer, len(batches)) if in_one else None
        loss = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing if is_plain else 0.0)
        trainer = Trainer(network.module, loss, optimizer, schedule, callbacks)
        trainer.epoch = network.passes  # which order, augmentation and dropout follow
        try:
            with drawing_from(Generator(self._seed, f"pass {network.passes}")):
                trainer.fit(batches, held_out, epochs=recipe.epochs if in_one else 1)
        except RunError as error:
            raise DataError(f"CNNClassifier: {error}") from None
        finally:
            network.module.eval()
        network.passes = self.n_iter_ = trainer.epoch
        self.loss_curve_ += [record.train_loss for record in trainer.history]
        if judged is not None:
            self.validation_scores_: list[float] = best.scores

    def _recipe(self) -> Recipe:
        """The hyper-parameters, checked."""
        for name in ("epochs", "batch_size", "n_iter_no_change"):
            if not isinstance(getattr(self, name), Integral):
                raise ArgumentError(f"CNNClassifier: {name} must be a whole number, got {getattr(self, name)!r}")
        for name in ("lr", "weight_decay", "label_smoothing"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, Real) and 0 <= float(value) < float("inf")):
                raise ArgumentError(f"CNNClassifier: {name} must be a number of at least 0, got {value!r}")
        if self.early_stopping and not 0 < self.validation_fraction < 1:
            raise ArgumentError(
                f"CNNClassifier: validation_fraction must lie between 0 and 1, got {self.validation_fraction!r}"
            )
        # None leaves lr and weight_decay to what suits the optimiser.
        return Recipe().changed(
            epochs=int(self.epochs),
            batch_size=int(self.batch_size),
            optimizer=self.optimizer,
            lr=self.lr,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            label_smoothing=self.label_smoothing,
        )

    @staticmethod
    def _weights(sample_weight: Any, table: Array) -> FloatArray | None:
        if sample_weight is None:
            return None
        weights: FloatArray = _check_sample_weight(sample_weight, table, dtype=np.float64, ensure_non_negative=True)
        if not weights.any():
            raise ArgumentError("sample_weight is zero for every sample; at least one weight must be positive")
        return weights

    # --- predicting -------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Array:
        """The class of every image in ``X``, of shape (n,)."""
        scores = self.decision_function(X)
        result: Array = self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]
        return result

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities (n, classes), float64, in the order of ``classes_``: the softmax of the logits."""
        result: FloatArray = softmax(self._logits(X), axis=1)
        return result

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Logarithms of ``predict_proba``."""
        result: FloatArray = log_softmax(self._logits(X), axis=1)
        return result

    def decision_function(self, X: Any) -> FloatArray:
        """The logits (n, classes), float64; of two classes (n,): by how much the second exceeds the first."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def _logits(self, X: Any) -> FloatArray:
        check_is_fitted(self)
        table, found = tables.checked(self, X, reset=False)
        self._network.check_shape(found)
        return self._network.logits(table)

    @property
    def network_(self) -> Module:
        """The network, in evaluation mode."""
        check_is_fitted(self)
        return self._network.module

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
