"""Relevance propagation: the published vectors, and what holds exactly."""

import numpy as np
import pytest
from explained import OneConvolution, bias_terms, golden_image

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.explain import METHODS, attribute, input_x_gradient
from tinyconv.explain.lrp import COMPOSITES as METHOD_COMPOSITES
from tinyconv.explain.lrp import (
    AlphaBeta,
    Box,
    Composite,
    Epsilon,
    Gamma,
    deep_taylor,
    epsilon_alpha2_beta1,
    epsilon_gamma_box,
    epsilon_plus,
    layer_relevance,
    lrp,
    uniform,
)
from tinyconv.explain.methods import run_options
from tinyconv.models.zoo.facenet import FaceNet
from tinyconv.models.zoo.lenet import LeNet
from tinyconv.models.zoo.resnet import resnet18
from tinyconv.models.zoo.vgg import vgg11_bn
from tinyconv.nn import functional as F
from tinyconv.train import Preprocessing

GENERATOR_SEED = 5
COMPOSITES = {
    "0": uniform(Epsilon()),
    "epsilon": uniform(Epsilon(0.05)),
    "gamma": uniform(Gamma()),
    "alpha2-beta1": uniform(AlphaBeta(2, 1)),
    "z-b": deep_taylor(-4, 4),
    "epsilon-plus": epsilon_plus(),
    "epsilon-alpha2-beta1": epsilon_alpha2_beta1(),
    "epsilon-gamma-box": epsilon_gamma_box(low=-4, high=4),
}

CONSERVING = {
    **{name: COMPOSITES[name] for name in ("0", "gamma", "alpha2-beta1", "z-b")},
    "epsilon-plus": epsilon_plus(0),
    "epsilon-alpha2-beta1": epsilon_alpha2_beta1(0),
    "epsilon-gamma-box": epsilon_gamma_box(0, low=-4, high=4),
}


def images(*shape):
    return np.random.default_rng(GENERATOR_SEED).standard_normal(shape).clip(-4, 4)


def settled(model):
    """The model in float64, its biases and running statistics drawn at random: fresh ones would hide mistakes."""
    generator = np.random.default_rng(GENERATOR_SEED)
    model = model.to(tc.float64)
    with tc.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith(("running_var", "weight")) and tensor.ndim == 1:
                tensor.copy_(tc.tensor(generator.uniform(0.5, 1.5, tuple(tensor.shape))))
            elif name.endswith(("bias", "running_mean")):
                tensor.copy_(tc.tensor(generator.normal(0, 0.3, tuple(tensor.shape))))
            elif tensor.ndim > 1:
                scale = (2 / np.prod(tensor.shape[1:])) ** 0.5
                tensor.copy_(tc.tensor(generator.normal(0, scale, tuple(tensor.shape))))
    return model


def without_biases(model):
    """``settled``, but every bias and every shift of a batch norm is 0."""
    model = settled(model)
    with tc.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith(("bias", "running_mean")):
                tensor.zero_()
    return model


def small_net():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(8, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Linear(10, 3),
    )  # fmt: skip


def linear(*weights):
    """Fully connected layers without biases, rectified in between."""
    layers = [nn.Flatten()]
    for weight in weights:
        layer = nn.Linear(len(weight[0]), len(weight), bias=False).to(tc.float64)
        with tc.no_grad():
            layer.weight.copy_(tc.tensor(weight, dtype=tc.float64))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def pixels(*values):
    return np.array(values, dtype=np.float64).reshape(1, -1, 1, 1)


# --- published vectors ----------------------------------------------------------------------------------------------


def test_epsilon_gives_the_published_map_of_a_convolution():
    found = attribute(OneConvolution(), golden_image(), "lrp-epsilon", 0, epsilon=1e-9)
    expected = [[0, 1, 2, 3], [0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]]
    np.testing.assert_allclose(found.values[0, 0], expected, atol=1e-6)
    assert found.scores.tolist() == [54]


@pytest.mark.parametrize(
    ("first", "rules", "expected"),
    [
        (2, uniform(Epsilon(1e-9)), (18, 36, 54)),
        (-2, uniform(AlphaBeta(1, 0)), (12, 33.6, 50.4)),
        (-2, Composite(Gamma(), Gamma(), by_name={"linear1": Gamma(1), "linear2": Gamma(0.25)}), (28 / 3, 104 / 3, 52)),
    ],
    ids=["epsilon", "alpha1-beta0", "gamma"],
)
def test_linear_layers_give_the_published_vectors(first, rules, expected):
    model = linear([[first, 2, 2], [2, 2, 2], [2, 2, 2]], [[3, 3, 3]])
    np.testing.assert_allclose(lrp(model, pixels(1, 2, 3), 0, composite=rules).values.ravel(), expected, atol=1e-6)


def test_a_skip_connection_gets_its_part_of_the_sum():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = linear([[5, 5], [5, 5]])

        def forward(self, x):
            return self.layer(x) + x.flatten(1)

    found = lrp(Skip(), pixels(2, 3), 1, composite=COMPOSITES["0"])
    assert found.values.ravel().tolist() == [10, 18]
    assert found.measures["kept"].tolist() == [0]


# --- exact properties -----------------------------------------------------------------------------------------------

ZOO = {
    "facenet": lambda: FaceNet(1, 3, (8, 8), (3, 4)),
    "lenet": lambda: LeNet(1, 3, (12, 12)),
    "vgg11_bn": lambda: vgg11_bn(1, 3, (32, 32), width=1, head="linear"),
    "resnet18": lambda: resnet18(1, 3, (8, 8), width=2),
}
SIDES = {"facenet": 8, "lenet": 12, "vgg11_bn": 32, "resnet18": 8}


@pytest.mark.parametrize("name", ZOO)
def test_the_score_is_input_times_gradient_plus_biases_times_theirs(name):
    """f(x) = <x, df/dx> + sum <b, df/db>, where the shift of a frozen batch norm counts as a bias."""
    model, x = settled(ZOO[name]()).eval(), images(2, 1, SIDES[name], SIDES[name])
    found = input_x_gradient(model, x, 1)
    np.testing.assert_allclose(found.values.sum((1, 2, 3)) + bias_terms(model, x, 1), found.scores, rtol=1e-9)


@pytest.mark.parametrize("name", ZOO)
def test_the_plain_rule_is_input_times_gradient(name):
    model, x = settled(ZOO[name]()), images(2, 1, SIDES[name], SIDES[name])
    expected = input_x_gradient(model, x, [0, 2]).values
    found = attribute(model, x, "lrp-0", [0, 2])
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("rule", CONSERVING)
def test_relevance_is_conserved_where_there_are_no_biases(name, rule):
    model, x = without_biases(ZOO[name]()), images(2, 1, SIDES[name], SIDES[name])
    found = lrp(model, x, composite=CONSERVING[rule])
    np.testing.assert_allclose(found.values.sum((1, 2, 3)), found.scores, rtol=1e-13)
    np.testing.assert_allclose(found.measures["kept"], 0, atol=1e-13 * np.abs(found.scores).max())


def test_alpha_beta_hands_all_to_the_part_that_there_is():
    positive, negative, mixed = linear([[1, 3]]), linear([[-1, -3]]), linear([[1, -3]])
    rule = uniform(AlphaBeta(2, 1))
    np.testing.assert_allclose(lrp(positive, pixels(2, 2), composite=rule).values.ravel(), [2, 6])
    np.testing.assert_allclose(lrp(negative, pixels(2, 2), composite=rule).values.ravel(), [-2, -6])
    # z = 2 - 6 = -4: all of 2 (-4) to the one input for, -(-4) to the one against
    np.testing.assert_allclose(lrp(mixed, pixels(2, 2), composite=rule).values.ravel(), [-8, 4])
    nothing = lrp(mixed, pixels(0, 0), composite=rule)
    assert nothing.values.ravel().tolist() == [0, 0]


def test_biases_and_epsilon_keep_what_the_measures_say():
    model, x = settled(small_net()), images(3, 2, 8, 8)
    found = lrp(model, x, composite=COMPOSITES["epsilon"])
    kept = found.measures["kept"]
    assert np.abs(kept).min() > 1e-3
    np.testing.assert_allclose(found.values.sum((1, 2, 3)) + kept, found.scores)
    layers = layer_relevance(model, x, composite=COMPOSITES["epsilon"])
    np.testing.assert_allclose(sum(layer.kept for layer in layers), kept)
    np.testing.assert_allclose(layers[0].received, found.scores)
    assert {layer.name for layer in layers if np.abs(layer.kept).max() > 1e-12} == {
        "conv1",
        "conv2",
        "linear1",
        "linear2",
    }


def test_epsilon_draws_the_output_away_from_0_on_its_own_side():
    for weights, expected in (([1, -3], [0.8, -2.4]), ([-1, 3], [-0.8, 2.4])):  # z = -2 and 2, and 2 / 2.5 = 0.8
        found = lrp(linear([weights]), pixels(1, 1), composite=uniform(Epsilon(0.5)))
        np.testing.assert_allclose(found.values.ravel(), expected)


def test_epsilon_leaks_more_the_larger_it_is_also_without_biases():
    model, x = without_biases(small_net()), images(1, 2, 8, 8)
    leaks = [abs(attribute(model, x, "lrp-epsilon", epsilon=e).measures["kept"][0]) for e in (0, 1e-3, 1e-2, 1e-1)]
    assert leaks == sorted(leaks)
    assert leaks[0] < 1e-12
    assert leaks[1] > 1e-5


def test_the_box_rule_loses_nothing_to_biases_and_gives_only_positive_relevance():
    model, x = settled(small_net()), images(2, 2, 8, 8)
    layers = layer_relevance(model, x, [0, 1], composite=COMPOSITES["z-b"])
    np.testing.assert_allclose(layers[-1].kept, 0, atol=1e-12)
    assert layers[-1].name == "conv1"
    assert layers[-1].rule == "z-B"
    found = lrp(model, x, composite=COMPOSITES["z-b"])
    assert (found.scores > 0).all()
    assert (found.values >= 0).all()
    assert (found.values > 0).any()


def test_bounds_may_differ_by_channel_also_behind_a_flatten():
    """c_j = x w - l w+ - h w- is 2 - 0 in the first channel, -1 - 4 (-1) = 3 in the second; the score is 2."""
    x = np.ones((1, 2, 1, 2))
    found = lrp(linear([[2, 2, -1, -1]]), x, composite=deep_taylor([0, -2], [3, 4]))
    np.testing.assert_allclose(found.values.ravel(), [0.4, 0.4, 0.6, 0.6])


def test_without_bounds_the_pixels_of_each_image_give_them():
    model, x = settled(small_net()), images(2, 2, 8, 8)
    low, high = x.min((2, 3)), x.max((2, 3))
    found = lrp(model, x, composite=deep_taylor()).values
    for number in range(2):
        alone = lrp(model, x[[number]], composite=deep_taylor(low[number], high[number])).values
        np.testing.assert_allclose(found[number], alone[0], atol=1e-12)


def test_the_preprocessing_of_a_run_gives_the_bounds_of_its_pixels():
    preprocessing = Preprocessing(2, (8, 8), mean=(0.5, 0.25), std=(0.25, 0.5))
    black, white = (preprocessing.normalize(np.full((1, 2, 1, 1), value)).ravel() for value in (0.0, 1.0))
    options = run_options("lrp-epsilon-gamma-box", preprocessing, seed=7)
    assert options == {"low": tuple(black), "high": tuple(white)}
    x = preprocessing.normalize(np.random.default_rng(1).uniform(size=(2, 2, 8, 8)))
    found = attribute(settled(small_net()), x, "lrp-epsilon-gamma-box", **options)
    assert found.options["low"] == (-2.0, -0.5)
    arrays = {name: np.array(bounds) for name, bounds in options.items()}
    again = attribute(settled(small_net()), x, "lrp-epsilon-gamma-box", **arrays)
    np.testing.assert_array_equal(again.values, found.values)
    assert again.options["low"] == [-2.0, -0.5]  # as JSON takes it
    assert run_options("smoothgrad", preprocessing, seed=7) == {"seed": 7}
    assert run_options("lrp-0", preprocessing) == {}


def test_gamma_of_0_is_the_plain_rule_and_a_large_gamma_z_plus():
    model, x = settled(small_net()), images(2, 2, 8, 8)
    plain = lrp(model, x, composite=COMPOSITES["0"]).values
    np.testing.assert_allclose(lrp(model, x, composite=uniform(Gamma(0))).values, plain, atol=1e-12)
    plus = lrp(model, x.clip(0), composite=Composite(AlphaBeta(1, 0), Epsilon())).values
    strong = lrp(model, x.clip(0), composite=Composite(Gamma(1e9), Epsilon())).values
    np.testing.assert_allclose(strong, plus, rtol=1e-6, atol=1e-9)


# --- what a result must not depend on -------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", COMPOSITES)
def test_batch_norm_counts_as_part_of_the_layer_before_it(rule):
    model, x = settled(small_net()).eval(), images(2, 2, 8, 8)
    folded = nn.Sequential(*model)
    folded[0], folded[1] = nn.utils.fuse_conv_bn_eval(model[0], model[1]), nn.Identity()
    folded[8], folded[9] = nn.utils.fuse_linear_bn_eval(model[8], model[9]), nn.Identity()
    expected = lrp(folded, x, composite=COMPOSITES[rule]).values
    np.testing.assert_allclose(lrp(model, x, composite=COMPOSITES[rule]).values, expected, atol=1e-10)


@pytest.mark.parametrize("rule", COMPOSITES)
def test_an_image_alone_gets_the_map_that_it_gets_in_a_batch(rule):
    model, x = settled(small_net()), images(3, 2, 8, 8)
    together = lrp(model, x, composite=COMPOSITES[rule]).values
    np.testing.assert_allclose(lrp(model, x[1:2], composite=COMPOSITES[rule]).values[0], together[1], atol=1e-12)


@pytest.mark.parametrize("rule", COMPOSITES)
def test_functions_in_place_give_the_maps_of_modules(rule):
    class Functional(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.layers = layers

        def forward(self, x):
            conv1, bn1, _, _, conv2, _, _, _, fc1, bn2, _, fc2 = self.layers
            x = F.max_pool2d(F.relu(bn1(conv1(x)), inplace=True), 2)
            x = F.avg_pool2d(F.relu_(conv2(x)), 2).flatten(1)
            return fc2(F.relu(bn2(fc1(x)), inplace=True))

    model, x = settled(small_net()), images(2, 2, 8, 8)
    expected = lrp(model, x, composite=COMPOSITES[rule]).values
    np.testing.assert_array_equal(lrp(Functional(model), x, composite=COMPOSITES[rule]).values, expected)


@pytest.mark.parametrize("rule", COMPOSITES)
def test_a_sum_in_place_gives_the_map_of_a_sum(rule):
    class Residual(nn.Module):
        def __init__(self, in_place):
            super().__init__()
            self.conv, self.inner, self.fc = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3, padding=1), nn.Linear(8, 2)
            self.in_place = in_place

        def forward(self, x):
            shortcut = self.conv(x)
            y = self.inner(shortcut)
            if self.in_place:
                y += shortcut
                F.relu_(y)
            else:
                y = F.relu(y + shortcut)
            return self.fc(y.flatten(1))

    x = images(2, 1, 4, 4)
    expected = lrp(settled(Residual(False)), x, composite=COMPOSITES[rule]).values
    np.testing.assert_array_equal(lrp(settled(Residual(True)), x, composite=COMPOSITES[rule]).values, expected)


def test_the_model_is_left_as_it_was():
    model, x = settled(small_net()).train(), images(2, 2, 8, 8)
    before = {name: tensor.detach().numpy().copy() for name, tensor in model.state_dict().items()}
    for name in METHODS:
        if name.startswith("lrp"):
            attribute(model, x, name)
    layer_relevance(model, x, composite=COMPOSITES["0"])
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(tensor.detach().numpy(), before[name])


# --- rules by name, and mistakes ------------------------------------------------------------------------------------


def test_rules_are_found_by_name_by_place_and_by_kind():
    special = Composite(Gamma(), Epsilon(), first=Box(-4, 4), by_name={"conv2": Gamma(1), "linear*": Epsilon(0.5)})
    layers = layer_relevance(settled(small_net()), images(1, 2, 8, 8), composite=special)
    assert [(layer.name, layer.rule) for layer in layers] == [
        ("linear2", "epsilon 0.5"), ("relu3", "handed on"), ("norm2", "in the layer before"),
        ("linear1", "epsilon 0.5"), ("pool2", "in proportion"), ("relu2", "handed on"), ("conv2", "gamma 1"),
        ("pool1", "to the winners"), ("relu1", "handed on"), ("norm1", "in the layer before"), ("conv1", "z-B"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("0", "plain, plain, plain"),
        ("epsilon", "epsilon 0.01, epsilon 0.01, epsilon 0.01"),
        ("gamma", "gamma 0.25, gamma 0.25, gamma 0.25"),
        ("alpha2-beta1", "alpha 2, beta 1, alpha 2, beta 1, alpha 2, beta 1"),
        ("z-b", "z-B, alpha 1, beta 0, alpha 1, beta 0"),
        ("epsilon-plus", "alpha 1, beta 0, alpha 1, beta 0, epsilon 1e-06"),
        ("epsilon-alpha2-beta1", "alpha 2, beta 1, alpha 2, beta 1, epsilon 1e-06"),
        ("epsilon-gamma-box", "z-B, gamma 0.25, epsilon 1e-06"),
    ],
)
def test_a_name_stands_for_its_rules_at_the_pixels_in_convolutions_and_in_linear_layers(name, rules):
    composite = METHOD_COMPOSITES[f"lrp-{name}"]()
    asked = [("conv1", "conv", True), ("conv2", "conv", False), ("fc", "linear", False)]
    assert ", ".join(composite.rule(*layer).words for layer in asked) == rules


def test_every_method_is_in_the_table():
    names = {name for name in METHODS if METHODS[name].family == "relevance"}
    assert names == {f"lrp-{name}" for name in COMPOSITES}
    model, x = settled(small_net()), images(2, 2, 8, 8)
    for name in sorted(names):
        options = {"low": -4, "high": 4} if "low" in METHODS[name].options else {}
        found = attribute(model, x, name, 1, **options)
        assert found.method == name
        assert found.options == {**METHODS[name].options, **options}
        rule = name.removeprefix("lrp-")
        composite = uniform(Epsilon(0.01)) if rule == "epsilon" else COMPOSITES[rule]
        np.testing.assert_array_equal(found.values, lrp(model, x, 1, composite=composite).values)


def deep_taylor_of_small_net(low, high):
    return attribute(settled(small_net()), images(1, 2, 8, 8), "lrp-z-b", low=low, high=high)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlphaBeta(2, 0), "alpha - beta must be 1"),
        (lambda: AlphaBeta(0.5, -0.5), "beta must be a number of at least 0"),
        (lambda: Epsilon(-1), "epsilon must be a number of at least 0, got -1"),
        (lambda: Gamma(float("nan")), "gamma must be a number of at least 0"),
        (lambda: deep_taylor_of_small_net(0, 1), "beyond the bounds 0 and 1"),
        (lambda: deep_taylor_of_small_net([0, 1, 2], 9), "low must be a number, or one for each of the 2 channels"),
    ],
    ids=["difference", "negative-beta", "negative-epsilon", "gamma-nan", "outside", "channels"],
)
def test_a_mistake_is_told_in_one_sentence(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_an_operation_without_a_rule_is_named():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Softmax(1), nn.Linear(4, 2)).to(tc.float64)
    with pytest.raises(ArgumentError, match=r"LRP has no rule for Softmax \(softmax1\)"):
        attribute(model, images(1, 1, 2, 2), "lrp-0")
