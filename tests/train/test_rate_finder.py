"""The search for a learning rate: what it tries, suggests, and leaves as it was."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import tinyconv as tc
from tinyconv import TinyconvError, nn, optim
from tinyconv.train import RateSearch, find_learning_rate
from tinyconv.train.rate_finder import rates_png

RANDOM = np.random.default_rng(0)
DATA = [
    (tc.from_numpy(RANDOM.normal(size=(8, 1, 2, 2)).astype(np.float32)), tc.from_numpy(RANDOM.integers(0, 2, 8)))
    for _ in range(3)
]


class OneNumber(nn.Module):
    """Its weight is all there is to learn."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(tc.tensor([start]))

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        return self.weight


def test_the_losses_are_those_of_descent_with_rates_that_grow_geometrically() -> None:
    model = OneNumber(1.0)
    search = find_learning_rate(
        model,
        lambda y, _: (y * y).sum(),
        optim.SGD(model.parameters(), lr=1.0),
        DATA,
        lowest=1e-3,
        highest=0.9,
        steps=12,
    )
    rates = 1e-3 * 900 ** (np.arange(12) / 11)
    np.testing.assert_allclose(search.rates, rates)
    weight, mean, expected = 1.0, 0.0, []
    for step, rate in enumerate(rates, start=1):
        mean = 0.9 * mean + 0.1 * weight**2
        expected.append(mean / (1 - 0.9**step))
        weight -= rate * 2 * weight
    np.testing.assert_allclose(search.losses, expected, rtol=1e-4)
    slopes = np.gradient(expected, np.log(rates))
    assert search.suggestion == pytest.approx(rates[slopes.argmin()])


def test_nothing_that_comes_after_the_least_loss_is_suggested() -> None:
    rates = np.geomspace(1e-4, 1, 9)
    search = RateSearch(rates, np.array([2.0, 1.9, 1.5, 1.0, 0.9, 5.0, 9.0, 1.0, 4.0]))
    assert search.suggestion == rates[2]
    assert RateSearch(rates, np.arange(1.0, 10.0)).suggestion == rates[0]


def test_model_optimiser_and_generator_are_what_they_were() -> None:
    tc.manual_seed(3)
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()
    optimizer = optim.AdamW(model.parameters(), lr=0.25)
    nn.functional.cross_entropy(model(DATA[0][0]), DATA[0][1]).backward()
    optimizer.step()
    optimizer.zero_grad()

    def everything() -> list[object]:
        numbers = [tensor.numpy().copy() for tensor in model.state_dict().values()]
        state = [
            [value.numpy().copy() for value in entry.values()] for entry in optimizer.state_dict()["state"].values()
        ]
        gradients = [parameter.grad for parameter in model.parameters()]
        return [
            numbers,
            state,
            optimizer.param_groups[0]["lr"],
            gradients,
            tc.core.random.default_generator.get_state(),
        ]

    before = everything()
    find_learning_rate(model, nn.CrossEntropyLoss(), optimizer, DATA, steps=30)
    np.testing.assert_equal(everything(), before)
    assert not model.training


def test_a_loss_that_diverges_ends_the_search() -> None:
    model = OneNumber(1.0)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    search = find_learning_rate(model, lambda y, _: (y * y).sum(), optimizer, DATA, lowest=1e-2, highest=1e4, steps=60)
    assert len(search.rates) == len(search.losses) < 60
    assert (search.losses <= 4 * np.minimum.accumulate(search.losses)).all()
    assert search.suggestion < 1
    assert model.weight.item() == 1.0


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ({"lowest": 1.0, "highest": 0.1}, DATA, "rates must be 0 < lowest < highest, got 1 and 0.1"),
        ({"steps": 5}, DATA, "steps must be at least 10, got 5"),
        ({}, [], "there is no batch"),
        ({}, [(DATA[0][0] * float("nan"), DATA[0][1])], "the loss diverged after 0 steps"),
    ],
    ids=["rates", "steps", "no data", "NaN"],
)
def test_what_cannot_be_searched_is_refused(options: dict[str, float], data: list[object], message: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(TinyconvError, match=message):
        find_learning_rate(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0), data, **options)


def test_the_picture_is_the_same_for_the_same_search() -> None:
    search = RateSearch(np.geomspace(1e-4, 1, 9), np.array([2.0, 1.9, 1.5, 1.0, 0.9, 5.0, 9.0, 1.0, 4.0]))
    picture = rates_png(search, "digits, lenet")
    assert picture == rates_png(search, "digits, lenet")
    assert Image.open(io.BytesIO(picture)).size == (780, 504)
