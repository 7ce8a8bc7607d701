"""Padding: what is in the margins, its adjoint, its memory, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.core import layout
from tinyconv.nn import functional as F

NUMPYS = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@given(st.sampled_from(sorted(NUMPYS)), st.tuples(*[st.integers(0, 3)] * 4), st.integers(4, 6), st.integers(4, 6))
def test_margins_are_numpys_under_the_same_idea(mode, margins, height, width):
    x = np.random.default_rng(0).standard_normal((2, 3, height, width))
    left, right, top, bottom = margins
    expected = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), NUMPYS[mode])
    result = F.pad(tc.tensor(x), margins, mode)
    np.testing.assert_array_equal(result.numpy(), expected)
    assert layout.is_engine_order(result.array)


@given(
    st.sampled_from(sorted(NUMPYS)), st.tuples(*[st.integers(-2, 3)] * 4), st.integers(5, 7), st.integers(0, 2**32 - 1)
)
def test_its_gradient_is_its_adjoint(mode, margins, side, seed):
    """<pad(x), y> = <x, gradient(y)>."""
    if mode == "circular":  # no wider than what the other end leaves
        margins = tuple(min(margin, side - 4) for margin in margins)
    generator = np.random.default_rng(seed)
    x = tc.tensor(generator.standard_normal((2, 3, side, side)), requires_grad=True)
    padded = F.pad(x, margins, mode)
    y = generator.standard_normal(padded.shape)
    padded.backward(tc.tensor(y))
    inner = np.vdot(padded.detach().numpy(), y)
    assert abs(inner - np.vdot(x.detach().numpy(), x.grad.numpy())) < 1e-11


def test_a_constant_goes_around_any_number_of_dimensions_in_any_type():
    x = tc.tensor([[1, 2], [3, 4]], dtype=tc.uint8)
    assert F.pad(x, (1, 0, 0, 1), value=9).tolist() == [[9, 1, 2], [9, 3, 4], [9, 9, 9]]
    assert F.pad(x, (-1, 1)).tolist() == [[2, 0], [4, 0]]
    assert F.pad(tc.zeros(1, 2, 1, 2, 1), (0, 1) * 5, value=1.0).shape == (2, 3, 2, 3, 2)
    assert F.pad(tc.tensor(True), ()).item() is True
    assert F.pad(x, (0, 0)).dtype is tc.uint8


def test_a_padding_of_nothing_is_a_copy():
    for mode in NUMPYS:
        x = tc.zeros(1, 1, 2, 2)
        y = F.pad(x, (0, 0, 0, 0), mode)
        y[...] = 1.0
        assert not x.numpy().any()


def test_images_are_reflected_without_repeating_the_edge_and_cropped_by_negative_margins():
    x = tc.arange(5.0).reshape(1, 5)
    assert F.pad(x, (2, 3), "reflect").tolist() == [[2, 1, 0, 1, 2, 3, 4, 3, 2, 1]]
    assert F.pad(x, (-1, 2), "reflect").tolist() == [[1, 2, 3, 4, 3, 2]]
    assert F.pad(x, (-1, 2), "replicate").tolist() == [[1, 2, 3, 4, 4, 4]]
    assert F.pad(x, (-1, 2), "circular").tolist() == [[1, 2, 3, 4, 1, 2]]


IMAGES = tc.zeros(1, 2, 3, 4)

MISTAKES = {
    "an odd number": (
        lambda: F.pad(IMAGES, (1, 2, 3)),
        ValueError,
        "pad: pad holds (before, after) for each dimension, so an even number of ints, got (1, 2, 3)",
    ),
    "a number": (
        lambda: F.pad(IMAGES, 1),
        ValueError,
        "pad: pad must be ints, (before, after) for each dimension, got 1",
    ),
    "fractions": (lambda: F.pad(IMAGES, (1.5, 1)), ValueError, "pad: pad must be"),
    "too many": (lambda: F.pad(tc.zeros(3), (1,) * 4), RuntimeError, "names 2 dimensions, but the input has 1"),
    "an unknown mode": (
        lambda: F.pad(IMAGES, (1, 1), "mirror"),
        NotImplementedError,
        "pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got 'mirror'",
    ),
    "a value without use": (
        lambda: F.pad(IMAGES, (1, 1, 1, 1), "reflect", 2.0),
        ValueError,
        "pad: mode='reflect' repeats pixels of the input, so value=2.0 has no use",
    ),
    "a word as value": (lambda: F.pad(IMAGES, (1, 1), value="0"), ValueError, "pad: value must be a number, got '0'"),
    "a value that the type does not hold": (
        lambda: F.pad(tc.zeros(2, dtype=tc.uint8), (1, 1), value=300),
        RuntimeError,
        "uint8 holds the integers from 0 to 255, which 300 is not among",
    ),
    "a reflection of the whole": (
        lambda: F.pad(IMAGES, (4, 0, 0, 0), "reflect"),
        RuntimeError,
        "pad: mode='reflect' can add at most size - 1 = 3 elements at each end of dimension 3 of input (1, 2, 3, 4), "
        "got (4, 0); use mode='replicate', or pad twice",
    ),
    "more than once around": (
        lambda: F.pad(IMAGES, (0, 0, 0, 4), "circular"),
        RuntimeError,
        "pad: mode='circular' can add at most size = 3 elements at each end of dimension 2",
    ),
    "more than there is": (
        lambda: F.pad(IMAGES, (-3, -2)),
        RuntimeError,
        "pad: dimension 3 of input (1, 2, 3, 4) has 4 elements, from which (-3, -2) takes more than there are: before "
        "+ size + after = -1",
    ),
    "nothing left": (lambda: F.pad(IMAGES, (-2, -2, 0, 0), "circular"), RuntimeError, "leave nothing of dimension 3"),
    "no channels": (
        lambda: F.pad(tc.zeros(3), (1, 1), "reflect"),
        RuntimeError,
        "pad (1, 1) names 1 dimensions, the input has shape (3,)",
    ),
    "no pixels": (lambda: F.pad(tc.zeros(1, 2, 0), (1, 1), "replicate"), RuntimeError, "has no pixels to repeat"),
    "truth values": (lambda: F.pad(IMAGES > 0, (1, 1, 1, 1), "reflect"), RuntimeError, "takes numbers, got bool"),
    "an array": (lambda: F.pad(np.zeros(3), (1, 1)), RuntimeError, "pad: input must be a tensor, got ndarray"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_says_what_does_not_fit(mistake):
    call, kind, message = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, tc.TinyconvError)
    assert message in str(caught.value)
