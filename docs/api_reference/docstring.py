"""A docstring in the house's form, taken apart: summary, prose, labelled fields, example."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

LABELS = ("Shape", "Dtype", "Raises", "Source")


@dataclass
class Description:
    """What a docstring says. ``prose`` keeps its lines, because their indentation means something."""

    summary: str = ""
    prose: list[str] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    example: str = ""


def parse(docstring: str) -> Description:
    """Take ``docstring`` (with its indentation removed, as ``inspect.cleandoc`` does) apart."""
    text, _, example = _split_example(docstring)
    description = Description(example=example)
    lines = text.split("\n")
    first = lines.index("") if "" in lines else len(lines)
    label: str | None = None
    summary: list[str] = []
    for number, line in enumerate(lines):
        found = re.match(rf"({'|'.join(LABELS)}):(?: +(.*))?$", line)
        if found:
            label = found[1]
            description.fields[label] = (found[2] or "").strip()
        elif label is not None and line.startswith("    "):
            description.fields[label] += " " + line.strip()
        else:
            label = None
            (summary if number < first and not description.fields else description.prose).append(line)
    description.summary, rest = _first_sentence(" ".join(summary))
    description.prose = _trimmed([rest, *description.prose] if rest else description.prose)
    return description


def _split_example(docstring: str) -> tuple[str, str, str]:
    found = re.search(r"^>>> ", docstring, re.MULTILINE)
    if found is None:
        return docstring, "", ""
    return docstring[: found.start()].rstrip("\n"), "", docstring[found.start() :]


def _first_sentence(text: str) -> tuple[str, str]:
    """The first sentence (to a full stop before a capital, or a sign of code) and the others."""
    found = re.search(r"(?<!e\.g)(?<!i\.e)\.(?= +(?:[A-Z(`*]|$))", text)
    if found is None:
        return text.strip(), ""
    return text[: found.end()].strip(), text[found.end() :].strip()


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def complaints(docstring: str, takes_tensors: bool, is_callable: bool = True) -> list[str]:
    """What the docstring lacks of the form that every public name has; empty if it is complete.

    ``takes_tensors``: whether it has to say shapes and types. ``is_callable``: whether it has to say what it raises.
    """
    if not docstring:
        return ["it has no docstring"]
    description, found = parse(docstring), []
    if not description.summary.endswith("."):
        found.append(f"its summary is no sentence: {description.summary!r}")
    required = [*(("Shape", "Dtype") if takes_tensors else ()), *(("Raises",) if is_callable else ())]
    found += [f"it has no field {label!r}" for label in required if label not in description.fields]
    found += [f"its field {label!r} is empty" for label, text in description.fields.items() if not text]
    found += [f"a line starts with {word!r}: labels have a capital" for word in _lower_labels(docstring)]
    order = [label for label in LABELS if label in description.fields]
    if list(description.fields) != order:
        found.append(f"its fields stand in the order {list(description.fields)}, not {order}")
    if not description.example:
        found.append("it has no example")
    return found


def _lower_labels(docstring: str) -> list[str]:
    return re.findall(r"^(?:shape|dtype|raises|source):", docstring, re.MULTILINE)
