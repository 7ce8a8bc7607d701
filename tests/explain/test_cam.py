"""Grad-CAM, HiResCAM, guided Grad-CAM."""

import numpy as np
import pytest
from explained import OneConvolution, bias_terms, branched, fill, golden_image, images, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError
from tinyconv.explain import grad_cam, guided_backprop, guided_grad_cam, hires_cam
from tinyconv.features import capture
from tinyconv.nn import functional as F


def pooled(seed=4, inplace=False):
    """Maps, their mean, one linear layer: the networks that have class activation maps proper."""
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(inplace=inplace),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    ).to(tc.float64)  # fmt: skip
    fill(model, seed)
    return model.eval()


def test_golden_grad_cam():
    net, image = OneConvolution(), golden_image()
    at_conv = grad_cam(net, image, 0, layer="conv1", rectify=False, upsample=False)
    np.testing.assert_array_equal(at_conv.values[0, 0], [[11.25, 13.5], [20.25, 22.5]])
    at_relu = grad_cam(net, image, 0, layer="relu1", upsample=False)
    np.testing.assert_array_equal(at_relu.values[0, 0], [[0, 4], [28, 32.5]])


def test_over_a_mean_and_a_linear_layer_it_is_the_class_activation_map_and_sums_to_the_score():
    model, batch = pooled(), images(3, 1, 8, 8)
    with capture(model, "relu2") as activations:
        model(tc.tensor(batch))
    weight, bias = model[-1].weight.detach().numpy(), model[-1].bias.detach().numpy()
    expected = np.einsum("k,nkhw->nhw", weight[2], activations["relu2"]) / 64
    for method in (grad_cam, hires_cam):
        found = method(model, batch, 2, layer="relu2", rectify=False, upsample=False)
        np.testing.assert_allclose(found.values[:, 0], expected, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(found.values.sum(axis=(1, 2, 3)), found.scores - bias[2], rtol=1e-12)


def test_hires_cam_sums_to_the_score_less_what_later_biases_add_and_grad_cam_does_not():
    model, batch = branched(), images(3, 2, 12, 12)
    found = hires_cam(model, batch, 1, layer="cat1", upsample=False)
    later = [model.conv2, model.fc]
    np.testing.assert_allclose(
        found.values.sum(axis=(1, 2, 3)) + bias_terms(model, batch, 1, later), found.scores, rtol=1e-9
    )
    means = grad_cam(model, batch, 1, layer="cat1", rectify=False, upsample=False)
    assert np.abs(means.values.sum(axis=(1, 2, 3)) - found.values.sum(axis=(1, 2, 3))).max() > 1e-3


def test_guided_grad_cam_is_the_product():
    model, batch = branched(), images(3, 2, 12, 12)
    found = guided_grad_cam(model, batch, 0, layer="relu1")
    expected = guided_backprop(model, batch, 0).values * grad_cam(model, batch, 0, layer="relu1").values
    np.testing.assert_array_equal(found.values, expected)
    assert found.values.any()
    assert found.options == {"layer": "relu1"}


def test_the_map_is_that_of_the_layer_as_it_was_before_an_in_place_rectifier():
    batch = images(2, 1, 8, 8)
    for layer in ("conv2", "relu2"):
        one, other = (
            grad_cam(pooled(inplace=inplace), batch, 1, layer=layer, rectify=False, upsample=False).values
            for inplace in (False, True)
        )
        np.testing.assert_array_equal(one, other)


def test_maps_are_enlarged_by_bilinear_interpolation():
    model, batch = plain(), images(2, 1, 8, 8)
    coarse = grad_cam(model, batch, 1, layer="relu2", rectify=False, upsample=False).values
    large = grad_cam(model, batch, 1, layer="relu2", rectify=False).values
    assert coarse.any()
    assert (coarse.shape, large.shape) == ((2, 1, 4, 4), (2, 1, 8, 8))
    expected = F.interpolate(tc.tensor(coarse), (8, 8), mode="bilinear", align_corners=False).numpy()
    np.testing.assert_array_equal(large, expected)


@pytest.mark.parametrize(
    ("model", "layer"),
    [
        pytest.param(plain(), "relu2", id="before-pooling"),
        pytest.param(pooled(), "relu2", id="before-the-mean"),
        pytest.param(branched(), "relu4", id="functions"),
    ],
)
def test_the_layer_is_by_default_the_last_with_maps_that_is_no_pooling(model, layer):
    channels = next(iter(model.parameters())).shape[1]
    batch = images(2, channels, 12 if channels == 2 else 8, 12 if channels == 2 else 8)
    found = grad_cam(model, batch)
    assert found.options["layer"] == layer
    np.testing.assert_array_equal(found.values, grad_cam(model, batch, layer=layer).values)


def test_a_map_with_nothing_for_the_target_is_zero_and_says_so():
    model, batch = pooled(), images(2, 1, 8, 8)
    with tc.no_grad():
        model[-1].weight[1] = tc.tensor(-np.ones(6))
    found = grad_cam(model, batch, target=[0, 1])
    assert not found.values[1].any()
    signed = grad_cam(model, batch, target=1, rectify=False, upsample=False).values[1]
    assert signed.max() <= 0
    (note,) = [note for note in found.notes if note.startswith("Image 2")]
    assert note.startswith("Image 2: nothing speaks for the target, so the map is 0 everywhere (from −")
    assert grad_cam(model, batch, target=1, rectify=False).notes == ()


@pytest.mark.parametrize(
    ("model", "layer", "words"),
    [
        pytest.param(plain(), "relu9", "no layer matches 'relu9'; did you mean", id="unknown"),
        pytest.param(plain(), "linear1", r"linear1 gives \(2, 3\), no maps", id="no-maps"),
        pytest.param(nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), None, "no layer with maps", id="none"),
    ],
)
def test_layers_that_have_no_maps_are_refused_in_words(model, layer, words):
    with pytest.raises(ArgumentError, match=words):
        grad_cam(model, images(2, 1, 8, 8), layer=layer)
