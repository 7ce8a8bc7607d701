"""A write in place into a view changes the history of the tensor under it, and of every other view of that."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import gradcheck, gradgradcheck


def leaf(*shape: int) -> tc.Tensor:
    values = np.random.default_rng(5).uniform(0.5, 1.5, shape)
    return tc.tensor(values, requires_grad=True)


WRITES = [
    ("a row", lambda y, w: y[0].mul_(3)),
    ("a column by a tensor", lambda y, w: y[:, 1].mul_(w)),
    ("+= on a column", lambda y, w: y.__setitem__((slice(None), 1), y[:, 1].__iadd__(w))),
    ("all, flattened", lambda y, w: y.view(-1).sigmoid_()),
    ("a view of a view of a view", lambda y, w: y.t()[1:].t()[:, 0].copy_(w)),
    ("an item of a view", lambda y, w: y[1].__setitem__(slice(1, None), w)),
    ("a list of a view", lambda y, w: y.t().__setitem__(([0, 2],), w)),
    ("a mask of a view", lambda y, w: y[0].__setitem__(y[0] > 1, 0.5)),
    ("an element", lambda y, w: y[1, 2].exp_()),
    ("an expanded view of its own shape", lambda y, w: y.expand(2, 3).tanh_()),
    ("twice, overlapping", lambda y, w: (y[0].mul_(2), y[:, 0].mul_(w))),
    ("the tensor, after a view was taken", lambda y, w: (y[0], y.mul_(2), y[0].mul_(3))),
]


@pytest.mark.parametrize("write", [write for _, write in WRITES], ids=[name for name, _ in WRITES])
def test_a_write_into_a_view_has_the_right_first_and_second_derivative(write):
    def function(x, w):
        y = x * 2
        earlier = y.t()[0]
        write(y, w)
        return y * y, earlier * w

    arguments = leaf(2, 3), leaf(2)
    assert gradcheck(function, arguments)
    assert gradgradcheck(function, arguments, atol=1e-5)


def test_images_that_are_stored_channels_last_can_be_written_through_views():
    def function(x):
        y = x * 1
        y[1].mul_(3)
        y.permute(0, 2, 3, 1)[0, 1].mul_(2)
        y[:, 1, ::2].mul_(y[:, 0, ::2].clone())
        return y * y

    assert gradcheck(function, leaf(2, 3, 4, 2))


def test_what_a_view_overwrites_gets_no_gradient_even_where_the_cotangent_is_infinite():
    x = leaf(2, 2)
    y = x * 1
    y[0].copy_(tc.ones(2, dtype=tc.float64))
    y.backward(tc.tensor([[np.inf, np.nan], [2.0, 3.0]], dtype=tc.float64))
    assert x.grad.tolist() == [[0.0, 0.0], [2.0, 3.0]]


def test_a_view_follows_the_tensor_under_it_and_its_other_views():
    x = leaf(2, 3)
    y = x * 1
    one, other = y[0], y[:, 0]
    one.mul_(3)
    other.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [[3.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    y.mul_(2)
    x.grad = None
    one.sum().backward()
    assert x.grad.tolist() == [[6.0, 6.0, 6.0], [0.0, 0.0, 0.0]]


def test_a_constant_becomes_part_of_the_graph_when_a_part_of_it_is_written_with_what_requires_a_gradient():
    w = leaf(2)
    constant = tc.zeros(2, 3, dtype=tc.float64)
    view = constant[:, 1]
    assert not view.requires_grad
    view.add_(w)
    assert constant.requires_grad
    assert not constant.is_leaf
    assert constant.grad_fn.name == "WriteThroughView"
    (constant * tc.tensor([5.0, 7.0, 9.0], dtype=tc.float64)).sum().backward()
    assert w.grad.tolist() == [7.0, 7.0]


def test_a_write_through_detach_leaves_the_history_as_it_is():
    x = leaf(3)
    y = x * 1
    view = y[:2]
    view.detach().mul_(leaf(2))
    assert y.grad_fn.name == "Multiply"
    view.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_an_earlier_use_of_a_value_that_a_view_overwrote_is_noticed():
    y = leaf(2, 2) * 1
    square = y * y
    y[0].zero_()
    with pytest.raises(RuntimeError, match=r"Multiply: .*written in place"):
        square.sum().backward()


@pytest.mark.parametrize("take", [lambda x: x[0], lambda x: x.view(-1), lambda x: x.t()[1:]])
def test_a_view_of_a_leaf_that_requires_a_gradient_cannot_be_written(take):
    x = leaf(2, 3)
    with pytest.raises(RuntimeError, match=r"add_: a view of a leaf that requires a gradient.*no_grad\(\)"):
        take(x).add_(1)
    with tc.no_grad():
        take(x).add_(1)


@pytest.mark.parametrize(
    "take",
    [
        lambda y: y.split(1)[0],
        lambda y: y.chunk(2)[1],
        lambda y: y.unbind(1)[0],
        lambda y: next(iter(y)),
        lambda y: y.unbind()[0][:1],
    ],
)
def test_one_of_several_views_made_at_once_cannot_be_written_nor_used_after_a_write(take):
    y = leaf(2, 3) * 1
    part = take(y)
    with pytest.raises(RuntimeError, match=r"mul_: .*several views that split, chunk or unbind.*narrow\(\)"):
        part.mul_(2)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="several views"):
        part * 1
    with tc.no_grad():
        take(y).mul_(2)


def test_a_view_taken_under_no_grad_cannot_be_written_while_recording():
    y = leaf(2, 3) * 1
    with tc.no_grad():
        view = y[0]
    with pytest.raises(RuntimeError, match=r"mul_: .*taken under no_grad\(\)"):
        view.mul_(2)
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"cannot be used any more: it was taken under no_grad\(\)"):
        view * 1


def test_gradients_end_at_a_view_taken_under_no_grad():
    y = leaf(2, 3) * 1
    with tc.no_grad():
        view = y[0]
    assert view.requires_grad
    assert view.is_leaf
    (view * 2).sum().backward()
    assert view.grad is None
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        view.backward(tc.ones(3, dtype=tc.float64))


def test_an_expanded_tensor_cannot_be_written_but_a_row_of_it_can():
    y = leaf(3) * 1
    with pytest.raises(RuntimeError, match=r"repeated without copies \(by expand\)"):
        y.expand(2, 3).mul_(2)
    y.expand(2, 3)[0].mul_(2)
    assert y.grad_fn.name == "WriteThroughView"


def test_a_view_cannot_be_detached_in_place():
    y = leaf(2, 3) * 1
    with pytest.raises(RuntimeError, match=r"detach_: a view.*use detach\(\)"):
        y[0].detach_()
    y.detach_()
    assert not y.requires_grad
    assert y.is_leaf


def test_hooks_stay_with_the_value_they_were_put_on_and_a_retained_gradient_follows_the_tensor():
    x = leaf(2, 3)
    y = x * 1
    seen = []
    y.register_hook(lambda gradient: seen.append(gradient.tolist()))
    y.retain_grad()
    y[0].mul_(3)
    y.backward(tc.ones(2, 3, dtype=tc.float64))
    assert seen == [[[3.0] * 3, [1.0] * 3]]
    assert y.grad.tolist() == [[1.0] * 3, [1.0] * 3]
    assert y.retains_grad


def test_a_hook_on_a_view_is_not_called_for_what_is_written_into_it():
    x = leaf(2, 3)
    y = x * 1
    view = y[0]
    seen = []
    view.register_hook(lambda gradient: seen.append("view"))
    view[1:].mul_(3)
    y.sum().backward()
    assert seen == []
    assert x.grad.tolist() == [[1.0, 3.0, 3.0], [1.0, 1.0, 1.0]]


def test_a_view_of_what_was_cut_off_has_a_history_that_leads_nowhere():
    x = leaf(2, 3)
    view = x[0]
    x.detach_()
    x.add_(1)
    assert view.requires_grad
    assert not view.is_leaf
    view.sum().backward()
    assert x.grad is None


def test_a_retained_gradient_follows_a_view_when_the_tensor_under_it_is_written():
    y = leaf(2, 3) * 1
    view = y[0]
    view.retain_grad()
    y.mul_(3)
    (view * 5).sum().backward()
    assert view.grad.tolist() == [5.0] * 3


def test_a_view_that_was_made_a_leaf_joins_the_graph_of_the_tensor_under_it():
    base = tc.zeros(2, 3, dtype=tc.float64)
    view = base[0].requires_grad_()
    assert view.is_leaf
    w = leaf(3)
    base.add_(w)
    assert not view.is_leaf
    view.sum().backward()
    assert w.grad.tolist() == [1.0] * 3


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: tc.nn.functional.max_pool2d(x, 2),
        lambda x: tc.nn.functional.conv2d(x, tc.ones(1, 2, 1, 1)),
        lambda x: x.max(1)[0],
        lambda x: x[0] @ x[0, 0],
        lambda x: tc.roll(x, 1),
    ],
    ids=["pooling of one image", "convolution of one image", "maxima", "product with a vector", "roll"],
)
def test_a_result_that_was_only_reshaped_on_the_way_out_is_no_view(compute):
    """Made under no_grad, a view could not be written by what requires a gradient."""
    with tc.no_grad():
        result = compute(tc.ones(2, 4, 4))
    factor = tc.tensor(2.0, requires_grad=True)
    result.mul_(factor).sum().backward()
    assert factor.grad.item() == result.detach().sum().item() / 2
