"""Volumes on the processor, which computes them as images, against the definition's loops."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinyconv.backends import cpu, reference
from tinyconv.backends.volumes import convolution
from tinyconv.core import layout
from tinyconv.core.geometry import output_size, window_extent
from tinyconv.core.volumes import planes_of, rows_of, volumes_of
from tinyconv.core.windows import adaptive_volume_windows, sliding_volume_windows

EPSILON = float(np.finfo(np.float32).eps)
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """A window over volumes: of a convolution with ``groups`` of (channels, outputs), or of a pooling."""

    samples: int
    groups: int
    channels: int
    outputs: int
    size: Triple
    kernel_size: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    ceil_mode: bool = False

    @property
    def parameters(self):
        return self.stride, self.padding, self.dilation, self.groups

    def arrays(self, dtype=np.float64):
        """Random (x, weight, bias, dy)."""
        axes = zip(self.size, self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        made = tuple(output_size(*axis) for axis in axes)
        shapes = (
            (self.samples, self.groups * self.channels, *self.size),
            (self.groups * self.outputs, self.channels, *self.kernel_size),
            (self.groups * self.outputs,),
            (self.samples, self.groups * self.outputs, *made),
        )
        generator = np.random.default_rng(3)
        return [generator.standard_normal(shape).astype(dtype) for shape in shapes]


def triples(low, high):
    return st.tuples(*(st.integers(low, high),) * 3)


@st.composite
def cases(draw, pooling=False):
    kernel_size, dilation = draw(triples(1, 3)), draw(triples(1, 2))
    padding = tuple(draw(st.integers(0, kernel // 2 if pooling else 2)) for kernel in kernel_size)
    axes = zip(kernel_size, padding, dilation, strict=True)
    least = [max(1, window_extent(k, d) - 2 * p * (not pooling)) for k, p, d in axes]
    groups, channels, outputs = draw(st.sampled_from([(1, 1, 2), (1, 3, 1), (2, 1, 2), (2, 2, 1), (3, 1, 1)]))
    return Case(
        samples=draw(st.integers(1, 2)),
        groups=groups,
        channels=channels,
        outputs=outputs,
        size=tuple(size + draw(st.integers(0, 2)) for size in least),
        kernel_size=kernel_size,
        stride=draw(triples(1, 3)),
        padding=padding,
        dilation=dilation,
        ceil_mode=draw(st.booleans()),
    )


def three_convolutions(backend, case, x, weight, bias, dy):
    return (
        backend.conv3d(x, weight, bias, *case.parameters),
        backend.conv3d_input_gradient(dy, weight, case.size, *case.parameters),
        backend.conv3d_weight_gradient(x, dy, case.kernel_size, *case.parameters),
    )


ONE, NONE = (1, 1, 1), (0, 0, 0)
PLANE_BY_PLANE = Case(2, 1, 2, 3, (3, 4, 3), (1, 3, 2), (1, 2, 1), (0, 1, 0), ONE)
ONE_PLANE_OF_MANY = Case(1, 1, 2, 2, (5, 2, 2), (1, 2, 1), (2, 1, 1), (1, 0, 0), ONE)
PADDING_BEYOND_THE_VOLUME = Case(1, 1, 1, 1, (1, 1, 1), (2, 2, 1), ONE, (2, 2, 2), (2, 1, 1))
GROUPED = Case(2, 2, 2, 3, (3, 2, 3), (2, 2, 2), (2, 1, 1), (1, 0, 1), ONE)


@settings(max_examples=12)
@given(cases())
@example(PLANE_BY_PLANE)
@example(ONE_PLANE_OF_MANY)
@example(PADDING_BEYOND_THE_VOLUME)
@example(GROUPED)
def test_convolutions_of_volumes_agree_with_the_definition(case):
    arrays = case.arrays()
    for ours, expected in zip(
        three_convolutions(cpu, case, *arrays), three_convolutions(reference, case, *arrays), strict=True
    ):
        assert ours.shape == expected.shape
        assert layout.is_engine_order(ours)
        np.testing.assert_allclose(ours, expected, rtol=1e-11, atol=1e-11)


@settings(max_examples=4)
@given(cases())
@example(GROUPED)
def test_float32_stays_within_the_rounding_of_its_own_terms(case):
    arrays = case.arrays(np.float32)
    doubles = [array.astype(np.float64) for array in arrays]
    ours = three_convolutions(cpu, case, *arrays)
    exact = three_convolutions(reference, case, *doubles)
    sizes = three_convolutions(reference, case, *map(abs, doubles))
    terms = max(np.prod(case.kernel_size) * (case.channels + case.outputs), arrays[3].size)
    for result, truth, size in zip(ours, exact, sizes, strict=True):
        assert result.dtype == np.float32
        assert (abs(result - truth) <= (terms + 2) * EPSILON * size).all()


def test_a_bias_is_added_to_the_input_gradient_once():
    x, weight, _, dy = GROUPED.arrays()
    bias = np.arange(4.0)
    for case, kernel in ((GROUPED, weight), (PLANE_BY_PLANE, PLANE_BY_PLANE.arrays()[1])):
        x, _, _, dy = case.arrays()
        added = bias[: x.shape[1]]
        ours = cpu.conv3d_input_gradient(dy, kernel, case.size, *case.parameters, added)
        np.testing.assert_allclose(
            ours, reference.conv3d_input_gradient(dy, kernel, case.size, *case.parameters, added), atol=1e-12
        )


@pytest.mark.parametrize("most", [1, 700, 1500])
def test_what_is_worked_off_in_blocks_is_the_same(most, monkeypatch):
    """Blocks of one image, of some that end within a volume, and of some more."""
    case = Case(3, 2, 2, 2, (4, 3, 3), (3, 2, 2), ONE, (1, 0, 1), ONE)
    arrays = case.arrays()
    whole = three_convolutions(cpu, case, *arrays)
    monkeypatch.setattr(convolution, "BLOCK_BYTES", 8 * most)
    for ours, expected in zip(three_convolutions(cpu, case, *arrays), whole, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
        assert layout.is_engine_order(ours)


def test_a_weight_that_did_not_change_is_stacked_once():
    x, weight, bias, _ = GROUPED.arrays()
    memo = {}
    first = cpu.conv3d(x, weight, bias, *GROUPED.parameters, memo=memo)
    weight[...] = 0  # against the rule: what was kept shows that it was used
    np.testing.assert_array_equal(cpu.conv3d(x, weight, bias, *GROUPED.parameters, memo=memo), first)


@pytest.mark.parametrize("product", range(3))
def test_an_empty_batch_has_an_empty_result_and_a_gradient_of_zero(product):
    case = Case(0, 1, 2, 3, (3, 3, 3), (2, 2, 2), ONE, NONE, ONE)
    result = three_convolutions(cpu, case, *case.arrays())[product]
    assert not result.any()
    assert result.shape == three_convolutions(reference, case, *case.arrays())[product].shape


@settings(max_examples=15)
@given(cases(pooling=True))
def test_maxima_of_volumes_and_their_places_equal_the_definition(case):
    geometry = case.kernel_size, case.stride, case.padding, case.dilation, case.ceil_mode
    windows = sliding_volume_windows(case.size, *geometry)
    if not windows.positions or any(
        not any(0 <= i * s - p + t * d < size for t in range(k))
        for size, count, k, s, p, d in zip(case.size, windows.positions, *geometry[:4], strict=True)
        for i in range(count)
    ):
        return  # a dilated window that sees nothing is refused before
    x = np.random.default_rng(1).integers(-2, 3, (case.samples, 3, *case.size)).astype(np.float64)
    x[0, 0, 0, 0, 0] = np.nan
    x[-1, 1, -1] = -np.inf
    y, switches = cpu.max_pool3d(x, windows)
    expected, places = reference.max_pool3d(x, windows)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(windows.indices(switches), places)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    dx = cpu.max_pool3d_gradient(dy, switches, windows)
    np.testing.assert_allclose(dx, reference.max_pool3d_gradient(dy, places, windows), atol=1e-12)
    assert layout.is_engine_order(y)
    assert layout.is_engine_order(dx)


@settings(max_examples=15)
@given(cases(pooling=True), st.booleans(), st.sampled_from([None, 3, -2]))
def test_averages_of_volumes_equal_the_definition(case, counts, divisor):
    x = np.random.default_rng(1).standard_normal((case.samples, 2, *case.size))
    window = case.kernel_size, case.stride, case.padding, case.ceil_mode, counts, divisor
    y = cpu.avg_pool3d(x, *window)
    np.testing.assert_allclose(y, reference.avg_pool3d(x, *window), atol=1e-12)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    dx = cpu.avg_pool3d_gradient(dy, case.size, *window)
    np.testing.assert_allclose(dx, reference.avg_pool3d_gradient(dy, case.size, *window), atol=1e-12)
    assert layout.is_engine_order(y)
    assert layout.is_engine_order(dx)


@pytest.mark.parametrize(("size", "outputs"), [((5, 4, 3), (2, 3, 3)), ((2, 3, 4), (3, 5, 1)), ((1, 1, 1), (1, 1, 1))])
def test_adaptive_pooling_of_volumes_equals_the_definition(size, outputs):
    x = np.random.default_rng(1).standard_normal((2, 3, *size))
    y, dy = cpu.adaptive_avg_pool3d(x, outputs), np.random.default_rng(2).standard_normal((2, 3, *outputs))
    np.testing.assert_allclose(y, reference.adaptive_avg_pool3d(x, outputs), atol=1e-12)
    dx = cpu.adaptive_avg_pool3d_gradient(dy, size)
    np.testing.assert_allclose(dx, reference.adaptive_avg_pool3d_gradient(dy, size), atol=1e-12)
    windows = adaptive_volume_windows(size, outputs)
    maxima, switches = cpu.max_pool3d(x, windows)
    expected, places = reference.max_pool3d(x, windows)
    np.testing.assert_array_equal(maxima, expected)
    np.testing.assert_array_equal(windows.indices(switches), places)
    assert all(map(layout.is_engine_order, (y, dx, maxima)))


def test_volumes_in_the_engines_order_become_images_without_a_copy():
    x = layout.zeros((2, 3, 4, 5, 6), np.float32)
    planes, rows = planes_of(x), rows_of(x)
    back = volumes_of(planes, 2, 4)
    assert (planes.shape, rows.shape, back.shape) == ((8, 3, 5, 6), (2, 3, 4, 30), x.shape)
    for view in (planes, rows, back):
        assert np.shares_memory(view, x)
        assert layout.is_engine_order(view)
