"""Writing in place: recorded where it can be, refused where a gradient would be wrong."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import gradcheck


def leaf(*values: float) -> tc.Tensor:
    return tc.tensor(values, dtype=tc.float64, requires_grad=True)


def test_overwriting_what_a_backward_needs_is_an_error_that_says_so():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"Multiply: .*\(2,\).*written in place after the forward.*clone\(\)"):
        z.sum().backward()


def test_overwriting_a_result_that_its_own_backward_needs_is_an_error():
    x = leaf(1.0, 2.0)
    y = x.exp()
    y.zero_()
    with pytest.raises(RuntimeError, match=r"Exp: .*written in place"):
        y.sum().backward()


def test_overwriting_what_no_backward_needs_is_allowed():
    x = leaf(1.0, 2.0)
    y = x + 1
    z = y + 1
    y.zero_()
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_a_write_through_detach_or_data_is_noticed():
    for alias in (tc.Tensor.detach, lambda tensor: tensor.data):
        x = leaf(1.0, 2.0)
        y = x * x
        alias(x).mul_(2)
        with pytest.raises(RuntimeError, match="written in place"):
            y.sum().backward()


def test_a_write_through_a_view_is_noticed():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    with tc.no_grad():
        y.reshape(2, 1)[0] = 5.0
    with pytest.raises(RuntimeError, match="written in place"):
        z.sum().backward()


def test_overwriting_a_condition_is_noticed():
    x = leaf(1.0, -2.0)
    positive = x > 0
    y = tc.where(positive, x, 0.0)
    positive.fill_(True)
    with pytest.raises(RuntimeError, match=r"Where: .*written in place"):
        y.sum().backward()


def test_a_write_under_no_grad_is_noticed():
    x = leaf(1.0, 2.0)
    y = x * x
    with tc.no_grad():
        x.sub_(0.1)
    with pytest.raises(RuntimeError, match="written in place"):
        y.sum().backward()


def test_replacing_the_data_of_a_leaf_between_forward_and_backward_is_noticed():
    x = leaf(1.0, 2.0)
    y = x * x
    x.data = tc.tensor([7.0, 8.0], dtype=tc.float64)
    with pytest.raises(RuntimeError, match="written in place"):
        y.sum().backward()


def test_a_leaf_that_requires_a_gradient_cannot_be_written_while_recording():
    with pytest.raises(RuntimeError, match=r"add_: a leaf.*no_grad\(\)"):
        leaf(1.0).add_(1)


def test_a_layout_copy_cannot_be_written():
    images = tc.randn(2, 3, 4, 4)
    flat = images.view(2, -1)
    with pytest.raises(RuntimeError, match="channels-last"):
        flat.zero_()


def test_writing_into_a_view_writes_into_its_base():
    x = tc.zeros(2, 3)
    x[0].fill_(4.0)
    x.t()[2, 1] = 9.0
    assert x.tolist() == [[4.0, 4.0, 4.0], [0.0, 0.0, 9.0]]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("add_", lambda x, w: x.add_(w)),
        ("add_ with alpha", lambda x, w: x.add_(w, alpha=3)),
        ("sub_", lambda x, w: x.sub_(w)),
        ("mul_ by a tensor", lambda x, w: x.mul_(w)),
        ("mul_ by a number", lambda x, w: x.mul_(3)),
        ("mul_ by itself", lambda x, w: x.mul_(x)),
        ("div_", lambda x, w: x.div_(w)),
        ("div_ by a number", lambda x, w: x.div_(3)),
        ("pow_", lambda x, w: x.pow_(3)),
        ("neg_", lambda x, w: x.neg_()),
        ("exp_", lambda x, w: x.exp_()),
        ("sqrt_", lambda x, w: x.sqrt_()),
        ("tanh_", lambda x, w: x.tanh_()),
        ("sigmoid_", lambda x, w: x.sigmoid_()),
        ("clamp_", lambda x, w: x.clamp_(0.7, 1.6)),
        ("fill_", lambda x, w: x.fill_(2)),
        ("zero_", lambda x, w: x.zero_()),
        ("copy_", lambda x, w: x.copy_(w)),
        ("relu(inplace)", lambda x, w: tc.nn.functional.relu(x, inplace=True)),
        ("+=", lambda x, w: x.__iadd__(w)),
        ("item", lambda x, w: x.__setitem__((slice(None), 1), w)),
        ("mask", lambda x, w: x.__setitem__(x > 1.0, 5.0)),
    ],
)
def test_a_recorded_write_has_the_right_gradient(name, write):
    generator = np.random.default_rng(3)
    x = tc.tensor(generator.uniform(0.5, 2.0, (3, 3)), requires_grad=True)
    w = tc.tensor(generator.uniform(0.5, 2.0, 3), requires_grad=True)

    def function(x, w):
        y = x * 1
        write(y, w)
        return y * y + w.sum() * 0

    assert gradcheck(function, (x, w))


def test_an_in_place_operation_keeps_what_it_overwrites_for_its_own_backward_only():
    x = leaf(2.0)
    y = x * 3
    z = y * y
    y.mul_(y)
    with pytest.raises(RuntimeError, match="written in place"):
        z.backward()


def test_writing_a_float_into_integers_or_a_larger_shape_is_refused():
    counts = tc.tensor([1, 2])
    with pytest.raises(TypeError, match=r"add_: .*int64"):
        counts.add_(0.5)
    with pytest.raises(ValueError, match=r"mul_: .*\(2, 2\)"):
        counts.mul_(tc.ones(2, 2, dtype=tc.int64))
    assert counts.tolist() == [1, 2]


def test_the_version_counts_the_writes_and_is_shared_with_views():
    x = tc.zeros(2, 2)
    view, before = x[0], x.version
    view.add_(1)
    x.mul_(2)
    assert (x.version, view.version) == (before + 2, before + 2)
