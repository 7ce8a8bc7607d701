"""float32 is exact, as PyTorch's is."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def as_written(exact):
    """For every test of this folder."""
