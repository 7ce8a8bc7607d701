"""A network of convolutions, ReLUs and pooling is linear wherever it has no kink:

f(x) = <x, df/dx> + sum over all shifts b of <b, df/db>

exactly, whatever its depth. Every backward in the chain has to be right for it to hold.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.ops.activation.rectifier import relu
from tinyconv.ops.convolution.functions import conv2d
from tinyconv.ops.normalization import batch_norm
from tinyconv.ops.pooling import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from tinyconv.ops.product.linear import linear


class RandomNetwork:
    """A piecewise linear network with random layers; ``shifts`` are all that is added, ``scales`` are constants."""

    def __init__(self, layers: list[str], seed: int, groups: int) -> None:
        self.layers, self.groups = layers, groups
        self.generator = np.random.default_rng(seed)
        self.shifts: list[tc.Tensor] = []

    def normal(self, *shape: int) -> tc.Tensor:
        return tc.tensor(self.generator.standard_normal(shape))

    def shift(self, size: int) -> tc.Tensor:
        self.shifts.append(self.normal(size).requires_grad_())
        return self.shifts[-1]

    def __call__(self, x: tc.Tensor) -> tc.Tensor:
        for layer in self.layers:
            x = getattr(self, layer)(x)
        x = x.flatten(1)
        return linear(x, self.normal(3, x.shape[1]), self.shift(3))

    def convolution(self, x: tc.Tensor) -> tc.Tensor:
        stride = int(self.generator.integers(1, 3))
        weight = self.normal(6, x.shape[1], 3, 2) / 3
        return conv2d(x, weight, self.shift(6), stride, padding=1)

    def grouped(self, x: tc.Tensor) -> tc.Tensor:
        if x.shape[1] % self.groups:
            return x
        return conv2d(x, self.normal(6, x.shape[1] // self.groups, 3, 3) / 3, padding="same", groups=self.groups)

    def dilated(self, x: tc.Tensor) -> tc.Tensor:
        return conv2d(x, self.normal(4, x.shape[1], 3, 3) / 3, self.shift(4), padding=2, dilation=2)

    def rectifier(self, x: tc.Tensor) -> tc.Tensor:
        return relu(x)

    def rectifier_in_place(self, x: tc.Tensor) -> tc.Tensor:
        return relu(x * 1.0, inplace=True)

    def maximum(self, x: tc.Tensor) -> tc.Tensor:
        return max_pool2d(x, 2, stride=1, padding=1)

    def average(self, x: tc.Tensor) -> tc.Tensor:
        return avg_pool2d(x, (2, 1), stride=1, padding=(1, 0), count_include_pad=False)

    def adaptive(self, x: tc.Tensor) -> tc.Tensor:
        return adaptive_avg_pool2d(x, (max(x.shape[2] - 1, 1), None))

    def frozen_norm(self, x: tc.Tensor) -> tc.Tensor:
        """weight (x - mean) / std + bias: its shift is bias - weight mean / std, so the mean is taken as 0."""
        channels = x.shape[1]
        variance = tc.tensor(self.generator.uniform(0.5, 2.0, channels))
        mean = tc.zeros(channels, dtype=tc.float64)
        return batch_norm(x, mean, variance, self.normal(channels), self.shift(channels))

    def residual(self, x: tc.Tensor) -> tc.Tensor:
        return x + relu(conv2d(x, self.normal(x.shape[1], x.shape[1], 1, 1), self.shift(x.shape[1])))


KINDS = [name for name, value in vars(RandomNetwork).items() if callable(value) and not name.startswith("_")]
LAYERS = [name for name in KINDS if name not in {"normal", "shift"}]


def check_identity(network: RandomNetwork, image: np.ndarray) -> None:
    x = tc.tensor(image, requires_grad=True)
    scores = network(x)
    weights = tc.tensor(np.random.default_rng(0).standard_normal(scores.shape))
    f = (scores * weights).sum()
    f.backward()
    explained = (x.array * x.grad.array).sum()
    explained += sum((shift.array * shift.grad.array).sum() for shift in network.shifts)
    assert abs(f.item() - explained) <= 1e-9 * max(1.0, abs(f.item()))


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(LAYERS), min_size=1, max_size=6),
    st.integers(0, 10_000),
    st.sampled_from([1, 2, 3]),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(3, 7), st.integers(3, 7)),
)
def test_a_piecewise_linear_network_equals_its_gradient_times_its_input_plus_its_shifts(layers, seed, groups, shape):
    image = np.random.default_rng(seed + 1).standard_normal(shape)
    check_identity(RandomNetwork(layers, seed, groups), image)


@pytest.mark.parametrize("layer", LAYERS)
def test_each_kind_of_layer_between_two_convolutions(layer: str):
    layers = ["convolution", layer, "rectifier", layer, "convolution"]
    check_identity(RandomNetwork(layers, 3, 2), np.random.default_rng(4).standard_normal((2, 3, 7, 6)))


def test_the_shift_of_a_frozen_batch_norm_with_a_mean_is_accounted_for():
    generator = np.random.default_rng(2)
    x = tc.tensor(generator.standard_normal((2, 3, 4, 4)), requires_grad=True)
    weight, mean = (tc.tensor(generator.standard_normal(3)) for _ in range(2))
    variance = tc.tensor(generator.uniform(0.5, 2.0, 3))
    bias = tc.tensor(generator.standard_normal(3), requires_grad=True)
    y = batch_norm(relu(x), mean, variance, weight, bias, eps=0.0)
    cotangent = tc.tensor(generator.standard_normal(y.shape))
    f = (relu(y) * cotangent).sum()
    f.backward()
    shift = bias.array - weight.array * mean.array / np.sqrt(variance.array)
    explained = (x.array * x.grad.array).sum() + (shift * bias.grad.array).sum()
    assert abs(f.item() - explained) < 1e-9
