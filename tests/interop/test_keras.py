"""Weights in Keras's order: against channels-last networks in plain loops, and against Keras where it is installed."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, RunError, UnsupportedError
from tinyconv.interop.keras import load_weights

RANDOM = np.random.default_rng(5)


def drawn(*shape):
    return RANDOM.normal(size=shape)


# --- Keras's layers, as its documentation defines them, for one image (H, W, C) ---------------------------------------


def convolution(x, kernel, bias):
    kh, kw, channels, filters = kernel.shape
    groups = x.shape[2] // channels
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, filters))
    for i, j in np.ndindex(y.shape[:2]):
        for k in range(filters):
            first = k // (filters // groups) * channels
            y[i, j, k] = (x[i : i + kh, j : j + kw, first : first + channels] * kernel[..., k]).sum() + bias[k]
    return y


def depthwise(x, kernel, bias):
    kh, kw, channels, multiplier = kernel.shape
    y = np.zeros((x.shape[0] - kh + 1, x.shape[1] - kw + 1, channels * multiplier))
    for i, j in np.ndindex(y.shape[:2]):
        for c, m in np.ndindex(channels, multiplier):
            k = c * multiplier + m
            y[i, j, k] = (x[i : i + kh, j : j + kw, c] * kernel[:, :, c, m]).sum() + bias[k]
    return y


def transposed(x, kernel, bias):
    kh, kw, filters, channels = kernel.shape
    y = np.zeros((2 * (x.shape[0] - 1) + kh, 2 * (x.shape[1] - 1) + kw, filters)) + bias
    for i, j in np.ndindex(x.shape[:2]):
        for k, c in np.ndindex(filters, channels):
            y[2 * i : 2 * i + kh, 2 * j : 2 * j + kw, k] += x[i, j, c] * kernel[:, :, k, c]
    return y


def batch_norm(x, gamma, beta, mean, variance):
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def run(model, x):
    """The model's answer to one image (H, W, C)."""
    return model.double().eval()(tc.tensor(x.transpose(2, 0, 1)[None]))[0].detach().numpy()


def test_convolution_batch_norm_prelu_and_dense_in_one_list():
    arrays = [drawn(3, 2, 2, 4), drawn(4), *(drawn(4) for _ in range(3)), drawn(4) ** 2, drawn(1, 1, 4)]
    arrays += [drawn(3 * 5 * 4, 6), drawn(6), drawn(6), drawn(6, 3), drawn(3)]
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, (3, 2)), nn.BatchNorm2d(4, eps=1e-3), nn.PReLU(4), nn.Flatten(), nn.Dropout()),
        *(nn.Linear(60, 6), nn.PReLU(6), nn.Linear(6, 3)),
    )
    x = drawn(5, 6, 2)
    y = batch_norm(convolution(x, *arrays[:2]), *arrays[2:6])
    y = np.where(y > 0, y, arrays[6] * y).ravel() @ arrays[7] + arrays[8]
    y = np.where(y > 0, y, arrays[9] * y) @ arrays[10] + arrays[11]
    model.double().train()
    assert load_weights(model, arrays, (2, 5, 6)) is model
    assert model[0].training
    np.testing.assert_allclose(run(model, x), y, rtol=1e-10)


@pytest.mark.parametrize(
    ("layer", "kernel", "definition"),
    [
        (nn.Conv2d(4, 6, 2, groups=2), (2, 2, 2, 6), convolution),
        (nn.Conv2d(3, 6, (2, 3), groups=3), (2, 3, 3, 2), depthwise),
        (nn.Conv2d(3, 3, 2, groups=3), (2, 2, 3, 1), depthwise),
        (nn.Conv2d(3, 6, 2, groups=3), (2, 2, 1, 6), convolution),
        (nn.ConvTranspose2d(3, 2, (2, 3), stride=2), (2, 3, 2, 3), transposed),
    ],
    ids=["grouped", "depthwise", "depthwise with one each", "a group for each channel", "transposed"],
)
def test_kernels_of_every_kind(layer, kernel, definition):
    arrays = [drawn(*kernel), drawn(layer.out_channels)]
    x = drawn(4, 5, layer.in_channels)
    load_weights(layer.double(), arrays)
    np.testing.assert_allclose(run(layer, x), definition(x, *arrays).transpose(2, 0, 1), rtol=1e-10)


def test_one_direction_works_alike():
    layer, kernel = nn.Conv1d(2, 3, 4), drawn(4, 2, 3)
    load_weights(layer.double(), [kernel, np.zeros(3)])
    x = drawn(6, 2)
    expected = [[(x[i : i + 4] * kernel[..., k]).sum() for i in range(3)] for k in range(3)]
    np.testing.assert_allclose(layer(tc.tensor(x.T[None]))[0].detach().numpy(), expected, rtol=1e-10)


def test_three_directions_work_alike():
    layer, kernel, x = nn.Conv3d(2, 3, (2, 3, 1)).double(), drawn(2, 3, 1, 2, 3), drawn(3, 4, 2, 2)
    load_weights(layer, [kernel, np.zeros(3)])
    found = layer(tc.tensor(x.transpose(3, 0, 1, 2)[None]))[0].detach().numpy()
    for place in np.ndindex(found.shape[1:]):
        window = x[tuple(slice(first, first + size) for first, size in zip(place, (2, 3, 1), strict=True))]
        np.testing.assert_allclose(found[:, *place], np.tensordot(window, kernel, 4), rtol=1e-10)


def test_a_flatten_that_is_a_function_is_found_too():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(24, 2, bias=False)

        def forward(self, x):
            return self.fc(tc.flatten(x * 2, 1).relu())

    kernel, x = drawn(24, 2), np.abs(drawn(3, 4, 2))
    model = load_weights(Net(), [kernel], (2, 3, 4))
    np.testing.assert_allclose(run(model, x), 2 * x.ravel() @ kernel, rtol=1e-5)


def test_weights_learned_on_transposed_images_take_upright_ones():
    arrays = [drawn(3, 2, 2, 4), drawn(4), drawn(4 * 5 * 4, 3), drawn(3)]
    model = nn.Sequential(nn.Conv2d(2, 4, (2, 3)), nn.Flatten(), nn.Linear(80, 3)).double()
    x = drawn(6, 6, 2)
    expected = convolution(x.transpose(1, 0, 2), *arrays[:2]).ravel() @ arrays[2] + arrays[3]
    load_weights(model, arrays, (2, 6, 6), transposed=True)
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-10)


def test_layers_may_be_given_by_their_path():
    model = nn.Sequential()
    model.add_module("conv", nn.Conv2d(1, 2, 3, bias=False))
    model.add_module("norm", nn.BatchNorm2d(2, affine=False))
    before = model.norm.running_var.clone()
    kernel = drawn(3, 3, 1, 2)
    load_weights(model, {"conv": [kernel]})
    np.testing.assert_allclose(model.conv.weight.detach().numpy()[1, 0], kernel[:, :, 0, 1], rtol=1e-6)
    assert tc.equal(model.norm.running_var, before)
    load_weights(model, {"norm": [np.ones(2), np.full(2, 3.0)]})
    assert model.norm.running_var.tolist() == [3, 3]


def small():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2))


GOOD = [(3, 3, 1, 2), (2,), (2,), (2,), (2,), (2,), (8, 2), (2,)]


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (GOOD[:-1], r"no array left for the bias of 3 \(Linear\)"),
        ([*GOOD, (3,)], r"1 of 9 arrays are left over, the first of shape \(3,\)"),
        ([(2, 1, 3, 3), *GOOD[1:]], r"kernel of 0 \(Conv2d\), of shape \(2, 1, 3, 3\) here, cannot be of shape"),
        ([*GOOD[:2], *GOOD[3:]], r"beta|moving|gamma"),
        ([*GOOD[:6], (2, 8), (2,)], r"kernel of 3 \(Linear\)"),
    ],
    ids=["too few", "too many", "our own order", "no scale", "a dense kernel turned"],
)
def test_what_does_not_fit_names_the_layer_and_changes_nothing(shapes, words):
    model = small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(RunError, match=words):
        load_weights(model, [np.ones(shape) for shape in shapes], (1, 4, 4))
    assert all(tc.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_paths_layers_and_slopes_that_do_not_exist_are_named():
    with pytest.raises(ArgumentError, match=r"no layer with weights 'conv'; it has 0, 1, 3"):
        load_weights(small(), {"conv": []})
    with pytest.raises(RunError, match=r"0 \(Conv2d\) takes 2 arrays, got 3"):
        load_weights(small(), {"0": [np.ones((3, 3, 1, 2)), np.ones(2), np.ones(2)]})
    with pytest.raises(RunError, match="shared_axes"):
        load_weights(nn.PReLU(3), [np.ones((4, 4, 3))])
    with pytest.raises(UnsupportedError, match=r"the model \(Bilinear\) is not known"):
        load_weights(nn.Bilinear(1, 1, 1), [np.ones((1, 1, 1))])


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_keras_gives_the_same(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    layers = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.Conv2D(4, (3, 2)),
            layers.BatchNormalization(),
            layers.PReLU(shared_axes=[1, 2]),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.SeparableConv2D(5, 2, depth_multiplier=2),
            layers.Conv2DTranspose(4, (3, 2), strides=2),
            layers.Conv2D(6, 2, groups=2),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    ours = nn.Sequential(
        *(nn.Conv2d(3, 4, (3, 2)), nn.BatchNorm2d(4, eps=1e-3), nn.PReLU(4), nn.Conv2d(4, 8, 3, groups=4)),
        *(nn.Conv2d(8, 16, 2, groups=8, bias=False), nn.Conv2d(16, 5, 1), nn.ConvTranspose2d(5, 4, (3, 2), stride=2)),
        *(nn.Conv2d(4, 6, 2, groups=2), nn.Flatten(), nn.Linear(6 * 8 * 7, 4)),
    )
    arrays = [drawn(*array.shape) * 0.3 for array in theirs.get_weights()]
    arrays[5] = arrays[5] ** 2  # a variance
    theirs.set_weights(arrays)
    images = drawn(2, 9, 8, 3).astype(np.float32)
    expected = keras.ops.convert_to_numpy(theirs(images, training=False))
    load_weights(ours, arrays, (3, 9, 8)).eval()
    found = ours(tc.tensor(images.transpose(0, 3, 1, 2))).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
