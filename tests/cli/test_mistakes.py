"""Every mistake gives one line that names what is wrong, and exit code 2; never a traceback."""

from pathlib import Path

import build
import mistakes
import pytest
from command import tinyconv
from mistakes import beside

from tinyconv import TinyconvError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mistakes.prepare(tmp_path_factory.mktemp("mistakes"))


@pytest.mark.parametrize("title", mistakes.COMMANDS)
def test_a_mistake_on_the_command_line_gives_one_line_and_exit_code_2(
    title: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mistake, words = mistakes.COMMANDS[title]
    outcome = mistake(folder)
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    assert outcome.code == 2, outcome.stderr
    assert len(errors) == 1
    assert outcome.stderr.rstrip().endswith(errors[0])
    assert "Traceback" not in outcome.stderr
    for word in words:
        assert word in errors[0]
    assert not list(tmp_path.iterdir()), "a mistake leaves nothing behind"


@pytest.mark.parametrize("key", mistakes.CALLS)
def test_a_mistake_in_a_script_raises_an_error_that_names_its_facts_and_a_way_out(key: str) -> None:
    mistake = mistakes.CALLS[key]
    error = mistakes.said(mistake, "tinyconv")
    # What Python itself asks of an attribute that is missing is an AttributeError.
    assert isinstance(error, TinyconvError | AttributeError), repr(error)
    message = str(error)
    assert [word for word in (*mistake.words, mistake.way_out) if word not in message] == [], message
    assert "has no attribute" not in message


def test_no_two_mistakes_have_one_title_so_that_each_stands_alone_in_a_table_of_contents() -> None:
    titles = [*(mistake.title for mistake in mistakes.CALLS.values()), *mistakes.COMMANDS]
    assert [title for title in titles if titles.count(title) > 1] == []


@pytest.mark.parametrize(("arguments", "suggested"), [("--bogus", "--out"), ("--data nope", "'npz'")])
def test_nothing_far_fetched_is_suggested(arguments: str, suggested: str) -> None:
    outcome = tinyconv("train", *arguments.split())
    assert outcome.code == 2
    assert suggested not in outcome.stderr
    assert "did you mean" not in outcome.stderr.lower()


def test_there_are_mistakes_of_every_family() -> None:
    assert len(mistakes.CALLS) >= 60
    families = {mistake.family for mistake in mistakes.CALLS.values()}
    assert families == {
        "tensors", "shapes", "types", "indexing", "the tape", "convolution", "transposed convolution", "pooling",
        "margins and sizes", "normalisation", "losses", "modules", "weights", "optimisers", "schedules", "data",
        "devices",
    }  # fmt: skip


def test_every_mistake_names_at_least_one_fact_and_one_way_out() -> None:
    assert [key for key, mistake in mistakes.CALLS.items() if not (mistake.words and mistake.way_out)] == []


def test_the_committed_table_is_what_is_said_today(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the command line other libraries speak too, in the words of their versions: there the titles count."""
    monkeypatch.setattr(beside, "command_messages", dict)
    committed = (Path(build.__file__).parent / "mistakes.md").read_text(encoding="utf-8")
    current = beside.markdown()
    scripts, _, commands = committed.partition(beside.COMMAND_LINE)
    assert scripts == current.partition(beside.COMMAND_LINE)[0], "run python docs/build.py"
    listed = [line.split(" | ")[0].removeprefix("| ") for line in commands.splitlines()[4:]]
    assert listed == list(mistakes.COMMANDS), "run python docs/build.py"


def test_the_table_shows_both_messages_the_command_line_and_nothing_of_the_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "command_messages", lambda: {"more threads than the machine has": "1 and 64 threads"})
    text = beside.markdown()
    first = "## Convolution\n\n### an image with the wrong number of channels\n\n```python\n"
    assert first + "nn.Sequential(nn.Conv2d(3, 8, 3)" in text
    assert "- **tinyconv:** ShapeError: layer 2 (Conv2d(16, 8" in text
    assert "- **PyTorch:** RuntimeError: Given groups=1, weight of size \\[8, 16, 3, 3]" in text
    assert "- **PyTorch:** accepts it: PyTorch has complex types." in text
    assert "64 threads" not in text
