"""What a run is judged on, and every figure of the judgement beside its definition."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_run import train_tiny_run, write_dataset

from tinyconv import TinyconvError
from tinyconv.train import Assessment, assess, held_out_images, load_run, other_images, write_report
from tinyconv.train.assessment.confusion_picture import confusion_png, most_mistaken
from tinyconv.train.assessment.mistakes_picture import Mistake, mistakes_png


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny_run(tmp_path_factory.mktemp("assessment"))


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def random_assessment(images: int = 60, classes: int = 12) -> Assessment:
    random = np.random.default_rng(3)
    labels = random.integers(0, classes - 1, images)  # of the last class there is no image
    logits = random.normal(size=(images, classes))
    logits[np.arange(images), labels] += 1.5
    return Assessment(tuple(f"class {number}" for number in range(classes)), labels, softmax(logits), 1.0)


def test_the_figures_of_every_class_are_those_of_their_definitions() -> None:
    assessment = random_assessment()
    labels, predictions = assessment.labels, assessment.predictions
    for label, scores in enumerate(assessment.per_class()):
        hits = int(((labels == label) & (predictions == label)).sum())
        assert scores.images == (labels == label).sum()
        taken = int((predictions == label).sum())
        expected = (hits / taken if taken else np.nan, hits / scores.images if scores.images else np.nan)
        np.testing.assert_allclose((scores.precision, scores.recall), expected)
    assert assessment.correct == (labels == predictions).sum()
    assert assessment.accuracy == pytest.approx((labels == predictions).mean())
    better = (assessment.probabilities > assessment.probabilities[np.arange(60), labels][:, None]).sum(axis=1)
    assert assessment.top_accuracy(5) == pytest.approx((better < 5).mean())
    assert assessment.top_accuracy(1) == assessment.accuracy


def test_a_class_names_what_it_was_most_often_taken_for() -> None:
    labels, predictions = np.array([0, 0, 0, 0, 1, 2]), np.array([1, 2, 2, 0, 1, 2])
    probabilities = np.eye(3)[predictions] * 0.7 + 0.1
    scores = Assessment(("a", "b", "c"), labels, probabilities, 0.0).per_class()
    assert [one.taken_for for one in scores] == ["c", None, None]


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # Ten images at confidence 0.9 of which six are right, ten at 0.6 of which six are: gaps of 0.3 and 0.
    confidence = np.repeat([0.9, 0.6], 10)
    labels = np.tile([0] * 6 + [1] * 4, 2)
    assessment = Assessment(("a", "b"), labels, np.stack([confidence, 1 - confidence], axis=1), 0.0)
    assert assessment.calibration_error() == pytest.approx(0.15)


def test_mistakes_come_with_the_surest_first() -> None:
    assessment = random_assessment()
    wrong = assessment.mistakes()
    assert set(wrong) == set(np.flatnonzero(assessment.predictions != assessment.labels))
    assert (np.diff(assessment.confidences[wrong]) <= 0).all()


def test_figures_of_nothing_are_null_and_no_part_of_the_averages() -> None:
    record = random_assessment().to_json()
    assert record["classes"][-1]["recall"] is None
    assert record["classes"][-1]["images"] == 0
    recalls = [one["recall"] for one in record["classes"][:-1]]
    assert record["macro_recall"] == pytest.approx(np.mean(recalls))
    json.dumps(record, allow_nan=False)


def test_a_run_is_judged_on_the_images_that_it_held_out(run_folder: Path) -> None:
    run = load_run(run_folder)
    judged = held_out_images(run)
    record = run.record
    assert judged.indices.tolist() == record["data"]["held_out_indices"]
    archive = np.load(run_folder.parent / "data.npz")
    np.testing.assert_array_equal(judged.images[:, 0], archive["images"][judged.indices])
    np.testing.assert_array_equal(judged.labels, archive["labels"][judged.indices])
    assert (judged.seen, judged.notes) == (0, ())
    assessment = assess(run, judged)
    assert assessment.confusion.tolist() == record["result"]["confusion"]
    log_probabilities = np.log(run.probabilities(judged.images)[np.arange(len(judged.labels)), judged.labels])
    assert assessment.loss == pytest.approx(-log_probabilities.mean(), rel=1e-5)


def test_images_that_the_run_learnt_from_are_found_among_others_whatever_the_file_format(run_folder: Path) -> None:
    run = load_run(run_folder)
    archive = np.load(run_folder.parent / "data.npz")
    folder = run_folder.parent / "photos"
    for label, name in enumerate(archive["class_names"]):
        (folder / str(name)).mkdir(parents=True)
        for number in np.flatnonzero(archive["labels"] == label):
            pixels = np.rint(archive["images"][number] * 255).astype(np.uint8)
            Image.fromarray(pixels).convert("RGB").save(folder / str(name) / f"{number:02d}.png")
    judged = other_images(run, f"folder:{folder}")
    assert len(judged.labels) == 48
    assert judged.images.shape[1] == 1
    assert judged.seen == run.record["data"]["training"]


def test_classes_are_matched_by_name_and_strangers_left_out(run_folder: Path, tmp_path: Path) -> None:
    run = load_run(run_folder)
    pixels = np.random.default_rng(1).uniform(size=(6, 20, 20)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2])
    np.savez(tmp_path / "new.npz", images=pixels, labels=labels, class_names=np.array(["right", "up", "left"]))
    judged = other_images(run, f"npz:{tmp_path / 'new.npz'}")
    assert judged.indices.tolist() == [0, 2, 3, 5]
    assert [run.classes[label] for label in judged.labels] == ["right", "left", "right", "left"]
    assert judged.images.shape == (4, 1, 12, 12)
    assert judged.seen == 0
    assert "2 images of classes that the run does not know (up)" in judged.notes[0]


def test_data_of_which_no_class_is_known_or_that_changed_are_refused(run_folder: Path, tmp_path: Path) -> None:
    run = load_run(run_folder)
    with pytest.raises(TinyconvError, match=r"no class of digits .* 0, 1, 2, 3, 4, \.\.\., and the run left, right"):
        other_images(run, "digits")
    run.record["data"]["spec"] = f"npz:{write_dataset(tmp_path / 'data.npz', images=50)}"
    with pytest.raises(TinyconvError, match=r"not any more what run .* has 50 images .* says 48"):
        held_out_images(run)
    run.record["data"]["spec"] = f"npz:{tmp_path / 'gone.npz'}"
    with pytest.raises(TinyconvError, match=r"not found: file .*gone.npz does not exist; give images with --data"):
        held_out_images(run)
    judged = other_images(run, f"npz:{tmp_path / 'data.npz'}")
    assert judged.learnt is None
    assert "unknown" in judged.notes[-1]


def pixels_of(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def orange(picture: bytes) -> int:
    red, _, blue = pixels_of(picture).transpose(2, 0, 1)
    return int((red - blue > 60).sum())


def test_the_picture_of_confusions_is_orange_where_it_was_wrong_and_the_same_twice() -> None:
    names = ["a person of the name $1_", "another"]
    faultless = confusion_png(np.diag([30, 30]), names, "title")
    assert faultless == confusion_png(np.diag([30, 30]), names, "title")
    assert orange(faultless) == 0
    assert orange(confusion_png(np.array([[21, 9], [0, 30]]), names, "title")) > 300


def test_the_picture_of_62_classes_shows_a_single_mistake_and_is_no_poster() -> None:
    confusion = np.eye(62, dtype=np.int64) * 30
    confusion[0, 1] = 1
    picture = confusion_png(confusion, [f"a person of the name {number}" for number in range(62)], "title")
    assert orange(picture) > 300
    assert max(Image.open(io.BytesIO(picture)).size) < 3200


def test_of_very_many_classes_those_with_most_mistakes_are_shown() -> None:
    confusion = np.eye(100, dtype=np.int64) * 5
    confusion[90, 10] = confusion[3, 50] = 2
    assert {3, 10, 50, 90} <= set(most_mistaken(confusion, 80))
    assert len(most_mistaken(confusion, 80)) == 80


def test_the_picture_of_mistakes_shows_every_image() -> None:
    red = np.zeros((3, 8, 8), np.float32)
    red[0] = 1
    gray = np.full((1, 8, 8), 0.5, np.float32)
    picture = mistakes_png([Mistake(red, "cat", "dog", 0.9, 0.1), Mistake(gray, "dog", "cat", 0.8, 0.2)], "title")
    pixels = pixels_of(picture)
    for colour in ((255, 0, 0), (127, 127, 127)):
        assert (np.abs(pixels - colour).max(axis=2) <= 1).sum() > 5000


def test_a_report_is_the_same_twice_and_replaces_an_earlier_one_but_nothing_else(
    run_folder: Path, tmp_path: Path
) -> None:
    run = load_run(run_folder)
    judged = held_out_images(run)
    assessment = assess(run, judged)
    probabilities = assessment.probabilities[:, ::-1]  # all that was right is wrong
    mistaken = Assessment(run.classes, assessment.labels, probabilities, assessment.loss)
    written = write_report(tmp_path / "report", run, judged, mistaken)
    assert [path.name for path in written] == ["metrics.json", "confusion.png", "mistakes.png"]
    first = [path.read_bytes() for path in written]
    assert [path.read_bytes() for path in write_report(tmp_path / "report", run, judged, mistaken)] == first
    record = json.loads(first[0])
    assert record["mistakes"][0]["image"] in judged.indices
    right = Assessment(run.classes, assessment.labels, np.eye(2)[assessment.labels], 0.0)
    write_report(tmp_path / "report", run, judged, right)
    assert not (tmp_path / "report" / "mistakes.png").exists(), "that of the earlier report is gone"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "metrics.json").write_text("{}")
    with pytest.raises(TinyconvError, match="not empty and not an earlier evaluation"):
        write_report(tmp_path / "mine", run, judged, right)
