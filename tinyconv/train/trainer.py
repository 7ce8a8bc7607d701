"""The training loop: forward, loss, backward, step; after every epoch a look at held-out data.

θ ← θ − η · update(∇θ  1/B Σ loss(model(x; θ), t))        for every batch (x, t) of B samples
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np

from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.core.random import default_generator
from tinyconv.models.auxiliary import logits_of, total_loss
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.train import gradients, non_finite, passes, training_state
from tinyconv.train.averaging import ExponentialAverage
from tinyconv.train.callbacks.callback import Callback
from tinyconv.train.communicator import Communicator
from tinyconv.train.evaluation import evaluated
from tinyconv.train.interruption import interruption_behind
from tinyconv.train.records import BatchSource, EpochRecord, Evaluation, checked
from tinyconv.train.steps import Steps
from tinyconv.train.stopwatch import Stopwatch
from tinyconv.train.unsupervised import learn_unsupervised


class Trainer:
    """Trains a classifier.

    ``model``: images (B, C, H, W) -> logits (B, classes); one with auxiliary heads, as GoogLeNet has, gives in training
    a tuple of its logits and theirs, whose losses count 0.3 times each. ``loss``: (logits, labels) -> mean loss.
    ``optimizer``: over the model's parameters. ``scheduler``: its ``step()`` is called after every optimiser step, or
    with ``scheduler_interval="epoch"`` after every epoch. ``callbacks``: see ``Callback``.

    ``accumulate``: batches that make one optimiser step, whose gradient is the mean over all their samples; the last
    step of an epoch may have fewer. ``clip_norm``: the gradient is scaled down to this norm where it is longer;
    ``clip_value``: each of its elements is limited to that size. ``ema``: an ``ExponentialAverage`` of the model's
    weights; what is evaluated, and kept as the result, are the averages. ``communicator``: of the processes that train
    this model together, each on its part of every batch.

    A model with a method ``learn_unsupervised(images, tell)`` is shown training images by it before the first step;
    what it tells goes to the callbacks (``on_note``).

    After ``fit``: ``history`` (an ``EpochRecord`` per epoch), ``evaluation`` (the last one), ``outcome``. A ``fit``
    after an interruption goes on where that was, and so does one after ``load_state_dict``, in another process too.

    Raises: ``ArgumentError`` for another ``scheduler_interval`` and for limits that are not positive; ``fit`` raises
        ``RunError`` for a loss of NaN.

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
        accumulate: int = 1,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        ema: ExponentialAverage | None = None,
        communicator: Communicator | None = None,
    ) -> None:
        if scheduler_interval not in ("step", "epoch"):
            raise ArgumentError(f"Trainer: scheduler_interval is 'step' or 'epoch', got {scheduler_interval!r}")
        if accumulate < 1:
            raise ArgumentError(f"Trainer: accumulate must be at least 1, got {accumulate!r}")
        for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if limit is not None and not limit > 0:
                raise ArgumentError(f"Trainer: {name} must be positive, got {limit!r}")
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.scheduler_interval = scheduler_interval
        self.callbacks = tuple(callbacks)
        self.accumulate = accumulate
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.ema = ema
        self.communicator = communicator
        self.epoch = 0
        self.epochs = 0
        self.step = 0
        self.batch = 0
        self.steps_per_epoch = 0
        self.learning_rate = self.rate
        self.stop = False
        self.outcome = "finished"
        self.history: list[EpochRecord] = []
        self.evaluation: Evaluation | None = None
        self.steps = Steps(partial(non_finite.check_loss, self), self._over_processes)
        self.rate_at_epoch_start = 0.0
        self.generator_at_epoch_start = default_generator.get_state()
        self.watches = {"training": Stopwatch(), "epoch": Stopwatch(), "waiting": Stopwatch()}

    # --- training ---------------------------------------------------------------------------------------------------

    def fit(self, train: BatchSource, test: BatchSource | None = None, epochs: int = 1) -> list[EpochRecord]:
        """Train ``epochs`` times on the batches of ``train``, evaluate on ``test`` after each. Returns ``history``.

        Before an epoch, ``train.set_epoch(number)`` is called where it exists, so that order and augmentation follow
        the epoch. An epoch that was begun, and interrupted, is the first of ``epochs``; 0 of them, after a state was
        loaded, are only what callbacks do at the start and the end. Raises ``RunError`` as soon as the loss is NaN or
        infinite, ``DataError`` where there is no batch.
        """
        if epochs < (0 if self.history else 1):
            raise ArgumentError(f"Trainer.fit: epochs must be at least 1, got {epochs}")
        if len(train) == 0:
            raise DataError("Trainer.fit: the training data have no batch; give more images or a smaller batch size")
        if self.batch > len(train):
            raise DataError(
                f"Trainer.fit: {self.batch} batches of the running epoch lie behind, but these data have {len(train)}; "
                "go on with the data that it was begun with"
            )
        self.steps_per_epoch = -(-len(train) // self.accumulate)
        self.epochs = self.epoch + epochs
        self.stop = False
        if test is None:
            self.evaluation = None  # that of an earlier fit tells nothing of the weights to come
        self.outcome = "failed"
        with ExitStack() as ending:
            if self.communicator is not None:
                ending.enter_context(self.communicator.interruptible())
            try:
                for callback in self.callbacks:
                    # Registered first, so that a signal in the middle of a start is still followed by its end.
                    ending.callback(callback.on_train_end, self)
                    callback.on_train_start(self)
                self._run_epochs(train, test)
                self.outcome = "finished"
            except BaseException as error:
                cause = interruption_behind(error)
                if cause is None:
                    raise
                self.outcome = "interrupted"
                if cause is error:
                    raise
                raise type(cause) from error
        return self.history

    def _run_epochs(self, train: BatchSource, test: BatchSource | None) -> None:
        with self._counting("training"):
            if self.step == self.batch == 0:
                learn_unsupervised(self.model, train, partial(self._call, "on_note"))
            if self.communicator is not None:
                self.communicator.prepare(self.model)
            while self.epoch < self.epochs and not self._is_stopped():
                self._call("on_epoch_start")
                # Of an overflow the loss tells; NumPy's own warning would come first and say less.
                with np.errstate(over="ignore", invalid="ignore"):
                    self._train_epoch(train)
                    figures = self._end_epoch()
                    if test is not None:
                        self._look_at(test)
                record = EpochRecord(
                    epoch=self.epoch,
                    steps=self.step,
                    test_loss=None if self.evaluation is None else self.evaluation.loss,
                    test_accuracy=None if self.evaluation is None else self.evaluation.accuracy,
                    seconds=self.watches["training"].seconds,
                    **figures,
                )
                self.history.append(record)
                self._call("on_epoch_end", record)
                self._call("on_settled")

    def _train_epoch(self, train: BatchSource) -> None:
        """One pass over ``train``, or what is left of it."""
        with self._counting("epoch"):
            if hasattr(train, "set_epoch"):
                train.set_epoch(self.epoch)
            self.model.train()
            self.steps.drop_unfinished()
            if self.batch == 0:
                self.rate_at_epoch_start = self.rate
            last, number, samples = len(train), self.batch, 0
            for number, (images, labels) in enumerate(self._batches(train), start=self.batch + 1):
                if samples == 0:
                    self.optimizer.zero_grad()
                ends_step = number % self.accumulate == 0 or number == last
                samples += self._backward(images, labels, number, ends_step)
                if ends_step:
                    self._update(samples, number)
                    samples = 0
            if samples:  # the data ended before their own length
                self._update(samples, number)
            if self.communicator is not None:
                self.communicator.end_epoch(self.model)
            self.steps.finish()
            self._tell()
        if self.scheduler is not None and self.scheduler_interval == "epoch":
            self.scheduler.step()

    def _batches(self, train: BatchSource) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of this epoch that do not yet lie behind."""
        batches, waiting = self._begin_pass(train), self.watches["waiting"]
        while True:
            waiting.start()
            batch = next(batches, None)
            waiting.stop()
            if batch is None:
                return
            yield checked(batch)

    def _begin_pass(self, train: BatchSource) -> Iterator[Any]:
        if self.batch == 0:
            self.generator_at_epoch_start = default_generator.get_state()
            return iter(train)
        return passes.going_on(train, self.batch, self.generator_at_epoch_start)

    def _backward(self, images: Tensor, labels: Tensor, number: int, ends_step: bool) -> int:
        """Forward and backward of batch ``number`` of the epoch. Returns the number of its samples."""
        samples, generator = len(labels.array), default_generator.get_state()
        with nullcontext() if self.communicator is None else self.communicator.forward(samples):
            outputs = self.model(images)
            loss = total_loss(self.loss, outputs, labels)
        self.steps.add(self.step_of(number), self.rate, loss, logits_of(outputs), labels, images, generator)
        if self._sums_gradients:
            if self.communicator is not None and ends_step:
                self.communicator.begin_backward()
            loss = loss * samples
        loss.backward()
        return samples

    @property
    def _sums_gradients(self) -> bool:
        """Whether a step has several batches: then their gradients are summed, and divided by the samples at last."""
        return self.accumulate > 1 or self.communicator is not None

    def _update(self, samples: int, number: int) -> None:
        """The optimiser's step, with the gradients of all batches that belong to it, up to the epoch's ``number``."""
        if self.communicator is not None:
            samples = self.communicator.end_backward()
        if self._sums_gradients:
            gradients.divide(self.model, samples)
        norm = gradients.clip(self.model, self.clip_norm, self.clip_value)
        if norm is not None:
            non_finite.check_norm(self, norm, number)
        self.optimizer.step()
        if self.scheduler is not None and self.scheduler_interval == "step":
            self.scheduler.step()
        if self.ema is not None:
            self.ema.update()
        self.step += 1
        self.batch = number
        self.steps.end_step()
        self._tell()

    def _tell(self) -> None:
        for loss, images, rate in self.steps.read():
            self.learning_rate = rate
            self._call("on_batch_end", loss, images)
            self._call("on_settled")

    def _end_epoch(self) -> dict[str, float]:
        """Begin to count anew. Returns what the epoch came to."""
        loss, hits, images = self.steps.sums
        seconds, waiting = (self.watches[name].seconds for name in ("epoch", "waiting"))
        self.epoch += 1
        self.batch = 0
        self.steps = Steps(partial(non_finite.check_loss, self), self._over_processes)
        for name in ("epoch", "waiting"):
            self.watches[name] = Stopwatch()
        return {
            "learning_rate": self.rate_at_epoch_start,
            "train_loss": float(loss / images),
            "train_accuracy": float(hits / images),
            "images_per_second": float(images / seconds),
            "waiting": waiting / seconds,
        }

    @property
    def rate(self) -> float:
        """The learning rate that the next step is made with."""
        return float(self.optimizer.param_groups[0]["lr"])

    def step_of(self, number: int) -> int:
        """The step of the epoch, from 1, that batch ``number`` belongs to."""
        return (number - 1) // self.accumulate + 1

    # --- looking at held-out data -----------------------------------------------------------------------------------

    def _look_at(self, test: BatchSource) -> None:
        evaluation = self.evaluate(test)
        non_finite.check_evaluation(self, evaluation, test)
        self.evaluation = evaluation
        self._call("on_evaluate", evaluation)

    def evaluate(self, data: BatchSource) -> Evaluation:
        """Loss and confusion matrix on ``data``, in evaluation mode without a tape; every module's mode is restored."""
        with self.evaluation_weights():
            return evaluated(self.model, self.loss, data, self.communicator)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        """Inside it the model has the weights that are evaluated and kept: the averages, where there are any."""
        return nullcontext() if self.ema is None else self.ema.applied()

    # --- leaving off and going on -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, nested as ``tc.save`` takes it.

        Weights, optimiser, scheduler, averages, the default generator's state, the place in the epoch and its sums, the
        history, and what each callback gives. Its tensors are the trainer's own: save or copy them before the next
        step. It is whole between steps: see ``Callback.on_settled``.
        """
        return training_state.taken(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a ``state_dict``: ``fit``, on the same batches, goes on bit for bit as the trainer it is of.

        Raises ``RunError`` where that was made otherwise: another model, other optimiser groups or callbacks.
        """
        training_state.put_back(self, state)

    # --- small things -----------------------------------------------------------------------------------------------

    @contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        watch = self.watches[name]
        watch.start()
        try:
            yield
        finally:
            watch.stop()

    def _is_stopped(self) -> bool:
        return bool(self._over_processes(np.array([float(self.stop)]))[0])

    def _over_processes(self, values: Array) -> Array:
        return values if self.communicator is None else self.communicator.total(values)

    def _call(self, moment: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, moment)(self, *arguments)
