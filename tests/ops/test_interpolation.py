"""Interpolation: what it preserves, its adjoint, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv.core import layout
from tinyconv.nn import functional as F

IMAGE_MODES = ("nearest", "nearest-exact", "area", "bilinear", "bicubic")
sides = st.integers(1, 9)


@given(st.sampled_from(IMAGE_MODES), sides, sides, sides, sides, st.integers(0, 2**32 - 1))
def test_its_gradient_is_its_adjoint(mode, height, width, rows, columns, seed):
    """<interpolate(x), y> = <x, gradient(y)>."""
    generator = np.random.default_rng(seed)
    x = tc.tensor(generator.standard_normal((2, 3, height, width)), requires_grad=True)
    larger = F.interpolate(x, (rows, columns), mode=mode)
    assert larger.shape == (2, 3, rows, columns)
    assert layout.is_engine_order(larger.array)
    y = generator.standard_normal(larger.shape)
    larger.backward(tc.tensor(y))
    assert abs(np.vdot(larger.detach().numpy(), y) - np.vdot(x.detach().numpy(), x.grad.numpy())) < 1e-11


@given(st.sampled_from(IMAGE_MODES), sides, sides, sides, sides)
def test_a_grey_image_stays_grey(mode, height, width, rows, columns):
    result = F.interpolate(tc.full((1, 1, height, width), 0.7, dtype=tc.float64), (rows, columns), mode=mode)
    np.testing.assert_allclose(result.numpy(), 0.7, atol=1e-14)


@given(st.sampled_from(["bilinear", "bicubic"]), st.integers(2, 9), st.integers(2, 17))
def test_a_ramp_keeps_its_ends_and_a_line_its_slope_with_aligned_corners(mode, side, target):
    ramp = tc.arange(float(side)).double().reshape(1, 1, 1, side)
    result = F.interpolate(ramp, (1, target), mode=mode, align_corners=True).numpy()[0, 0, 0]
    assert result[0] == 0
    assert result[-1] == pytest.approx(side - 1, abs=1e-12)
    if mode == "bilinear":
        np.testing.assert_allclose(result, np.linspace(0, side - 1, target), atol=1e-12)


def test_the_edges_of_pixels_meet_unless_corners_are_aligned():
    x = tc.tensor([[[0.0, 4.0]]])
    assert F.interpolate(x, 4, mode="linear").tolist() == [[[0.0, 1.0, 3.0, 4.0]]]
    assert F.interpolate(x, 5, mode="linear", align_corners=True).tolist() == [[[0.0, 1.0, 2.0, 3.0, 4.0]]]


def test_a_cubic_passes_through_its_pixels_and_weighs_between_them_by_its_kernel():
    x = np.random.default_rng(0).standard_normal(6)
    result = F.interpolate(tc.tensor(x).reshape(1, 1, 1, 6), (1, 21), mode="bicubic", align_corners=True)
    values = result.numpy()[0, 0, 0]
    np.testing.assert_allclose(values[::4], x, atol=1e-14)
    # The kernel for a = -3/4 at 5/4, 1/4, 3/4 and 7/4, the distances of pixels 1 to 4 from the place 2 1/4.
    assert values[9] == pytest.approx(np.dot([-27, 225, 67, -9], x[1:5]) / 256, abs=1e-14)


def test_nearest_takes_the_pixel_on_the_left_and_nearest_exact_the_one_below_the_centre():
    x = tc.arange(4.0).reshape(1, 1, 4)
    assert F.interpolate(x, 3).tolist() == [[[0.0, 1.0, 2.0]]]
    assert F.interpolate(x, 3, mode="nearest-exact").tolist() == [[[0.0, 2.0, 3.0]]]
    assert F.interpolate(x.to(tc.uint8), 2).dtype is tc.uint8


def test_the_scale_given_is_used_unless_it_is_to_be_computed_again():
    x = tc.arange(5.0).reshape(1, 1, 5)
    given, again = (F.interpolate(x, scale_factor=1.5, mode="linear", recompute_scale_factor=r) for r in (None, True))
    assert given.shape == again.shape == (1, 1, 7)
    position = (3 + 0.5) / 1.5 - 0.5
    assert given[0, 0, 3].item() == pytest.approx(position, abs=1e-6)
    assert again[0, 0, 3].item() == pytest.approx((3 + 0.5) * 5 / 7 - 0.5, abs=1e-6)


def test_the_same_size_is_a_copy():
    x = tc.zeros(1, 1, 2, 2)
    for mode in ("nearest", "bilinear"):
        F.interpolate(x, 2, mode=mode)[...] = 1.0
    assert not x.numpy().any()


IMAGES = tc.zeros(1, 2, 4, 5)

MISTAKES = {
    "no size": (lambda: F.interpolate(IMAGES), ValueError, "give either size or scale_factor, there is neither"),
    "two sizes": (
        lambda: F.interpolate(IMAGES, 3, 2),
        ValueError,
        "give either size or scale_factor, not both: size=3, scale_factor=2",
    ),
    "sizes of another dimension": (
        lambda: F.interpolate(IMAGES, (3,)),
        RuntimeError,
        "size=(3,) must have an entry for each size (4, 5) of the input",
    ),
    "nothing left": (
        lambda: F.interpolate(IMAGES, scale_factor=0.1),
        RuntimeError,
        "sizes of input and result must be at least 1, but input (1, 2, 4, 5) would become (1, 2, 0, 0)",
    ),
    "a word": (lambda: F.interpolate(IMAGES, scale_factor="2"), (ValueError, RuntimeError), "scale_factor"),
    "antialias": (
        lambda: F.interpolate(IMAGES, 3, mode="bilinear", antialias=True),
        NotImplementedError,
        "antialias=True is not offered; mode='area' averages over the pixels that become one",
    ),
    "the mode of volumes": (
        lambda: F.interpolate(IMAGES, 3, mode="trilinear"),
        RuntimeError,
        "mode='trilinear' takes input of shape (N, C, D, H, W), got (1, 2, 4, 5)",
    ),
    "an unknown mode": (
        lambda: F.interpolate(IMAGES, 3, mode="cubic"),
        NotImplementedError,
        "mode must be one of 'nearest', 'nearest-exact', 'area', 'linear', 'bilinear', "
        "'trilinear', 'bicubic', got 'cubic'",
    ),
    "the mode of signals": (
        lambda: F.interpolate(IMAGES, 3, mode="linear"),
        RuntimeError,
        "mode='linear' takes input of shape (N, C, L), got (1, 2, 4, 5)",
    ),
    "corners of the nearest": (
        lambda: F.interpolate(IMAGES, 3, align_corners=True),
        ValueError,
        "align_corners is for linear, bilinear, trilinear, bicubic, not for mode='nearest'",
    ),
    "a size computed again": (
        lambda: F.interpolate(IMAGES, 3, recompute_scale_factor=True),
        ValueError,
        "recompute_scale_factor is for a scale_factor, not for size=3",
    ),
    "integers": (lambda: F.interpolate(tc.zeros(1, 1, 2, 2, dtype=tc.int64), 3), RuntimeError, "got int64"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_it_says_what_does_not_fit(mistake):
    call, kind, message = MISTAKES[mistake]
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, tc.TinyconvError)
    assert str(caught.value).startswith("interpolate: ")
    assert message in str(caught.value)
