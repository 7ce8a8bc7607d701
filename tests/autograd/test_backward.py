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


def test_hooks_run_in_their_order_and_a_retained_gradient_is_what_they_leave():
    x = leaf(1.0)
    y = x * 1
    seen = []
    y.retain_grad()
    y.register_hook(lambda gradient: gradient + 1)
    y.register_hook(lambda gradient: seen.append(gradient.item()))
    y.register_hook(lambda gradient: gradient * 10)
    (y * 1).backward()
    assert seen == [2.0]
    assert y.grad.item() == x.grad.item() == 20.0


def test_a_hook_registered_twice_is_removed_once_by_each_handle():
    x = leaf(1.0)
    double = lambda gradient: gradient * 2  # noqa: E731
    first, second = x.register_hook(double), x.register_hook(double)
    first.remove()
    (x * 1).backward()
    assert x.grad.item() == 2.0
    with second:
        pass
    x.grad = None
    (x * 1).backward()
    assert x.grad.item() == 1.0


@pytest.mark.parametrize("returned", [lambda gradient: gradient.sum(), lambda gradient: 1.0])
def test_a_hook_that_returns_something_else_than_such_a_gradient_is_an_error(returned):
    x = leaf(1.0, 2.0)
    x.register_hook(returned)
    with pytest.raises(RuntimeError, match=r"a hook returned .* for a gradient of shape \(2,\)"):
        (x * 1).sum().backward()


def test_a_post_accumulate_hook_sees_the_leaf_after_its_gradient_was_added():
    x = leaf(2.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda tensor: seen.append((tensor is x, tensor.grad.item())))
    (x * 3).backward()
    (x * 3).backward()
    grad(x * 3, x)
    handle.remove()
    (x * 3).backward()
    assert seen == [(True, 3.0), (True, 6.0)]
    with pytest.raises(RuntimeError, match="leaf"):
        (x * 1).register_post_accumulate_grad_hook(print)


def test_retain_grad_twice_keeps_the_gradient_once():
    y = leaf(1.0) * 1
    y.retain_grad()
    y.retain_grad()
    (y * 3).backward()
    assert y.grad.item() == 3.0


@pytest.mark.parametrize(
    "given",
    [
        lambda: tc.ones(1, dtype=tc.float64).expand(3),
        lambda: tc.Tensor(np.broadcast_to(np.ones(1), (3,))),
        lambda: tc.tensor([1.0, 9.0, 1.0, 9.0, 1.0], dtype=tc.float64)[::2],
    ],
    ids=["expanded", "read-only", "strided"],
)
def test_a_backward_adds_to_any_gradient_that_was_assigned(given):
    x = leaf(1.0, 2.0, 3.0)
    x.grad = given()
    (x * 4).sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]


def test_a_gradient_of_another_type_or_shape_cannot_be_assigned():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="float32 does not fit a tensor of float64"):
        x.grad = tc.ones(2)
    with pytest.raises(RuntimeError, match=r"\(3,\) does not fit a tensor of shape \(2,\)"):
        x.grad = tc.ones(3, dtype=tc.float64)


def test_a_leaf_that_needs_no_gradient_any_more_gets_none():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None
    assert w.grad.item() == 2.0


def test_grad_gives_zeros_for_unused_inputs_if_asked():
    x, unused = leaf(2.0), leaf(1.0, 2.0)
    (zeros,) = grad(x * x, unused, materialize_grads=True)
    assert zeros.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="materialize_grads"):
        grad(x * x, unused, materialize_grads=True, allow_unused=False)


def test_options_of_grad_that_are_not_offered_say_so():
    x = leaf(2.0)
    with pytest.raises(NotImplementedError, match="only_inputs"):
        grad(x * x, x, only_inputs=False)
    with pytest.raises(NotImplementedError, match="is_grads_batched"):
        grad(x * x, x, is_grads_batched=True)


def test_a_constant_that_is_told_to_require_a_gradient_later_has_second_derivatives():
    x, constant = leaf(2.0), tc.tensor([3.0], dtype=tc.float64)
    product = x * constant
    constant.requires_grad_()
    (first,) = grad(product, x, create_graph=True)
    (second,) = grad(first, constant)
    assert second.item() == 1.0


def test_backward_takes_single_tensors_too():
    x = leaf(2.0, 3.0)
    backward(x * x, tc.ones(2, dtype=tc.float64), inputs=x)
    assert x.grad.tolist() == [4.0, 6.0]


def test_a_leaf_that_became_a_result_since_its_use_gets_no_gradient():
    x, w = leaf(2.0), leaf(3.0)
    y = x + w
    x.detach_()
    x.mul_(w)
    with pytest.raises(RuntimeError, match="was a leaf when it was used"):
        y.backward()


def test_a_post_accumulate_hook_runs_while_the_layers_before_are_still_to_come():
    first, second = (tc.ones(2, requires_grad=True) for _ in range(2))
    seen = []
    second.register_post_accumulate_grad_hook(lambda leaf: seen.append(("second", leaf.grad.tolist())))
    hidden = first * 3
    hidden.register_hook(lambda _: seen.append("hidden"))
    (hidden * second + second).sum().backward()
    assert seen == [("second", [4.0, 4.0]), "hidden"]


def test_a_leaf_used_twice_is_told_once_of_its_whole_gradient():
    x = tc.ones(2, requires_grad=True)
    seen = []
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(leaf.grad.tolist()))
    x.register_hook(lambda gradient: gradient * 10)
    ((x * 3 + x).exp() * x).sum().backward()
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0], 10 * np.exp(4.0) * 5, rtol=1e-6)
    (x * 2).sum().backward(inputs=[x])
    assert len(seen) == 2
