"""Patches as columns: they are adjoint to their sum, and a convolution is a product with them."""

import numpy as np
import pytest
from convolution_cases import convolutions
from hypothesis import given, settings

import tinyconv as tc
from tinyconv.nn import functional as F


def keywords(case):
    return {"stride": case.stride, "padding": case.padding, "dilation": case.dilation}


@settings(max_examples=60)
@given(convolutions(most_extra=8))
def test_fold_is_the_adjoint_of_unfold(case):
    """<unfold(x), y> = <x, fold(y)>."""
    generator = np.random.default_rng(case.seed)
    x = generator.standard_normal((case.images, case.channels, *case.size))
    columns = F.unfold(tc.tensor(x), case.kernel_size, **keywords(case))
    y = generator.standard_normal(columns.shape)
    images = F.fold(tc.tensor(y), case.size, case.kernel_size, **keywords(case))
    assert images.shape == x.shape
    size = np.linalg.norm(x) * np.linalg.norm(y) + 1
    assert abs(np.vdot(columns.numpy(), y) - np.vdot(x, images.numpy())) <= 1e-13 * size * columns.shape[1]


@settings(max_examples=40)
@given(convolutions())
def test_a_convolution_is_the_product_of_its_weight_with_the_patches(case):
    generator = np.random.default_rng(case.seed)
    x = tc.tensor(generator.standard_normal((case.images, case.channels, *case.size)))
    weight = generator.standard_normal((case.outputs, case.channels, *case.kernel_size))
    product = weight.reshape(case.outputs, -1) @ F.unfold(x, case.kernel_size, **keywords(case)).numpy()
    expected = F.conv2d(x, tc.tensor(weight), **keywords(case)).numpy()
    np.testing.assert_allclose(product.reshape(expected.shape), expected, rtol=1e-10, atol=1e-10)


def test_folding_the_patches_counts_the_windows_over_each_pixel():
    ones = F.fold(F.unfold(tc.ones(1, 1, 4, 5), 3), (4, 5), 3)
    down, across = np.array([1, 2, 2, 1]), np.array([1, 2, 3, 2, 1])
    np.testing.assert_array_equal(ones.numpy()[0, 0], np.outer(down, across))


def test_patches_that_tile_the_image_are_put_back_as_they_were():
    x = tc.randn(2, 3, 6, 4)
    np.testing.assert_array_equal(F.fold(F.unfold(x, 2, stride=2), (6, 4), 2, stride=2).numpy(), x.numpy())


MISTAKES = {
    "unfold of a vector": (lambda: F.unfold(tc.zeros(4, 4), 2), "unfold: input must be images of shape (N, C, H, W)"),
    "unfold, no pixels": (lambda: F.unfold(tc.zeros(1, 2, 0, 4), 1), "has no pixels; only the batch may be empty"),
    "unfold, kernel": (
        lambda: F.unfold(tc.zeros(1, 2, 2, 3), 3),
        "unfold: kernel_size (3, 3) with dilation (1, 1) spans dilation (kernel_size - 1) + 1 = (3, 3) pixels, more "
        "than the padded input: (H, W) + 2 padding = (2, 3) + 2 * (0, 0) = (2, 3)",
    ),
    "unfold, stride": (lambda: F.unfold(tc.zeros(1, 2, 4, 4), 2, stride=0), "unfold: stride must be at least 1, got 0"),
    "fold, rows": (
        lambda: F.fold(tc.zeros(1, 7, 9), (4, 4), 2),
        "fold: the rows of patches are C R S, a multiple of 2 * 2 for kernel_size (2, 2), got 7 (input (1, 7, 9))",
    ),
    "fold, columns": (
        lambda: F.fold(tc.zeros(1, 8, 8), (4, 4), 2),
        "fold: an image of (4, 4) has 3 * 3 = 9 windows of kernel_size (2, 2), stride (1, 1), padding (0, 0), dilation "
        "(1, 1), but there are 8 columns of patches (input (1, 8, 8))",
    ),
    "fold of images": (
        lambda: F.fold(tc.zeros(1, 1, 8, 9), (4, 4), 2),
        "fold: input must be patches of shape (N, C R S, L), or (C R S, L) for one image, got shape (1, 1, 8, 9)",
    ),
    "fold of integers": (
        lambda: F.fold(tc.zeros(8, 9, dtype=tc.int64), 4, 2),
        "fold: input must be float32 or float64",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_says_what_does_not_fit(mistake):
    call, message = MISTAKES[mistake]
    with pytest.raises(tc.TinyconvError) as caught:
        call()
    assert message in str(caught.value)
