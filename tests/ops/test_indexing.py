"""``x[index]`` and ``x[index] = value`` beside PyTorch, over drawn index tuples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError

torch = pytest.importorskip("torch")


@st.composite
def indices(draw, unique: bool = False):
    """A shape, and a tuple of integers, slices, None, ..., lists, index arrays and masks that fits it."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    common = draw(st.sampled_from([(), (2,), (2, 1), (1, 3)]))
    used = draw(st.integers(0, len(shape)))
    parts, dim, arrays = [], 0, 0
    while dim < used:
        size = shape[dim]
        kind = draw(st.sampled_from(["int", "slice", "slice", "array", "mask", "list", "zero-dim", "none", "bool"]))
        if kind in ("array", "mask", "list") and unique and arrays:
            kind = "slice"
        arrays += kind in ("array", "mask", "list")
        dim += kind not in ("none", "bool")
        if kind == "int":
            parts.append(draw(st.integers(-size, size - 1)))
        elif kind == "slice":
            bound = st.none() | st.integers(-size - 1, size + 1)
            parts.append(slice(draw(bound), draw(bound), draw(st.none() | st.integers(1, 3))))
        elif kind == "none":
            parts.append(None)
        elif kind == "bool":
            parts.append(True)
        elif kind == "zero-dim":
            parts.append(np.array(draw(st.integers(-size, size - 1))))
        elif kind == "mask":
            seed = draw(st.integers(0, 99))
            parts.append(np.random.default_rng(seed).random(size) < 0.5)
        elif unique:
            parts.append(np.array(draw(st.permutations(range(size)))[: draw(st.integers(1, size))]))
        else:
            seed = draw(st.integers(0, 99))
            found = np.random.default_rng(seed).integers(-size, size, common if kind == "array" else (2,))
            parts.append(found.tolist() if kind == "list" else found)
    if draw(st.booleans()):
        # In the middle, it leaves the dimensions that are not used where they are only if all parts come before.
        parts.append(Ellipsis)
    return shape, tuple(parts)


def on(library, parts):
    return tuple(library.tensor(part) if isinstance(part, np.ndarray) else part for part in parts)


@settings(max_examples=300)
@given(indices(), st.integers(0, 1000))
def test_reading_gives_what_pytorch_reads_and_the_same_gradient(drawn, seed):
    shape, parts = drawn
    values = np.random.default_rng(seed).standard_normal(shape)
    ours, theirs = (library.tensor(values, requires_grad=True) for library in (tc, torch))
    try:
        expected = theirs[on(torch, parts)]
    except (IndexError, RuntimeError):
        with pytest.raises(DimensionError):
            ours[on(tc, parts)]
        return
    result = ours[on(tc, parts)]
    assert result.shape == tuple(expected.shape)
    np.testing.assert_array_equal(result.detach().numpy(), expected.detach().numpy())
    cotangent = np.random.default_rng(seed + 1).standard_normal(result.shape)
    result.backward(tc.tensor(cotangent))
    expected.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), atol=1e-12)
    assert result.is_view or result.ndim != 4 or layout.is_engine_order(result.array)


@settings(max_examples=200)
@given(indices(unique=True), st.integers(0, 1000), st.booleans())
def test_writing_gives_what_pytorch_writes_and_the_same_gradients(drawn, seed, one_number):
    shape, parts = drawn
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(shape)
    try:
        part = torch.zeros(shape)[on(torch, parts)].shape
    except (IndexError, RuntimeError):
        return
    written = generator.standard_normal(() if one_number else tuple(part))
    cotangent = generator.standard_normal(shape)
    gradients = []
    for library in (tc, torch):
        leaf = library.tensor(values, requires_grad=True)
        value = library.tensor(written, requires_grad=True)
        x = leaf * 1
        x[on(library, parts)] = value
        x.backward(library.tensor(cotangent))
        gradients.append(
            (x.detach().numpy(), leaf.grad.numpy(), np.zeros(0) if value.grad is None else value.grad.numpy())
        )
    for mine, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine if other.size else other, other, atol=1e-12)


@settings(max_examples=60)
@given(indices(unique=True), st.integers(0, 1000))
def test_adding_in_place_at_an_index_adds_there_alone(drawn, seed):
    shape, parts = drawn
    values = np.random.default_rng(seed).standard_normal(shape)
    ours, theirs = tc.tensor(values), torch.tensor(values)
    try:
        theirs[on(torch, parts)] += 2.0
    except (IndexError, RuntimeError):
        return
    ours[on(tc, parts)] += 2.0
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (5, DimensionError, "dimension 0"),
        ((0, -4), DimensionError, "dimension 1"),
        ((0, [0, 3]), DimensionError, "dimension 1"),
        ((0, 0, 0), DimensionError, "3 dimensions"),
        (slice(None, None, -1), ArgumentError, "flip"),
        (slice(0.5, 1), DTypeError, "whole numbers"),
        (1.0, DTypeError, "float"),
        ("a", DTypeError, "str"),
        ([0.5], DTypeError, "float64"),
        ([[0], [0, 1]], DTypeError, "rows"),
        (([0, 1], [0, 1, 2]), DimensionError, "broadcast"),
        ([True, False, True], DimensionError, "mask"),
        ((..., ...), DimensionError, "once"),
    ],
)
def test_an_index_that_does_not_fit_is_refused_in_words(index, error, words):
    with pytest.raises(error, match=words):
        tc.zeros(2, 3)[index]


def test_a_value_that_does_not_fit_is_refused_and_nothing_is_written():
    x = tc.zeros(2, 3)
    with pytest.raises(ShapeError, match="value has shape"):
        x[0] = tc.ones(2)
    with pytest.raises(DTypeError, match="one type"):
        x[[0]] = tc.tensor([1, 2, 3])
    assert x.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("value", [None, "a", 1j, [None, 1, 2], [[1], [2, 3]]])
def test_a_value_without_numbers_is_refused_and_nothing_is_written(value):
    x = tc.zeros(2, 3)
    with pytest.raises((DTypeError, ArgumentError), match="numbers"):
        x[0] = value
    assert x.tolist() == [[0.0] * 3] * 2


def test_a_list_is_written_as_the_tensor_of_its_numbers_would_be():
    x = tc.zeros(2, dtype=tc.uint8)
    x[:] = [tc.tensor(3), 4]
    assert x.tolist() == [3, 4]
    with pytest.raises(DTypeError, match="from 0 to 255, not 300"):
        x[:] = [300, 1]


def test_a_tensor_of_uint8_is_a_mask():
    assert tc.tensor([1, 2, 3])[tc.tensor([1, 0, 1], dtype=tc.uint8)].tolist() == [1, 3]


def test_a_value_may_lie_in_the_memory_that_it_is_written_to():
    x = tc.arange(4)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2]
