"""A tensor beside its operations: types that are not offered, NumPy on either side, printing, writing in place."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.core import layout


def test_types_that_are_not_offered_are_named_as_such():
    for name in ("float16", "bfloat16", "int8", "int16", "half", "complex64"):
        with pytest.raises(AttributeError, match=f"tinyconv.{name} is not offered: the types are float32, float64"):
            getattr(tc, name)
        assert not hasattr(tc, name)
    for method in ("half", "bfloat16", "short", "char"):
        with pytest.raises(NotImplementedError, match="is no type of tinyconv's; there are bool, uint8"):
            getattr(tc.zeros(1), method)()
    with pytest.raises(NotImplementedError, match="the kinds are FloatTensor"):
        tc.zeros(1).type("torch.HalfTensor")


def test_a_tensor_is_on_the_cpu():
    assert tc.zeros(1).device == tc.device("cpu")
    assert tc.zeros(1).cpu().is_cuda is False


@pytest.mark.parametrize(
    "combine",
    [
        lambda x, array: x + array,
        lambda x, array: array + x,
        lambda x, array: x @ array,
        lambda x, array: array @ x,
        lambda x, array: array**x,
        lambda x, array: x == array,
        lambda x, array: array < x,
        lambda x, array: array & x,
    ],
)
def test_an_array_on_either_side_says_how_to_make_it_a_tensor(combine):
    with pytest.raises(TypeError, match=r"wrap the array with from_numpy\(\)"):
        combine(tc.ones(2), np.ones(2))


def test_an_array_written_into_a_tensor_by_an_operator_is_refused_as_well():
    x = tc.ones(2)
    with pytest.raises(TypeError, match=r"wrap the array with from_numpy\(\)"):
        x += np.ones(2)
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*=: 'Tensor' and 'list'"):
        x *= [2.0, 3.0]


def test_a_tensor_of_one_number_is_formatted_as_that_number():
    assert f"{tc.tensor(1.25):.1f}" == "1.2"
    assert f"{tc.tensor([1.0])}" == "tensor([1.])"
    with pytest.raises(ValueError, match="this tensor has shape"):
        format(tc.ones(2), ".1f")


def test_a_tensor_contains_numbers_and_refuses_to_look_for_words():
    assert 1.0 in tc.ones(2)
    assert 2 not in tc.ones(2)
    with pytest.raises(TypeError, match="a tensor contains tensors and numbers"):
        assert "1" in tc.ones(2)


def test_comparison_with_anything_else_is_false_as_for_any_python_object():
    assert (tc.ones(2) == "text") is False
    assert (tc.ones(2) != None) is True  # noqa: E711
    with pytest.raises(TypeError, match="not supported between"):
        assert tc.ones(2) < "text"


IN_PLACE = {
    "add_": (1.0,),
    "mul_": (3.0,),
    "pow_": (3,),
    "sin_": (),
    "abs_": (),
    "clamp_": (0.2, 0.6),
    "lerp_": (tc.ones(2, 3, 4, 4, dtype=tc.float64), 0.3),
    "masked_fill_": (tc.tensor([True, False, True, False]), 0.5),
    "erf_": (),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_writing_in_place_keeps_the_layout_and_gives_the_gradient_of_the_function(name):
    generator = np.random.default_rng(0)
    start = tc.tensor(generator.uniform(-1, 1, (2, 3, 4, 4)), requires_grad=True)
    gradients, results = [], []
    for form in (name, name[:-1]):
        x = start * 1
        result = getattr(x, form)(*IN_PLACE[name])
        assert (result is x) == form.endswith("_")
        assert layout.is_engine_order(result.array)
        gradients.append(tc.autograd.grad((result * result).sum(), start)[0].numpy())
        results.append(result.detach().numpy())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-14)
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-13)


@pytest.mark.parametrize("write", [lambda x: x.mul_(x), lambda x: x.pow_(x), lambda x: x.atan2_(x[:1])])
def test_a_tensor_that_is_written_over_itself_has_the_gradient_of_what_it_was(write):
    start = tc.tensor([0.5, 1.5, 2.5], dtype=tc.float64, requires_grad=True)
    assert tc.autograd.gradcheck(lambda x: write(x * 1), start)


def test_what_a_write_in_place_replaces_gets_no_gradient():
    start = tc.tensor([1.0, 2.0], requires_grad=True)
    source = tc.tensor(3.0, requires_grad=True)
    x = start * 2
    (x.copy_(source) * tc.tensor([5.0, 7.0])).sum().backward()
    assert start.grad.tolist() == [0.0, 0.0]
    assert source.grad.item() == 12.0


def test_random_numbers_in_place_follow_the_seed_and_the_layout():
    for method, arguments in (("normal_", (1, 2)), ("uniform_", (-1, 1)), ("bernoulli_", (0.5,)), ("random_", (5,))):
        draws = []
        for _ in range(2):
            tc.manual_seed(4)
            x = getattr(tc.empty(2, 3, 4, 5), method)(*arguments)
            assert layout.is_engine_order(x.array)
            draws.append(x.tolist())
        assert draws[0] == draws[1]


def test_uniform_numbers_stay_below_the_upper_end():
    x = tc.empty(100_000).uniform_(0, 1e-3)
    assert x.numpy().max() < np.float32(1e-3)
    assert x.numpy().min() >= 0


def test_the_error_function_is_exact_to_the_last_digits():
    import math

    values = np.concatenate([np.linspace(-30, 30, 2001), np.logspace(-300, 1, 301), [0.46875, 4.0, 27.0]])
    x = tc.tensor(values)
    for function, exact in ((tc.erf, math.erf), (tc.erfc, math.erfc)):
        np.testing.assert_allclose(function(x).numpy(), [exact(value) for value in values], rtol=1e-13, atol=1e-300)
    inside = np.concatenate([np.linspace(-0.999, 0.999, 501), [1e-12, 1 - 1e-9, 1 - 2**-52]])
    roots = tc.erfinv(tc.tensor(inside)).numpy()
    tails = [math.erfc(abs(root)) for root in roots]
    np.testing.assert_allclose(tails, 1 - abs(inside), rtol=1e-12)
    np.testing.assert_allclose([math.erf(root) for root in roots], inside, rtol=1e-14)


def test_special_functions_of_large_images_keep_the_layout():
    images = tc.randn(2, 3, 70, 110)
    assert layout.is_engine_order(tc.erf(images).array)
    np.testing.assert_array_equal(tc.erf(images).numpy()[1, 2], tc.erf(images[1, 2]).numpy())


def test_a_number_in_a_string_is_written_as_a_number():
    loss = tc.tensor(3.5, requires_grad=True)
    assert f"{loss} {loss:.2f} {tc.tensor(2)} {tc.ones(2)}" == "3.5 3.50 2 tensor([1., 1.])"


@pytest.mark.parametrize("data", [[1, 2, 3], 2, None])
def test_the_class_wraps_arrays_only_and_says_what_makes_tensors(data):
    with pytest.raises(tc.TinyconvError, match=r"Tensor: wraps a NumPy array.*tensor\(data\).*empty"):
        tc.Tensor(data)


@pytest.mark.parametrize(
    ("shape", "text"), [((0,), "tensor([])"), ((0, 3), "tensor([], size=(0, 3))"), ((1, 0), "tensor([], size=(1, 0))")]
)
def test_a_tensor_without_elements_shows_its_shape(shape, text):
    assert repr(tc.zeros(shape)) == text
