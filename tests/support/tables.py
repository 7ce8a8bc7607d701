"""The tables that end a run of the tests: what was held against PyTorch, and what against differences.

Registered by ``tests/conftest.py``. Where the tests run in several processes, each sends what it has counted.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from parity.runner import COUNTS

COLUMNS = ("names", "calls", "results", "gradients", "refused", "signatures")
CHECKS = {
    "test_its_gradient_agrees_with_differences": "first order",
    "test_its_second_derivative_agrees_with_differences": "second order",
}
SENT = "held against PyTorch"


def pytest_sessionfinish(session):
    output = getattr(session.config, "workeroutput", None)  # of a process that works for another
    if output is not None:
        output[SENT] = {space: dict(counts) for space, counts in COUNTS.items()}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    for space, counts in getattr(node, "workeroutput", {}).get(SENT, {}).items():
        COUNTS.setdefault(space, Counter()).update(counts)


def pytest_terminal_summary(terminalreporter):
    passed = defaultdict(set)
    for report in terminalreporter.stats.get("passed", []):
        test, _, case = report.nodeid.rpartition("::")[2].partition("[")
        if test in CHECKS:
            passed[CHECKS[test]].add(case.removesuffix("]"))
    if passed:
        write_differences(terminalreporter, passed)
    if COUNTS:
        write_parity(terminalreporter)


def write_differences(terminalreporter, passed):
    """A row per family: its functions, their cases, and how many of these passed."""
    from operation_cases import CASES

    families = defaultdict(list)
    for case in CASES:
        families[case.function.__module__.removeprefix("tinyconv.")].append(case)
    columns = ("functions", "cases", *CHECKS.values())
    terminalreporter.section("held against differences")
    terminalreporter.write_line(f"{'':24}" + "".join(f"{column:>14}" for column in columns))
    for name, cases in [*sorted(families.items()), ("all", CASES)]:
        functions = {(case.function.__module__, case.name) for case in cases}
        counts = [len(functions), len(cases)]
        counts += [sum(str(case) in passed[order] for case in cases) for order in CHECKS.values()]
        terminalreporter.write_line(f"{name:24}" + "".join(f"{count:>14}" for count in counts))


def write_parity(terminalreporter):
    """A row per namespace: how much of it was held against PyTorch."""
    terminalreporter.section("held against PyTorch")
    terminalreporter.write_line("".join(f"{column:>12}" for column in ("", *COLUMNS)))
    total = dict.fromkeys(COLUMNS, 0)
    for space, counts in sorted(COUNTS.items()):
        terminalreporter.write_line(f"{space:>12}" + "".join(f"{counts[column]:>12}" for column in COLUMNS))
        total = {column: total[column] + counts[column] for column in COLUMNS}
    terminalreporter.write_line(f"{'all':>12}" + "".join(f"{total[column]:>12}" for column in COLUMNS))
