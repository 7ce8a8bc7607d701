"""Whether operations are recorded, and on which thread."""

import threading

import pytest

import tinyconv as tc


def leaf(*values: float) -> tc.Tensor:
    return tc.tensor(values, dtype=tc.float64, requires_grad=True)


def test_a_result_of_recorded_operations_requires_a_gradient_and_knows_its_operation():
    x = leaf(1.0, 2.0)
    y = x * 3
    assert y.requires_grad
    assert not y.is_leaf
    assert y.grad_fn is not None
    assert x.is_leaf
    assert x.grad_fn is None


def test_nothing_is_recorded_under_no_grad():
    x = leaf(1.0, 2.0)
    with tc.no_grad():
        y = x * 3
        assert not tc.is_grad_enabled()
    assert not y.requires_grad
    assert y.grad_fn is None
    assert tc.is_grad_enabled()


def test_enable_grad_records_again_inside_no_grad():
    x = leaf(2.0)
    with tc.no_grad(), tc.enable_grad():
        y = x * x
    y.backward()
    assert x.grad.item() == 4.0


def test_the_mode_is_restored_when_the_block_raises():
    with pytest.raises(ZeroDivisionError), tc.no_grad():
        raise ZeroDivisionError
    assert tc.is_grad_enabled()


def test_no_grad_decorates_a_function_for_every_call():
    @tc.no_grad()
    def evaluate(x: tc.Tensor) -> tc.Tensor:
        return x * 2

    assert not evaluate(leaf(1.0)).requires_grad
    assert not evaluate(leaf(1.0)).requires_grad
    assert tc.is_grad_enabled()


def test_one_no_grad_object_nests_in_itself():
    switch = tc.no_grad()
    with switch:
        with switch:
            pass
        assert not tc.is_grad_enabled()
    assert tc.is_grad_enabled()


def test_set_grad_enabled_acts_at_once_and_as_a_context_manager():
    tc.set_grad_enabled(False)
    try:
        assert not tc.is_grad_enabled()
        with tc.set_grad_enabled(True):
            assert tc.is_grad_enabled()
        assert not tc.is_grad_enabled()
    finally:
        tc.set_grad_enabled(True)


def test_one_set_grad_enabled_object_can_be_entered_twice():
    mode = tc.set_grad_enabled(False)
    for _ in range(2):
        with mode:
            assert not tc.is_grad_enabled()
        assert tc.is_grad_enabled()


def test_the_mode_belongs_to_the_thread():
    seen = []
    with tc.no_grad():
        thread = threading.Thread(target=lambda: seen.append((tc.is_grad_enabled(), (leaf(1.0) * 2).requires_grad)))
        thread.start()
        thread.join()
        assert not tc.is_grad_enabled()
    assert seen == [(True, True)]


def test_detach_shares_the_elements_and_cuts_the_tape():
    x = leaf(1.0, 2.0)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert y.is_leaf
    z = x.detach()
    assert z.array is x.array
    (x * z).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_only_floating_point_tensors_can_require_a_gradient():
    with pytest.raises(tc.TinyconvError, match=r"floating-point.*int64"):
        tc.tensor([1, 2], requires_grad=True)


def test_requires_grad_of_a_result_cannot_be_switched_off():
    y = leaf(1.0) * 2
    with pytest.raises(RuntimeError, match=r"detach\(\)"):
        y.requires_grad = False


def test_a_comparison_or_an_integer_result_requires_no_gradient():
    x = leaf(1.0, -1.0)
    assert not (x > 0).requires_grad
    assert not x.argmax().requires_grad


def test_a_mode_decorates_with_and_without_parentheses():
    @tc.no_grad
    def evaluate(x: tc.Tensor) -> tc.Tensor:
        return x * 2

    @tc.set_grad_enabled(False)
    def evaluate_too(x: tc.Tensor) -> tc.Tensor:
        return x * 2

    assert tc.is_grad_enabled()
    assert evaluate.__name__ == "evaluate"
    assert not evaluate(leaf(1.0)).requires_grad
    assert not evaluate_too(leaf(1.0)).requires_grad
    assert tc.is_grad_enabled()


def test_a_decorated_generator_runs_in_its_mode_and_its_user_does_not():
    events = []

    @tc.no_grad()
    def counting():
        try:
            while True:
                try:
                    events.append((tc.is_grad_enabled(), (yield tc.is_grad_enabled())))
                except KeyError:
                    events.append("KeyError")
                    return "end"
        finally:
            events.append(tc.is_grad_enabled())

    generator = counting()
    assert next(generator) is False
    assert tc.is_grad_enabled()
    assert generator.send("sent") is False
    assert tc.is_grad_enabled()
    with pytest.raises(StopIteration) as stopped:
        generator.throw(KeyError)
    assert stopped.value.value == "end"
    assert events == [(False, "sent"), "KeyError", False]
    generator = counting()
    next(generator)
    generator.close()
    assert events[-1] is False
    assert tc.is_grad_enabled()


def test_a_class_is_not_decorated():
    with pytest.raises(ValueError, match="functions and generators"):
        tc.no_grad()(type("Anything", (), {}))
