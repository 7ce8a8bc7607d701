"""Floor 5: what ``tinyconv bench`` and the benchmarks measure: shapes, and the sides of tinyconv and of PyTorch."""
