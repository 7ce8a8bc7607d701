"""What was measured on a machine decides there, and nowhere else; a file that says anything else decides nothing."""

import json
import warnings

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.backends.cpu import choice, tuning
from tinyconv.core import cache
from tinyconv.core.errors import RunError

PROBLEM = choice.Problem(
    choice.Product.FORWARD, 8, 1, 64, 64, (28, 28), (28, 28), (3, 3), (1, 1), (1, 1), (1, 1), np.dtype(np.float32)
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """A folder of the test's own, and nothing remembered before or after."""

    def forget():
        tuning.learned.cache_clear()
        choice.forget()

    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "cache"))
    forget()
    with tc.set_float32_precision("fast"):
        yield
    monkeypatch.undo()
    forget()


def chosen():
    return choice.choose(PROBLEM).value


def test_without_a_file_nothing_is_learned():
    assert tuning.learned() == {}
    assert chosen() == "winograd"


def test_what_is_saved_decides_from_now_on_and_in_the_next_process():
    tuning.save({tuning.key(PROBLEM): ["direct", "winograd"]})
    choice.forget()
    assert chosen() == "direct"
    tuning.learned.cache_clear()
    assert tuning.learned() == {tuning.key(PROBLEM): ["direct", "winograd"]}


def test_later_measurements_replace_those_of_the_same_shape_and_keep_the_others():
    tuning.save({"a": ["direct"], "b": ["direct"]})
    tuning.save({"a": ["winograd"]})
    assert tuning.learned() == {"a": ["winograd"], "b": ["direct"]}
    assert [each.name for each in tuning.path().parent.iterdir()] == [tuning.path().name], "a temporary file was left"


def test_only_the_measured_shape_follows_it():
    tuning.save({tuning.key(PROBLEM): ["direct"]})
    choice.forget()
    assert choice.choose(PROBLEM._replace(images=9)).value == "winograd"
    assert choice.choose(PROBLEM._replace(product=choice.Product.INPUT_GRADIENT)).value == "winograd"


def test_an_algorithm_that_the_precision_forbids_is_passed_over():
    tuning.save({tuning.key(PROBLEM): ["winograd", "direct"]})
    choice.forget()
    with tc.set_float32_precision("exact"):
        assert chosen() == "direct"


def test_a_forced_algorithm_goes_before_a_measured_one():
    tuning.save({tuning.key(PROBLEM): ["direct"]})
    choice.forget()
    with tc.set_convolution_algorithm("winograd"):
        assert chosen() == "winograd"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[]",
        '{"fastest_first": {}}',
        json.dumps({"format": 1, "processor": "another", "kernels": "x", "fastest_first": {}}),
        json.dumps({"format": 1, "processor": "", "kernels": "", "fastest_first": {"a": 5}}),
    ],
)
def test_a_damaged_or_foreign_file_is_ignored_with_one_warning(content):
    tuning.path().parent.mkdir()
    tuning.path().write_text(content)
    with pytest.warns(RuntimeWarning, match="holds no measurements of this machine"):
        assert tuning.learned() == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tuning.learned() == {}
        assert chosen() == "winograd"


def test_an_unknown_algorithm_in_the_file_is_passed_over():
    tuning.save({tuning.key(PROBLEM): ["of a later version", "direct"]})
    choice.forget()
    assert chosen() == "direct"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(cache.FOLDER, str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"cannot be written.*names another folder"):
        tuning.save({"a": ["direct"]})


def test_the_user_s_cache_folder_is_where_it_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv(cache.FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tuning.path().parent == tmp_path / "tinyconv"


def test_a_key_names_everything_that_the_choice_depends_on():
    text = tuning.key(PROBLEM)
    start = "forward images8 groups1 channels64 outputs64 input_size28x28 output_size28x28 kernel_size3x3"
    assert text.startswith(start)
    changed = [
        PROBLEM._replace(**{name: value})
        for name, value in [("images", 1), ("padding", (0, 1)), ("dtype", np.dtype(np.float64)), ("stride", (2, 1))]
    ]
    assert len({text, *map(tuning.key, changed)}) == 5
