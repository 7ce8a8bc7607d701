"""Operations can be watched as they run."""

import threading

import pytest

import tinyconv as tc
from tinyconv.autograd.observe import observe, observed, scope


def test_every_operation_is_seen_with_its_inputs_and_output():
    seen = []
    x = tc.ones(2)
    with observe(seen.append):
        y = (x * 2).exp()
    assert [observation.operation.name for observation in seen] == ["Multiply", "Exp"]
    assert seen[0].inputs[0] is x
    assert seen[1].output is y


def test_watching_needs_no_gradient_mode():
    seen = []
    with tc.no_grad(), observe(seen.append):
        tc.ones(2).relu()
    assert seen[0].operation.kind == "relu"


def test_the_scope_names_the_modules_outermost_first():
    seen = []
    with observe(seen.append), scope("network"), scope("layer"):
        tc.ones(1) + 1
    assert seen[0].scope == ("network", "layer")


def test_watching_ends_with_its_block_even_if_it_raises():
    with observe(lambda observation: None):
        assert observed()
    assert not observed()
    with pytest.raises(ZeroDivisionError), observe(lambda observation: None):
        raise ZeroDivisionError
    assert not observed()


def test_other_threads_are_not_watched():
    seen = []
    with observe(seen.append):
        thread = threading.Thread(target=lambda: tc.ones(1) + 1)
        thread.start()
        thread.join()
    assert seen == []


def test_an_in_place_operation_is_seen_with_its_target_as_output():
    seen = []
    x = tc.ones(2)
    with observe(seen.append):
        x.add_(1)
    assert seen[0].output is x
