"""Guided backpropagation, the deconvolutional network with its switches, and the projection of single units."""

import numpy as np
import pytest
from explained import OneConvolution, branched, golden_image, images, linear, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError, ShapeError
from tinyconv.explain import Trace, deconvnet, gradient, guided_backprop, project, strongest
from tinyconv.explain.rectified import RectifierRules
from tinyconv.explain.running import BATCH
from tinyconv.features import capture
from tinyconv.nn import functional as F


def test_golden_deconvnet_and_guided_backprop():
    net, image = OneConvolution(), golden_image()
    np.testing.assert_array_equal(
        deconvnet(net, image, 0).values[0, 0], [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]]
    )
    np.testing.assert_array_equal(
        guided_backprop(net, image, 0).values[0, 0], [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]]
    )


def test_in_a_linear_net_both_are_the_gradient_and_say_so():
    model, batch = linear(), images(2, 2, 6, 6)
    expected = gradient(model, batch, target=2).values
    for method in (deconvnet, guided_backprop):
        found = method(model, batch, target=2)
        np.testing.assert_allclose(found.values, expected, rtol=1e-12)
        assert found.notes == ("The network has no rectifier, so this is the plain gradient.",)


def by_hand(model, image, target, guided):
    """The way down a ``plain`` network without batch norm, layer by layer, written out."""
    down = model[-1].weight.detach().numpy()[target]
    x, ups = tc.tensor(image[None]), []
    for layer in model:
        ups.append(x)
        x = layer(x)
    down = tc.tensor(down[None])
    for layer, up in reversed(list(zip(model, ups, strict=True))):
        if isinstance(layer, nn.Flatten):
            down = down.reshape(*up.shape)
        elif isinstance(layer, nn.MaxPool2d):
            _, switches = F.max_pool2d(up, 2, return_indices=True)
            down = F.max_unpool2d(down, switches, 2, output_size=up.shape)
        elif isinstance(layer, nn.ReLU):
            down = F.relu(down) * (up > 0).to(down.dtype) if guided else F.relu(down)
        elif isinstance(layer, nn.Conv2d):
            down = F.conv_transpose2d(down, layer.weight, padding=1)
    return down.detach().numpy()[0]


@pytest.mark.parametrize("guided", [False, True], ids=["deconvnet", "guided"])
def test_the_way_down_is_unpooling_to_switches_rectifying_and_transposed_filters(guided):
    model, batch = plain(batch_norm=False), images(2, 1, 8, 8)
    found = (guided_backprop if guided else deconvnet)(model, batch, target=1)
    for number, image in enumerate(batch):
        np.testing.assert_allclose(found.values[number], by_hand(model, image, 1, guided), rtol=1e-10, atol=1e-13)


def test_unpooling_and_pooling_again_gives_the_pooled_map():
    """pool(unpool(p)) = p for p >= 0, where windows do not overlap."""
    model = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 2)).to(tc.float64)
    trace = Trace(model, images(3, 2, 8, 8))
    pooled = tc.tensor(np.abs(images(3, 2, 4, 4, seed=5)))
    unpooled = trace.backward(trace.layer("pool1").output, pooled, RectifierRules("deconvnet"))
    np.testing.assert_array_equal(F.max_pool2d(unpooled, 2).numpy(), pooled.numpy())
    assert (unpooled.numpy() != 0).sum() == pooled.numel()


def test_functions_in_place_and_every_way_to_write_a_rectifier_are_treated_alike():
    batch = images(2, 2, 12, 12)
    for method in (deconvnet, guided_backprop):
        np.testing.assert_array_equal(
            method(branched(inplace=True), batch, 1).values, method(branched(inplace=False), batch, 1).values
        )

    class Written(nn.Module):
        def __init__(self, rectifier):
            super().__init__()
            self.conv, self.fc, self.rectifier = nn.Conv2d(1, 3, 3), nn.Linear(48, 2), rectifier

        def forward(self, x):
            return self.fc(self.rectifier(self.conv(x)).flatten(1))

    reference = Written(F.relu).to(tc.float64)
    batch = images(2, 1, 6, 6)
    for rectifier in (lambda x: x.clamp(min=0), lambda x: F.threshold(x, 0, 0), lambda x: F.hardtanh(x, 0, 1e6)):
        other = Written(rectifier).to(tc.float64)
        other.load_state_dict(reference.state_dict())
        for method in (deconvnet, guided_backprop):
            np.testing.assert_array_equal(method(other, batch, 0).values, method(reference, batch, 0).values)
            assert method(other, batch, 0).notes == ()


def test_guided_backprop_is_positive_where_it_meets_a_first_layer_of_positive_filters():
    model, batch = plain(batch_norm=False), images(2, 1, 8, 8)
    with tc.no_grad():
        model[0].weight.abs_()
    assert guided_backprop(model, batch, 0).values.min() >= 0
    assert gradient(model, batch, 0).values.min() < 0


def test_other_nonlinearities_pass_their_gradient_and_a_note_says_so():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).to(tc.float64)
    assert deconvnet(model, images(1, 1, 4, 4)).notes == (
        "The rule is one for rectifiers; of tanh the ordinary gradient was taken.",
    )


@pytest.mark.parametrize("rule", ["deconvnet", "guided", "gradient"])
def test_outside_the_receptive_field_a_projection_is_exactly_zero(rule):
    model, batch = plain(side=16), images(2, 1, 16, 16)
    with capture(model) as activations:
        model(tc.tensor(batch))
    for layer, position in [("conv1", (0, 0)), ("pool1", (5, 2)), ("conv2", (3, 7)), ("pool2", (3, 0))]:
        top, left, bottom, right = activations.layers[layer].receptive_field.patch(*position, (16, 16))
        found = project(model, batch, layer, channel=1, position=position, rule=rule)
        inside = found[:, :, top:bottom, left:right].copy()
        found[:, :, top:bottom, left:right] = 0
        assert not found.any(), layer
        assert inside.any(axis=(1, 2, 3)).any() or not activations[layer][:, (1, *position)[0]].any(), layer


def test_projections_of_a_first_layer_are_its_filter():
    model, batch = plain(batch_norm=False), images(2, 1, 8, 8)
    weight = model[0].weight.detach().numpy()[2, 0]
    with capture(model, "conv1") as activations:
        model(tc.tensor(batch))
    for rule in ("deconvnet", "guided", "gradient"):
        found = project(model, batch, "conv1", 2, position=(3, 4), rule=rule)[:, 0, 2:5, 3:6]
        factor = activations["conv1"][:, 2, 3, 4] if rule == "deconvnet" else np.ones(2)
        np.testing.assert_allclose(found, factor[:, None, None] * weight, rtol=1e-10)


def test_by_default_the_strongest_unit_of_each_image_is_projected():
    model, batch = plain(), images(3, 1, 8, 8)
    with capture(model, "relu2") as activations:
        model(tc.tensor(batch))
    maps = activations["relu2"][:, 3]
    values, places = strongest(model, batch, "relu2", 3)
    np.testing.assert_array_equal(values, maps.max(axis=(1, 2)))
    for image, value, (row, column) in zip(maps, values, places, strict=True):
        assert image[row, column] == value
    found = project(model, batch, "relu2", 3)
    np.testing.assert_array_equal(found, project(model, batch, "relu2", 3, position=places))
    for number in range(3):
        alone = project(model, batch[number : number + 1], "relu2", 3, position=tuple(places[number]))
        np.testing.assert_allclose(found[number], alone[0], rtol=1e-10, atol=1e-14)


def test_any_number_of_images_have_each_their_own_position():
    model, batch = plain(widths=(2, 2)), images(BATCH + 3, 1, 8, 8)
    places = np.stack([np.arange(len(batch)) % 8, np.arange(len(batch)) // 8], axis=1)
    found = project(model, batch, "conv1", 1, position=places)
    for number in (0, BATCH, BATCH + 2):
        alone = project(model, batch[number : number + 1], "conv1", 1, position=tuple(places[number]))
        np.testing.assert_allclose(found[number], alone[0], rtol=1e-10, atol=1e-14)


def test_units_without_a_place_are_projected_too():
    model, batch = plain(), images(2, 1, 8, 8)
    found = project(model, batch, "linear1", 2, rule="gradient")
    np.testing.assert_allclose(found, gradient(model, batch, target=2).values, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"layer": "conv9"}, ArgumentError, "no layer matches 'conv9'"),
        ({"channel": 4}, DimensionError, "conv1 has 4 channels, numbered 0 to 3; there is no channel 4"),
        ({"channel": "first"}, ArgumentError, "channel must be a whole number, got 'first'"),
        ({"position": (8, 0)}, DimensionError, r"8 rows and 8 columns; there is no position \(8, 0\)"),
        ({"position": (0, -1)}, DimensionError, "there is no position"),
        ({"position": [(0, 0)] * 3}, ShapeError, r"one such pair for each image, \(2, 2\)"),
        ({"rule": "guidde"}, ArgumentError, "rule must be one of 'deconvnet', 'guided', 'gradient'"),
    ],
)
def test_units_that_do_not_exist_are_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        project(plain(), images(2, 1, 8, 8), **{"layer": "conv1", "channel": 0, **options})
