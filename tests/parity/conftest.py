"""float32 is exact, as PyTorch's is. At the end, a table of what was held against it."""

import pytest
from parity.runner import COUNTS

COLUMNS = ("names", "calls", "results", "gradients", "refused", "signatures")


@pytest.fixture(autouse=True, scope="module")
def as_written(exact):
    """For every test of this folder."""


def pytest_terminal_summary(terminalreporter):
    if not COUNTS:
        return
    terminalreporter.section("held against PyTorch")
    terminalreporter.write_line("".join(f"{column:>12}" for column in ("", *COLUMNS)))
    total = dict.fromkeys(COLUMNS, 0)
    for space, counts in COUNTS.items():
        terminalreporter.write_line(f"{space:>12}" + "".join(f"{counts[column]:>12}" for column in COLUMNS))
        total = {column: total[column] + counts[column] for column in COLUMNS}
    terminalreporter.write_line(f"{'all':>12}" + "".join(f"{total[column]:>12}" for column in COLUMNS))
