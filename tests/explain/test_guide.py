"""The table in docs/explain.md is that of the figures that were measured."""

import json
import re
from pathlib import Path

from tinyconv.explain import METHODS

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
RECORD = json.loads((ROOT / "bench" / "results" / "explanations.json").read_text(encoding="utf-8"))


def table():
    rows = [re.findall(r"[^|]+", line) for line in GUIDE.splitlines() if re.match(r"\| `[\w-]+` \| \d", line)]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def test_every_method_stands_in_the_table_with_its_measured_figures():
    measured = {row["method"]: row for row in RECORD["methods"]}
    assert RECORD["subject"]["images"] >= 200
    assert set(table()) == set(measured) == set(METHODS)
    for name, (aopc, random, better, p, shuffled) in table().items():
        grey = measured[name]["grey"]
        assert aopc == f"{grey['aopc']:.2f} ± {grey['standard_error']:.2f}"
        assert random == f"{grey['random']:.2f}"
        assert better == f"{100 * grey['share_better_than_random']:.0f}%"
        assert p == "<0.001"
        assert grey["p_value"] < 0.001
        flag = " (insensitive)" if measured[name]["insensitive_to_the_weights"] else ""
        assert shuffled == f"{measured[name]['correlation_with_upper_half_shuffled']:.2f}{flag}"


def test_the_guide_names_every_method_and_only_methods_that_exist():
    for name in METHODS:
        assert f"`{name}`" in GUIDE, name
    for names in re.findall(r"--method ([\w,-]+)", GUIDE):
        assert set(names.split(",")) <= {*METHODS, "all"}
