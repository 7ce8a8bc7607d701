"""Pictures of explanations say what they show, in one orientation, whatever is wrong with a map."""

import io
from dataclasses import replace

import numpy as np
import pytest
from explained import images, plain

from tinyconv.core.errors import ShapeError
from tinyconv.explain import (
    Attribution,
    OcclusionGrid,
    Subject,
    explanation_figure,
    explanation_png,
    grad_cam,
    occlusion_figure,
    save_explanation,
    save_occlusion,
)
from tinyconv.explain.pictures import map_pixels, remarks, scale_limit
from tinyconv.explain.pictures.occluded import label_pixels
from tinyconv.features.colours import NOT_FINITE


def attribution(values, method="gradient", targets=None, **options):
    values = np.asarray(values, float)
    targets = np.zeros(len(values), int) if targets is None else np.array(targets)
    return Attribution(values, method, targets, np.full(len(values), 2.5), options)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_red_is_for_blue_against_white_neither_and_magenta_is_no_number():
    pixels = map_pixels(np.array([[3.0, 1.0, 0.0, -1.0, -3.0, np.nan, np.inf]]), limit=2.0)[0].astype(int)
    strong, weak, none, against, strongly_against, nan, infinite = pixels
    assert strong[0] > strong[2] + 50
    assert strongly_against[2] > strongly_against[0] + 50
    assert weak[0] > weak[2]
    assert against[2] > against[0]
    assert none.min() > 240
    assert weak.sum() > strong.sum()
    assert tuple(nan) == tuple(infinite) == NOT_FINITE


def test_over_an_image_nothing_is_coloured_where_the_map_is_zero():
    image = np.linspace(0, 1, 4).reshape(1, 1, 4)
    pixels = map_pixels(np.array([[0.0, 2.0, -2.0, 0.0]]), 2.0, under=image)[0].astype(int)
    for grey in (pixels[0], pixels[3]):
        assert grey.max() == grey.min()
    assert pixels[3][0] > pixels[0][0]
    assert pixels[1][0] > pixels[1][2] + 50
    assert pixels[2][2] > pixels[2][0] + 50
    assert tuple(map_pixels(np.array([[np.nan] * 4]), 2.0, under=image)[0, 0]) == NOT_FINITE


def test_the_scale_does_not_follow_a_single_extreme_pixel():
    heat = np.ones((64, 64))
    heat[3, 4] = 1000
    assert scale_limit(heat) == 1
    lonely = np.zeros((64, 64))
    lonely[3, 4] = -7
    assert scale_limit(lonely) == 7
    assert scale_limit(np.zeros((2, 2))) == scale_limit(np.full((2, 2), np.nan)) == 0


@pytest.mark.parametrize(
    ("heat", "score", "words"),
    [
        ([[0.0, 0.0]], None, "0 everywhere"),
        ([[-1.0, 0.0]], None, "nowhere positive: all of it against"),
        ([[1.0, -3.0]], 2.0, "sum −2, score 2"),
        ([[1.0, -3.0]], None, ""),
        ([[1.0, np.nan]], 2.0, "1 of 2 values are NaN or infinite (magenta)"),
    ],
)
def test_what_is_wrong_with_a_map_is_said(heat, score, words):
    assert remarks(np.array(heat), score) == words


def test_a_picture_says_what_it_shows():
    model, batch = plain(), images(2, 1, 8, 8)
    maps = grad_cam(model, batch, target=[0, 2])
    subject = Subject(batch, ["cat", "dog", "<script>"], ["a cat", "a fish"], "runs/0001 (facenet), epoch 30")
    found = texts(explanation_figure(maps, subject))
    assert found[0] == "grad-cam: where the last maps show evidence for the class"
    assert "runs/0001 (facenet), epoch 30" in found
    assert "Red speaks for the class explained, blue against it, white not at all" in " ".join(found)
    assert "Image 1 (a cat)" in found
    assert "Image 2 (a fish)" in found
    (first, second) = (text for text in found if text.startswith("explained is"))
    assert first.startswith("explained is cat, score ")
    assert second.startswith("explained is <script>, score ")
    assert any(text.startswith("layer relu2") for text in found)
    assert "0" in found  # of the colour bar, with its limit beside it
    assert "\N{MULTIPLICATION SIGN}" in next(text for text in found if "pixels" in text)


def test_what_a_sum_is_to_be_compared_with_stands_under_the_map():
    values = images(1, 1, 4, 4)
    measures = {"completeness gap": np.array([0.25]), "baseline score": np.array([-4.5])}
    found = texts(explanation_figure(replace(attribution(values, "integrated-gradients"), measures=measures)))
    under = " ".join(found[found.index("integrated-gradients") + 1 :])
    assert "gap 0.25; sum " in under
    assert "score 2.5 less \u22124.5 of the baseline" in under


def test_a_map_about_which_there_is_a_note_says_so():
    notes = ("Image 2: next to nothing speaks for the target.",)
    found = texts(explanation_figure(replace(attribution(images(2, 1, 4, 4), "grad-cam"), notes=notes)))
    assert [text for text in found if "note" in text] == ["see the note below"]
    assert "grad-cam: Image 2: next to nothing speaks for the target." in found


def test_several_methods_stand_side_by_side_each_with_its_name_and_scale():
    values = images(1, 1, 4, 4)
    maps = [attribution(scale * values, method) for scale, method in [(1, "gradient"), (100, "lrp-0")]]
    found = texts(explanation_figure(maps, Subject(images(1, 1, 4, 4))))
    assert found[0] == "What each pixel counted for the score, by 2 methods"
    assert {"gradient", "lrp-0"} <= set(found)
    limits = [scale_limit(one.heat()) for one in maps]
    assert limits[1] == pytest.approx(100 * limits[0])
    assert any(text.startswith("sum ") and "score 2.5" in text for text in found)


def test_maps_of_several_classes_name_them():
    maps = [attribution(images(1, 1, 4, 4), targets=[number]) for number in (0, 1)]
    found = texts(explanation_figure(maps, Subject(classes=["cat", "dog"])))
    assert "several classes are explained, named over the maps" in found
    assert any(text.startswith("dog, score 2.5: ") for text in found)


def test_a_map_that_shows_nothing_is_hatched_and_says_so():
    figure = explanation_figure(attribution(np.zeros((1, 1, 4, 4))))
    assert "0 everywhere" in texts(figure)
    (pixels,) = [image.get_array() for image in figure.axes[0].images]
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 2


def test_a_map_of_nan_alone_is_magenta_and_says_so():
    figure = explanation_figure(attribution(np.full((1, 1, 4, 4), np.nan)))
    assert "16 of 16 values are NaN or infinite (magenta)" in " ".join(texts(figure))
    (pixels,) = [image.get_array() for image in figure.axes[0].images]
    assert (pixels == NOT_FINITE).all()


def test_notes_stand_below():
    one = Attribution(images(1, 1, 4, 4), "deconvnet", np.array([0]), np.array([1.0]), notes=("Look closely.",))
    assert texts(explanation_figure(one))[-1] == "deconvnet: Look closely."


def test_colours_are_summed_and_any_size_and_number_of_images_is_drawn():
    figure = attribution(images(7, 3, 5, 9)).figure(np.abs(images(7, 3, 5, 9)) % 1, ["cat"])
    assert sum(text.startswith("explained is cat") for text in texts(figure)) == 7


def test_a_formula_in_a_name_is_none():
    name = "$\\frac{1}{0$ <b>"
    picture = explanation_png(attribution(images(1, 1, 4, 4)), Subject(classes=[name], source=name))
    assert picture.startswith(b"\x89PNG")
    figure = attribution(images(1, 1, 4, 4)).figure(classes=[name])
    figure.savefig(io.BytesIO())
    assert any(name in text for text in texts(figure))


def test_equal_arguments_give_equal_bytes_and_files(tmp_path):
    maps = [attribution(images(2, 1, 6, 6)), attribution(images(2, 1, 6, 6, seed=1), "occlusion", window=(2, 2))]
    subject = Subject(images(2, 1, 6, 6, seed=2), ["cat"])
    first = explanation_png(maps, subject)
    assert explanation_png(maps, subject) == first
    path = save_explanation(tmp_path / "new" / "why.png", maps, subject)
    assert path.read_bytes() == first
    from PIL import Image

    with Image.open(io.BytesIO(first)) as picture:
        assert picture.info["Software"] == "tinyconv"


def test_a_notebook_shows_the_first_images():
    html = attribution(images(6, 1, 4, 4))._repr_html_()
    assert html.startswith('<img alt="gradient: maps of 4 images. The first 4 of 6 images."')
    assert "data:image/png;base64," in html


def test_maps_and_images_of_different_numbers_are_refused():
    with pytest.raises(ShapeError, match=r"got maps of \[1, 2\] images"):
        explanation_figure([attribution(images(1, 1, 4, 4)), attribution(images(2, 1, 4, 4))])
    with pytest.raises(ShapeError, match=r"one for each of 1 maps, got \(2, 1, 4, 4\)"):
        attribution(images(1, 1, 4, 4)).figure(images(2, 1, 4, 4))
    with pytest.raises(ShapeError, match="got 2 and 1"):
        Attribution(images(1, 1, 4, 4), "gradient", np.zeros(2, int), np.zeros(1))


def grid(labels, drops=None, **options):
    labels = np.asarray(labels)
    drops = np.zeros(labels.shape) if drops is None else np.asarray(drops, float)
    count, rows, columns = labels.shape
    return OcclusionGrid(
        targets=np.zeros(count, int), scores=np.full(count, 2.5), window=(2, 3), tops=tuple(range(rows)),
        lefts=tuple(range(columns)), drops=drops, probabilities=np.full(labels.shape, 0.25), labels=labels, **options,
    )  # fmt: skip


def test_the_picture_of_an_occlusion_says_what_each_part_shows(tmp_path):
    activations = np.full((1, 2, 2), 3.0)
    found = grid(
        [[[0, 1], [0, 0]]], [[[1, -1], [0, 0]]], activations=activations, channels=np.array([7]), layer="relu2"
    )
    subject = Subject(images(1, 1, 4, 6), ["cat", "<b>"], ["mine"], "runs/0001, epoch 3")
    words = texts(occlusion_figure(found, subject))
    assert words[0] == "What a patch of 2×3 pixels changes where it covers the image"
    for text in (
        "runs/0001, epoch 3", "Image 1 (mine)", "explained is cat, score 2.5 before the softmax, nothing covered",
        "how far the score fell", "probability of the class", "class predicted", "activity of relu2, map 7", "cat",
        "<b>", "0.25 everywhere", "3 everywhere",
    ):  # fmt: skip
        assert text in words
    first, again = (save_occlusion(tmp_path / name, found, subject).read_bytes() for name in ("a.png", "b.png"))
    assert first == again
    assert "class 1" in texts(occlusion_figure(found))


def test_every_class_predicted_has_its_colour_the_most_frequent_first():
    labels = np.array([[4, 4, 2], [4, 2, 9]])
    pixels, key = label_pixels(labels)
    assert [label for label, _ in key] == [4, 2, 9]
    colours = dict(key)
    for place in np.ndindex(2, 3):
        assert pixels[place].tolist() == colours[labels[place]]
    assert len({tuple(colour) for colour in colours.values()}) == 3
    _, crowded = label_pixels(np.arange(12).reshape(3, 4))
    assert [label for label, _ in crowded] == [0, 1, 2, 3, 4, None]
