"""Layers of convolution in one direction, transposed, padded and interpolated."""

import math

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core import layout
from tinyconv.features.capture import capture
from tinyconv.nn import functional as F


@pytest.mark.parametrize(
    ("layer", "weight", "fan_in"),
    [
        (nn.Conv1d(24, 32, 5, groups=2), (32, 12, 5), 12 * 5),
        (nn.ConvTranspose1d(32, 24, 5, groups=2), (32, 12, 5), 12 * 5),
        (nn.ConvTranspose2d(16, 32, (3, 5), groups=2), (16, 16, 3, 5), 16 * 15),
    ],
    ids=repr,
)
def test_weights_and_biases_start_uniform_within_one_over_the_root_of_fan_in(layer, weight, fan_in):
    """The fan of a transposed weight is counted as PyTorch does, from its second size, although it sums the first."""
    assert layer.weight.shape == weight
    bound = 1 / math.sqrt(fan_in)
    values = layer.weight.detach().numpy()
    assert 0.97 * bound < abs(values).max() <= bound
    assert abs(values.std() - bound / math.sqrt(3)) < 0.05 * bound
    assert 0.7 * bound < abs(layer.bias.detach().numpy()).max() <= bound
    assert layout.is_engine_order(layer.weight.array)


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [(1, 2), "same"])
def test_padding_modes_fill_the_margins_with_the_image(mode, padding):
    layer = nn.Conv2d(2, 3, (4, 5), padding=padding, padding_mode=mode, dtype=tc.float64)
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 7))
    rows, columns = ((1, 1), (2, 2)) if padding != "same" else ((1, 2), (2, 2))
    padded = np.pad(x, ((0, 0), (0, 0), rows, columns), MODES[mode])
    expected = F.conv2d(tc.tensor(padded), layer.weight, layer.bias)
    np.testing.assert_array_equal(layer(tc.tensor(x)).detach().numpy(), expected.detach().numpy())
    assert repr(layer).endswith(f"padding_mode={mode})")


def test_a_padding_mode_without_padding_adds_nothing():
    layer = nn.Conv1d(1, 1, 3, padding="valid", padding_mode="reflect")
    assert layer(tc.zeros(1, 1, 5)).shape == (1, 1, 3)


def test_a_transposed_layer_undoes_the_shape_of_a_convolution_with_the_output_size():
    down = nn.Conv2d(2, 4, 3, stride=3, padding=1)
    up = nn.ConvTranspose2d(4, 2, 3, stride=3, padding=1)
    for size in ((10, 11), (12, 10)):
        small = down(tc.zeros(1, 2, *size))
        assert up(small, output_size=size).shape == (1, 2, *size)
        assert up(small, output_size=(1, 2, *size)).shape == (1, 2, *size)
    with pytest.raises(
        tc.TinyconvError,
        match=r"ConvTranspose2d: output_size \(13, 10\) is not among the sizes from \(10, 10\) to \(12, 12\), of which "
        r"a convolution with stride \(3, 3\) makes \(4, 4\)",
    ):
        up(tc.zeros(1, 4, 4, 4), output_size=(13, 10))
    with pytest.raises(tc.TinyconvError, match=r"output_size must have 2 entries, or those of the whole result \(4\)"):
        up(tc.zeros(1, 4, 4, 4), output_size=(12,))


def test_layers_show_what_differs_from_the_defaults():
    assert repr(nn.Conv1d(2, 4, 3)) == "Conv1d(2, 4, kernel_size=(3,), stride=(1,))"
    assert repr(nn.ConvTranspose2d(2, 4, 3, 2, 1, 1, 2, False, 2)) == (
        "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "output_padding=(1, 1), groups=2, bias=False)"
    )
    assert repr(nn.ConstantPad1d(1, 2.5)) == "ConstantPad1d(padding=(1, 1), value=2.5)"
    assert repr(nn.ZeroPad2d((1, 2, 3, 4))) == "ZeroPad2d((1, 2, 3, 4))"
    assert (
        repr(nn.Upsample(scale_factor=(2, 1.5), mode="bilinear"))
        == "Upsample(scale_factor=(2.0, 1.5), mode='bilinear')"
    )
    assert repr(nn.Fold((4, 5), 2)) == "Fold(output_size=(4, 5), kernel_size=2, dilation=1, padding=0, stride=1)"


MISTAKES = {
    "padding_mode": (
        lambda: nn.ConvTranspose1d(1, 1, 3, padding_mode="reflect"),
        "ConvTranspose1d: padding_mode must be 'zeros', for padding takes pixels of the result away and fills none",
    ),
    "same": (lambda: nn.ConvTranspose2d(1, 1, 3, padding="same"), "ConvTranspose2d: padding must be an int or a pair"),
    "a pair": (lambda: nn.Conv1d(1, 1, (3, 3)), "Conv1d: kernel_size must be an int, got (3, 3)"),
    "stride": (lambda: nn.Conv1d(1, 1, 3, stride=0), "Conv1d: stride must be at least 1, got 0"),
    "groups": (
        lambda: nn.ConvTranspose2d(4, 6, 3, groups=4),
        "ConvTranspose2d: groups=4 does not divide out_channels=6",
    ),
    "output_padding": (
        lambda: nn.ConvTranspose2d(1, 1, 3, output_padding=(0, -1)),
        "ConvTranspose2d: output_padding must be at least 0 in both directions, got (0, -1)",
    ),
    "margins": (
        lambda: nn.ReflectionPad2d((1, 2)),
        "ReflectionPad2d: padding must be an int, or 4 ints (left, right, top, bottom), got (1, 2)",
    ),
    "half a margin": (
        lambda: nn.ZeroPad1d((0.5, 1)),
        "ZeroPad1d: padding must be an int or a pair of ints, got (0.5, 1)",
    ),
    "half a factor": (
        lambda: nn.PixelShuffle(0.5),
        "PixelShuffle: upscale_factor must be an int of at least 1, got 0.5",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_layer_says_what_is_impossible(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(tc.TinyconvError) as caught:
        call()
    assert message in str(caught.value)


def test_capture_finds_every_kind_of_convolution():
    network = nn.Sequential(
        nn.ConvTranspose2d(1, 2, 2, stride=2),
        nn.LocallyConnected2d(2, 3, 8, 3),
        nn.Conv2d(3, 1, 3, padding=1, padding_mode="circular"),
        nn.Flatten(2),
        nn.Conv1d(1, 2, 3),
        nn.ConvTranspose1d(2, 1, 3),
    )
    with capture(network) as activations:
        network(tc.zeros(1, 1, 4, 4))
    assert list(activations) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    assert [array.shape for array in activations.values()] == [
        (1, 2, 8, 8),
        (1, 3, 6, 6),
        (1, 1, 6, 6),
        (1, 2, 34),
        (1, 1, 36),
    ]
    layers = activations.layers
    assert layers["conv1"].describe() == "convolution 2×2, stride 2"
    assert layers["conv2"].describe() == "locally connected 3×3, stride 1"


class Slope(nn.Module):
    """A network that looks at its own gradient on the way."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)

    def forward(self, x):
        (slope,) = tc.autograd.grad(self.conv(x).sum(), x, create_graph=True)
        return slope.square().sum()


def test_the_gradient_of_a_convolution_is_no_layer_although_it_computes_like_a_transposed_one():
    network = Slope()
    with capture(network, kinds=["conv"]) as activations:
        network(tc.zeros(1, 1, 5, 5, requires_grad=True))
    assert list(activations) == ["conv"]
