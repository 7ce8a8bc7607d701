"""docs/models.md says what is true: its table of models, and its table of ONNX's own cases."""

import json
import re
from pathlib import Path

from tinyconv.models import counts, registry

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def test_every_model_stands_in_the_table_with_its_count():
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in GUIDE.splitlines() if line.startswith("| `")
    ]
    assert rows[: len(counts.counts())] == [
        [
            each.text,
            "x".join(map(str, each.input_size)),
            f"{each.num_classes:,}",
            f"{each.parameters:,}",
            each.source or "",
        ]
        for each in counts.counts()
    ]


def test_its_figures_of_onnx_are_those_measured():
    rows = json.loads((ROOT / "bench" / "results" / "onnx.json").read_text(encoding="utf-8"))["rows"]
    passed, failed, refused = (sum(row[result] for row in rows) for result in ("passed", "failed", "unsupported"))
    assert failed == 0
    assert f"{passed} of {passed + refused} pass, none fails, and {refused} are" in " ".join(GUIDE.split())


def test_the_models_in_its_commands_exist():
    named = {name for name in re.findall(r"--model (\w+)|summary (\w+)", GUIDE) for name in name if name}
    assert named - {"NAME", "MODEL"} <= set(registry.names())
    assert {"neocognitron", "resnet18"} <= named
