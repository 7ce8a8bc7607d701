"""``tinyconv summary`` of published models and of all of them."""

import json

from command import tinyconv

from tinyconv.models.counts import count


def test_a_name_alone_shows_the_published_network():
    shown = json.loads(tinyconv("summary", "vgg16", "--json").stdout)
    assert (shown["parameters"], shown["input_size"]) == (138_357_544, [3, 224, 224])
    assert shown["layers"][-1]["output_shape"] == [1, 1000]


def test_what_is_given_is_other_than_published():
    options = ("--input-size", "32", "--channels", 1, "--classes", 4, "--model-option", "head=linear", "--json")
    shown = json.loads(tinyconv("summary", "vgg11", "--model-option", "width=2", *options).stdout)
    assert shown["input_size"] == [1, 32, 32]
    assert shown["layers"][-1] | {"parameters": 68, "output_shape": [1, 4]} == shown["layers"][-1]


def test_all_models_are_listed_with_what_is_published_of_them(monkeypatch):
    few = [count("facenet"), count("resnet50"), count("googlenet", aux_logits=False)]
    monkeypatch.setattr("tinyconv.models.counts.counts", lambda: few)
    table = tinyconv("summary", "--all").stdout.splitlines()
    assert any(line.split()[:5] == ["resnet50", "3x224x224", "1,000", "25,557,032", "25,557,032"] for line in table)
    rows = {row["name"]: row for row in json.loads(tinyconv("summary", "--all", "--json").stdout)}
    assert rows["resnet50"]["parameters"] == rows["resnet50"]["published"] == 25_557_032
    lines = tinyconv("summary", "--all", "--csv").stdout.splitlines()
    assert lines[2] == "resnet50,3x224x224,1000,25557032,25557032,4089184256,torchvision"
    assert lines[3].startswith("googlenet aux_logits=False,3x224x224,1000,6624904,6624904,")
