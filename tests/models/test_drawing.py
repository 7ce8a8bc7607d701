"""The graph of a model as a picture: its boxes, where they stand, and the file."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from command import tinyconv
from sklearn.isotonic import isotonic_regression

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.shapes import shapes_only
from tinyconv.models import registry
from tinyconv.models.drawing import layout, model_graph, save_model_graph
from tinyconv.models.drawing.blocks import Block, blocks_of, frames_of
from tinyconv.models.tracing import trace

SVG = "{http://www.w3.org/2000/svg}"


class Branches(nn.Module):
    """Two ways and a shortcut around them, half of it written with functions."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, groups=4), nn.BatchNorm2d(4), nn.ReLU())
        self.right = nn.Conv2d(4, 4, (1, 3), padding=(0, 1), dilation=1)
        self.scale = nn.Parameter(tc.ones(8, 1, 1))

    def forward(self, x):
        joined = tc.cat([self.left(x), self.right(x)], 1) * self.scale
        return (joined[:, :4] + x).relu() / 2


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, 1), nn.LeakyReLU(), nn.MaxPool2d(2), Branches(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, 3), nn.Softmax(1),
    )  # fmt: skip


def traced(model, *shape):
    with shapes_only():
        return blocks_of(trace(model, tc.zeros(*shape)))


def test_a_box_is_a_layer_with_what_follows_it_and_joints_take_several():
    blocks = traced(network(), 2, 1, 16, 16)
    names = [(block.words, *block.then) for block in blocks]
    assert names == [
        ("input",),
        ("conv 3×3, stride 2", "leaky ReLU"),
        ("max pool 2×2, stride 2",),
        ("conv 3×3, depthwise", "batch norm", "ReLU"),
        ("conv 1×3",),
        ("concatenate", "× scale", "slice"),
        ("add", "ReLU", "÷ 2"),
        ("average over the map", "flatten"),
        ("linear", "softmax"),
    ]
    assert [[blocks.index(source) for source in block.sources] for block in blocks[3:7]] == [[2], [2], [3, 4], [5, 2]]
    assert [block.shape for block in blocks[4:]] == [(4, 4, 4), (4, 4, 4), (4, 4, 4), (4,), (3,)]
    assert [block.path for block in blocks[3:6]] == ["3.left.0", "3.right", "3"]
    assert sum(block.parameters for block in blocks) == sum(p.numel() for p in network().parameters())
    (frame,) = frames_of(blocks)
    assert (frame.path, [blocks.index(block) for block in frame.members]) == ("3", [3, 4, 5, 6])


def test_an_output_is_no_inner_part_of_a_box():
    class Two(nn.Module):
        def forward(self, x):
            y = x.sum(1)
            return y, y.relu()

    assert [(block.words, block.then) for block in traced(Two(), 1, 4)] == [("input", []), ("sum", []), ("ReLU", [])]


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        (nn.Conv1d(4, 4, 3, 2, groups=2), (1, 4, 9), "conv 3, 2 groups, stride 2"),
        (nn.Conv2d(1, 1, 3, dilation=(1, 2)), (1, 1, 9, 9), "conv 3×3, dilation 1×2"),
        (nn.ConvTranspose2d(1, 1, 2, 2), (1, 1, 4, 4), "transposed conv 2×2, stride 2"),
        (nn.LocallyConnected2d(1, 1, (4, 4), 3), (1, 1, 4, 4), "locally connected 3×3"),
        (nn.AvgPool1d(3), (1, 1, 9), "average pool 3, stride 3"),
        (nn.AdaptiveMaxPool2d((2, 3)), (1, 1, 9, 9), "adaptive maximum to 2×3"),
        (nn.ReLU6(), (1, 2), "ReLU6"),
        (nn.Hardtanh(), (1, 2), "hardtanh"),
        (nn.GroupNorm(1, 2), (1, 2, 3), "group norm"),
        (nn.Upsample(scale_factor=2), (1, 1, 2, 2), "resize"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_the_words_for_a_layer(layer, shape, words):
    assert traced(layer, *shape)[1].words == words


def test_the_words_for_arithmetic_with_numbers_and_weights():
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(tc.ones(3))

        def forward(self, x):
            return 1 - 2 * (self.scale * x + 3) / 7 - tc.arange(3.0)

    assert traced(Sums(), 1, 3)[1].then == ["+ 3", "× 2", "÷ 7", "1 −", "− constants"]
    assert traced(Sums(), 1, 3)[1].words == "× scale"


def random_blocks(seed):
    random = np.random.default_rng(seed)
    blocks = [Block("input", "input", "", (1,))]
    for number in range(1, 30):
        sources = random.choice(number, min(number, random.integers(1, 4)), replace=False)
        blocks.append(Block("box", "conv", "", (1,), sources=[blocks[source] for source in sorted(sources)]))
    return blocks, random.uniform(50, 200, len(blocks))


@pytest.mark.parametrize("seed", range(8))
def test_arrows_lead_down_row_by_row_and_nothing_overlaps(seed):
    blocks, widths = random_blocks(seed)
    rows = layout.arranged(blocks, widths)
    at = {place.block: place for row in rows for place in row if place.block is not None}
    assert at.keys() == set(blocks)
    for number, row in enumerate(rows):
        for left, right in pairwise(row):
            assert right.x - left.x >= (left.width + right.width) / 2 + layout.BETWEEN - 1e-6
        for place in row:
            assert place.row == number
            assert all(below in rows[number + 1] for below in place.below)
    for block in blocks:
        assert {_start(above) for above in at[block].above} == set(block.sources)
    assert min(place.x - place.width / 2 for row in rows for place in row) == pytest.approx(0)


def _start(place):
    """The box from which the arrow through ``place`` comes."""
    while place.block is None:
        (place,) = place.above
    return place.block


def test_branches_do_not_cross_and_what_is_one_line_is_drawn_straight():
    blocks = traced(network(), 1, 1, 16, 16)
    rows = layout.arranged(blocks, [100] * len(blocks))
    assert layout._crossings(rows) == 0
    at = {place.block: place.x for row in rows for place in row if place.block is not None}
    trunk = [at[block] for block in (*blocks[:3], *blocks[7:])]
    assert max(trunk) - min(trunk) < 8
    assert at[blocks[3]] < trunk[0] < at[blocks[4]]
    shortcuts = [Block("input", "input", "", (1,))]
    for _ in range(3):
        first = Block("box", "conv", "", (1,), sources=[shortcuts[-1]])
        second = Block("box", "conv", "", (1,), sources=[first])
        shortcuts += [first, second, Block("add", "joint", "", (1,), sources=[second, shortcuts[-1]])]
    rows = layout.arranged(shortcuts, [100] * len(shortcuts))
    trunk = [place.x for row in rows for place in row if place.block is not None]
    assert max(trunk) - min(trunk) < 8
    swapped = random_blocks(3)[0]
    rows = layout._rows(swapped, [100] * len(swapped))
    before = layout._crossings(rows)
    layout._order(rows)
    assert layout._crossings(rows) < before / 2


def test_the_nearest_rising_sequence_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    for length in (1, 2, 7, 40):
        values, weights = random.normal(size=length), random.uniform(0.1, 9, length)
        ours = layout._rising(list(values), list(weights))
        np.testing.assert_allclose(ours, isotonic_regression(values, sample_weight=weights))


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_file_shows_every_layer_its_shape_and_its_name_in_the_colours_of_both_kinds_of_page():
    svg = model_graph(network(), tc.zeros(1, 1, 16, 16), title="a network")
    found = texts(svg)
    for text in ("a network", "163 parameters", "conv 3×3, stride 2", "4×8×8", "left.0", "3", "batch norm · ReLU"):
        assert text in found, text
    assert "prefers-color-scheme: dark" in svg
    assert "href" not in svg
    assert "url(" not in svg
    root = ET.fromstring(svg)
    width, height = (float(root.get(side)) for side in ("width", "height"))
    frames = [element for element in root.iter(f"{SVG}rect") if element.get("class") == "frame"]
    boxes = [element for element in root.iter(f"{SVG}rect") if (element.get("class") or "").startswith("box")]
    assert (len(frames), len(boxes)) == (1, 9)
    for one in boxes + frames:
        x, y, wide, high = (float(one.get(key)) for key in ("x", "y", "width", "height"))
        assert 0 < x < x + wide < width
        assert 0 < y < y + high < height
    # The names in a frame begin where the frame's ends.
    assert "3.left.0" not in found


def test_names_and_titles_are_escaped():
    model = nn.Sequential()
    model.add_module("<b>&\x07", nn.Linear(2, 2))
    svg = model_graph(model, tc.zeros(1, 2), title='<script>alert("1")</script>')
    assert "<script>" not in svg
    assert '<script>alert("1")</script>' in texts(svg)
    assert "<b>&�" in texts(svg)


def test_a_large_model_is_drawn_without_its_numbers_and_the_same_every_time(tmp_path):
    model = registry.outline("resnet50")
    save_model_graph(model, tmp_path / "one.svg", tc.zeros(1, 3, 224, 224))
    save_model_graph(model, tmp_path / "other.svg", tc.zeros(1, 3, 224, 224))
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert svg == (tmp_path / "other.svg").read_text(encoding="utf-8")
    assert texts(svg).count("add") == 16
    assert {"25,557,032 parameters", "2048×7×7", "layer4.2", "1000"} <= set(texts(svg))


def test_the_command_draws_and_does_not_overwrite(tmp_path):
    file = tmp_path / "model.svg"
    arguments = ("summary", "facenet", "--input-size", 16, "--channels", 1, "--graph", file)
    outcome = tinyconv(*arguments)
    assert (outcome.code, outcome.stderr) == (0, f"{file}\n")
    assert "conv 3×3" in file.read_text(encoding="utf-8")
    again = tinyconv(*arguments)
    assert again.code == 2
    assert f"{file} exists; choose another name, or replace it (--force)" in again.stderr
    assert tinyconv(*arguments, "--force").code == 0
    for wrong, words in [
        (("summary", "--all", "--graph", file), "leave --graph out"),
        (("summary", "facenet", "--force"), "--force replaces the file of --graph"),
        (("summary", "facenet", "--graph", tmp_path / "none" / "x.svg"), "cannot be written"),
    ]:
        outcome = tinyconv(*wrong)
        assert outcome.code == 2
        assert words in outcome.stderr
