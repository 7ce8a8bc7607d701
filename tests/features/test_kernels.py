"""Kernels in one order whatever their layer, and the pictures of them."""

import io

import numpy as np
import pytest
from PIL import Image

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError
from tinyconv.features import Layer, load_features
from tinyconv.features.colours import Scale, colourise
from tinyconv.features.kernels import Kernels, dump_kernels, kernel_picture, kernels_of
from tinyconv.features.kernels.picture import strongest

rng = np.random.default_rng(0)
BLANK = np.zeros((2, 8, 8), np.float32)


class Twice(nn.Module):
    """One layer that runs twice, grouped and transposed ones, and functions with weights of their own."""

    def __init__(self):
        super().__init__()
        self.same = nn.Conv2d(2, 2, 3, padding=1)
        self.grouped = nn.Conv2d(2, 6, 3, groups=2)
        self.back = nn.ConvTranspose2d(6, 4, 2, groups=2)
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        x = self.same(self.same(x)).relu()
        x = self.back(self.grouped(x))
        return self.last(x.mean((2, 3)))


def test_kernels_are_outputs_by_inputs_in_order_of_computation():
    tc.manual_seed(0)
    model = Twice()
    found = kernels_of(model, BLANK)
    assert {name: (kernels.weights.shape, kernels.groups) for name, kernels in found.items()} == {
        "same": ((2, 2, 3, 3), 1),
        "grouped": ((6, 1, 3, 3), 2),
        "back": ((4, 3, 2, 2), 2),
        "last": ((3, 4, 1, 1), 1),
    }
    np.testing.assert_array_equal(found["last"].weights[:, :, 0, 0], model.last.weight.numpy(force=True))
    # (inputs 6, outputs of a group 2): output 3 is the second of group 1, whose inputs are 3 to 5.
    stored = model.back.weight.numpy(force=True)
    np.testing.assert_array_equal(found["back"].weights[3], stored[3:6, 1])


def test_the_transposed_kernel_is_what_its_output_is_made_of():
    tc.manual_seed(0)
    layer = nn.ConvTranspose2d(6, 4, 2, groups=2, bias=False)
    weights = kernels_of(layer, np.zeros((6, 4, 4), np.float32))["conv1"].weights
    impulse = np.zeros((1, 6, 4, 4), np.float32)
    impulse[0, 4, 1, 1] = 1
    with tc.no_grad():
        out = layer(tc.tensor(impulse)).numpy()
    np.testing.assert_allclose(out[0, 3, 1:3, 1:3], weights[3, 1], rtol=1e-6)


def cell(pixels, colour):
    return int((pixels == np.array(colour, np.uint8)).all(axis=2).sum())


def test_of_a_weight_for_every_pixel_those_in_the_middle_are_the_kernel():
    model = nn.Sequential(nn.LocallyConnected2d(2, 3, (8, 8), 3))
    (kernels,) = kernels_of(model, BLANK).values()
    assert (kernels.weights == model[0].weight.detach().numpy()[3, 3]).all()
    assert kernels.layer.describe() == "locally connected 3×3, stride 1"
    assert kernel_picture(kernels).ndim == 3


def test_every_weight_is_a_square_of_its_colour():
    weights = np.linspace(-1, 1, 2 * 1 * 3 * 3).reshape(2, 1, 3, 3)
    pixels = kernel_picture(Kernels(Layer("conv1", kind="conv"), weights, 1))
    scale = Scale("layer", 1.0, signed=True)
    counts = {cell(pixels, colourise(np.array([value]), scale)[0]) for value in weights.flat[1:-1]}
    assert min(counts) > 1000  # of a large square each; the colour bar adds a few
    assert max(counts) - min(counts) < 200


def test_of_many_channels_those_of_the_largest_norm_are_drawn(monkeypatch):
    heads = []
    original = kernel_picture.__globals__["sheet"]

    def sheet(title, details, *rest):
        heads.append([title, *details])
        return original(title, details, *rest)

    monkeypatch.setitem(kernel_picture.__globals__, "sheet", sheet)
    weights = rng.normal(size=(40, 50, 3, 3))
    weights[7] *= 0.01
    kernels = Kernels(Layer("conv2", kind="conv", kernel_size=(3, 3)), weights, 1)
    large = kernel_picture(kernels)
    title, _, which, colours = heads[0]
    assert title == "conv2: 40 × 50 kernels of 3×3 weights"
    assert "32 of 40 output channels, those of the largest norm" in which.lower()
    assert "32 of 50 inputs, those of the largest weights" in which
    assert "one for the whole layer" in colours
    chosen = kernel_picture(kernels, channels=[7, 3])
    assert "2 of 40 output channels" in heads[1][2].lower()
    assert "largest norm" not in heads[1][2]
    assert chosen.shape[0] < large.shape[0]
    with pytest.raises(DimensionError, match="no channel 40"):
        kernel_picture(kernels, channels=[40])


def test_the_strongest_are_in_order_of_number_and_what_is_no_number_counts_most():
    assert strongest(np.array([1.0, 5.0, np.nan, 2.0]), [0, 1, 2, 3], 2) == [1, 2]
    assert strongest(np.array([1.0, 5.0, 4.0, 2.0]), [3, 2, 0], 2) == [2, 3]


def test_a_kernel_of_equal_weights_is_hatched_and_one_of_nan_is_magenta():
    weights = rng.normal(size=(2, 1, 3, 3))
    plain = kernel_picture(Kernels(Layer("conv1"), weights, 1))
    weights[1] = 0
    assert cell(kernel_picture(Kernels(Layer("conv1"), weights, 1)), (236, 236, 238)) > cell(plain, (236, 236, 238))
    weights[1, 0, 0, 0] = np.nan
    assert cell(kernel_picture(Kernels(Layer("conv1"), weights, 1)), (255, 0, 220)) > 1000
    kernel_picture(Kernels(Layer("conv1"), np.zeros((2, 9, 3, 3)), 1))  # no scale at all


def test_dumped_kernels_load_back_and_repeat_byte_for_byte(tmp_path):
    tc.manual_seed(0)
    model = Twice()
    messages = []
    paths = dump_kernels(model, BLANK, tmp_path / "a", channels="0-3", epoch=3, message=messages.append)
    assert [path.name for path in paths] == [
        *("grouped-kernels.png", "back-kernels.png"),
        "kernels.npz",
    ]
    assert messages == ["left out, for they lack some of the channels: same, last"]
    found = load_features(tmp_path / "a" / "kernels.npz")
    np.testing.assert_array_equal(found.arrays["grouped"], model.grouped.weight.numpy(force=True))
    assert (found.meta["epoch"], found.meta["groups"]["back"]) == (3, 2)
    again = dump_kernels(model, BLANK, tmp_path / "b", channels="0-3", epoch=3)
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]


def test_a_notebook_shows_the_picture():
    kernels = kernels_of(Twice(), BLANK)["grouped"]
    shown = np.array(Image.open(io.BytesIO(kernels._repr_png_())))
    np.testing.assert_array_equal(shown, kernel_picture(kernels))


def test_kernels_that_do_not_exist_are_refused():
    with pytest.raises(ArgumentError, match="no layer matches 'pool1'"):
        kernels_of(Twice(), BLANK, "pool1")
    with pytest.raises(ArgumentError, match="no kernels"):
        kernels_of(nn.ReLU(), BLANK)
