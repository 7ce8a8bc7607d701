"""Searching a picture: every window at every size, and the same whether a model slides or is shown windows."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.detection import find
from tinyconv.detection.pyramid import levels
from tinyconv.detection.search import answers, candidates
from tinyconv.models.zoo.face_finder import FaceFinder
from tinyconv.train import LoadedRun, Preprocessing

WINDOW = (16, 12)


class Brightness(nn.Module):
    """Sure of a window that is bright in its middle and dark along its edge."""

    def forward(self, x):
        middle = x[:, :, 4:12, 3:9].mean((1, 2, 3))
        edge = (x.sum((1, 2, 3)) - x[:, :, 2:14, 2:10].sum((1, 2, 3))) / (16 * 12 - 12 * 8)
        sure = 20 * (middle - edge) - 14
        return tc.stack((-sure, sure), 1)


def run_of(model, window=WINDOW, channels=1, classes=("other", "face")):
    preprocessing = Preprocessing(channels, window, (0.0,) * channels, (1.0,) * channels)
    return LoadedRun(None, model.eval(), classes, preprocessing, {}, None, 1)


def planted(*places, size=(150, 120)):
    """Dark, with a bright block in the middle of each of ``places``, (top, left, height)."""
    photo = np.zeros((1, *size), np.float32)
    for top, left, height in places:
        unit = height // 16
        photo[0, top + 2 * unit : top + 14 * unit, left + 2 * unit : left + 10 * unit] = 1
    return photo


def test_blocks_are_found_where_they_are_at_all_sizes():
    places = [(5, 7, 16), (20, 60, 32), (80, 10, 64)]
    found = find(run_of(Brightness()), planted(*places), target=1, threshold=0.9)
    assert len(found) == 3
    for top, left, height in places:
        box = min(found, key=lambda box: abs(box.left - left) + abs(box.top - top))
        assert abs(box.top - top) <= height / 6
        assert abs(box.left - left) <= height / 6
        assert box.height == pytest.approx(height, rel=0.2)
        assert box.width == pytest.approx(box.height * 12 / 16, rel=0.05)
        assert box.probability >= 0.9
        assert box.votes >= 2


def test_bounds_leave_out_what_is_smaller_and_larger():
    places = [(5, 7, 16), (20, 60, 32), (80, 10, 64)]
    run, photo = run_of(Brightness()), planted(*places)
    small = find(run, photo, 1, largest=20)
    large = find(run, photo, 1, smallest=60)
    assert [round(box.height / 16) for box in small] == [1]
    assert [round(box.height / 64) for box in large] == [1]


def test_nothing_is_found_where_nothing_is():
    assert find(run_of(Brightness()), planted(), 1) == []


@pytest.mark.usefixtures("exact")
def test_a_model_that_slides_is_as_sure_as_one_that_is_shown_windows():
    tc.manual_seed(0)
    model = FaceFinder(1, 2, (36, 32))
    picture = np.random.default_rng(0).random((1, 60, 53)).astype(np.float32)
    slid, step = answers(run_of(model, (36, 32)), picture, 1)
    shown, same_step = answers(run_of(nn.Sequential(model), (36, 32)), picture, 1)
    assert (step, same_step) == (4, 4)
    assert slid.shape == shown.shape == (7, 6)
    np.testing.assert_allclose(slid, shown, rtol=1e-5)
    assert slid.std() > 0


def test_candidates_lie_within_the_photograph():
    run = run_of(Brightness(), classes=("a", "b"))
    boxes = candidates(run, planted((5, 7, 16), size=(97, 81)), 1, threshold=0)
    assert min(box.left for box in boxes) == min(box.top for box in boxes) == 0
    assert max(box.right for box in boxes) <= 81
    assert max(box.bottom for box in boxes) <= 97


@pytest.mark.parametrize("per_doubling", [1, 3, 4])
def test_a_pyramid_has_its_sizes_from_one_to_the_double(per_doubling):
    photo = np.zeros((3, 200, 160), np.float32)
    found = list(levels(photo, (20, 16), per_doubling, smallest=20, largest=80))
    assert len(found) == 2 * per_doubling + 1
    assert found[0].picture is photo
    heights = [20 * level.scale[0] for level in found]
    np.testing.assert_allclose(heights, [20 * 2 ** (n / per_doubling) for n in range(len(found))], rtol=0.02)


def test_a_large_photograph_is_not_searched_for_specks():
    first = next(iter(levels(np.zeros((1, 960, 1200), np.float32), (20, 16))))
    assert first.picture.shape == (1, 480, 600)


def test_smaller_things_than_the_window_are_found_in_an_enlarged_photograph():
    first = next(iter(levels(np.zeros((1, 100, 90), np.float32), (20, 16), smallest=10)))
    assert first.picture.shape == (1, 200, 180)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"threshold": 1.5}, ArgumentError, "probability, 0 to 1, got 1.5"),
        ({"target": 2}, ArgumentError, "2 classes, and none with number 2"),
        ({"per_doubling": 0}, ArgumentError, "at least 1, got 0"),
        ({"smallest": 0}, ArgumentError, "above 0 pixels"),
        ({"smallest": 60, "largest": 30}, ArgumentError, "30 pixels, is less than the smallest, 60"),
        ({"photo": np.zeros((3, 99, 99), np.float32)}, ShapeError, r"\(1, height, width\), got \(3, 99, 99\)"),
        ({"photo": np.zeros((1, 15, 99), np.float32)}, ShapeError, "15x99 pixels has no room for a window of 16x12"),
        ({"smallest": 500}, ShapeError, "no room.*500 pixels"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, error, words):
    arguments = {"photo": planted(), "target": 1} | options
    with pytest.raises(error, match=words):
        find(run_of(Brightness()), **arguments)
