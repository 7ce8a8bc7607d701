"""Covering parts of the image: golden vectors, exactness on linear nets, what is noted beside."""

import numpy as np
import pytest
from explained import OneConvolution, golden_image, images, linear, plain

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.explain import gradient, occlusion, occlusion_grid
from tinyconv.features import capture


def test_golden_occlusion():
    net, image = OneConvolution(), golden_image() + 1
    found = occlusion(net, image, 0, baseline=1, window=(2, 3), stride=(2, 1))
    np.testing.assert_allclose(
        found.values[0, 0], [[17] * 4, [17] * 4, [64, 65.5, 65.5, 67], [64, 65.5, 65.5, 67]], rtol=1e-12
    )
    whole = occlusion(net, image, 0, baseline=1, window=4)
    np.testing.assert_array_equal(whole.values[0, 0], np.full((4, 4), 67))
    assert whole.scores.tolist() == [67]


@pytest.mark.parametrize("start", [0.5, None], ids=["number", "image"])
def test_in_a_linear_net_a_drop_is_the_sum_over_the_window(start):
    """w (x - b) summed over the covered pixels, exactly."""
    model, batch = linear(), images(2, 2, 6, 6)
    shown = images(2, 6, 6, seed=8) if start is None else start
    terms = (gradient(model, batch, 1).values * (batch - shown)).sum(axis=1)
    grid = occlusion_grid(model, batch, 1, window=(2, 3), stride=(1, 2), baseline=shown)
    assert (grid.tops, grid.lefts) == ((0, 1, 2, 3, 4), (0, 2, 4))
    for row, top in enumerate(grid.tops):
        for column, left in enumerate(grid.lefts):
            expected = terms[:, top : top + 2, left : left + 3].sum(axis=(1, 2))
            np.testing.assert_allclose(grid.drops[:, row, column], expected, rtol=1e-9, atol=1e-12)
    single = occlusion(model, batch, 1, window=1, baseline=shown)
    np.testing.assert_allclose(single.values[:, 0], terms, rtol=1e-9, atol=1e-12)


def test_a_pixel_has_the_mean_over_the_patches_that_covered_it():
    model, batch = plain(), images(2, 1, 8, 8)
    grid = occlusion_grid(model, batch, 2, window=4, stride=3, baseline=0)
    assert grid.tops == (0, 3, 6)  # the last hangs over the edge
    found = occlusion(model, batch, 2, window=4, stride=3, baseline=0).values[:, 0]
    for pixel in np.ndindex(8, 8):
        over = [
            grid.drops[:, row, column]
            for row, top in enumerate(grid.tops) for column, left in enumerate(grid.lefts)
            if top <= pixel[0] < top + 4 and left <= pixel[1] < left + 4
        ]  # fmt: skip
        np.testing.assert_allclose(found[:, *pixel], np.mean(over, axis=0), rtol=1e-9, atol=1e-13)


def test_by_default_an_eighth_of_the_image_is_covered_with_its_own_grey():
    model, batch = plain(side=16), images(2, 1, 16, 16)
    found = occlusion(model, batch, 1)
    assert found.options == {"window": (2, 2), "stride": (1, 1), "baseline": "mean of the image"}
    grey = np.broadcast_to(batch.mean(axis=(2, 3), keepdims=True), batch.shape)
    np.testing.assert_array_equal(found.values, occlusion(model, batch, 1, window=2, stride=1, baseline=grey).values)


def test_probability_label_and_the_strongest_map_are_noted_at_each_position():
    model, batch = plain(), images(3, 1, 8, 8)
    grid = occlusion_grid(model, batch, window=4, stride=4, baseline=0, layer="relu2")
    np.testing.assert_array_equal(grid.targets, model(tc.tensor(batch)).detach().numpy().argmax(1))
    with capture(model, "relu2") as whole:
        model(tc.tensor(batch))
    np.testing.assert_array_equal(grid.channels, whole["relu2"].sum(axis=(2, 3)).argmax(axis=1))
    for number, (row, column) in [(0, (0, 0)), (1, (1, 0)), (2, (1, 1))]:
        covered = batch[number : number + 1].copy()
        covered[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
        with capture(model, "relu2") as activations:
            logits = model(tc.tensor(covered)).detach().numpy()[0]
        share = np.exp(logits) / np.exp(logits).sum()
        target, channel = grid.targets[number], grid.channels[number]
        np.testing.assert_allclose(grid.probabilities[number, row, column], share[target], rtol=1e-9)
        np.testing.assert_allclose(grid.drops[number, row, column], grid.scores[number] - logits[target], rtol=1e-9)
        assert grid.labels[number, row, column] == logits.argmax()
        np.testing.assert_allclose(
            grid.activations[number, row, column], activations["relu2"][0, channel].sum(), rtol=1e-9
        )


def test_the_images_are_left_as_they_are():
    batch = images(1, 1, 8, 8)
    before = batch.copy()
    occlusion(plain(), batch)
    np.testing.assert_array_equal(batch, before)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"window": 9}, ArgumentError, r"window \(9, 9\) is larger than the image of 8x8 pixels"),
        ({"window": 2, "stride": 3}, ArgumentError, "some pixels would never be covered"),
        ({"window": 0}, ShapeError, "window must be a whole number of pixels, or .*, got 0"),
        ({"window": (2, 2, 2)}, ShapeError, r"got \(2, 2, 2\)"),
        ({"stride": 1.5}, ShapeError, "stride must be"),
        ({"baseline": np.zeros((1, 4, 4))}, ShapeError, "baseline must be"),
        ({"layer": "linear1"}, ArgumentError, "no maps"),
        ({"layer": "relu9"}, ArgumentError, "no layer matches"),
    ],
)
def test_what_cannot_be_covered_is_refused_in_words(options, error, words):
    with pytest.raises(error, match=words):
        occlusion_grid(plain(), images(1, 1, 8, 8), **options)
