"""Random tensors: whether their numbers have the distribution that they should, and follow their generator."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, DeviceError

COUNT = 100_000


def within_five_sigma(numbers, mean, deviation):
    """Whether the mean of ``numbers`` is as near to ``mean`` as the deviation of one of them lets it be."""
    return abs(float(np.mean(numbers)) - mean) < 5 * deviation / np.sqrt(len(numbers))


@pytest.fixture(autouse=True)
def seeded():
    tc.manual_seed(0)


def test_uniform_numbers_have_their_mean_and_variance_and_never_reach_one():
    numbers = tc.rand(COUNT).double().numpy()
    assert within_five_sigma(numbers, 0.5, np.sqrt(1 / 12))
    assert within_five_sigma((numbers - 0.5) ** 2, 1 / 12, np.sqrt(1 / 180))
    assert numbers.min() >= 0
    assert numbers.max() < 1


@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda: tc.randn(COUNT), 0.0, 1.0),
        (lambda: tc.normal(3.0, 2.0, (COUNT,)), 3.0, 2.0),
        (lambda: tc.normal(tc.full((COUNT,), -1.0), 0.5), -1.0, 0.5),
        (lambda: tc.randn_like(tc.zeros(COUNT)), 0.0, 1.0),
    ],
)
def test_normal_numbers_have_their_mean_and_variance(draw, mean, deviation):
    numbers = draw().double().numpy()
    assert within_five_sigma(numbers, mean, deviation)
    assert within_five_sigma((numbers - mean) ** 2, deviation**2, np.sqrt(2) * deviation**2)


def test_every_whole_number_of_the_range_is_equally_likely():
    counts = np.bincount(tc.randint(2, 6, (COUNT,)).numpy(), minlength=7)
    assert counts[:2].sum() == counts[6:].sum() == 0
    assert all(within_five_sigma(np.repeat([1, 0], [n, COUNT - n]), 0.25, np.sqrt(3 / 16)) for n in counts[2:6])


def test_every_place_of_a_permutation_receives_every_number_equally_often():
    orders = np.stack([tc.randperm(4).numpy() for _ in range(4000)])
    assert (np.sort(orders, 1) == np.arange(4)).all()
    for place in orders.T:
        assert all(within_five_sigma(place == number, 0.25, np.sqrt(3 / 16)) for number in range(4))


def test_bernoulli_numbers_are_one_as_often_as_their_probability_says():
    drawn = tc.bernoulli(tc.full((COUNT,), 0.3))
    assert set(drawn.tolist()) == {0.0, 1.0}
    assert within_five_sigma(drawn.numpy(), 0.3, np.sqrt(0.21))
    x = tc.full((3,), 0.5, requires_grad=True)
    tc.bernoulli(x).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("replacement", [True, False])
def test_positions_are_drawn_in_proportion_to_their_weights(replacement):
    weights = tc.tensor([1.0, 0.0, 3.0]).expand(COUNT // 4, 3)
    first = tc.multinomial(weights, 1, replacement)[:, 0].numpy()
    assert not (first == 1).any()
    assert within_five_sigma(first == 2, 0.75, np.sqrt(3 / 16))


def test_without_replacement_no_position_comes_twice():
    drawn = tc.multinomial(tc.rand(500, 4) + 0.1, 4).numpy()
    assert (np.sort(drawn, 1) == np.arange(4)).all()


def test_a_generator_decides_every_draw_and_can_be_set_back():
    generator = tc.Generator(device="cpu").manual_seed(3)
    state = generator.get_state()
    draws = [
        tc.rand(2, generator=generator),
        tc.randperm(5, generator=generator),
        tc.multinomial(tc.ones(5), 2, generator=generator),
    ]
    generator.set_state(state)
    again = [
        tc.rand(2, generator=generator),
        tc.randperm(5, generator=generator),
        tc.multinomial(tc.ones(5), 2, generator=generator),
    ]
    assert all(bool((a == b).all()) for a, b in zip(draws, again, strict=True))
    assert not bool((tc.rand(2, generator=generator) == draws[0]).all())
    assert generator.seed() == generator.initial_seed()


def test_a_state_or_a_device_that_does_not_exist_is_refused():
    with pytest.raises(ArgumentError, match="get_state"):
        tc.Generator().set_state("text")
    with pytest.raises(DeviceError):
        tc.Generator("cuda")
