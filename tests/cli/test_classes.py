"""Classes named on the command line, by name or by number."""

import pytest
from tinyconv.cli.classes import class_number
from tinyconv.cli.synthesis import chosen_classes

from tinyconv.core.errors import ArgumentError


def test_a_name_goes_before_a_number():
    assert [class_number("--target", ["cat", "0", "dog"], name) for name in ("cat", "0", "2")] == [0, 1, 2]


def test_several_are_separated_by_commas_unless_a_name_has_one():
    assert chosen_classes(["a", "b", "a, b"], "b,a,2") == [1, 0, 2]
    assert chosen_classes(["a", "b", "a, b"], "a, b") == [2]
    assert chosen_classes(["a", "b"], None) == [0, 1]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lefd", r"--target: there is no class 'lefd'; did you mean 'left'\? The classes are: left, right"),
        ("9", r"--target: there is no class '9'\. The classes are: left, right"),
        ("-1", "there is no class '-1'"),
    ],
)
def test_what_is_no_class_is_answered_with_those_there_are(name, words):
    with pytest.raises(ArgumentError, match=words):
        class_number("--target", ["left", "right"], name)


def test_of_many_classes_the_first_are_named():
    with pytest.raises(ArgumentError, match=r"c19 and 80 more$"):
        class_number("--target", [f"c{number}" for number in range(100)], "x")
