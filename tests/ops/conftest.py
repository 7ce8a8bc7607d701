"""One thread: thousands of kernels on a handful of numbers each, and waking a second would take longer than the work.

At the end, a table of what was checked against differences.
"""

from collections import defaultdict

import pytest

import tinyconv as tc


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = tc.get_num_threads()
    tc.set_num_threads(1)
    yield
    tc.set_num_threads(threads)


CHECKS = {
    "test_its_gradient_agrees_with_differences": "first order",
    "test_its_second_derivative_agrees_with_differences": "second order",
}


def pytest_terminal_summary(terminalreporter):
    passed = defaultdict(set)
    for report in terminalreporter.stats.get("passed", []):
        test, _, case = report.nodeid.rpartition("::")[2].partition("[")
        if test in CHECKS:
            passed[CHECKS[test]].add(case.removesuffix("]"))
    if passed:
        write_table(terminalreporter, passed)


def write_table(terminalreporter, passed):
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
