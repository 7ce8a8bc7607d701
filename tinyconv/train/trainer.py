"""The training loop: forward, loss, backward, step; after every epoch a look at held-out data.

θ ← θ − η · update(∇θ  1/B Σ loss(model(x; θ), t))        for every batch (x, t) of B samples
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError, RunError, ShapeError
from tinyconv.core.transfer import to_host
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.train import metrics
from tinyconv.train.callbacks import Callback
from tinyconv.train.steps import Step, Steps

Batch = Sequence[Any]
"""(images, labels): float Tensor (B, C, H, W) and int64 Tensor (B,)."""


class BatchSource(Protocol):
    """A ``DataLoader``, ``Batches``, or a list of batches: can be run through again for every epoch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Any: ...


@dataclass(frozen=True)
class Evaluation:
    """Loss and confusion matrix of a model on data that it did not learn from.

    Raises: nothing of its own.

    >>> from tinyconv.train import Evaluation
    >>> Evaluation(loss=0.5, confusion=np.array([[3, 1], [0, 4]])).accuracy
    0.875
    """

    loss: float
    confusion: Array

    @property
    def accuracy(self) -> float:
        """The share of samples that was recognised."""
        return metrics.accuracy(self.confusion)

    @property
    def samples(self) -> int:
        """How many samples there were."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many were recognised."""
        return int(np.trace(self.confusion))


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch came to.

    ``train_loss`` and ``train_accuracy`` are means over the epoch's batches as they were learnt from: augmented, with
    dropout, and with weights that were still changing. ``test_*`` are measured after the epoch, on unchanged images in
    evaluation mode; None without held-out data. ``images_per_second`` counts training only, ``seconds`` everything
    since the training began. ``waiting``: the share of the training's time in which no batch was ready; None where the
    batches come from something that does not count it (see ``Batches.waited``).

    Raises: nothing of its own.

    >>> from tinyconv.train import EpochRecord
    >>> EpochRecord(1, 10, 0.1, 0.7, 0.5, 0.6, 0.55, 1000.0, 2.5).test_accuracy
    0.55
    """

    epoch: int
    steps: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    images_per_second: float
    seconds: float
    waiting: float | None = None


class Trainer:
    """Trains a classifier.

    ``model``: images (B, C, H, W) -> logits (B, classes). ``loss``: (logits, labels) -> mean loss. ``optimizer``: over
    the model's parameters. ``scheduler``: its ``step()`` is called after every optimiser step, or with
    ``scheduler_interval="epoch"`` after every epoch. ``callbacks``: see ``Callback``.

    After ``fit``: ``history`` (an ``EpochRecord`` per epoch), ``evaluation`` (the last one), ``outcome``.

    Raises: ``ArgumentError`` for another ``scheduler_interval``; ``fit`` raises ``RunError`` for a loss of NaN.

    >>> from tinyconv.train import Trainer
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    >>> history = trainer.fit([(tc.rand(8, 1, 2, 2), tc.arange(8) % 2)], epochs=2)
    >>> [record.epoch for record in history], trainer.outcome
    ([1, 2], 'finished')
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        optimizer: Any,
        scheduler: Any = None,
        callbacks: Iterable[Callback] = (),
        *,
        scheduler_interval: str = "step",
    ) -> None:
        if scheduler_interval not in ("step", "epoch"):
            raise ArgumentError(f"Trainer: scheduler_interval is 'step' or 'epoch', got {scheduler_interval!r}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.scheduler_interval = scheduler_interval
        self.callbacks = tuple(callbacks)
        self.epoch = 0
        self.epochs = 0
        self.step = 0
        self.steps_per_epoch = 0
        self.stop = False
        self.outcome = "finished"
        self.history: list[EpochRecord] = []
        self.evaluation: Evaluation | None = None

    def fit(self, train: BatchSource, test: BatchSource | None = None, epochs: int = 1) -> list[EpochRecord]:
        """Train ``epochs`` times on the batches of ``train``, evaluate on ``test`` after each. Returns ``history``.

        Before an epoch, ``train.set_epoch(number)`` is called where it exists, so that order and augmentation follow
        the epoch. Raises ``RunError`` as soon as the loss is NaN or infinite, ``DataError`` where there is no batch.
        """
        if epochs < 1:
            raise ArgumentError(f"Trainer.fit: epochs must be at least 1, got {epochs}")
        if len(train) == 0:
            raise DataError("Trainer.fit: the training data have no batch; give more images or a smaller batch size")
        self.steps_per_epoch = len(train)
        self.epochs = self.epoch + epochs
        self.stop = False
        self.evaluation = None  # that of an earlier fit tells nothing of the weights to come
        self.outcome = "failed"
        with ExitStack() as ending:
            try:
                for callback in self.callbacks:
                    # Registered first, so that a signal in the middle of a start is still followed by its end.
                    ending.callback(callback.on_train_end, self)
                    callback.on_train_start(self)
                self._run_epochs(train, test)
                self.outcome = "finished"
            except BaseException as error:
                interruption = _interruption(error)
                if interruption is None:
                    raise
                self.outcome = "interrupted"
                if interruption is error:
                    raise
                raise type(interruption) from error
        return self.history

    def _run_epochs(self, train: BatchSource, test: BatchSource | None) -> None:
        started = time.perf_counter()
        while self.epoch < self.epochs and not self.stop:
            self._call("on_epoch_start")
            learning_rate = self._rate
            epoch_started, waited = time.perf_counter(), getattr(train, "waited", None)
            # Of an overflow the loss tells; NumPy's own warning would come first and say less.
            with np.errstate(over="ignore", invalid="ignore"):
                loss, accuracy, images = self._train_epoch(train)
            seconds = time.perf_counter() - epoch_started
            waiting = None if waited is None else (getattr(train, "waited", waited) - waited) / seconds
            self.epoch += 1
            if test is not None:
                with np.errstate(over="ignore", invalid="ignore"):
                    evaluation = self.evaluate(test)
                what = f"held-out loss became {evaluation.loss} after epoch {self.epoch}"
                self._check_finite(evaluation.loss, what, self._rate)
                self.evaluation = evaluation
                self._call("on_evaluate", evaluation)
            record = EpochRecord(
                epoch=self.epoch,
                steps=self.step,
                learning_rate=learning_rate,
                train_loss=loss,
                train_accuracy=accuracy,
                test_loss=None if self.evaluation is None else self.evaluation.loss,
                test_accuracy=None if self.evaluation is None else self.evaluation.accuracy,
                images_per_second=images / seconds,
                seconds=time.perf_counter() - started,
                waiting=waiting,
            )
            self.history.append(record)
            self._call("on_epoch_end", record)

    def _train_epoch(self, train: BatchSource) -> tuple[float, float, int]:
        """Mean loss, accuracy, and number of images of one pass over ``train``."""
        if hasattr(train, "set_epoch"):
            train.set_epoch(self.epoch)
        self.model.train()

        def check(step: Step, loss: float) -> None:
            what = f"loss became {loss} at epoch {self.epoch + 1}, step {step.number} of {len(train)}"
            self._check_finite(loss, what, step.rate)

        steps = Steps(check)
        for number, batch in enumerate(train, start=1):
            images, labels = _checked(batch)
            self.optimizer.zero_grad()
            logits = self.model(images)
            loss = self.loss(logits, labels)
            steps.add(number, self._rate, loss, logits, labels)
            loss.backward()
            self.optimizer.step()
            if self.scheduler is not None and self.scheduler_interval == "step":
                self.scheduler.step()
            self.step += 1
            self._tell(steps)
        steps.finish()
        self._tell(steps)
        if self.scheduler is not None and self.scheduler_interval == "epoch":
            self.scheduler.step()
        return steps.total_loss / steps.samples, steps.correct / steps.samples, steps.samples

    def _tell(self, steps: Steps) -> None:
        for loss, images in steps.read():
            self._call("on_batch_end", loss, images)

    @property
    def _rate(self) -> float:
        return float(self.optimizer.param_groups[0]["lr"])

    def _check_finite(self, loss: float, what: str, rate: float) -> None:
        if not math.isfinite(loss):
            raise RunError(
                f"{what}; lower the learning rate (the optimizer's lr, --lr of the command; it was {rate:g} in this "
                "step), or look for NaN and infinity in the images"
            )

    def evaluate(self, data: BatchSource) -> Evaluation:
        """Loss and confusion matrix on ``data``, in evaluation mode without a tape; every module's mode is restored."""
        modes = [(module, module.training) for module in self.model.modules()]
        self.model.eval()
        total_loss = 0.0
        true, predicted = [], []
        classes = 0
        try:
            with no_grad():
                for batch in data:
                    images, labels = _checked(batch)
                    logits = self.model(images)
                    classes = logits.array.shape[1]
                    total_loss += float(self.loss(logits, labels).item()) * len(labels.array)
                    true.append(to_host(labels.array))
                    predicted.append(to_host(logits.array.argmax(axis=1)))
        finally:
            for module, training in modes:
                module.training = training
        if not true:
            raise DataError("Trainer.evaluate: there are no held-out images")
        confusion = metrics.confusion_matrix(np.concatenate(true), np.concatenate(predicted), classes)
        return Evaluation(total_loss / int(confusion.sum()), confusion)

    def _call(self, moment: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self, *arguments)


def _interruption(error: BaseException) -> KeyboardInterrupt | None:
    """The Ctrl-C that caused ``error``: a compiler that it interrupts may raise an error of its own over it."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, KeyboardInterrupt):
        reason = reason.__cause__ or reason.__context__
    return reason


def _checked(batch: Batch) -> tuple[Tensor, Tensor]:
    """A batch as (images, labels). Raises ``ShapeError`` where it is something else."""
    if len(batch) != 2:
        raise ShapeError(f"Trainer: a batch must be (images, labels), got {len(batch)} parts")
    images, labels = batch
    if not isinstance(images, Tensor) or not isinstance(labels, Tensor):
        kinds = f"{type(images).__name__} and {type(labels).__name__}"
        raise ShapeError(
            f"Trainer: images and labels must be tensors, got {kinds}; wrap arrays with tinyconv.from_numpy"
        )
    if len(images.array) != len(labels.array):
        raise ShapeError(f"Trainer: a batch of {len(images.array)} images came with {len(labels.array)} labels")
    return images, labels
