"""PyTorch refuses the same mistakes, or there is a reason why it does not; what it says is what the table shows."""

import mistakes
import pytest
from mistakes import beside

torch = pytest.importorskip("torch")
VERSION = torch.__version__.partition("+")[0]


@pytest.mark.parametrize("key", mistakes.CALLS)
def test_pytorch_refuses_it_too_or_the_table_says_why_not(key: str) -> None:
    mistake = mistakes.CALLS[key]
    error = mistakes.said(mistake, "torch")
    assert (error is None) == bool(mistake.accepted), repr(error)
    assert not isinstance(error, NameError | SyntaxError), "the script itself is wrong"
    assert "has no attribute" not in str(error), "the script asks PyTorch for what it does not have"


@pytest.mark.parametrize("key", [key for key in mistakes.CALLS if key not in beside.MACHINE])
def test_the_table_shows_what_pytorch_says(key: str) -> None:
    remembered = beside.remembered()
    if remembered["version"] != VERSION:
        pytest.skip(f"the table was written with PyTorch {remembered['version']}, this is {VERSION}")
    assert remembered[key] == beside.shown(mistakes.said(mistakes.CALLS[key], "torch"))


def test_the_table_remembers_no_mistake_that_is_gone() -> None:
    assert set(beside.remembered()) == {"version", *mistakes.CALLS}
