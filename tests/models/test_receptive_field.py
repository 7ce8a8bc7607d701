import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.observe import observe
from tinyconv.models.receptive_field import FieldTracker, ReceptiveField
from tinyconv.nn import functional as F

SIZE = 23


@st.composite
def stacks(draw):
    """A few convolutions and poolings, none with a window larger than the map it slides over."""
    layers, side = [], SIZE
    for _ in range(draw(st.integers(1, 4))):
        kernel = draw(st.integers(1, 4))
        dilation = draw(st.integers(1, 2))
        padding = draw(st.integers(0, kernel // 2))
        stride = draw(st.integers(1, 3))
        pool = draw(st.booleans())
        after = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        if after < 1:
            continue
        side = after
        if pool:
            layers.append(nn.MaxPool2d(kernel, stride, padding, dilation))
        else:
            layers.append(nn.Conv2d(1, 1, kernel, stride, padding, dilation))
    return nn.Sequential(*layers)


def tracked(network, image):
    tracker = FieldTracker(image)
    with observe(tracker):
        output = network(image)
    return tracker.field(output), output


def depends(network, row, column, size=SIZE):
    """The image pixels whose change moves unit (row, column), found by trying: additions to a random image."""
    draw = np.random.default_rng(0)
    base = draw.random((1, 1, size, size))
    batch = np.repeat(base, size * size + 1, axis=0)
    batch.reshape(size * size + 1, -1)[np.arange(1, size * size + 1), np.arange(size * size)] += 100
    with tc.no_grad():
        units = network(tc.tensor(batch)).numpy()[:, 0, row, column]
    return (units[1:] != units[0]).reshape(size, size)


@settings(max_examples=30)
@given(network=stacks(), data=st.data())
def test_changing_a_pixel_moves_a_unit_only_if_it_lies_in_the_units_patch(network, data):
    network = network.double()
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            layer.weight.array[...] = 1  # so that max-pooling is the only thing that can hide a pixel
    field, output = tracked(network, tc.zeros(1, 1, SIZE, SIZE, dtype=tc.float64))
    row = data.draw(st.integers(0, output.shape[2] - 1))
    column = data.draw(st.integers(0, output.shape[3] - 1))
    top, left, bottom, right = field.patch(row, column, (SIZE, SIZE))
    moved = depends(network, row, column)
    inside = np.zeros_like(moved)
    inside[top:bottom, left:right] = True
    assert not (moved & ~inside).any()
    if moved.any() and not any(d > 1 for layer in network for d in np.atleast_1d(layer.dilation)):
        rows, columns = np.nonzero(moved)
        if not any(isinstance(layer, nn.MaxPool2d) or max(layer.stride) > min(layer.kernel_size) for layer in network):
            # Without holes, and with nothing hidden by a maximum, the patch is exactly what moves the unit.
            assert (rows.min(), rows.max() + 1) == (top, bottom)
            assert (columns.min(), columns.max() + 1) == (left, right)


def test_a_stack_of_three_by_three_convolutions_grows_by_two_each():
    field = ReceptiveField()
    for expected in (3, 5, 7):
        field = field.through((3, 3), (1, 1), (1, 1), (1, 1))
        assert field == ReceptiveField((expected, expected), (1, 1), (0, 0))


def test_vgg_16_at_its_last_pooling_sees_212_pixels_in_steps_of_32():
    field = ReceptiveField()
    for convolutions in (2, 2, 3, 3, 3):
        for _ in range(convolutions):
            field = field.through((3, 3), (1, 1), (1, 1), (1, 1))
        field = field.through((2, 2), (2, 2), (0, 0), (1, 1))
    assert field.size == (212, 212)
    assert field.jump == (32, 32)


def test_vertical_and_horizontal_are_kept_apart():
    network = nn.Conv2d(1, 1, (5, 1), stride=(2, 3), padding=(2, 0))
    field, _ = tracked(network, tc.zeros(1, 1, 12, 12))
    assert field == ReceptiveField((5, 1), (2, 3), (0, 0))


def test_a_patch_is_cut_at_the_images_edge():
    field = ReceptiveField().through((5, 5), (1, 1), (2, 2), (1, 1))
    assert field.patch(0, 3, (8, 8)) == (0, 1, 3, 6)
    assert field.patch(7, 7, (8, 8)) == (5, 5, 8, 8)


def test_a_linear_layer_sees_everything_that_its_inputs_saw():
    field, _ = tracked(nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(36, 2)), tc.zeros(1, 1, 8, 8))
    assert field.size == (8, 8)
    assert field.patch(0, 0, (8, 8)) == (0, 0, 8, 8)


def test_elementwise_operations_and_normalisation_change_nothing():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Tanh())
    field, _ = tracked(network, tc.zeros(1, 1, 8, 8))
    assert field == ReceptiveField((3, 3), (1, 1), (1, 1))


def test_branches_are_joined_to_the_patch_that_holds_both():
    near, far = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=3, dilation=3)
    for join in (lambda a, b: a + b, lambda a, b: tc.cat([a, b], dim=1)):
        field, _ = tracked(lambda x, join=join: join(near(x), far(x)), tc.zeros(1, 1, 9, 9))
        assert field == ReceptiveField((7, 7), (1, 1), (0, 0))


def test_a_global_mean_sees_the_whole_image():
    field, _ = tracked(nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)), tc.zeros(1, 1, 9, 9))
    assert field.patch(0, 0, (9, 9)) == (0, 0, 9, 9)


@pytest.mark.parametrize("windows", [2, 3, 4, 5])
def test_adaptive_windows_lie_within_the_patches(windows):
    network = nn.AdaptiveAvgPool2d(windows)
    field, _ = tracked(network, tc.zeros(1, 1, 10, 10))
    for row in range(windows):
        top, left, bottom, right = field.patch(row, 0, (10, 10))
        rows, columns = np.nonzero(depends(network, row, 0, 10))
        assert top <= rows.min()
        assert rows.max() < bottom
        assert left <= columns.min()
        assert columns.max() < right


def test_explicit_padding_shifts_the_start():
    field, _ = tracked(lambda x: F.conv2d(F.pad(x, (2, 0, 1, 0)), tc.ones(1, 1, 3, 3)), tc.zeros(1, 1, 9, 9))
    assert field == ReceptiveField((3, 3), (1, 1), (0, -1))


def test_a_signal_has_one_row():
    network = nn.Sequential(
        nn.Conv1d(1, 2, 3, padding=1), nn.ReLU(), nn.ZeroPad1d((1, 0)), nn.Conv1d(2, 3, 4, stride=2)
    )
    field, output = tracked(network, tc.zeros(1, 1, 20))
    assert output.shape == (1, 3, 9)
    assert field == ReceptiveField((1, 6), (1, 2), (0, 0.5))
    flat, _ = tracked(nn.Sequential(network, nn.Flatten(), nn.Linear(27, 2)), tc.zeros(1, 1, 20))
    assert flat.size == (1, 22)


def test_a_locally_connected_layer_sees_what_a_convolution_sees():
    field, _ = tracked(nn.LocallyConnected2d(1, 1, 9, 3, stride=2, padding=1), tc.zeros(1, 1, 9, 9))
    assert field == ReceptiveField((3, 3), (2, 2), (0, 0))


@pytest.mark.parametrize(("kernel", "padding", "dilation"), [(3, 0, 1), (3, 1, 1), ((2, 4), (1, 2), (1, 1)), (3, 1, 2)])
def test_transposed_convolution_without_a_stride_is_followed(kernel, padding, dilation):
    network = nn.ConvTranspose2d(1, 1, kernel, padding=padding, dilation=dilation, dtype=tc.float64)
    nn.init.uniform_(network.weight, 0.5, 1.0)
    field, output = tracked(network, tc.zeros(1, 1, 9, 9, dtype=tc.float64))
    for row, column in ((0, 0), (4, 3), (output.shape[2] - 1, output.shape[3] - 1)):
        top, left, bottom, right = field.patch(row, column, (9, 9))
        rows, columns = np.nonzero(depends(network, row, column, 9))
        assert top <= rows.min()
        assert rows.max() < bottom
        assert left <= columns.min()
        assert columns.max() < right
        if dilation == 1 or (row, column) == (4, 3):
            assert (rows.min(), columns.min()) == (top, left)
            assert (rows.max() + 1, columns.max() + 1) == (bottom, right)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(1, 1, 2, stride=2),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=1.1, mode="bicubic"),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"),
        nn.Unfold(1),
        nn.Unfold(3, padding=1),
        nn.PixelUnshuffle(2),
    ],
    ids=repr,
)
def test_behind_what_three_numbers_cannot_describe_the_field_is_unknown(layer):
    field, _ = tracked(layer, tc.zeros(1, 1, 8, 8))
    assert field is None


def test_what_does_not_come_from_the_image_has_no_field():
    tracker = FieldTracker(tc.zeros(1, 1, 4, 4))
    with observe(tracker):
        other = tc.ones(1, 1, 4, 4) * 2
    assert tracker.field(other) is None


def test_watching_keeps_no_tensor_alive():
    import weakref

    image = tc.zeros(1, 1, 4, 4)
    tracker = FieldTracker(image)
    with observe(tracker):
        result = image * 2
    reference = weakref.ref(result)
    del result
    assert reference() is None
