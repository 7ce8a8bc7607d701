"""Cotangents flow from results to leaves."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import backward, grad
from tinyconv.autograd.observe import observe


def leaf(*values: float) -> tc.Tensor:
    return tc.tensor(values, dtype=tc.float64, requires_grad=True)


def test_a_tensor_used_twice_receives_both_cotangents():
    x = leaf(3.0)
    (x * x + 2 * x).backward()
    assert x.grad.tolist() == [8.0]


def test_a_diamond_visits_each_operation_once_after_all_its_cotangents():
    x = leaf(2.0)
    y = x * 3
    calls = []
    y.register_hook(lambda gradient: calls.append(gradient.tolist()))
    left, right = y * 5, y * y
    (left + right + y).backward()
    assert calls == [[5 + 12 + 1.0]]
    assert x.grad.tolist() == [54.0]


def test_gradients_accumulate_over_calls():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_two_leaves_do_not_share_the_memory_of_their_gradient():
    x, y = leaf(1.0), leaf(2.0)
    for create_graph in (False, True):
        x.grad = y.grad = None
        (x + y).backward(create_graph=create_graph)
        x.grad.detach().zero_()
        assert y.grad.tolist() == [1.0]


def test_the_gradient_given_by_the_caller_is_not_shared_with_the_leaf():
    x = leaf(1.0, 2.0)
    cotangent = tc.tensor([3.0, 4.0], dtype=tc.float64)
    (x + 0).backward(cotangent)
    x.grad.zero_()
    assert cotangent.tolist() == [3.0, 4.0]


def test_a_leaf_can_be_its_own_root():
    x = leaf(5.0)
    x.backward()
    assert x.grad.tolist() == [1.0]


def test_a_result_of_many_elements_needs_a_gradient_of_its_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="explicit gradient"):
        (x * 2).backward()
    with pytest.raises(ValueError, match=r"of shape \(3,\), the tensor is float64 of shape \(2,\)"):
        (x * 2).backward(tc.zeros(3))
    (x * 2).backward(tc.tensor([1.0, 10.0], dtype=tc.float64))
    assert x.grad.tolist() == [2.0, 20.0]


def test_backward_of_a_constant_says_why_it_cannot():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        tc.ones(1).backward()


def test_a_second_backward_says_that_the_graph_was_freed():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_a_second_grad_says_that_the_graph_was_freed_rather_than_that_nothing_depends():
    x = leaf(2.0)
    y = (x * x) * 2
    grad(y, x)
    for allow_unused in (False, True):
        with pytest.raises(RuntimeError, match="freed"):
            grad(y, x, allow_unused=allow_unused)
    with pytest.raises(RuntimeError, match="freed"):
        y.backward(inputs=[x])


def test_the_part_after_a_freed_graph_can_still_be_differentiated():
    x = leaf(2.0)
    y = x * x
    y.backward()
    z = y * 5
    (dy,) = grad(z, y)
    assert dy.tolist() == [5.0]


def test_retain_graph_allows_a_second_backward():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]


def test_grad_returns_gradients_and_leaves_grad_alone():
    x, w = leaf(2.0), leaf(3.0)
    dx, dw = grad(x * w, [x, w])
    assert (dx.item(), dw.item()) == (3.0, 2.0)
    assert x.grad is None
    assert w.grad is None


def test_grad_reaches_results_in_the_middle():
    x = leaf(2.0)
    middle = x * 3
    dx, dmiddle = grad(middle * middle, [x, middle])
    assert (dx.item(), dmiddle.item()) == (36.0, 12.0)


def test_grad_of_one_input_does_not_compute_the_gradient_of_the_other():
    image = tc.randn(1, 2, 5, 5, requires_grad=True)
    weight = tc.randn(3, 2, 3, 3, requires_grad=True)
    result = tc.nn.functional.conv2d(image, weight).sum()
    ran = []
    with observe(lambda observation: ran.append(observation.operation.name)):
        tc.autograd.grad(result, image, retain_graph=True)
    assert "ConvolutionInputGradient" in ran
    assert "ConvolutionWeightGradient" not in ran
    result.backward()
    assert weight.grad is not None, "the narrower question must not change what the graph knows"


def test_grad_takes_several_outputs_with_their_cotangents():
    x = leaf(1.0, 2.0)
    (dx,) = grad([x * 2, x * x], x, [tc.ones_like(x), tc.full_like(x, 10.0)])
    assert dx.tolist() == [22.0, 42.0]


def test_grad_of_an_unused_input_raises_or_gives_none():
    x, unused = leaf(2.0), leaf(1.0)
    with pytest.raises(RuntimeError, match=r"do not depend on input 1.*allow_unused"):
        grad(x * x, [x, unused])
    assert grad(x * x, [x, unused], allow_unused=True)[1] is None


def test_backward_with_inputs_fills_only_those():
    x, w = leaf(2.0), leaf(3.0)
    middle = x * w
    (middle * middle).backward(inputs=[w, middle])
    assert x.grad is None
    assert w.grad.item() == 24.0
    assert middle.grad.item() == 12.0


def test_several_roots_are_differentiated_together():
    x = leaf(2.0)
    y = x * x
    backward([y, y * 3])
    assert x.grad.item() == 16.0


def test_derivatives_of_derivatives():
    x = leaf(1.5)
    (first,) = grad(x**4, x, create_graph=True)
    (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x)
    np.testing.assert_allclose([first.item(), second.item(), third.item()], [4 * 1.5**3, 12 * 1.5**2, 24 * 1.5])


def test_create_graph_puts_a_differentiable_gradient_on_the_leaf():
    x = leaf(3.0)
    (x * x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    penalty = x.grad * x.grad
    x.grad = None
    penalty.backward()
    np.testing.assert_allclose(x.grad.item(), 2 * 27 * 18)


def test_the_gradient_of_a_graph_that_is_not_asked_for_is_not_recorded():
    x = leaf(3.0)
    (x * x).backward()
    assert not x.grad.requires_grad


def test_a_chain_of_ten_thousand_operations_needs_no_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(10_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_dropping_a_long_chain_that_was_never_differentiated_needs_no_recursion():
    y = leaf(1.0)
    for _ in range(10_000):
        y = y + 1
    del y


# --- hooks -----------------------------------------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_and_can_replace_it():
    x = leaf(2.0)
    seen = []

    def double(gradient: tc.Tensor) -> tc.Tensor:
        seen.append(gradient.item())
        return gradient * 2

    x.register_hook(double)
    (x * x + x).backward()
    assert seen == [5.0]
    assert x.grad.item() == 10.0


def test_a_hook_in_the_middle_changes_what_flows_on():
    x = leaf(2.0)
    y = x * 3
    y.register_hook(lambda gradient: gradient * 10)
    (y * 1).backward()
    assert x.grad.item() == 30.0


def test_a_removed_hook_is_not_called():
    x = leaf(2.0)
    handle = x.register_hook(lambda gradient: gradient * 0)
    handle.remove()
    handle.remove()
    (x * 1).backward()
    assert x.grad.item() == 1.0


def test_grad_calls_the_hooks_of_the_leaves_that_were_asked_for_only():
    x, w = leaf(2.0), leaf(3.0)
    called = []
    x.register_hook(lambda gradient: called.append("x"))
    w.register_hook(lambda gradient: called.append("w"))
    grad(x * w, x)
    assert called == ["x"]


def test_a_tensor_without_a_gradient_takes_no_hook():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        tc.ones(1).register_hook(print)


def test_retain_grad_keeps_the_gradient_of_a_result():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    (y * y).backward()
    assert y.grad.item() == 12.0
    assert x.grad.item() == 36.0


def test_a_retained_gradient_is_not_the_memory_of_the_callers_cotangent():
    y = leaf(1.0, 2.0) * 3
    y.retain_grad()
    cotangent = tc.ones(2, dtype=tc.float64)
    y.backward(cotangent)
    y.grad.zero_()
    assert cotangent.tolist() == [1.0, 1.0]


def test_two_results_of_one_operation_get_their_own_cotangents():
    x = leaf(1.0, 5.0, 2.0)
    values, indices = x.max(dim=0)
    assert not indices.requires_grad
    (values * 7).backward()
    assert x.grad.tolist() == [0.0, 7.0, 0.0]


def test_a_float32_leaf_of_a_float64_computation_gets_a_float32_gradient():
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    w = tc.tensor([3.0, 4.0], dtype=tc.float64, requires_grad=True)
    (x * w).sum().backward()
    assert x.grad.dtype is tc.float32
    assert w.grad.dtype is tc.float64
