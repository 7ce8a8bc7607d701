"""Real data that lies beside the project and not in it. Tests that need it skip where it is absent."""

import os
from pathlib import Path

import pytest

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared_data(name: str) -> Path:
    """``name`` in the folder of shared data: TINYCONV_TEST_DATA, else ../shared/data beside the checkout."""
    path = Path(os.environ.get("TINYCONV_TEST_DATA", DEFAULT)) / name
    if not path.exists():
        pytest.skip(f"{path} is absent: set TINYCONV_TEST_DATA to the folder that holds {name}")
    return path
