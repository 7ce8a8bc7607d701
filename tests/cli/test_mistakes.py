"""Every mistake gives one line that names what is wrong, and exit code 2; never a traceback."""

from pathlib import Path

import mistakes
import pytest

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


@pytest.mark.parametrize("title", mistakes.CALLS)
def test_a_mistake_in_a_script_raises_an_error_that_names_its_facts(title: str) -> None:
    call, words = mistakes.CALLS[title]
    with pytest.raises(TinyconvError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
