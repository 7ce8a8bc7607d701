"""Floor 7: one HTML file about a run: how good it became, what it looks for, why it decides as it does."""

from tinyconv.report.making import Report, check_file, make_report

__all__ = ["Report", "check_file", "make_report"]
