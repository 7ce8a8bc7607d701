"""Whether explanations keep what theory promises, measured on the user's own model: ``verify`` runs the checks.

What is checked is a ``Subject``; each check is a function of it that gives a ``Finding``. The layers (arithmetic),
slopes and what is made of them (slopes, linearity), relevance (relevance), activation maps, projections
and occlusion (attributions), and the behaviour of every method (conduct).
"""

from tinyconv.explain.checks.finding import Finding
from tinyconv.explain.checks.subject import Subject
from tinyconv.explain.checks.verification import CHECKS, verify

__all__ = ["CHECKS", "Finding", "Subject", "verify"]
