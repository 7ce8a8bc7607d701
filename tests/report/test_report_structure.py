"""What a report consists of, read without a browser."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from command import tinyconv
from PIL import Image

import tinyconv as tc
from tinyconv.core.errors import DataError
from tinyconv.features.health import measure_health
from tinyconv.models.weights import load, load_metadata, save
from tinyconv.report import make_report
from tinyconv.report.architecture import drawing, stacks_of
from tinyconv.report.arithmetic import follow
from tinyconv.report.assembly import Computed, assemble
from tinyconv.report.dossiers import unit_facts
from tinyconv.report.health import health_values
from tinyconv.report.making import fitting
from tinyconv.report.maps import selected
from tinyconv.report.material import gather
from tinyconv.report.passes import run_through
from tinyconv.report.responses import gallery, responses_to
from tinyconv.report.trimming import TRIM_ORDER, Plan
from tinyconv.train import load_run

SECTIONS = ("overview", "architecture", "maps", "arithmetic", "units", "health", "explanations", "made")
VOID = {"meta", "link", "img", "input", "br"}


class Reader(HTMLParser):
    """Elements with their attributes, the text of scripts, and tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self.unmatched: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.unmatched += self._open
        self.said = "".join(self.text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.unmatched.append(tag)

    def handle_data(self, data):
        if self._open and self._open[-1] == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def page(reported) -> Reader:
    return Reader(reported.html)


@pytest.fixture(scope="module")
def computed(reported) -> Computed:
    return reported.computed


def test_the_page_is_well_formed_and_has_its_sections(page):
    assert page.unmatched == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [name for name in SECTIONS if name not in ids] == []


def test_links_lead_to_places_of_the_page(page):
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert [link for link in links if not link.startswith("#") or unquote(link[1:]) not in ids] == []


def test_every_unit_has_its_anchor(page, hostile_run):
    ids = {attributes.get("id") for _, attributes in page.elements}
    for name, weight in load_run(hostile_run).model.state_dict().items():
        if name.startswith("conv"):
            layer = name.partition(".")[0]
            assert [unit for unit in range(weight.shape[0]) if f"{layer}/{unit}" not in ids] == []
    # A link such as #conv3/17, written by hand, finds its unit without being encoded.
    assert "conv3/17" in ids


def test_pictures_have_words_and_are_inside_the_file(page):
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert images
    assert [image for image in images if "alt" not in image] == []
    addresses = [
        attributes[name]
        for tag, attributes in page.elements
        for name in ("src", "href", "srcset", "data", "action")
        if name in attributes and tag != "a"
    ]
    assert [address for address in addresses if not address.startswith("data:image/png;base64,")] == []


def test_the_policy_names_the_scripts_of_the_page_and_nothing_else(page):
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    running = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    digests = {"'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'" for text in running}
    assert set(re.search(r"script-src ([^;]*);", policy)[1].split()) == digests


def test_names_from_the_data_are_text(page, reported):
    assert "<script>alert" not in reported.html
    assert "<b>right</b>" not in reported.html
    assert any("</script><script>alert(1)</script>" in text for text in page.text)
    for attributes, text in page.scripts:
        if attributes.get("type") == "application/json":
            json.loads(text)


def test_the_same_seed_makes_the_same_bytes(reported, tmp_path):
    again = tinyconv("report", reported.run, "-o", tmp_path / "again.html")
    assert again.code == 0, again.stderr
    assert again.stdout.strip() == str(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == reported.file.read_bytes()


def test_a_run_whose_images_are_gone_says_so_and_shows_the_rest(own_run):
    record = json.loads((own_run / "run.json").read_text())
    record["data"]["spec"] = record["data"]["source"] = "npz:/nowhere/faces.npz"
    (own_run / "run.json").write_text(json.dumps(record))
    report = make_report(own_run)
    assert any("/nowhere/faces.npz" in note for note in report.notes)
    page = Reader(report.html)
    assert any("/nowhere/faces.npz" in text for text in page.text)
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {"architecture", "arithmetic", "maps", "units", "explanations"} <= ids
    assert "confusion" not in report.html.partition("<main")[2]


def test_a_run_without_recorded_maps_shows_its_held_out_images(own_run):
    (own_run / "features" / "features.npz").unlink()
    material = gather(load_run(own_run))
    assert any("Feature maps along the training are left out" in sentence for sentence in material.absent)
    assert len(material.pictures) == len(material.labels) == 4
    assert selected(material, 10**6) is None


def test_a_run_with_neither_is_refused(own_run):
    (own_run / "features" / "features.npz").unlink()
    record = json.loads((own_run / "run.json").read_text())
    record["data"]["spec"] = record["data"]["source"] = "npz:/nowhere/faces.npz"
    (own_run / "run.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="nothing to show; give images with --data"):
        gather(load_run(own_run))


def test_other_images_may_be_given_and_the_page_does_not_call_them_held_out(own_run):
    """A run that was imported has none of its own."""
    spec = json.loads((own_run / "run.json").read_text())["data"]["spec"]
    (own_run / "features" / "features.npz").unlink()
    (own_run / "metrics.csv").unlink()
    report = make_report(own_run, data=spec)
    material = gather(load_run(own_run), data=spec)
    assert material.kind == "given"
    assert len(material.judged.labels) > len(gather(load_run(own_run)).judged.labels)
    assert any(
        re.search(r"shown \d+ images of .*, given for this page: it learnt from \d+ of them", n) for n in report.notes
    )
    page = Reader(report.html)
    text = " ".join(page.text)
    assert "accuracy on given images" in text
    # Only what explains the word itself may still have it.
    assert set(re.findall(r"the held-out images (\w+)", text)) <= {"it"}
    with pytest.raises(DataError, match="no class of digits is one of run"):
        gather(load_run(own_run), data="digits")


def test_what_does_not_fit_is_left_out_in_the_stated_order(computed):
    whole, trimmed = fitting(computed, 10**9)
    assert trimmed == []
    limit = len(whole.encode()) * 7 // 10
    html, trimmed = fitting(computed, limit)
    assert len(html.encode()) <= limit
    subjects = [sentence.partition(":")[0] for sentence in trimmed]
    assert subjects == list(dict.fromkeys(subjects)), "one sentence for each subject: the last holds"
    assert set(subjects) <= {step.subject for step in TRIM_ORDER}
    assert all(sentence in Reader(html).said for sentence in trimmed)
    smallest, everything = fitting(computed, 1)
    assert len(smallest) < len(html)
    assert len(everything) == len({step.subject for step in TRIM_ORDER if step.words})


def test_the_maps_say_what_of_the_recording_they_are(computed):
    said = Reader(assemble(computed, replace(Plan(), maps_room=20_000), [])).said
    assert "To keep the file small, this page shows 1 of 2 recorded images" in said
    assert "feature maps: shown are 1 of 2 recorded images" in said


def test_the_films_of_the_page_are_the_recording(computed):
    features = computed.material.features
    selection = selected(computed.material, Plan().maps_room)
    for name, sprites in selection.sprites.items():
        limit = np.abs(features.arrays[name]).max()
        for number, sprite in enumerate(sprites):
            levels = np.asarray(Image.open(io.BytesIO(sprite.png)))
            height, width = sprite.tile
            for frame in range(sprite.frames):
                for channel in range(sprite.channels):
                    top = (frame * sprite.rows + channel // sprite.columns) * height
                    left = channel % sprite.columns * width
                    shown = levels[top : top + height, left : left + width] / 255
                    maps = features.arrays[name][frame, number, channel]
                    low = -limit if (features.arrays[name] < 0).any() else 0
                    assert np.abs(low + shown * (limit - low) - maps).max() <= (limit - low) / 509


def test_a_planted_dead_unit_is_called_dead_in_dossier_index_and_health(own_run):
    weights = load(own_run / "last.safetensors")
    metadata = load_metadata(own_run / "last.safetensors")
    for name in ("bn1.weight", "bn1.bias"):
        array = weights[name].numpy().copy()
        array[3] = 0
        weights[name] = tc.tensor(array)
    save(weights, own_run / "last.safetensors", metadata)
    material = gather(load_run(own_run))
    shown = gallery(material)
    followed = follow(material, 1)
    responses = responses_to(material, followed[0].passed.convolutions, shown)
    assert np.flatnonzero(responses["conv1"].peaks.max(axis=0) <= 0).tolist() == [3]
    facts = unit_facts(material, shown, {"conv1": responses["conv1"]}, {"conv1": [3]}, {})
    assert facts[0]["dossiers"][0]["words"].startswith("dead")
    assert facts[0]["index"][3]["src"] == ""
    record = measure_health(material.run.model, shown.inputs)
    values = health_values(material, record, {"conv1/3"})
    assert any(sentence.startswith("conv1: 1 of 32 dead") for sentence in values["sentences"])
    cells = next(layer["cells"] for layer in values["layers"] if layer["name"] == "conv1")
    assert [cell["channel"] for cell in cells if cell["fault"] == "dead"] == [3]


def test_the_patches_of_a_unit_are_where_it_answers_most(computed, hostile_run):
    shown, material = computed.shown, computed.material
    passed = run_through(material.run.model, shown.inputs[5], 0)
    responses = responses_to(material, passed.convolutions, shown)
    for convolved in passed.convolutions:
        one = responses[convolved.layer.name]
        assert np.allclose(one.peaks[5], convolved.activation.max(axis=(1, 2)), atol=1e-5)
        row, column = one.places[5, 0]
        assert convolved.activation[0, row, column] == pytest.approx(one.peaks[5, 0], abs=1e-5)
        assert (np.diff(one.peaks[one.best(0, 9), 0]) <= 0).all()


def test_a_damaged_history_is_left_out_with_its_reason(own_run):
    (own_run / "metrics.csv").write_text("epoch,train_loss\n1,many\n")
    assert any("metrics.csv" in note for note in gather(load_run(own_run)).absent)


def test_the_pass_is_the_networks_own_and_leaves_it_alone(hostile_run):
    run = load_run(hostile_run)
    material = gather(run)
    passed = run_through(run.model, material.inputs[0], 1)
    assert np.allclose(passed.logits, run.logits(material.pictures[:1])[0], atol=1e-4)
    assert passed.loss == pytest.approx(np.log(np.exp(passed.logits).sum()) - passed.logits[1], abs=1e-5)
    assert all(parameter.grad is None for parameter in run.model.parameters())
    for convolved in passed.convolutions:
        assert [step.kind for step in convolved.after] == ["norm", "relu"]
        padded = np.pad(convolved.x, ((0, 0), (1, 1), (1, 1))).astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        assert np.allclose(np.einsum("chwrs,kcrs->khw", windows, convolved.weight), convolved.z, atol=1e-4)
        expected = np.einsum("khw,chwrs->kcrs", convolved.delta, windows)
        assert np.allclose(expected, convolved.weight_gradient, atol=1e-5)
        norm = convolved.after[0]
        per_channel = [array[:, None, None] for array in (norm.mean, norm.variance, norm.weight, norm.bias)]
        mean, variance, weight, bias = per_channel
        assert np.allclose(weight * (convolved.z - mean) / np.sqrt(variance + norm.eps) + bias, norm.output, atol=1e-4)


def test_residual_sums_are_drawn_as_arcs():
    from tinyconv.models import registry

    model = registry.build("resnet18", 1, 3, (32, 32))
    image = np.zeros((1, 32, 32), np.float32)
    drawn = drawing(stacks_of(model, image, image))
    assert len([stack for stack in drawn["stacks"] if stack["kind"] == "conv"]) == 20
    # Eight blocks: five add what came in, three add a 1x1 convolution of it, which is itself fed over the others.
    assert len(drawn["arcs"]) >= 8
    for left, right in itertools.pairwise(drawn["stacks"]):
        # A letter of a name in bold takes about 7 pixels.
        assert right["x"] - left["x"] > 3.5 * (len(left["name"]) + len(right["name"]))


@pytest.mark.parametrize(
    ("prepare", "options", "words"),
    [
        ("file", (), ("exists", "--force")),
        ("folder", (), ("is a folder", "--out")),
        ("nowhere", (), ("no folder", "--out")),
    ],
    ids=["a file in the way", "a folder in the way", "a folder that does not exist"],
)
def test_where_it_cannot_be_written_it_says_so_at_once(hostile_run: Path, tmp_path: Path, prepare, options, words):
    place = {"file": tmp_path / "there.html", "folder": tmp_path, "nowhere": tmp_path / "none" / "report.html"}[prepare]
    if prepare == "file":
        place.write_text("mine")
    outcome = tinyconv("report", hostile_run, "-o", place, *options)
    assert outcome.code == 2
    assert [word for word in (str(place), *words) if word not in outcome.stderr] == []
    assert prepare != "file" or place.read_text() == "mine"


def test_weights_that_do_not_learn_have_no_gradient_in_the_pass():
    nn = tc.nn
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    first, second = run_through(model, np.ones((1, 5, 5), np.float32), 0).convolutions
    assert first.weight_gradient is None
    assert second.weight_gradient.shape == (2, 2, 3, 3)
    assert run_through(model.requires_grad_(False), np.ones((1, 5, 5), np.float32), 0).convolutions[1].delta is None
