"""Volumes (N, C, D, H, W) as a user meets them: layers together, memory, summaries, and signals and images beside."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.core.shapes import shapes_only
from tinyconv.features import capture
from tinyconv.models.summary import summary
from tinyconv.nn import functional as F


class Clips(nn.Module):
    """A network for short films of two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(2, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4)
        self.conv2 = nn.Conv3d(4, 6, (2, 3, 3), stride=(1, 2, 2), groups=2)
        self.up = nn.ConvTranspose3d(6, 3, 2, stride=2)
        self.fc = nn.Linear(3, 2)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        x = F.max_pool3d(F.relu(self.norm(self.conv1(x))), (1, 2, 2))
        x = F.avg_pool3d(self.up(self.conv2(x)), 2)
        return self.fc(F.adaptive_avg_pool3d(x, 1).flatten(1))


def films(*shape):
    return tc.tensor(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def test_volumes_are_stored_channels_last_and_stay_so():
    x = films(2, 2, 3, 8, 8)
    assert x.is_contiguous()
    assert x.array.transpose(0, 2, 3, 4, 1).flags.c_contiguous
    model = Clips()
    for made in (
        model.conv1(x),
        F.relu(model.conv1(x)),
        F.max_pool3d(x, 2),
        x + x.permute(0, 1, 2, 4, 3),
        x * 2,
        x.clone(),
    ):
        assert layout.is_engine_order(made.array)


def test_a_network_of_volumes_learns():
    tc.manual_seed(0)
    model, x, target = Clips(), films(4, 2, 3, 8, 8), tc.tensor([0, 1, 0, 1])
    optimizer = tc.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
    assert (model(x).argmax(1) == target).all()
    assert model.conv1.weight.is_contiguous()
    assert model.conv1.weight.grad.shape == (4, 2, 3, 3, 3)


def test_weights_of_volumes_are_saved_and_loaded(tmp_path):
    model, other = Clips(), Clips()
    tc.save(model.state_dict(), tmp_path / "clips.safetensors")
    other.load_state_dict(tc.load(tmp_path / "clips.safetensors"))
    x = films(1, 2, 3, 8, 8)
    np.testing.assert_array_equal(model.eval()(x).array, other.eval()(x).array)


def test_a_plane_is_an_image_and_a_row_of_it_a_signal():
    x, weight = films(2, 3, 1, 5, 7), films(4, 3, 1, 3, 3)
    volume = F.conv3d(x, weight, padding=(0, 1, 1)).array[:, :, 0]
    np.testing.assert_allclose(volume, F.conv2d(x[:, :, 0], weight[:, :, 0], padding=1).array, rtol=1e-5, atol=1e-5)
    pooled = F.max_pool3d(x[:, :, :, :1], (1, 1, 3), return_indices=True)
    signal = F.max_pool1d(x[:, :, 0, 0], 3, return_indices=True)
    for ours, expected in zip(pooled, signal, strict=True):
        np.testing.assert_array_equal(ours.array[:, :, 0, 0], expected.array)


def test_the_order_of_the_axes_does_not_matter():
    x, weight = (tensor.double() for tensor in (films(2, 2, 4, 5, 6), films(3, 2, 2, 3, 1)))
    expected = F.conv3d(x, weight, stride=(1, 2, 3), padding=(0, 1, 2)).permute(0, 1, 4, 2, 3).array
    turned = F.conv3d(
        x.permute(0, 1, 4, 2, 3), weight.permute(0, 1, 4, 2, 3), stride=(3, 1, 2), padding=(2, 0, 1)
    ).array
    np.testing.assert_allclose(turned, expected, rtol=1e-12, atol=1e-12)


def test_unpooling_is_the_inverse_where_every_maximum_was_taken_once():
    x = tc.tensor(np.random.default_rng(0).permutation(2 * 3 * 4 * 35).reshape(2, 3, 4, 7, 5).astype(np.float64))
    values, places = F.max_pool3d(x, 2, return_indices=True)
    back = F.max_unpool3d(values, places, 2, output_size=(4, 7, 5))
    np.testing.assert_array_equal(F.max_pool3d(back, 2).array, values.array)
    flat = x.array.reshape(2, 3, -1)
    np.testing.assert_array_equal(
        np.take_along_axis(flat, places.array.reshape(2, 3, -1), 2).reshape(values.shape), values.array
    )


def test_whole_channels_of_volumes_are_dropped():
    tc.manual_seed(1)
    y = F.dropout3d(tc.ones(4, 8, 2, 3, 3), 0.5).array
    kept = y.reshape(4, 8, -1)
    assert ((kept == 0).all(2) | (kept == 2).all(2)).all()
    assert 4 < (kept[:, :, 0] == 0).sum() < 28
    alone = F.dropout3d(tc.ones(8, 2, 3, 3), 0.5).array.reshape(8, -1)
    assert ((alone == 0).all(1) | (alone == 2).all(1)).all()
    with pytest.raises(ShapeError, match=r"volumes \(N, C, D, H, W\), or one \(C, D, H, W\), got shape \(2, 3, 4\)"):
        F.dropout3d(tc.ones(2, 3, 4))


def test_a_summary_counts_volumes_and_says_what_they_see():
    listed = {layer.path: layer for layer in summary(Clips(), (2, 3, 8, 8)).root.walk()}
    assert listed["conv1"].output_shape == (1, 4, 3, 8, 8)
    assert listed["conv1"].multiply_adds == 4 * 3 * 8 * 8 * 2 * 27
    assert listed["conv1"].receptive_field.size == (3, 3, 3)
    assert listed["pool()"].type == "MaxPool3d"
    assert listed["pool()"].receptive_field.size == (3, 4, 4)
    assert listed["conv2"].multiply_adds == 6 * 2 * 2 * (2 * 3 * 3)
    assert listed["conv2"].receptive_field.size == (4, 8, 8)
    assert listed["conv2"].receptive_field.jump == (1, 4, 4)
    assert listed["up"].receptive_field is None


def test_a_network_of_volumes_is_counted_without_its_memory():
    """It would take 40 GB."""
    with shapes_only():
        model = nn.Sequential(
            nn.Conv3d(2, 20_000, 3), nn.BatchNorm3d(20_000), nn.ReLU(), nn.MaxPool3d(2), nn.Conv3d(20_000, 20_000, 3),
            nn.ConvTranspose3d(20_000, 10, 2, stride=2), nn.AvgPool3d(2), nn.AdaptiveAvgPool3d(1),
        )  # fmt: skip
    listed = summary(model, (2, 18, 19, 20)).root
    assert [layer.output_shape[2:] for layer in listed.children] == [
        *((16, 17, 18),) * 3, (8, 8, 9), (6, 6, 7), (12, 12, 14), (6, 6, 7), (1, 1, 1),
    ]  # fmt: skip
    assert listed.total("parameters") == 20_000 * (2 * 27 + 1 + 2 + 20_000 * 27 + 1 + 10 * 8) + 10


def test_maps_of_volumes_are_captured():
    model = Clips().eval()
    with capture(model) as activations:
        model(films(1, 2, 3, 8, 8))
    layers = activations.layers
    assert layers["conv1"].operation == "Convolution3d"
    assert activations["conv1"].shape == (1, 4, 3, 8, 8)
    assert layers["conv2"].kernel_size == (2, 3, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.conv3d(tc.zeros(1, 3, 4, 4), tc.zeros(2, 2, 1, 1, 1)),
            ShapeError,
            r"conv3d: input has 1 channels, but weight \(2, 2, 1, 1, 1\) .*read as \(C, D, H, W\)\)",
        ),
        (
            lambda: F.conv3d(tc.zeros(2, 3), tc.zeros(2, 2, 1, 1, 1)),
            ShapeError,
            r"conv3d: input must be volumes of shape \(N, C, D, H, W\), or one volume \(C, D, H, W\), got",
        ),
        (
            lambda: F.conv3d(tc.zeros(1, 1, 1, 4, 4), tc.zeros(1, 1, 2, 2, 2)),
            ShapeError,
            r"more than the padded input: \(D, H, W\) \+ 2 padding = \(1, 4, 4\).*use larger volumes",
        ),
        (lambda: nn.Conv3d(1, 1, (2, 2)), ArgumentError, r"Conv3d: kernel_size must be an int or 3 ints, got \(2, 2\)"),
        (lambda: nn.Conv3d(1, 1, (2, 2, 0)), ArgumentError, "Conv3d: kernel_size must be at least 1 in all directions"),
        (
            lambda: nn.BatchNorm3d(2)(tc.zeros(2, 2, 3, 3)),
            ShapeError,
            r"BatchNorm3d: expected 5-D input \(N, C, D, H, W\), got shape \(2, 2, 3, 3\)",
        ),
        (
            lambda: nn.ReflectionPad3d((1, 1, 1, 1)),
            ArgumentError,
            r"padding must be an int, or 6 ints \(left, right, top, bottom, front, back\)",
        ),
        (lambda: F.avg_pool3d(tc.zeros(1, 1, 2, 2, 2), 2, divisor_override=0), ArgumentError, "avg_pool3d: divisor"),
        (lambda: F.adaptive_max_pool3d(tc.zeros(1, 1, 2, 2, 2), (1, 2)), ArgumentError, "a number or three"),
    ],
)
def test_mistakes_with_volumes_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()
