import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyconv.core.errors import ArgumentError, DataError
from tinyconv.core.layout import is_engine_order
from tinyconv.data.transforms import (
    Augmentation,
    ColorJitter,
    Cutout,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    RandomShift,
)
from tinyconv.ops.image_moves import warped

EVERY = (
    RandomHorizontalFlip(),
    RandomShift(3),
    RandomCrop(2),
    RandomAffine(20, 0.2),
    ColorJitter(0.2, 0.3),
    Cutout(4),
)
IMAGES = np.random.default_rng(0).random((12, 3, 9, 7), dtype=np.float32)


@pytest.mark.parametrize("transform", EVERY, ids=lambda transform: type(transform).__name__)
@given(batch=st.lists(st.integers(0, 11), min_size=1, max_size=12), epoch=st.integers(0, 5))
def test_a_sample_is_changed_alike_whatever_batch_it_is_in(transform, batch, epoch):
    augmentation = Augmentation([transform], seed=5)
    together = augmentation(IMAGES, epoch, range(12))
    alone = augmentation(IMAGES[batch], epoch, batch)
    np.testing.assert_array_equal(alone, together[batch])


def test_all_transforms_together_do_not_depend_on_the_batch():
    augmentation = Augmentation(EVERY, seed=5)
    together = augmentation(IMAGES, 2, range(12))
    for index in range(12):
        np.testing.assert_array_equal(augmentation(IMAGES[[index]], 2, [index])[0], together[index])


@pytest.mark.parametrize("transform", EVERY, ids=lambda transform: type(transform).__name__)
def test_seed_epoch_and_sample_each_change_the_numbers(transform):
    same = np.repeat(IMAGES[:1], 40, axis=0)
    reference = Augmentation([transform], seed=1)(same, 0, range(40))
    assert not np.array_equal(Augmentation([transform], seed=2)(same, 0, range(40)), reference)
    assert not np.array_equal(Augmentation([transform], seed=1)(same, 1, range(40)), reference)
    assert any(not np.array_equal(image, reference[0]) for image in reference)


@pytest.mark.parametrize("transform", EVERY, ids=lambda transform: type(transform).__name__)
def test_a_transform_leaves_its_input_and_keeps_type_range_and_layout(transform):
    before = IMAGES.copy()
    result = Augmentation([transform])(IMAGES, 0, range(12))
    np.testing.assert_array_equal(IMAGES, before)
    assert result.dtype == np.float32
    assert result.shape == IMAGES.shape
    assert is_engine_order(result)
    assert result.min() >= 0
    assert result.max() <= 1


def test_a_flip_mirrors_left_to_right_for_the_chosen_share():
    result = RandomHorizontalFlip(0.5)(IMAGES, np.array([[0.49], [0.51]] * 6))
    np.testing.assert_array_equal(result[::2], IMAGES[::2, :, :, ::-1])
    np.testing.assert_array_equal(result[1::2], IMAGES[1::2])


def test_a_shift_moves_by_whole_pixels_and_repeats_the_edge():
    shift = RandomShift(1)
    # Thirds of [0, 1) stand for -1, 0, 1: down by one, left by one.
    moved = shift(IMAGES, np.tile([0.9, 0.1], (12, 1)))
    np.testing.assert_array_equal(moved[:, :, 1:, :-1], IMAGES[:, :, :-1, 1:])
    np.testing.assert_array_equal(moved[:, :, 0, :-1], IMAGES[:, :, 0, 1:])
    np.testing.assert_array_equal(moved[:, :, 1:, -1], IMAGES[:, :, :-1, -1])


def test_a_shift_reaches_both_ends_equally_often():
    impulse = np.zeros((700, 1, 1, 7), np.float32)
    impulse[:, 0, 0, 3] = 1
    uniform = np.random.default_rng(1).random((700, 2))
    counts = RandomShift(3)(impulse, uniform)[:, 0, 0].sum(axis=0)
    assert counts.sum() == 700
    assert counts.min() > 60


def test_a_shift_of_more_than_the_image_shows_its_edge_only():
    moved = RandomShift(50)(IMAGES, np.full((12, 2), 0.999))
    np.testing.assert_array_equal(moved, np.broadcast_to(IMAGES[:, :, :1, :1], IMAGES.shape))


def test_a_crop_shows_black_where_a_shift_repeats_the_edge():
    # Fifths of [0, 1) stand for -2 ... 2: down by two, left by one.
    moved = RandomCrop(2)(IMAGES, np.tile([0.9, 0.3], (12, 1)))
    np.testing.assert_array_equal(moved[:, :, 2:, :-1], IMAGES[:, :, :-2, 1:])
    assert not moved[:, :, :2].any()
    assert not moved[:, :, :, -1].any()


def test_a_cutout_is_a_gray_square_around_a_pixel_that_may_be_any():
    result = Cutout(4)(IMAGES, np.tile([0.5, 0.5], (12, 1)))
    gray = (result == 0.5).all(axis=1)
    expected = np.zeros((9, 7), bool)
    expected[2:6, 1:5] = True  # around row 4 and column 3
    np.testing.assert_array_equal(gray, np.broadcast_to(expected, gray.shape))
    np.testing.assert_array_equal(result[:, :, ~expected], IMAGES[:, :, ~expected])
    corner = (Cutout(4)(IMAGES, np.zeros((12, 2))) == 0.5).all(axis=(0, 1))
    assert corner[:2, :2].all()
    assert corner.sum() == 4
    np.testing.assert_array_equal(Cutout(0)(IMAGES, np.zeros((12, 2))), IMAGES)


def test_a_quarter_turn_is_exactly_that():
    square = np.random.default_rng(0).random((2, 2, 6, 6))
    turned = RandomAffine(90)(square, np.array([[1.0, 0.5]] * 2))
    np.testing.assert_allclose(turned, np.rot90(square, axes=(2, 3)), atol=1e-12)
    back = RandomAffine(90)(square, np.array([[0.0, 0.5]] * 2))
    np.testing.assert_allclose(back, np.rot90(square, -1, axes=(2, 3)), atol=1e-12)


def test_the_middle_of_the_draws_changes_nothing():
    middle = np.full((12, 2), 0.5)
    np.testing.assert_array_equal(RandomAffine(30, 0.3)(IMAGES, middle), IMAGES)
    np.testing.assert_allclose(ColorJitter(0.3, 0.3)(IMAGES, middle), IMAGES, atol=1e-7)


def test_scaling_by_two_magnifies_about_the_centre():
    ramp = np.tile(np.arange(9.0), (9, 1))[None, None] / 8
    larger = warped(ramp, np.array([[[0.5, 0], [0, 0.5]]]))
    np.testing.assert_allclose(larger[0, 0, 4], (4 + (np.arange(9) - 4) / 2) / 8)


def test_scale_above_one_magnifies():
    ramp = np.tile(np.arange(9.0), (9, 1))[None, None] / 8
    larger = RandomAffine(0, 0.5)(ramp, np.array([[0.5, 1 - 1e-12]]))
    assert np.ptp(larger) < np.ptp(ramp)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 6))
def test_an_affine_warp_agrees_with_interpolation_pixel_by_pixel(seed, height, width):
    draw = np.random.default_rng(seed)
    image = draw.random((1, 1, height, width))
    matrix = np.eye(2) + 0.5 * draw.standard_normal((2, 2))
    result = warped(image, matrix[None])
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    for i in range(height):
        for j in range(width):
            y, x = centre + matrix @ (np.array([i, j]) - centre)
            y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
            expected = sum(
                image[0, 0, row, column] * max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
                for row in range(height)
                for column in range(width)
            )
            assert result[0, 0, i, j] == pytest.approx(expected, abs=1e-12)


def test_jitter_moves_the_mean_and_scales_the_contrast():
    image = np.full((1, 1, 2, 2), 0.5)
    image[0, 0, 0] = 0.4
    image[0, 0, 1] = 0.6
    brighter = ColorJitter(brightness=0.2)(image, np.array([[1.0, 0.5]]))
    np.testing.assert_allclose(brighter, image + 0.2)
    flatter = ColorJitter(contrast=0.5)(image, np.array([[0.5, 0.0]]))
    np.testing.assert_allclose(flatter, 0.5 + (image - 0.5) / 2)


def test_normalisation_gives_the_training_images_mean_zero_and_variance_one():
    normalize = Normalize.fit(IMAGES)
    result = normalize(IMAGES)
    np.testing.assert_allclose(result.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(result.std(axis=(0, 2, 3)), 1, atol=1e-5)
    assert result.dtype == np.float32
    assert is_engine_order(result)


def test_a_constant_channel_is_centred_and_not_divided_by_zero():
    images = IMAGES.copy()
    images[:, 1] = 0.25
    assert not Normalize.fit(images)(images)[:, 1].any()


def test_normalisation_refuses_other_channels_and_no_images():
    with pytest.raises(DataError, match=r"1 channels.*fitted on 3"):
        Normalize.fit(IMAGES)(IMAGES[:, :1])
    with pytest.raises(DataError, match="no training images"):
        Normalize.fit(IMAGES[:0])


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomHorizontalFlip(1.5),
        lambda: RandomShift(-1),
        lambda: RandomCrop(-1),
        lambda: Cutout(-1),
        lambda: RandomAffine(-1),
        lambda: RandomAffine(0, 1.0),
        lambda: ColorJitter(2),
        lambda: Normalize((0.5,), (0.0,)),
        lambda: Normalize((0.5,), (1.0, 1.0)),
        lambda: Augmentation(())(IMAGES, 0, [1, 2]),
    ],
)
def test_arguments_outside_their_domain_are_refused(make):
    with pytest.raises(ArgumentError):
        make()
