"""The API reference: complete, current, in one form, and with examples that run."""

import doctest
import gc
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path

import build
import numpy as np
import pytest
from api_reference.docstring import complaints, parse
from api_reference.names import ENGINE_ATTRIBUTES, SPACES, Name, main_names, module_of, public_names
from api_reference.pages import reference
from api_reference.tables import takes_tensors

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import TinyconvError
from tinyconv.nn import functional as F
from tinyconv.nn import init

NAMES = public_names()
MAIN = [group[0] for group in main_names(NAMES).values() if group[0].kind not in ("module", "value")]
FOLDER = Path(build.__file__).parent / "reference"


def by_text(names: list[Name]) -> list[object]:
    return [pytest.param(name, id=name.text) for name in names]


def members(name: Name) -> Iterator[tuple[str, object]]:
    """The methods of a class, and the functions under its properties, with their names."""
    for member, raw in vars(name.thing).items() if name.kind == "class" else ():
        thing = getattr(raw, "__func__", raw)
        thing = thing.fget if isinstance(thing, property) else thing
        if inspect.isfunction(thing):
            yield f"{name.text}.{member}", thing


# --- complete and current -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [space for space in SPACES if space != "Tensor"])
def test_every_name_in_an_all_stands_in_the_index(space: str) -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    for name in getattr(module_of(space), "__all__", ()):
        assert f"| [`{space}.{name}`](" in index, f"{space}.{name}: run python docs/build.py"


def test_every_method_of_a_tensor_that_pytorch_has_too_stands_in_the_index() -> None:
    torch = pytest.importorskip("torch")
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    ours = {name for name in dir(tc.ones(1)) if not name.startswith("_")} - ENGINE_ATTRIBUTES
    shared = ours & set(dir(torch.Tensor))
    assert [name for name in sorted(shared) if f"| [`Tensor.{name}`](" not in index] == []


def test_the_committed_pages_are_those_that_the_docstrings_give() -> None:
    texts = {FOLDER / name: text for name, text in reference().items()}
    stale = [path.name for path in build.outdated(texts)]
    assert stale == [], "run python docs/build.py"


INDEX = reference()["index.md"]


def test_no_description_in_the_index_stops_at_a_colon_or_speaks_of_how_the_package_is_built() -> None:
    rows = [line for line in INDEX.splitlines() if line.startswith("| [")]
    assert len(rows) > 500
    assert [row for row in rows if row.endswith(": |") or re.search(r"\bFloor \d", row)] == []
    assert [row for row in rows if "](index.md)" in row] == [], "a link to the page itself leads nowhere"


def test_the_index_is_in_the_order_of_the_alphabet_and_functions_lead_by_pytorch_s_main_name() -> None:
    for space in SPACES:
        section = INDEX.partition(f"\n## {space}\n")[2].partition("\n## ")[0]
        names = re.findall(r"^\| \[`([^`]+)`\]", section, re.MULTILINE)
        assert names
        assert names == sorted(names, key=lambda name: (name.lower(), name))
    main = {name.text: group[0].text for group in main_names(NAMES).values() for name in group}
    for name, leading in [
        ("arcsin", "asin"), ("arccos", "acos"), ("arctan2", "atan2"), ("arctanh", "atanh"), ("absolute", "abs"),
        ("clip", "clamp"), ("subtract", "sub"), ("multiply", "mul"), ("true_divide", "div"), ("greater", "gt"),
        ("less_equal", "le"), ("not_equal", "ne"), ("negative", "neg"), ("fix", "trunc"),
    ]:  # fmt: skip
        assert main[f"tc.{name}"] == f"tc.{leading}"
        assert main[f"Tensor.{name}_"] == f"Tensor.{leading}_"
    assert "| x / y; integers are divided as float32. Also: `divide`, `true_divide`. |" in INDEX
    assert "| `torch.true_divide` | Another name of `tc.div`. |" in INDEX


def test_a_page_that_differs_is_missing_or_is_left_over_is_out_of_date(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    (tmp_path / "reference").mkdir()
    right, wrong, missing, left = (tmp_path / "reference" / f"{name}.md" for name in ("a", "b", "c", "d"))
    for path in (right, wrong, left):
        path.write_text("text")
    assert build.outdated({right: "text", wrong: "other", missing: "text"}) == [wrong, missing, left]


def test_checking_writes_nothing_and_fails_and_writing_makes_it_pass(
    tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "reference" / "a.md"
    monkeypatch.setattr(build, "FOLDER", tmp_path / "docs")
    monkeypatch.setattr(build, "pages", lambda: {page: "text"})
    (tmp_path / "docs").mkdir()
    assert build.main(["--check"]) == 1
    assert not page.exists()
    assert "out of date: docs/reference/a.md" in capsys.readouterr().out
    assert build.main([]) == 0
    assert page.read_text() == "text"
    assert build.main(["--check"]) == 0
    assert build.main(["--chekc"]) == 2


def test_every_link_leads_somewhere() -> None:
    pages = reference()
    anchors = {name: set(re.findall(r'<a id="([^"]+)"></a>', text)) for name, text in pages.items()}
    root = FOLDER.parent.parent
    for name, text in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            page, _, anchor = target.partition("#")
            if page.startswith("../../"):
                path = root / page.removeprefix("../../")
                # In the checkout the command's folder is no part of the package.
                assert path.is_file(), f"{name}: {target}"
            elif page.startswith("../"):
                assert (FOLDER / page).is_file(), f"{name}: {target}"
            else:
                assert page in pages, f"{name}: {target}"
                assert not anchor or anchor in anchors[page], f"{name}: {target}"


def test_pytorch_has_what_the_index_says_it_has_and_nothing_that_it_says_it_has_not() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.utils.data")

    def found(path: str) -> bool:
        place = torch
        for part in path.removeprefix("torch.").split("."):
            if not hasattr(place, part):
                return False
            place = getattr(place, part)
        return True

    claimed = [name.text for name in NAMES if name.pytorch and not found(name.pytorch)]
    assert claimed == []
    hidden = [
        name.text
        for name in NAMES
        if not name.pytorch and name.space in ("tc", "nn") and found("torch." + name.text.removeprefix("tc."))
    ]
    assert hidden == []


# --- the form of a docstring ----------------------------------------------------------------------------------------


def needs_shapes(name: Name) -> bool:
    """Layers and losses, and functions that are given tensors. (Containers pass on whatever they are given.)"""
    if name.kind == "class":
        layer = issubclass(name.thing, nn.Module) and name.thing.__module__.startswith("tinyconv.nn.")
        return layer and not name.thing.__module__.endswith((".module", "containers"))
    offered = not name.docstring.startswith("Not offered")
    return name.kind == "function" and takes_tensors(name) and offered


@pytest.mark.parametrize("name", by_text(MAIN))
def test_the_docstring_says_what_every_docstring_says(name: Name) -> None:
    is_error = inspect.isclass(name.thing) and issubclass(name.thing, TinyconvError)
    is_callable = name.kind in ("function", "class") and not is_error
    assert complaints(name.docstring, needs_shapes(name), is_callable) == []


@pytest.mark.parametrize("name", by_text([name for name in MAIN if name.kind == "class"]))
def test_every_public_method_of_a_class_says_what_it_does(name: Name) -> None:
    """Where a base says it, that will do. (What ``forward`` does is what the layer does.)"""
    own = {member: getattr(name.thing, member) for member in vars(name.thing) if not member.startswith("_")}
    silent = [
        member
        for member, thing in own.items()
        if (inspect.isroutine(thing) or isinstance(thing, property)) and member != "forward"
        if not any(getattr(vars(base).get(member), "__doc__", None) for base in name.thing.__mro__)
    ]
    assert silent == []


COMPLETE = """The sum of two tensors.

    z = x + y

Shape: any.
Dtype: any; the result has
    the promoted one.
Raises: ``ShapeError``.

>>> tc.ones(1) + 1
tensor([2.])"""


def test_a_docstring_is_taken_apart() -> None:
    found = parse(COMPLETE)
    assert found.summary == "The sum of two tensors."
    assert found.prose == ["    z = x + y"]
    assert found.fields == {
        "Shape": "any.",
        "Dtype": "any; the result has the promoted one.",
        "Raises": "``ShapeError``.",
    }
    assert found.example == ">>> tc.ones(1) + 1\ntensor([2.])"
    assert parse("e.g. this. That. Third.").summary == "e.g. this."
    assert parse("Run so: ``with run():``. More.").summary == "Run so: ``with run():``."
    assert parse("One. Two.\n\nThree.").prose == ["Two.", "", "Three."]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (COMPLETE, "", "it has no docstring"),
        ("tensors.", "tensors", "its summary is no sentence: 'The sum of two tensors'"),
        ("Shape: any.\n", "", "it has no field 'Shape'"),
        ("Dtype: any; the result has\n    the promoted one.\n", "", "it has no field 'Dtype'"),
        ("Raises: ``ShapeError``.\n", "", "it has no field 'Raises'"),
        ("Shape: any.", "Shape:", "its field 'Shape' is empty"),
        (">>> tc.ones(1) + 1\ntensor([2.])", "", "it has no example"),
    ],
)
def test_what_a_docstring_lacks_is_found(before: str, after: str, complaint: str) -> None:
    assert complaints(COMPLETE, takes_tensors=True) == []
    assert complaint in complaints(COMPLETE.replace(before, after), takes_tensors=True)


def test_fields_in_another_order_are_found() -> None:
    swapped = COMPLETE.replace("Raises: ``ShapeError``.\n", "").replace("Shape:", "Raises: nothing.\nShape:")
    (complaint,) = complaints(swapped, takes_tensors=True)
    assert complaint.startswith("its fields stand in the order ['Raises', 'Shape', 'Dtype']")


# --- examples -------------------------------------------------------------------------------------------------------


def examples() -> list[object]:
    """Every docstring with an example, those of methods included, under its main name."""
    found = [(name.text, name.docstring) for name in MAIN]
    found += [(text, inspect.cleandoc(thing.__doc__ or "")) for name in MAIN for text, thing in members(name)]
    return [pytest.param(text, docstring, id=text) for text, docstring in found if ">>>" in docstring]


@pytest.fixture
def fresh_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The state that examples start from; whatever they change is as before afterwards."""
    from tinyconv.core.random import default_generator

    monkeypatch.chdir(tmp_path)
    seed, recording, threads = default_generator.get_state(), tc.is_grad_enabled(), tc.get_num_threads()
    dtype = tc.get_default_dtype() if hasattr(tc, "get_default_dtype") else None
    tc.manual_seed(0)
    gc.disable()  # an example may say how much memory waits, to which a collection of others' cycles would add
    yield
    gc.enable()
    default_generator.set_state(seed)
    tc.set_grad_enabled(recording)
    tc.set_num_threads(threads)
    if dtype is not None:
        tc.set_default_dtype(dtype)


def failures(text: str, docstring: str) -> str:
    """What is wrong with the examples of ``docstring``; empty if they give what they say."""
    globs = {"tc": tc, "nn": nn, "F": F, "optim": optim, "init": init, "np": np}
    test = doctest.DocTestParser().get_doctest(docstring, globs, text, text, 0)
    report = io.StringIO()
    doctest.DocTestRunner(verbose=False).run(test, out=report.write)
    return report.getvalue()


@pytest.mark.usefixtures("fresh_state")
@pytest.mark.parametrize(("text", "docstring"), examples())
def test_the_example_gives_what_it_says(text: str, docstring: str) -> None:
    if text.startswith(("onnx.", "interop.onnx.")):
        pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
    report = failures(text, docstring)
    if report:
        pytest.fail(report, pytrace=False)


@pytest.mark.usefixtures("fresh_state")
def test_an_example_that_gives_something_else_is_found() -> None:
    assert "Expected:" in failures("sum", COMPLETE.replace("[2.]", "[3.]"))
    assert "NameError" in failures("sum", COMPLETE.replace("tc.ones", "ones"))
    assert failures("sum", COMPLETE) == ""


def test_the_table_of_tensors_knows_what_has_a_gradient_and_what_is_written_in_place() -> None:
    rows = {
        row[1].strip(" `"): row
        for row in (line.split("|") for line in reference()["tensor-table.md"].split("\n"))
        if len(row) == 7
    }
    gradients = {name: row[5].strip() for name, row in rows.items()}
    for name in ("abs", "add", "sort", "max", "matmul", "conv2d", "gather", "softmax"):
        assert gradients[name] == "yes", name
    for name in ("argmax", "eq", "isnan", "allclose", "logical_not", "bitwise_and", "item", "tolist", "dim"):
        assert gradients[name] == "no", name
    assert "Tensor.relu_" in rows["relu"][4]
    assert rows["matmul"][4].strip() == ""
