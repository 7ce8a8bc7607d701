"""Relevance through every kind of operation: the plain rule stays the input times the gradient, and nothing is lost."""

import numpy as np
import pytest
from explained import branched, fill

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.explain import input_x_gradient
from tinyconv.explain.lrp import AlphaBeta, Composite, Epsilon, Gamma, deep_taylor, layer_relevance, lrp, uniform
from tinyconv.nn import functional as F

PLAIN = uniform(Epsilon())


class Net(nn.Module):
    """What ``between`` makes of 4 maps of 6x6 that a convolution made, in 2 scores."""

    def __init__(self, between, features, *layers):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, bias=False)
        self.layers = nn.ModuleList(layers)
        self.fc = nn.Linear(features, 2, bias=False)
        self.between = between
        self.to(tc.float64)
        fill(self, 4)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.bias.data.zero_()
                layer.running_mean.zero_()

    def forward(self, x):
        return self.fc(self.between(F.relu(self.conv1(x)), *self.layers).flatten(1))


def dense_block(x, conv, other):
    y = F.relu(conv(x))
    return F.relu(other(tc.cat([x, y], 1)))


def shuffled(x, conv):
    return F.relu(conv(F.pixel_shuffle(F.pixel_unshuffle(x, 2), 2).flip(3)))


def attended(x, projection):
    """Tokens (N, pixels, channels), and a matrix product with weights."""
    return F.relu(x.flatten(2).transpose(1, 2) @ projection.weight.t())


def with_a_row_of_zeros(x):
    y = x * 2
    y[:, :, 0] = 0.0
    return y


def half_rectified(x):
    y = x - 0.0
    y[:, :2].relu_()
    return y


def norm_and_shortcut(x, conv, norm):
    y = conv(x)
    return F.relu(norm(y) + y)


NETS = {
    "transposed": lambda: Net(lambda x, c: F.relu(c(x)), 3 * 144, nn.ConvTranspose2d(4, 3, 2, stride=2, bias=False)),
    "grouped-dilated": lambda: Net(
        lambda x, c: F.relu(c(x)), 72, nn.Conv2d(4, 8, 3, padding=1, stride=2, groups=2, bias=False, dilation=1)
    ),
    "same-padding": lambda: Net(lambda x, c: F.relu(c(x)), 108, nn.Conv2d(4, 3, 2, padding="same", bias=False)),
    "circular-padding": lambda: Net(
        lambda x, c: F.relu(c(x)), 108, nn.Conv2d(4, 3, 3, padding=1, padding_mode="circular", bias=False)
    ),
    "locally-connected": lambda: Net(
        lambda x, c: F.relu(c(x)), 48, nn.LocallyConnected2d(4, 3, (6, 6), 3, bias=False)
    ),
    "dense-block": lambda: Net(
        dense_block, 3 * 16, nn.Conv2d(4, 5, 3, padding=1, bias=False), nn.Conv2d(9, 3, 3, bias=False)
    ),
    "mean": lambda: Net(lambda x: x.mean((2, 3)), 4),
    "global-average": lambda: Net(lambda x: F.adaptive_avg_pool2d(x, (2, 3)), 24),
    "overlapping-max": lambda: Net(lambda x: F.max_pool2d(x, 3, stride=1, padding=1), 144),
    "global-max": lambda: Net(lambda x: x.amax((2, 3)), 4),
    "upsampled": lambda: Net(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), 4 * 144),
    "shuffled": lambda: Net(shuffled, 48, nn.Conv2d(4, 3, 3, bias=False)),
    "matrix-product": lambda: Net(attended, 36 * 3, nn.Linear(4, 3, bias=False)),
    "sliced": lambda: Net(lambda x: x[:, 1:3, ::2], 2 * 3 * 6),
    "patches": lambda: Net(lambda x: F.unfold(x, 3), 4 * 9 * 16),
    "with-a-row-of-zeros": lambda: Net(with_a_row_of_zeros, 144),
    "half-rectified-in-place": lambda: Net(half_rectified, 144),
    "largest-of-channels": lambda: Net(lambda x: x.max(1)[0], 36),
    "einsum": lambda: Net(
        lambda x, c: tc.einsum("nchw,kc->nkhw", x, c.weight), 108, nn.Linear(4, 3, bias=False)
    ),
    "scaled": lambda: Net(lambda x: x * 3 / 2 - x * 0.25, 144),
    "leaky": lambda: Net(lambda x, c: F.leaky_relu(c(x), 0.1), 48, nn.Conv2d(4, 3, 3, bias=False)),
    "clamped": lambda: Net(lambda x, c: c(x).clamp(min=0), 48, nn.Conv2d(4, 3, 3, bias=False)),
    "dropout": lambda: Net(lambda x, d: d(x), 144, nn.Dropout(0.5)),
    "norm-after-relu": lambda: Net(lambda x, n: F.relu(n(x)), 144, nn.BatchNorm2d(4)),
    "norm-and-shortcut": lambda: Net(
        norm_and_shortcut, 108, nn.Conv2d(4, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
    ),
    "shared-twice": lambda: Net(lambda x, c: F.relu(c(F.relu(c(x)))), 144, nn.Conv2d(4, 4, 3, padding=1, bias=False)),
}  # fmt: skip


def images():
    return np.random.default_rng(6).standard_normal((2, 2, 8, 8)).clip(-4, 4)


@pytest.mark.parametrize("name", NETS)
def test_the_plain_rule_is_input_times_gradient(name):
    model, x = NETS[name](), images()
    expected = input_x_gradient(model, x, [0, 1]).values
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(lrp(model, x, [0, 1], composite=PLAIN).values, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(
    "composite",
    [uniform(AlphaBeta(2, 1)), uniform(Gamma()), deep_taylor(-4, 4)],
    ids=["alpha2-beta1", "gamma", "z-b"],
)
def test_nothing_is_lost_without_biases(name, composite):
    found = lrp(NETS[name](), images(), [0, 1], composite=composite)
    np.testing.assert_allclose(found.measures["kept"], 0, atol=1e-12 * np.abs(found.scores).max())


def test_branches_in_place_sums_and_shared_layers_at_once():
    model, x = branched(), np.random.default_rng(6).standard_normal((2, 2, 12, 12))
    expected = input_x_gradient(model, x, 1).values
    np.testing.assert_allclose(lrp(model, x, 1, composite=PLAIN).values, expected, rtol=1e-9, atol=1e-12)
    twin = branched(inplace=False)
    for rule in (Gamma(), AlphaBeta(2, 1), Epsilon(0.1)):
        found, other = (lrp(net, x, 1, composite=uniform(rule)).values for net in (model, twin))
        np.testing.assert_array_equal(found, other)


def test_a_shift_behind_a_rectifier_keeps_its_part_by_the_plain_rule_only():
    model = NETS["norm-after-relu"]()
    model.layers[0].bias.data.fill_(0.5)
    plain, gamma = (layer_relevance(model, images(), 0, composite=each) for each in (PLAIN, uniform(Gamma())))
    norms = [next(layer for layer in layers if layer.kind == "norm") for layers in (plain, gamma)]
    assert [norm.rule for norm in norms] == ["plain", "handed on"]
    assert np.abs(norms[0].kept).min() > 1e-3
    np.testing.assert_array_equal(norms[1].kept, 0)


def test_a_norm_of_which_the_layer_has_other_uses_is_not_folded():
    layers = layer_relevance(NETS["norm-and-shortcut"](), images(), 0, composite=PLAIN)
    assert [layer.rule for layer in layers if layer.kind == "norm"] == ["plain"]


def test_the_product_of_two_signals_is_halved():
    model = Net(lambda x: x * x.mean((2, 3), keepdim=True), 144)
    layers = layer_relevance(model, images(), 1, composite=uniform(Gamma()))
    scores = layers[0].received
    product = lrp(model, images(), 1, composite=uniform(Gamma()))
    np.testing.assert_allclose(product.values.sum((1, 2, 3)), scores, rtol=1e-9)


def test_what_the_images_do_not_reach_gets_nothing():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.query = nn.Linear(4, 2, bias=False), nn.Parameter(tc.ones(1, 4))

        def forward(self, x):
            return self.fc(x.flatten(1)) + F.softmax(self.fc(self.query), 1)

    model = Constant().to(tc.float64)
    fill(model, 4)
    found = lrp(model, np.ones((1, 1, 2, 2)), 0, composite=PLAIN)
    constant = model(tc.zeros(1, 1, 2, 2, dtype=tc.float64))[0, 0].item()
    np.testing.assert_allclose(found.measures["kept"], constant)


@pytest.mark.parametrize(
    ("between", "named"),
    [
        (lambda x: F.softmax(x, 1), r"Softmax \(softmax1\)"),
        (lambda x: x / x.sum(1, keepdim=True), "Divide"),
        (lambda x: x.flatten(2) @ x.flatten(2).transpose(1, 2), r"MatrixProduct \(matmul1\)"),
        (lambda x: F.lp_pool2d(x, 2, 1), r"LPPool2d \(pool1\)"),
    ],
    ids=["softmax", "quotient", "product", "power-pooling"],
)
def test_an_operation_without_a_rule_is_named(between, named):
    model = Net(between, between(tc.ones(1, 4, 6, 6)).flatten(1).shape[1])
    with pytest.raises(ArgumentError, match=f"LRP has no rule for {named}, which stands between"):
        lrp(model, images(), composite=Composite(Gamma(), Epsilon()))
