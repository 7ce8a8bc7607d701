"""Accumulation, clipping, averaging and training in several processes, against what their formulas say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.train import Callback, ExponentialAverage, Trainer

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(14, 1, 2, 2))
LABELS = RANDOM.integers(0, 2, 14)


def batches(*sizes: int) -> list[tuple[tc.Tensor, tc.Tensor]]:
    ends = np.cumsum(sizes)
    return [
        (tc.from_numpy(IMAGES[end - size : end]), tc.from_numpy(LABELS[end - size : end]))
        for size, end in zip(sizes, ends, strict=True)
    ]


def linear() -> nn.Module:
    tc.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()


def trained(data: list[tuple[tc.Tensor, tc.Tensor]], **options: object) -> Trainer:
    model = linear()
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5, momentum=0.9), **options)
    trainer.fit(data, epochs=2)
    return trainer


def weights(trainer: Trainer) -> np.ndarray:
    return nn.utils.parameters_to_vector(trainer.model.parameters()).detach().numpy()


class Told(Callback):
    def __init__(self) -> None:
        self.steps: list[tuple[int, int, float]] = []

    def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
        self.steps.append((trainer.step, images, loss))


def test_accumulated_batches_are_one_step_on_all_their_samples() -> None:
    told, expected = Told(), Told()
    parts = trained(batches(3, 2, 4, 1, 4), accumulate=2, callbacks=[told])
    whole = trained(batches(5, 5, 4), callbacks=[expected])
    np.testing.assert_allclose(weights(parts), weights(whole), rtol=1e-12)
    assert parts.step == whole.step == 6
    assert parts.steps_per_epoch == 3
    np.testing.assert_allclose(told.steps, expected.steps, rtol=1e-12)
    assert parts.history[1].train_loss == pytest.approx(whole.history[1].train_loss, rel=1e-12)


def test_a_source_that_ends_before_its_length_loses_no_gradient() -> None:
    class Short(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return 9

    parts = trained(Short(batches(5, 4)), accumulate=4)
    np.testing.assert_allclose(weights(parts), weights(trained(batches(9))), rtol=1e-12)


class Gradients(Callback):
    """The gradients that the optimiser is given."""

    def on_train_start(self, trainer: Trainer) -> None:
        self.seen: list[np.ndarray] = []
        trainer.optimizer.register_step_pre_hook(self.look)

    def look(self, optimizer: optim.Optimizer, *_: object) -> None:
        parts = [p.grad.numpy().ravel() for p in optimizer.param_groups[0]["params"]]
        self.seen.append(np.concatenate(parts))


def test_gradients_are_clipped_by_norm_or_by_value_once_they_are_whole() -> None:
    free, short, flat = Gradients(), Gradients(), Gradients()
    trained(batches(7, 7), accumulate=2, callbacks=[free])
    trained(batches(7, 7), accumulate=2, callbacks=[short], clip_norm=0.01)
    trained(batches(7, 7), accumulate=2, callbacks=[flat], clip_value=0.02)
    first = free.seen[0]
    assert np.linalg.norm(first) > 0.01
    np.testing.assert_allclose(short.seen[0], first * 0.01 / (np.linalg.norm(first) + 1e-6))
    np.testing.assert_allclose(flat.seen[0], np.clip(first, -0.02, 0.02))
    assert (flat.seen[0] != first).any()


def test_what_is_evaluated_is_the_average_and_what_is_trained_is_not() -> None:
    path: list[np.ndarray] = []

    class Path(Callback):
        def on_batch_end(self, trainer: Trainer, loss: float, images: int) -> None:
            path.append(weights(trainer))

    start = nn.utils.parameters_to_vector(linear().parameters()).detach().numpy()
    plain = trained(batches(5, 5, 4), callbacks=[Path()])
    average = start
    for step, w in enumerate(path, start=1):
        decay = min(0.4, (1 + step) / (10 + step))
        average = decay * average + (1 - decay) * w
    model = linear()
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        optim.SGD(model.parameters(), lr=0.5, momentum=0.9),
        ema=ExponentialAverage(model, 0.4),
    )
    trainer.fit(batches(5, 5, 4), batches(14), epochs=2)
    np.testing.assert_array_equal(weights(trainer), weights(plain))
    with trainer.evaluation_weights():
        np.testing.assert_allclose(weights(trainer), average, rtol=1e-12)
        logits = trainer.model(batches(14)[0][0])
    expected = nn.functional.cross_entropy(logits, batches(14)[0][1]).item()
    assert trainer.evaluation is not None
    assert trainer.evaluation.loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(weights(trainer), weights(plain))


def test_an_average_has_the_running_statistics_too_and_copies_counters() -> None:
    model = nn.BatchNorm2d(2)
    average = ExponentialAverage(model, 0.0)
    model(tc.randn(3, 2, 4, 4))
    average.update()
    own = {name: tensor.numpy().copy() for name, tensor in model.named_buffers()}
    with average.applied():
        for name, tensor in model.named_buffers():
            np.testing.assert_array_equal(tensor.numpy(), own[name])
    model(tc.randn(3, 2, 4, 4))
    with average.applied():
        assert model.num_batches_tracked.item() == 1


class TwoInOne:
    """Two processes that always have the same part: sums are twice those of one."""

    rank, ranks = 0, 2

    def prepare(self, model: nn.Module) -> None:
        self.model = model

    def interruptible(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def forward(self, samples: int) -> Iterator[None]:
        self.samples = samples
        yield

    def begin_backward(self) -> None:
        self.begun = True

    def end_backward(self) -> int:
        assert self.begun
        self.begun = False
        for parameter in self.model.parameters():
            parameter.grad.array *= 2
        return 2 * self.samples

    def end_epoch(self, model: nn.Module) -> None:
        self.epochs = getattr(self, "epochs", 0) + 1

    def total(self, values: np.ndarray) -> np.ndarray:
        return 2 * values


def test_processes_that_share_a_batch_make_the_step_of_one_on_all_of_it() -> None:
    alone = trained(batches(5, 4))
    processes = TwoInOne()
    together = trained(batches(5, 4), communicator=processes)
    assert processes.epochs == 2
    np.testing.assert_allclose(weights(together), weights(alone), rtol=1e-12)
    assert together.history[1].train_loss == pytest.approx(alone.history[1].train_loss, rel=1e-12)
    assert together.history[1].train_accuracy == alone.history[1].train_accuracy
    evaluation = together.evaluate(batches(14))
    assert evaluation.samples == 28
    assert evaluation.loss == pytest.approx(alone.evaluate(batches(14)).loss, rel=1e-12)


def test_shares_of_classes_are_trained_and_judged_by_the_largest() -> None:
    shares = tc.from_numpy(np.eye(2)[LABELS] * 0.4 + 0.3)
    images = tc.from_numpy(IMAGES)
    mixed, plain = trained([(images, shares)]), trained([(images, tc.from_numpy(LABELS))])
    assert mixed.history[0].train_accuracy == plain.history[0].train_accuracy
    np.testing.assert_array_equal(
        mixed.evaluate([(images, shares)]).confusion, mixed.evaluate([(images, tc.from_numpy(LABELS))]).confusion
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"accumulate": 0}, "accumulate must be at least 1"),
        ({"clip_norm": 0.0}, "clip_norm must be positive"),
        ({"clip_value": float("nan")}, "clip_value must be positive"),
    ],
    ids=["accumulate", "clip_norm", "clip_value"],
)
def test_options_outside_their_domain_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(TinyconvError, match=message):
        trained(batches(5), **options)


def test_a_decay_outside_its_domain_is_refused() -> None:
    with pytest.raises(TinyconvError, match=r"decay must be at least 0 and below 1, got 1\.0"):
        ExponentialAverage(linear(), 1.0)
