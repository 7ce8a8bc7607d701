"""The tables: every public name beside PyTorch's, and every function and method of tensors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable

from api_reference.docstring import parse
from api_reference.families import title_of
from api_reference.names import SPACES, Name
from api_reference.signatures import value


def index_page(groups: dict[int, list[Name]], pages: Iterable[str]) -> str:
    """The pages, and every name with its counterpart in PyTorch and what it does."""
    lines = ["# API reference", "", "Written from the docstrings, whose examples the tests run.", ""]
    lines += ["Names of PyTorch's that are missing: [what tinyconv does not offer](../not-offered.md).", ""]
    lines += [f"- [{title_of(page)}]({page}.md)" for page in pages]
    lines += ["- [Functions and methods of tensors, in one table](tensor-table.md)", ""]
    for space in SPACES:
        lines += [f'<a id="{space}"></a>', f"## {space}", "", "| name | PyTorch | what it gives |", "|---|---|---|"]
        rows = [(name, group) for group in groups.values() for name in group if name.space == space]
        rows.sort(key=lambda row: (row[0].text.lower(), row[0].text))
        lines += [_index_row(name, group) for name, group in rows]
        lines.append("")
    return "\n".join(lines)


MODULES = {
    "tc.autograd": "What records operations and computes gradients.",
    "tc.cuda": "Whether there is a GPU to compute on, and what scripts ask of it.",
    "tc.data": "Datasets of images by name, folder or file; preprocessing, augmentation, splits.",
    "tc.explain": "Why a network decided as it did: what each pixel counted, by many methods; what its units look for.",
    "tc.features": "What the layers of a network make of an image: captured, drawn, kept in files.",
    "tc.models": "The architectures of the field; the summary of any model, and its weights on disk.",
    "tc.nn": "Layers, losses and containers.",
    "tc.onnx": "ONNX files, as PyTorch writes them.",
    "tc.optim": "Optimisers.",
    "tc.train": "Training runs, with folders that hold all about them.",
    "tc.utils": "Datasets and loaders (`utils.data`), and the profiler (`utils.profiler`).",
    "nn.functional": "The operations behind the layers, as functions.",
    "nn.init": "Initial values for parameters.",
    "nn.utils": "Gradient clipping, and parameters as vectors.",
    "optim.lr_scheduler": "Schedules of the learning rate.",
}
"""What the folders are to those who use them: their docstrings speak to those who change them."""

LISTED_BELOW = {"tc.cuda": "cuda", "tc.nn": "nn", "tc.utils": "utils.data", "nn.functional": "nn.functional"}
"""Folders whose names have no page, or several, and under which heading of the index they are listed."""


def _index_row(name: Name, group: list[Name]) -> str:
    main = group[0]
    link = f"{main.page}.md#{main.text}"
    if name.kind == "module":
        link = f"index.md#{LISTED_BELOW[name.text]}" if name.text in LISTED_BELOW else f"{main.page}.md"
    theirs = f"`{name.pytorch}`" if name.pytorch else "–"
    return f"| [`{name.text}`]({link}) | {theirs} | {_said_in_the_index(name, group)} |"


def _said_in_the_index(name: Name, group: list[Name]) -> str:
    """The first sentence, and the other names in the same space; of such another name, whose it is."""
    if name.kind == "value":
        return f"`{value(name.thing)}`"
    if name.kind == "module":
        return MODULES[name.text]
    same = [other for other in group if other.space == name.space]
    if name is not same[0]:
        return f"Another name of `{same[0].text}`."
    summary = parse(name.docstring).summary.replace("|", "\\|").replace("``", "`")
    others = sorted(other.short for other in same[1:])
    return f"{summary} Also: {', '.join(f'`{other}`' for other in others)}." if others else summary


def tensor_table(groups: dict[int, list[Name]]) -> str:
    """Each function of tensors once: as a function, as a method, in place, and whether gradients flow through it."""
    lines = [
        "# Functions and methods of tensors",
        "",
        "[All names](index.md). In place: the method that writes into its tensor. Gradient: whether one flows through.",
        "",
        "| name | function | method | in place | gradient |",
        "|---|---|---|---|---|",
    ]
    spaces = ("tc", "Tensor", "nn.functional")
    found: dict[str, dict[str, Name]] = {}
    mains = {name.text: group[0] for group in groups.values() for name in group}
    for group in groups.values():
        for name in group:
            if name.space in spaces and name.kind == "function":
                found.setdefault(name.short, {})[name.space] = name
    for short in sorted(found, key=str.lower):
        by_space = found[short]
        if short.endswith("_") and short[:-1] in found:
            continue
        if not any(takes_tensors(name) for name in by_space.values()):
            continue
        function = by_space.get("tc") or by_space.get("nn.functional")
        method, written = by_space.get("Tensor"), found.get(f"{short}_", {})
        cells = [function, method, written.get("Tensor") or written.get("tc") or written.get("nn.functional")]
        shown = [_link(name, mains) for name in cells]
        lines.append(f"| `{short}` | {' | '.join(shown)} | {gradient(function or method)} |")
    return "\n".join([*lines, ""])


def _link(name: Name | None, mains: dict[str, Name]) -> str:
    return "" if name is None else f"[`{name.text}`]({mains[name.text].page}.md#{mains[name.text].text})"


def takes_tensors(name: Name) -> bool:
    """Whether a function is given tensors: methods of Tensor are, others say so in their annotations."""
    if name.text.startswith("Tensor."):
        return True
    try:
        parameters = inspect.signature(name.documented_object).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(re.search(r"\b(Tensor|TensorBase|Operand|Parameter)\b", str(found.annotation)) for found in parameters)


WITHOUT_GRADIENT = re.compile(
    r"results? (?:is|are) (?:an? )?(?:Python )?(?:bool|ints?|int32|int64|uint8|tuple of ints)\b"
    r"|^integers|Python (?:bool|number)s?|NumPy's type"
)


def gradient(name: Name | None) -> str:
    """Read off the field ``Dtype`` and the annotation: a result of whole numbers, or no tensor, has no gradient."""
    if name is None or name.page == "creation":
        return ""
    dtype = parse(name.docstring).fields.get("Dtype", "")
    result = str(inspect.signature(name.documented_object).return_annotation).removeprefix("builtins.")
    if not dtype:
        return ""
    return "no" if result in ("bool", "int", "str", "float") or WITHOUT_GRADIENT.search(dtype) else "yes"
