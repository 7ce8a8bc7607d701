"""Boxes: how much they overlap, how many become one, and how a search is judged."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import DataError, MissingFileError
from tinyconv.detection import Box, draw_boxes, group, judge, read_truth, save_crops

edges = st.integers(0, 20)


@st.composite
def boxes(draw):
    left, top = draw(edges), draw(edges)
    probability = draw(st.integers(1, 100)) / 100
    return Box(left, top, left + draw(st.integers(1, 15)), top + draw(st.integers(1, 15)), probability)


def pixels(box):
    return {(x, y) for x in range(box.left, box.right) for y in range(box.top, box.bottom)}


@given(boxes(), boxes())
def test_overlap_is_counted_in_pixels(one, other):
    a, b = pixels(one), pixels(other)
    assert one.overlap(other) == pytest.approx(len(a & b) / len(a | b))
    assert one.inside(other) == pytest.approx(len(a & b) / len(a))


@given(st.lists(boxes(), max_size=12))
def test_no_two_of_a_group_s_boxes_show_the_same_and_every_candidate_has_one_vote(candidates):
    found = group(candidates)
    assert [box.probability for box in found] == sorted((box.probability for box in found), reverse=True)
    for number, box in enumerate(found):
        assert any((box.left, box.top, box.right, box.bottom) == (c.left, c.top, c.right, c.bottom) for c in candidates)
        assert all(box.overlap(other) <= 0.3 for other in found[:number])
        assert all(max(box.inside(other), other.inside(box)) <= 0.5 for other in found[:number])
    assert sum(box.votes for box in found) <= len(candidates)
    if candidates:
        surest = max(box.probability for box in candidates)
        assert max(box.probability for box in found) <= surest


def test_the_surest_stands_for_its_neighbours_and_lonely_ones_are_dropped():
    crowd = [Box(left, 10, left + 32, 46, sure) for left, sure in ((10, 0.9), (14, 0.94), (6, 0.86))]
    lonely = Box(200, 10, 232, 46, 0.99)
    assert group([*crowd, lonely], votes=2) == [Box(14, 10, 46, 46, 0.94, votes=3)]
    assert [box.votes for box in group([*crowd, lonely])] == [1, 3]
    assert len(group([Box(0, 0, 100, 100, 0.9), Box(52, 0, 152, 100, 0.8)])) == 1, "they overlap by 0.32"


def test_of_a_small_box_inside_a_larger_one_the_one_with_more_votes_stays():
    whole = [Box(0, 0, 100, 100, 0.9), Box(2, 0, 102, 100, 0.8)]
    part = Box(30, 60, 60, 90, 0.99)
    assert [box.left for box in group([*whole, part])] == [0]
    assert [box.left for box in group([Box(0, 0, 100, 100, 0.99), part, Box(32, 60, 62, 90, 0.9)])] == [30]
    assert {box.left for box in group([*whole, Box(90, 0, 130, 40, 0.99)])} == {0, 90}


def test_every_thing_is_found_by_one_box_at_most():
    truth = [Box(0, 0, 10, 10), Box(100, 0, 110, 10)]
    judged = judge([Box(0, 1, 10, 11, 0.8), Box(1, 0, 11, 10, 0.9), Box(50, 0, 60, 10, 0.7)], truth)
    assert [box.probability for box in judged.found] == [0.9]
    assert [box.probability for box in judged.false] == [0.8, 0.7]
    assert judged.missed == (truth[1],)
    assert judge([], []) == judge([], ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[1, 2, 3, 4]]", "must be an object"),
        ("{", "no JSON file"),
        ('{"a.jpg": 3}', r"a\.jpg: expected a list of boxes .*got 3"),
        ('{"a.jpg": [[1, 2, 3]]}', r"a\.jpg: expected a box .*got \[1, 2, 3\]"),
        ('{"a.jpg": [[1, 2, "3", 4]]}', "expected a box"),
        ('{"a.jpg": [[5, 2, 3, 4]]}', "right must exceed left"),
    ],
)
def test_a_truth_that_says_something_else_is_refused(tmp_path, text, words):
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(DataError, match=words):
        read_truth(tmp_path / "truth.json")
    with pytest.raises(MissingFileError, match="does not exist"):
        read_truth(tmp_path / "none.json")


def test_a_truth_is_read(tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps({"a.jpg": [[1, 2, 3.5, 4]], "b.jpg": []}))
    assert read_truth(tmp_path / "truth.json") == {"a.jpg": [Box(1, 2, 3.5, 4)], "b.jpg": []}


def test_boxes_are_drawn_where_they_are():
    photo = np.full((1, 500, 600), 0.5)
    drawn = draw_boxes(photo, [Box(100, 200, 180, 290, 0.93)]).astype(int)
    changed = np.argwhere((drawn != 128).any(axis=2))
    rows, columns = changed[:, 0], changed[:, 1]
    assert (rows.max(), columns.min(), columns.max()) == (290, 99, 180)
    assert (drawn[245, 100] == (255, 214, 10)).all()
    assert (drawn[245, 140] == 128).all(), "the inside stays"
    assert draw_boxes(photo[:, :100, :120], []).shape == (400, 480, 3)
    at_the_edge = draw_boxes(photo, [Box(0, 0, 600, 500, 1.0)])
    assert at_the_edge.shape == (500, 600, 3)


def test_crops_are_what_the_boxes_show_and_none_is_cut_twice(tmp_path):
    from PIL import Image

    photo = np.zeros((3, 60, 50), np.float32)
    photo[:, 10:46, 5:37] = 1
    found = [Box(5, 10, 37, 46), Box(-3, 20, 29, 70)]
    assert save_crops(photo, found, (18, 16), tmp_path, "hills/a.jpg") == 2
    assert save_crops(photo, found, (18, 16), tmp_path, "hills/a.jpg") == 0
    with Image.open(tmp_path / "hills-a-5-10-32x36.png") as crop:
        assert crop.size == (16, 18)
        assert np.asarray(crop).min() == 255
    assert (tmp_path / "hills-a-0-20-29x40.png").is_file()
