"""Operations of the user's own."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.autograd import Function, grad, gradcheck, gradgradcheck
from tinyconv.autograd.function import once_differentiable


class Square(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return 2 * x * dy


class Scale(Function):
    """A tensor, a number, and a result that is saved itself."""

    @staticmethod
    def forward(ctx, x, factor, y=None):
        result = x.exp() * factor
        ctx.save_for_backward(result, y)
        ctx.factor = factor
        return result

    @staticmethod
    def backward(ctx, dy):
        result, y = ctx.saved_tensors
        return dy * result, None, None if y is None else tc.zeros_like(y)


class SumAndProduct(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x + y, x * y

    @staticmethod
    def backward(ctx, dsum, dproduct):
        x, y = ctx.saved_tensors
        return dsum + dproduct * y, dsum + dproduct * x


class Identity(Function):
    @staticmethod
    def forward(ctx, x):
        return x

    @staticmethod
    def backward(ctx, dy):
        return dy * 3


def values(*shape: int) -> tc.Tensor:
    return tc.tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)


def test_its_gradient_is_what_its_backward_says():
    x = values(3)
    assert gradcheck(Square.apply, x)
    assert gradgradcheck(Square.apply, x)


def test_it_takes_numbers_and_leaves_out_tensors():
    assert gradcheck(lambda x: Scale.apply(x, 2.5), values(3))
    assert gradcheck(lambda x, y: Scale.apply(x, 2.5, y) + y, (values(3), values(3)))


def test_a_saved_result_can_be_differentiated_again():
    assert gradgradcheck(lambda x: Scale.apply(x, 2.5), values(3))


def test_it_returns_several_results():
    x, y = values(3), values(3)
    assert gradcheck(SumAndProduct.apply, (x, y))
    _, product = SumAndProduct.apply(x, y)
    (dx,) = grad(product.sum(), x)  # the cotangent of the sum is zeros, not None
    np.testing.assert_allclose(dx.array, y.array)


def test_a_result_that_is_its_input_gets_a_history_of_its_own():
    x = values(2)
    y = Identity.apply(x)
    assert y is not x
    (dx,) = grad(y.sum(), x)
    assert dx.tolist() == [3.0, 3.0]


def test_its_forward_is_not_recorded():
    recorded = []

    class Watch(Square):
        @staticmethod
        def forward(ctx, x):
            recorded.append(tc.is_grad_enabled())
            return Square.forward(ctx, x)

    Watch.apply(values(2))
    assert recorded == [False]


def test_a_saved_input_that_was_overwritten_is_noticed():
    x = values(2) * 1
    y = Square.apply(x)
    x.zero_()
    with pytest.raises(RuntimeError, match=r"Square: .*written in place"):
        y.sum().backward()


def test_needs_input_grad_tells_which_gradients_are_wanted():
    seen = []

    class Watch(SumAndProduct):
        @staticmethod
        def backward(ctx, dsum, dproduct):
            seen.append(ctx.needs_input_grad)
            return SumAndProduct.backward(ctx, dsum, dproduct)

    sum, _ = Watch.apply(values(2), values(2).detach())
    sum.sum().backward()
    assert seen == [(True, False)]


def test_a_result_marked_as_non_differentiable_requires_no_gradient():
    class Rounded(Function):
        @staticmethod
        def forward(ctx, x):
            rounded = x.round()
            ctx.mark_non_differentiable(rounded)
            return x * 2, rounded

        @staticmethod
        def backward(ctx, dy, _):
            return dy * 2

    doubled, rounded = Rounded.apply(values(2))
    assert doubled.requires_grad
    assert not rounded.requires_grad


def test_the_wrong_number_of_gradients_is_an_error_that_counts_them():
    class Wrong(SumAndProduct):
        @staticmethod
        def backward(ctx, dsum, dproduct):
            return dsum

    sum, _ = Wrong.apply(values(2), values(2))
    with pytest.raises(RuntimeError, match=r"Wrong.backward.*2 arguments, 1 returned"):
        sum.sum().backward()


def test_a_forward_that_returns_no_tensor_is_an_error():
    class Wrong(Square):
        @staticmethod
        def forward(ctx, x):
            return 3.0

    with pytest.raises(RuntimeError, match=r"Wrong.forward must return tensors, got float"):
        Wrong.apply(values(2))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda dy: dy[:1], r"argument 1 has shape \(1,\), the argument \(2,\)"),
        (lambda dy: 1.0, "argument 1 must be a tensor or None, got float"),
    ],
)
def test_a_gradient_that_does_not_fit_its_argument_is_an_error(returned, message):
    class Wrong(Square):
        @staticmethod
        def forward(ctx, factor, x):
            return x * factor

        @staticmethod
        def backward(ctx, dy):
            return None, returned(dy)

    y = Wrong.apply(2.0, values(2))
    with pytest.raises(RuntimeError, match=rf"Wrong.backward: the gradient of {message}"):
        y.sum().backward()


class Doubled(Function):
    """Writes into its input, and says so."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, dy):
        return dy * 2


def test_an_input_that_forward_has_written_gets_the_history():
    x = values(3)
    y = x * 1
    assert Doubled.apply(y) is y
    assert y.grad_fn.name == "Doubled"
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.array, 8 * x.array)


def test_a_view_that_forward_has_written_changes_the_tensor_under_it():
    def function(x):
        y = x * 1
        Doubled.apply(y[:2])
        return y * y

    assert gradcheck(function, values(3))


def test_a_leaf_that_forward_has_written_is_refused():
    with pytest.raises(RuntimeError, match=r"Doubled \(mark_dirty\): a leaf that requires a gradient"):
        Doubled.apply(values(2))


def test_what_is_marked_as_dirty_must_be_an_input_that_comes_back():
    class Wrong(Doubled):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x * 2

    with pytest.raises(RuntimeError, match="must be an input of forward that it returns"):
        Wrong.apply(values(2) * 1)


@pytest.mark.parametrize("hand_on", [lambda x: x, lambda x: x[:1], lambda x: x.view(-1)])
def test_a_view_that_forward_hands_on_cannot_be_written_past_its_backward(hand_on):
    class HandsOn(Function):
        @staticmethod
        def forward(ctx, x):
            return hand_on(x)

        @staticmethod
        def backward(ctx, dy):
            return tc.ones(2, dtype=tc.float64) * 7

    x = values(2)
    y = x * 1
    passed = HandsOn.apply(y)
    with pytest.raises(RuntimeError, match=r"add_: .*a Function or a module's backward hook handed it on"):
        passed.add_(1)
    passed.sum().backward()
    assert x.grad.tolist() == [7.0, 7.0]


def test_forward_takes_no_ctx_where_setup_context_is_written():
    class Cube(Function):
        @staticmethod
        def forward(x, power):
            return x**power

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.power = inputs[1]

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return ctx.power * x ** (ctx.power - 1) * dy, None

    assert gradgradcheck(lambda x: Cube.apply(x, 3), values(3))


def test_once_differentiable_lets_backward_use_arrays_and_refuses_the_second_derivative():
    class Once(Square):
        @staticmethod
        @once_differentiable
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return tc.from_numpy(2 * x.detach().numpy() * dy.detach().numpy())

    x = values(3)
    assert gradcheck(Once.apply, x)
    (first,) = grad(Once.apply(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(first.array, 2 * x.array)
    weight = tc.ones(3, dtype=tc.float64, requires_grad=True)
    (first,) = grad((Once.apply(x) * weight).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


def test_without_tensors_only_forward_runs():
    class Number(Function):
        @staticmethod
        def forward(ctx, number):
            return number + 1

    assert Number.apply(2) == 3
