"""Settings in TOML files: read, refused, and written so that they are read as they were."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv import TinyconvError
from tinyconv.train import config_text, read_config

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)
SETTINGS = st.dictionaries(st.sampled_from("abcdef"), VALUES | st.lists(VALUES, max_size=3), max_size=5)


@given(SETTINGS, st.dictionaries(st.sampled_from("xyz"), VALUES, min_size=1))
def test_what_was_written_is_read_as_it_was(settings: dict[str, object], table: dict[str, object]) -> None:
    import tomllib

    read = tomllib.loads(config_text({**settings, "table": table, "nothing": None}))
    assert read == {**settings, "table": table}
    for name, value in settings.items():
        assert type(read[name]) is type(value)
        if isinstance(value, float):
            assert math.copysign(1, read[name]) == math.copysign(1, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epohcs = 3", r"my\.toml has the unknown key 'epohcs'; did you mean 'epochs'\?"),
        ("batch-size = 3", "'batch-size'; did you mean 'batch_size'"),
        ("colour = 1", "unknown key 'colour'; it may have batch_size, epochs"),
        ("epochs 3", r"my\.toml is no TOML file: Expected '='"),
        ("epochs = 1\nepochs = 2", "is no TOML file: Cannot overwrite a value"),
    ],
    ids=["near", "dash", "far", "no TOML", "twice"],
)
def test_a_file_with_a_mistake_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text(text)
    with pytest.raises(TinyconvError, match=message):
        read_config(tmp_path / "my.toml", ["epochs", "batch_size"])


def test_a_file_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(TinyconvError, match=r"none\.toml does not exist; give a TOML file"):
        read_config(tmp_path / "none.toml", [])
    (tmp_path / "image").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(TinyconvError, match="image is no TOML file"):
        read_config(tmp_path / "image", [])
    with pytest.raises(TinyconvError, match=r"cannot be read \(Is a directory\)"):
        read_config(tmp_path, [])
