"""Every numbered equation of docs/theory.md, computed as it stands there and by the function that it names."""

import numpy as np
import pytest
from theory.document import NUMBERS
from theory.equations import EQUATIONS
from theory_checks import CHECKS


@pytest.mark.parametrize("label", list(EQUATIONS), ids=[f"{NUMBERS[label]}-{label}" for label in EQUATIONS])
def test_the_code_computes_what_the_equation_says(label):
    CHECKS[label](np.random.default_rng(NUMBERS[label]))


def test_no_equation_is_checked_that_the_text_lacks():
    assert set(CHECKS) == set(EQUATIONS)
