"""What several ranks compute together, on threads in the place of processes. (tests/train/test_mpi.py has those.)"""

from __future__ import annotations

import copy
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from ranks import Thread, together

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, RunError
from tinyconv.core.parts import part_of_batch
from tinyconv.nn import functional as F
from tinyconv.train.parallel import (
    Alone,
    DataParallel,
    GradientSum,
    average_buffers,
    check_replicas,
    join_world,
    launched,
    share_weights,
)

RANDOM = np.random.default_rng(0)


def part_of(array: np.ndarray, rank: int, ranks: int) -> np.ndarray:
    return np.array_split(array, ranks)[rank]


# --- launchers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"PMI_RANK": "2", "PMI_SIZE": "4"}, (2, 4)),
        ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, (0, 2)),
        ({"PMIX_RANK": "1", "SLURM_STEP_NUM_TASKS": "3"}, (1, 3)),
        ({"PMI_RANK": "0", "PMI_SIZE": "1"}, None),
        ({"PMI_RANK": "0"}, None),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, None),  # a batch script's own shell, which nobody launched
    ],
    ids=["alone", "mpich", "openmpi", "slurm", "of-one", "half", "batch-script"],
)
def test_a_launch_is_told_by_the_environment(environment: dict[str, str], expected: tuple[int, int] | None) -> None:
    assert launched(environment) == expected


def test_a_launch_without_mpi4py_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PMI_RANK": "1", "PMI_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(__import__("sys").modules, "tinyconv.train.parallel.mpi", None)
    with pytest.raises(ArgumentError, match=r"process 1 of 4, .*pip install 'tinyconv\[mpi\]'"):
        join_world()


# --- gradients ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_gradients_of_unequal_parts_are_those_of_the_whole_batch(ranks: int) -> None:
    images, labels = RANDOM.normal(size=(7, 2, 4, 4)), RANDOM.integers(0, 2, 7)
    tc.manual_seed(1)  # here, as all threads draw from one generator
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).double()

    def gradients(rank: Thread | Alone) -> list[np.ndarray]:
        model = nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(network), rank)
        parallel = DataParallel(rank, bucket_bytes=200)
        parallel.prepare(model)
        for _ in range(2):  # the second time, in the order of the first
            model.zero_grad()
            own = part_of(np.arange(7), rank.rank, rank.ranks)
            with parallel.forward(len(own)):
                loss = F.cross_entropy(model(tc.from_numpy(images[own])), tc.from_numpy(labels[own]))
            parallel.begin_backward()
            (loss * len(own)).backward()
            assert parallel.end_backward() == 7
        return [parameter.grad.numpy() / 7 for parameter in model.parameters()]

    expected = gradients(Alone())
    for found in together(ranks, gradients):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)


def test_messages_leave_during_backward_and_in_one_order() -> None:
    """The last layer's gradient is on its way before the first layer's is there."""
    seen: dict[int, list[int]] = {0: [], 1: []}

    def program(rank: Thread) -> list[int]:
        layers = [nn.Linear(2, 3, bias=False), nn.Linear(3, 4, bias=False)]
        gradients = GradientSum([layer.weight for layer in layers], rank, bucket_bytes=1)
        handle = layers[0].weight.register_hook(lambda _: seen[rank.rank].extend(rank.sums))
        gradients.begin()
        layers[1](layers[0](tc.ones(1, 2))).sum().backward()
        gradients.finish()
        handle.remove()
        return rank.sums

    assert together(2, program) == [[13, 7], [13, 7]]  # the weights, and whether each has a gradient
    assert seen == {0: [13], 1: [13]}


def test_ranks_that_see_gradients_in_another_order_send_in_the_same() -> None:
    def program(rank: Thread) -> list[float]:
        first, second = (nn.Parameter(tc.ones(size)) for size in (2, 3))
        gradients = GradientSum([first, second], rank, bucket_bytes=1)
        for _ in range(2):
            first.grad = second.grad = None
            gradients.begin()
            for parameter in (first, second) if rank.rank else (second, first):
                (parameter * (1 + rank.rank)).sum().backward()
            gradients.finish()
        return [*first.grad.tolist(), *second.grad.tolist()]

    assert together(2, program) == [[3.0] * 5] * 2


def test_a_gradient_that_only_one_rank_has_reaches_the_others_and_none_that_nobody_has() -> None:
    def program(rank: Thread) -> tuple[object, object]:
        used, unused = nn.Parameter(tc.ones(2, 1, 1, 2)), nn.Parameter(tc.ones(2))
        gradients = GradientSum([used, unused], rank)
        gradients.begin()
        if rank.rank == 1:
            (used * 3).sum().backward()
        gradients.finish()
        return used.grad.flatten().tolist(), unused.grad

    assert together(2, program) == [([3.0] * 4, None)] * 2


def test_what_earlier_backwards_brought_is_summed_up_too() -> None:
    def program(rank: Thread) -> list[float]:
        weight = nn.Parameter(tc.ones(1))
        gradients = GradientSum([weight], rank)
        (weight * 10).sum().backward()
        gradients.begin()
        (weight * 1).sum().backward()
        gradients.finish()
        return weight.grad.tolist()

    assert together(2, program) == [[22.0]] * 2


# --- replicas -------------------------------------------------------------------------------------------------------


def test_all_ranks_get_the_weights_of_the_first() -> None:
    def program(rank: Thread) -> list[float]:
        model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))
        for parameter in model.parameters():
            nn.init.constant_(parameter, float(rank.rank))
        share_weights(model, rank)
        return sorted({float(value) for parameter in model.parameters() for value in parameter.detach().ravel()})

    assert together(3, program) == [[0.0]] * 3


def test_a_rank_with_another_model_or_other_weights_is_named() -> None:
    def another_model(rank: Thread) -> None:
        share_weights(nn.Linear(2, 3 if rank.rank == 2 else 4), rank)

    with pytest.raises(RunError, match="process 2 has a model of other shapes"):
        together(3, another_model)

    def other_weights(rank: Thread) -> None:
        layer = nn.Linear(1, 1)
        nn.init.constant_(layer.weight, 1.0 + (rank.rank == 1) * 1e-7)
        nn.init.zeros_(layer.bias)
        check_replicas(layer, rank)

    with pytest.raises(RunError, match="process 1 has other weights"):
        together(2, other_weights)


def test_running_statistics_are_averaged_but_for_synchronised_ones() -> None:
    def program(rank: Thread) -> tuple[list[float], list[float]]:
        plain, synchronised = nn.BatchNorm2d(1), nn.SyncBatchNorm(1, process_group=rank)
        for layer in (plain, synchronised):
            nn.init.constant_(layer.running_mean, float(rank.rank))
        average_buffers(nn.Sequential(plain, synchronised), rank)
        return plain.running_mean.tolist(), synchronised.running_mean.tolist()

    assert together(2, program) == [([0.5], [0.0]), ([0.5], [1.0])]


# --- synchronised batch normalisation -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 3), (7, 3, 5), (7, 3, 2, 4)], ids=["vectors", "sequences", "images"])
@pytest.mark.parametrize("affine", [True, False])
def test_a_synchronised_layer_is_the_plain_one_on_the_whole_batch(shape: tuple[int, ...], affine: bool) -> None:
    x, dy = RANDOM.normal(1, 2, shape), RANDOM.normal(size=shape)

    def program(rank: Thread | Alone) -> list[np.ndarray]:
        layer = nn.SyncBatchNorm(3, affine=affine, process_group=rank).double()
        own = tc.tensor(part_of(x, rank.rank, rank.ranks), requires_grad=True)
        y = layer(own)
        y.backward(tc.from_numpy(part_of(dy, rank.rank, rank.ranks)))
        gradients = [parameter.grad.numpy() for parameter in layer.parameters()]
        return [y.detach().numpy(), own.grad.numpy(), *gradients, layer.running_mean.numpy(), layer.running_var.numpy()]

    plain = nn.BatchNorm2d(3, affine=affine).double()
    whole = tc.tensor(x, requires_grad=True)
    images = whole.reshape(7, 3, -1, 1)
    y = plain(images)
    y.backward(tc.from_numpy(dy.reshape(images.shape)))
    found = together(2, program)
    np.testing.assert_allclose(
        np.concatenate([each[0] for each in found]), y.detach().numpy().reshape(shape), atol=1e-13
    )
    np.testing.assert_allclose(np.concatenate([each[1] for each in found]), whole.grad.numpy(), atol=1e-13)
    for number, parameter in enumerate(plain.parameters(), start=2):
        np.testing.assert_allclose(sum(each[number] for each in found), parameter.grad.numpy(), atol=1e-13)
    for each in found:
        np.testing.assert_allclose(each[-2], plain.running_mean.numpy(), atol=1e-14)
        np.testing.assert_allclose(each[-1], plain.running_var.numpy(), atol=1e-14)


def test_gradients_of_gradients_cross_the_ranks_too() -> None:
    """d/dx of |dL/dx|², a sum over all ranks, as in one process."""
    x, dy = RANDOM.normal(size=(5, 2, 3, 1)), RANDOM.normal(size=(5, 2, 3, 1))

    def program(rank: Thread | Alone) -> np.ndarray:
        layer = nn.SyncBatchNorm(2, process_group=rank) if rank.ranks > 1 else nn.BatchNorm2d(2)
        own = tc.tensor(part_of(x, rank.rank, rank.ranks), requires_grad=True)
        y = layer.double()(own)
        y = y * y * tc.from_numpy(part_of(dy, rank.rank, rank.ranks))
        (gradient,) = tc.autograd.grad(y.sum(), own, create_graph=True)
        (second,) = tc.autograd.grad((gradient * gradient).sum(), own)
        return second.numpy()

    np.testing.assert_allclose(np.concatenate(together(2, program)), program(Alone()), atol=1e-11)


def test_conversion_keeps_parameters_buffers_and_mode() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2, momentum=None)), nn.BatchNorm1d(2))
    model.eval()
    before = dict(model.named_parameters()), dict(model.named_buffers())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert converted is model
    assert [type(module).__name__ for module in model.modules()].count("SyncBatchNorm") == 2
    assert all(value is before[0][name] for name, value in model.named_parameters())
    assert all(value is before[1][name] for name, value in model.named_buffers())
    assert model[1][0].momentum is None
    assert not model[2].training
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm2d(3))) is nn.SyncBatchNorm


def test_a_batch_of_one_value_on_all_ranks_is_refused() -> None:
    def program(rank: Thread) -> None:
        nn.SyncBatchNorm(1, process_group=rank)(tc.ones(1 - rank.rank, 1))

    with pytest.raises(RuntimeError, match="more than one value per channel in the batch of all processes, it has 1"):
        together(2, program)


# --- dropout --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 2, 3), (10, 7)], ids=["vectors", "images", "two-rows-a-sample"])
def test_masks_are_those_of_the_whole_batch(shape: tuple[int, ...]) -> None:
    tc.manual_seed(2)
    whole = F.dropout(tc.ones(*shape), 0.4).numpy()
    parts = []
    for first, samples in ((0, 2), (2, 3)):
        tc.manual_seed(2)
        with part_of_batch(first, samples):
            parts.append(F.dropout(tc.ones(shape[0] // 5 * samples, *shape[1:]), 0.4).numpy())
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_masks_of_channels_are_those_of_the_whole_batch_and_those_of_weights_of_no_batch() -> None:
    tc.manual_seed(2)
    whole, weight = F.dropout2d(tc.ones(5, 8, 2, 2)).numpy(), F.dropout(tc.ones(7, 3)).numpy()
    tc.manual_seed(2)
    with part_of_batch(3, 2):
        np.testing.assert_array_equal(F.dropout2d(tc.ones(2, 8, 2, 2)).numpy(), whole[3:])
        np.testing.assert_array_equal(F.dropout(tc.ones(7, 3)).numpy(), weight)


# --- interruptions --------------------------------------------------------------------------------------------------


class Terminated(KeyboardInterrupt):
    """What SIGTERM raises here."""


@pytest.fixture
def terminated_by_signal() -> Iterator[None]:
    def raise_terminated(number: int, frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, raise_terminated)
    yield
    assert signal.getsignal(signal.SIGTERM) is raise_terminated
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("terminated_by_signal")
@pytest.mark.parametrize(("later_batch", "expected"), [(True, ["goes on", "stops"]), (False, ["goes on"])])
def test_a_signal_ends_the_work_at_the_next_batch_and_then_does_what_it_would_have_done(
    later_batch: bool, expected: list[str]
) -> None:
    parallel, done, end = DataParallel(Alone()), [], None
    try:
        with parallel.interruptible():
            signal.raise_signal(signal.SIGTERM)
            done.append("goes on")
            try:
                if later_batch:
                    parallel.forward(2)
            except KeyboardInterrupt:
                done.append("stops")
                raise
    except KeyboardInterrupt as interruption:
        end = type(interruption)
    assert (done, end) == (expected, Terminated)
