"""Measurements of tinyconv: `python -m bench NAME`. Not installed; run from the repository with tinyconv installed."""
