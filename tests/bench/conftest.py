"""Lets the tests import the benchmarks."""

import bench_folder  # noqa: F401  (that it is imported is what it does)
