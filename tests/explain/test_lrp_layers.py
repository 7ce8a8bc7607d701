"""What relevance did at each layer, as numbers, as a table and as a picture."""

import itertools

import numpy as np
import pytest
from explained import branched, fill, images, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import DimensionError, ShapeError
from tinyconv.explain import Subject, attribute
from tinyconv.explain.lrp import (
    COMPOSITES,
    Epsilon,
    descent_figure,
    epsilon_gamma_box,
    layer_relevance,
    save_descent,
    uniform,
)
from tinyconv.features.colours import format_number


def relevances(count=2, **options):
    return layer_relevance(plain(), images(count, 1, 8, 8), 1, composite=epsilon_gamma_box(), **options)


def test_the_layers_lead_from_the_score_to_the_pixels_without_a_gap():
    layers = relevances()
    assert [layer.name for layer in layers] == [
        "linear1", "pool2", "relu2", "norm2", "conv2", "pool1", "relu1", "norm1", "conv1",
    ]  # fmt: skip
    np.testing.assert_allclose(layers[0].received, layers.scores)
    for above, below in itertools.pairwise(layers):
        np.testing.assert_allclose(above.handed_down, below.received, rtol=1e-12)
    np.testing.assert_allclose(layers[-1].handed_down, layers.pixels.sum((1, 2, 3)))


def test_the_relevance_at_a_layer_has_the_shape_of_its_maps_and_the_sum_that_is_told():
    layers = relevances()
    shapes = {layer.name: layer.values.shape for layer in layers}
    assert shapes["conv1"] == (2, 4, 8, 8)
    assert shapes["pool2"] == (2, 6, 2, 2)
    assert shapes["linear1"] == (2, 3)
    for layer in layers:
        np.testing.assert_allclose(layer.values.reshape(2, -1).sum(1), layer.received)


def test_the_pixels_get_what_the_method_of_that_name_gives():
    model, x = branched(), images(2, 2, 12, 12)
    for name, make in COMPOSITES.items():
        layers = layer_relevance(model, x, [0, 2], composite=make(), method=name)
        found = attribute(model, x, name, [0, 2])
        np.testing.assert_array_equal(layers.pixels, found.values)
        np.testing.assert_array_equal(layers.targets, found.targets)
        np.testing.assert_array_equal(layers.scores, found.scores)


def test_in_a_branch_a_layer_receives_only_the_part_of_the_branch():
    layers = layer_relevance(branched(bias=False), images(1, 2, 12, 12), 0, composite=uniform(Epsilon()))
    received = {layer.name: layer.received[0] for layer in layers}
    handed_down = {layer.name: layer.handed_down[0] for layer in layers}
    assert received["shared_1"] != pytest.approx(handed_down["cat1"])
    assert received["add1"] + received["pool2"] == pytest.approx(handed_down["cat1"])


def test_the_table_has_a_row_for_each_layer_in_short_numbers():
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2)).to(tc.float64)
    fill(model, 1)
    with tc.no_grad():
        model[1].weight.copy_(tc.tensor([[1.0, 2.0], [0.0, 0.0]]))
        model[1].bias.copy_(tc.tensor([1.0, 0.0]))
    layers = layer_relevance(model, np.ones((1, 1, 1, 2)), 0, composite=uniform(Epsilon()), method="lrp-0")
    assert layers.rows() == [("linear1", "plain", "4", "3", "1")]
    assert layers.method == "lrp-0"
    shown = layers._repr_html_()
    assert "<caption>lrp-0, image 1: class 0, score 4</caption>" in shown
    assert "<td>linear1</td><td>plain</td><td>4</td><td>3</td><td>1</td>" in shown


def test_a_layer_with_a_harmful_name_is_harmless_in_the_table():
    model = nn.Sequential(nn.Flatten())
    model.add_module("<script>", nn.Linear(2, 2))
    shown = layer_relevance(model, np.ones((1, 1, 1, 2), np.float32), composite=uniform(Epsilon()))._repr_html_()
    assert "<script>" not in shown
    assert "<td>&lt;script&gt;</td>" in shown


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_picture_says_what_each_map_is():
    layers = relevances(method="lrp-epsilon-gamma-box")
    subject = Subject(np.zeros((2, 1, 8, 8)), ["cat", "dog", "owl"], ["a.png", "b.png"], "runs/0001, epoch 3")
    written = texts(layers.figure(1, subject))
    words = " ".join(written)
    assert "lrp-epsilon-gamma-box: how the score of dog comes down to the pixels" in words
    assert "runs/0001, epoch 3" in written
    assert "Image 2 (b.png)" in words
    assert "Red speaks for the class, blue against it" in words
    assert [text for text in written if text.endswith("maps") or text.startswith("the ")] == [
        "the image", "conv2, 6 maps", "conv1, 4 maps", "the pixels",
    ]  # fmt: skip
    drawn = [*(layer.values for layer in layers if layer.kind == "conv"), layers.pixels]
    score = format_number(layers.scores[1])
    sums = [f"sum {format_number(values[1].sum())}, score {score}" for values in drawn]
    assert [text for text in written if text.startswith("sum")] == sums
    assert "goes on by gamma 0.25" in written
    assert "goes on by z-B" in written


def test_of_a_long_name_the_end_is_shown():
    model = nn.Sequential()
    block = nn.Module()
    block.downsample_of_the_first_block = nn.Conv2d(1, 2, 3)
    block.forward = lambda x: block.downsample_of_the_first_block(x)
    model.add_module("layer", block)
    model.extend([nn.Flatten(), nn.Linear(72, 2)])
    layers = layer_relevance(model, images(1, 1, 8, 8), composite=uniform(Epsilon()))
    (name,) = [text for text in texts(layers.figure()) if text.endswith("maps")]
    assert name == "…le_of_the_first_block, 2 maps"
    assert len(name) == 30


def test_the_same_picture_has_the_same_bytes(tmp_path):
    first, second = (save_descent(tmp_path / name, relevances()) for name in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()


def test_an_image_that_is_not_there_is_refused():
    with pytest.raises(DimensionError, match="there is no image 2: the batch has 2"):
        descent_figure(relevances(), 2)
    with pytest.raises(ShapeError, match="one for each of 2 maps"):
        descent_figure(relevances(), 0, Subject(np.zeros((1, 1, 8, 8))))


def test_a_map_without_relevance_is_hatched_and_says_so():
    model = plain(bias=False, batch_norm=False)
    layers = layer_relevance(model, np.zeros((1, 1, 8, 8)), 0, composite=uniform(Epsilon()))
    assert "0 everywhere" in texts(layers.figure())
