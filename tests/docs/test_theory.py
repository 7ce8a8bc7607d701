"""The theory is what its chapters, the code and the worked example give; its references and pictures are there."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from build import outdated
from theory import document, example, sums
from theory.document import CHAPTERS, DOCS, NUMBERS, function_at, pages
from theory.equations import EQUATIONS

PAGES = pages()
TEXT = PAGES[DOCS / "theory.md"]


def test_the_committed_text_and_pictures_are_those_that_the_code_gives():
    stale = [path.name for path in outdated(PAGES) if path.parent.name != "reference"]
    assert stale == [], "run python docs/build.py"
    drawn = set((DOCS / "images" / "theory").glob("*"))
    assert drawn == {path for path in PAGES if path.suffix == ".svg"}


def test_another_result_makes_another_text(monkeypatch):
    monkeypatch.setattr(example, "y", example.y + 1)
    assert document.document() != TEXT


def test_the_step_by_hand_is_the_one_that_the_engine_takes(capsys):
    (program,) = re.findall(r"```python\n(import tinyconv.*?)```", TEXT, re.DOTALL)
    names = {}
    exec(program, names)
    assert names["loss"].item() == pytest.approx(example.first.loss, rel=1e-6)
    for tensor, expected in ((names["w"], example.first.dweight), (names["b"], example.first.dbias)):
        np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=1e-5)
    assert capsys.readouterr().out.startswith(sums.plain(example.first.loss))


def test_a_number_that_the_example_lacks_is_an_error(monkeypatch, tmp_path):
    chapter = tmp_path / "chapter.md"
    chapter.write_text("«plain(nothing)»")
    monkeypatch.setattr(document, "CHAPTERS", [chapter])
    with pytest.raises(Exception, match="'nothing' is undefined"):
        document.document()


def test_equations_are_numbered_in_their_order_and_each_names_its_functions():
    assert [int(number) for number in re.findall(r"\\tag\{(\d+)\}", TEXT)] == list(range(1, len(EQUATIONS) + 1))
    for label, number in NUMBERS.items():
        named = re.search(rf"<sub>\({number}\) in the code: (.*)</sub>", TEXT)[1]
        for path in EQUATIONS[label]:
            module, _, name = path.partition(":")
            assert callable(function_at(path))
            assert f"`{name}`" in named
            assert f"(../tinyconv/{module.replace('.', '/')}.py)" in named


def test_every_reference_leads_somewhere():
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    anchors |= set(re.findall(r'<a id="([^"]+)">', TEXT))
    targets = re.findall(r"\]\(([^)]+)\)", prose)
    assert len(targets) > len(EQUATIONS)
    for target in targets:
        path, _, anchor = target.partition("#")
        assert anchor in anchors if anchor else (DOCS / path).exists(), target


def test_every_picture_has_words_and_every_work_cited_stands_in_the_references():
    for words, name in re.findall(r"!\[([^\]]*)\]\(images/theory/(.*?).svg\)", TEXT):
        picture = ET.fromstring(PAGES[DOCS / "images" / "theory" / f"{name}.svg"])
        title = picture.find("{http://www.w3.org/2000/svg}title").text
        assert words.endswith("."), name
        assert title.endswith("."), name
    text, _, references = TEXT.partition("## 11. References")
    cited = re.findall(r"\((?:[^()]*; )?([A-Z][a-z]+)[^()]*?,? ((?:19|20)\d\d)\)", text)
    assert len(cited) > 5
    for author, year in cited:
        assert re.search(rf"{author}.*?{year}", references.replace("\n", " ")), (author, year)


def test_formulas_hold_nothing_that_github_takes_for_markdown():
    """A backslash before a sign is an escape, and vanishes; signs of emphasis that may open one do."""
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    for paragraph in prose.split("\n\n"):
        assert paragraph.count("$") % 2 == 0, paragraph
        for formula in re.findall(r"\$([^$]+)\$", paragraph):
            assert not re.search(r"\\[^a-zA-Z]", formula), formula
            assert not re.search(r"\*|(?<![a-zA-Z0-9])_", formula), formula


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 250
