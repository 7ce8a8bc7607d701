"""Random programs, run in tinyconv and in PyTorch side by side.

``program.py`` holds the two sides and compares them after every step; ``vocabulary.py`` lists what a step may compute.
``tests/parity/test_random_programs.py`` draws the steps.
"""

from random_programs.program import DIFFERENCES, Counts, Program

__all__ = ["DIFFERENCES", "Counts", "Program"]
