"""The equations of the theory, executed: ``registry.CHECKS`` holds them all once the other files are imported."""

from theory_checks import convolution, layers, networks
from theory_checks.registry import CHECKS

__all__ = ["CHECKS", "convolution", "layers", "networks"]
