"""Network dissection: planted detectors are recovered, and the numbers are those of the definition."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DataError, ShapeError
from tinyconv.explain.synthesis import dissect
from tinyconv.explain.synthesis.areas import interpolation, thresholds_of
from tinyconv.features import capture
from tinyconv.models.receptive_field import ReceptiveField

CONCEPTS = ("cross", "bar", "square")


@pytest.fixture(scope="module")
def planted():
    """Three shapes in 80 noisy images, their middles marked, and a network: their detectors, noise, a dead channel."""
    random = np.random.default_rng(0)
    shapes = [np.zeros((5, 5)) for _ in CONCEPTS]
    shapes[0][2, :] = shapes[0][:, 2] = 1
    shapes[1][:, 1:3] = 1
    shapes[2][:] = 1
    images, masks = random.uniform(0, 0.3, (80, 1, 24, 24)), np.zeros((80, 3, 24, 24), bool)
    for number, image in enumerate(images):
        concept = number % 3
        row, column = random.integers(0, 20, 2)
        image[0, row : row + 5, column : column + 5] = shapes[concept]
        masks[number, concept, row + 1 : row + 4, column + 1 : column + 4] = True
    model = nn.Sequential(nn.Conv2d(1, 5, 5, padding=2), nn.ReLU()).to(tc.float64)
    with tc.no_grad():
        for number, channel in enumerate((3, 0, 1)):  # concept `number` is found by `channel`
            kernel = 2 * shapes[number] - 1
            model[0].weight[channel, 0].copy_(tc.tensor(kernel))
            model[0].bias[channel] = -0.6 * float(kernel[kernel > 0].sum())
        model[0].weight[2].copy_(tc.tensor(random.standard_normal((1, 5, 5))))
        model[0].weight[4].fill_(0.0)
        model[0].bias[2] = 0.0
        model[0].bias[4] = -1.0
    return model, images, masks


def test_planted_detectors_are_recovered_and_noise_and_dead_channels_are_not(planted):
    model, images, masks = planted
    found = dissect(model, images, masks, CONCEPTS, "relu1")
    assert {(channel, concept) for channel, concept in found.detectors if channel != 2} == {(3, 0), (0, 1), (1, 2)}
    assert not found.overlaps[4].any()
    best = [found.overlaps[channel, concept] for channel, concept in found.detectors]
    assert best == sorted(best, reverse=True)
    assert all(name in str([tile.caption for tile in found.sheet().tiles]) for name in CONCEPTS)


def test_the_overlaps_are_those_of_the_definition(planted):
    model, images, masks = planted
    found = dissect(model, images, masks, CONCEPTS, "relu1", quantile=0.02)
    with capture(model, "relu1") as activations:
        model(tc.tensor(images))
    maps = activations["relu1"]  # as large as the images: nothing to interpolate
    for channel in range(5):
        lit = maps[:, channel] > found.thresholds[channel]
        assert lit.mean() <= 0.02
        for concept in range(3):
            marked = masks[:, concept]
            expected = (lit & marked).sum() / (lit | marked).sum()
            assert found.overlaps[channel, concept] == pytest.approx(expected, abs=1e-6)
    share = masks.mean(axis=(0, 2, 3))
    np.testing.assert_allclose(found.attainable, np.minimum(1, 0.02 / share))
    assert (found.overlaps <= found.attainable).all()
    few = dissect(model, images, masks, CONCEPTS, "relu1", quantile=0.001)
    assert (few.attainable < 0.2).all()
    assert (few.overlaps <= few.attainable + 1e-9).all()


@pytest.mark.parametrize("quantile", [0.001, 0.005, 0.1, 0.5])
def test_the_threshold_is_exceeded_by_no_more_than_its_share_of_units(planted, quantile):
    model, images, _ = planted
    thresholds = thresholds_of(model, images, "conv1", quantile)
    with capture(model, "conv1") as activations:
        model(tc.tensor(images))
    for threshold, units in zip(thresholds, activations["conv1"].transpose(1, 0, 2, 3).reshape(5, -1), strict=True):
        assert (units > threshold).mean() <= quantile
        if len(np.unique(units)) == units.size:  # no ties: one unit less, and the share is exceeded
            assert (units >= threshold).mean() > quantile - 1 / units.size


def test_maps_are_interpolated_between_the_centres_of_receptive_fields():
    field = ReceptiveField(size=(3, 3), jump=(2, 2), start=(1, 0))
    weights = interpolation(3, 7, field, 0)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    ramp = weights @ np.array([1.0, 3.0, 5.0])
    # centres at 1, 3, 5: there the map's own values, between them the mean, beyond them the last
    assert ramp.tolist() == [1, 1, 2, 3, 4, 5, 5]
    assert (interpolation(3, 7, field, 1) @ np.array([1.0, 3.0, 5.0])).tolist() == [1, 2, 3, 4, 5, 5, 5]
    np.testing.assert_array_equal(interpolation(1, 4, None, 0), np.ones((4, 1)))
    np.testing.assert_array_equal(interpolation(4, 4, None, 0), np.eye(4))


def test_a_pooled_detector_is_recovered_through_interpolation(planted):
    model, images, masks = planted
    pooled = nn.Sequential(*model, nn.MaxPool2d(2))
    found = dissect(pooled, images, masks, CONCEPTS, "pool1")
    assert {(3, 0), (0, 1), (1, 2)} <= set(found.detectors)


def test_without_a_detector_the_best_channel_of_each_concept_is_shown(planted):
    model, images, masks = planted
    found = dissect(model, images, masks, CONCEPTS, "relu1", least=0.99)
    assert found.detectors == []
    assert found.shown == [(3, 0), (0, 1), (1, 2)]
    sheet = found.sheet()
    assert "There is no detector" in sheet.notes[-1]
    assert len(sheet.tiles) == 6
    assert sheet.png() == found.sheet().png()


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ShapeError, r"\(80, 3, 24, 24\)", {"masks": np.zeros((80, 24, 24))}),
        (ShapeError, "1 concepts", {"concepts": ["cross"]}),
        (DataError, "'bar' is marked in no image", {"masks": np.ones((80, 3, 24, 24)) * np.eye(3)[0, :, None, None]}),
        (ArgumentError, "quantile", {"quantile": 0}),
        (ArgumentError, "no layer matches 'conf1'", {"layer": "conf1"}),
    ],
)  # fmt: skip
def test_mistakes_are_named(planted, error, words, call):
    model, images, masks = planted
    with pytest.raises(error, match=words):
        dissect(**{"model": model, "images": images, "masks": masks, "concepts": CONCEPTS, "layer": "relu1"} | call)


def test_layers_without_maps_are_refused(planted):
    model, images, masks = planted
    flat = nn.Sequential(*model, nn.Flatten(), nn.Linear(2880, 2)).to(tc.float64)
    with pytest.raises(ArgumentError, match="linear1 has no maps"):
        dissect(flat, images, masks, CONCEPTS, "linear1")
