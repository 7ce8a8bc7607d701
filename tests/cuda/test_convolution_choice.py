"""How a GPU computes a convolution, and what is launched for it: decided on the host, without a GPU."""

import math

import numpy as np
import pytest

from tinyconv.backends.problem import Problem, Product
from tinyconv.core.errors import ShapeError

pytest.importorskip("numba_cuda", reason="the kernels' modules need numba-cuda, which is not installed")

from tinyconv.backends.cuda import choice, convolution
from tinyconv.backends.cuda.choice import Method, method
from tinyconv.backends.cuda.plain import depthwise, products
from tinyconv.backends.cuda.plain.tiles import FLAT, NARROW, SQUARE, WIDE

HOPPER, AMPERE, TURING = (9, 0), (8, 0), (7, 5)


def problem(channels, outputs, **changes):
    usual = Problem(
        product=Product.FORWARD,
        images=64,
        groups=1,
        channels=channels,
        outputs=outputs,
        input_size=(32, 32),
        output_size=(32, 32),
        kernel_size=(3, 3),
        stride=(1, 1),
        padding=(1, 1),
        dilation=(1, 1),
        dtype=np.dtype(np.float32),
    )
    return usual._replace(**changes)


def chosen(wanted, precision="fast", forced="automatic", capability=HOPPER):
    return method(wanted, precision, forced, capability)


@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize("capability", [HOPPER, AMPERE])
@pytest.mark.parametrize("precision", ["exact", "fast", "tf32"])
def test_the_precision_names_the_arithmetic_of_wide_layers(product, capability, precision):
    wide = problem(64, 128, product=product)
    assert chosen(wide, precision, capability=capability) is Method(precision)
    assert chosen(wide._replace(dtype=np.dtype(np.float64)), precision, capability=capability) is Method.PLAIN
    assert chosen(wide, precision, capability=TURING) is Method.PLAIN
    assert chosen(wide, precision, capability=(0, 0)) is Method.PLAIN  # the simulator


def test_few_channels_of_the_result_take_plain_tiles():
    assert chosen(problem(3, 64)) is Method.FAST
    assert chosen(problem(64, 3)) is Method.PLAIN
    assert chosen(problem(3, 64, product=Product.INPUT_GRADIENT)) is Method.PLAIN
    assert chosen(problem(64, 3, product=Product.INPUT_GRADIENT)) is Method.FAST
    assert chosen(problem(3, 64, product=Product.WEIGHT_GRADIENT)) is Method.FAST
    assert chosen(problem(8, 8, groups=32)) is Method.PLAIN
    assert chosen(problem(32, 32, groups=4)) is Method.FAST


@pytest.mark.parametrize("product", list(Product))
def test_groups_of_one_channel_are_depthwise(product):
    for precision in ("exact", "fast", "tf32"):
        assert chosen(problem(1, 1, groups=32, product=product), precision) is Method.DEPTHWISE
        assert chosen(problem(1, 2, groups=32, product=product), precision) is Method.DEPTHWISE
    assert chosen(problem(1, 1, groups=32, product=product, dtype=np.dtype(np.float64))) is Method.DEPTHWISE
    assert chosen(problem(1, 1, groups=32, product=product), forced="direct") is Method.PLAIN
    assert chosen(problem(1, 64, product=product)) is not Method.DEPTHWISE
    assert chosen(problem(1, 64, product=product), forced="depthwise") is Method.DEPTHWISE
    assert chosen(problem(2, 64, product=product), forced="depthwise") is not Method.DEPTHWISE


@pytest.mark.parametrize("forced", ["winograd", "folded", "pointwise", "grouped"])
def test_what_a_gpu_does_not_know_cannot_be_forced(forced):
    for wanted in (problem(64, 64), problem(1, 1, groups=32), problem(8, 8, groups=8), problem(64, 2)):
        assert chosen(wanted, forced=forced) is chosen(wanted)


def test_images_that_tensor_cores_cannot_count_take_plain_tiles():
    size = (6000, 6000)
    assert chosen(problem(64, 64, input_size=size, output_size=size, images=1)) is Method.PLAIN


def test_what_no_kernel_can_count_is_refused(monkeypatch):
    monkeypatch.setattr(convolution, "choose", lambda wanted: method(wanted, "fast", "automatic", HOPPER))
    for wanted, words in (
        (problem(1, 1, images=2**21, input_size=(32, 32)), "pixels in a batch"),
        (problem(64, 1, input_size=(6000, 6000), images=1), "numbers in an input image"),
        (problem(1, 64, output_size=(6000, 6000), images=1), "numbers in an output image"),
        (problem(2**15, 2**14), "weights in a group"),
        (problem(2, 2, groups=2**16, images=1, input_size=(2, 2), output_size=(2, 2)), "groups of several channels"),
    ):
        with pytest.raises(ShapeError, match=words):
            convolution.chosen(wanted)
    assert convolution.chosen(problem(16, 16, images=2**20)) is not None  # 2^34 numbers in 2^30 pixels
    many_groups = problem(1, 1, groups=2**17, images=1, input_size=(2, 2), output_size=(2, 2))
    assert convolution.chosen(many_groups) is Method.DEPTHWISE


def test_few_columns_take_a_narrow_tile():
    assert [products.correlation_tile(columns) for columns in (1, 16, 32, 33, 64)] == [NARROW] * 3 + [WIDE] * 2
    assert [products.gradient_tile(outputs) for outputs in (1, 16, 17, 64)] == [FLAT] * 2 + [SQUARE] * 2


def test_tiles_divide_their_loads_among_their_threads():
    for tile in (WIDE, NARROW, SQUARE, FLAT):
        assert tile.threads <= 256
        at_once = tile.threads // tile.depth
        assert tile.threads == at_once * tile.depth
        assert tile.rows % at_once == tile.columns % at_once == 0
        assert tile.rows % tile.thread_rows == tile.columns % tile.thread_columns == 0


def test_a_forward_has_a_block_for_every_tile():
    grid, numbers = products.correlation_launch(problem(3, 65, groups=2, images=5), WIDE)
    assert grid == (math.ceil(5 * 32 * 32 / WIDE.rows), 2, 2)
    assert numbers[:2] == (3, 65)
    assert numbers[-3:-1] == (32, 5 * 32 * 32)


def test_an_input_gradient_has_blocks_for_every_phase_of_its_stride():
    wanted = problem(3, 65, product=Product.INPUT_GRADIENT, stride=(2, 3), output_size=(16, 11), images=5)
    grid, numbers = products.correlation_launch(wanted, NARROW)
    pixels = 5 * 16 * 11
    assert grid == (6 * math.ceil(pixels / NARROW.rows), 1, 1)
    assert numbers[:6] == (65, 3, 16, 11, 32, 32)
    assert numbers[-5:] == (3, 16, 11, pixels, math.ceil(pixels / NARROW.rows))


@pytest.mark.parametrize("images", [1, 3, 64])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (32, 31)])
@pytest.mark.parametrize("widths", [(3, 64), (64, 64), (512, 512), (16, 5)])
def test_the_parts_of_a_weight_gradient_have_all_pixels_once(images, size, widths):
    wanted = problem(*widths, product=Product.WEIGHT_GRADIENT, images=images, input_size=size, output_size=size)
    grid, parts, numbers = products.weight_gradient_launch(wanted, products.gradient_tile(widths[1]))
    pixels, part_pixels = numbers[-2:]
    assert grid[1] == parts
    assert pixels == math.prod((images, *size))
    assert (parts - 1) * part_pixels < pixels <= parts * part_pixels
    assert parts * math.prod(widths) * 9 <= 2 * products.LEAST_BLOCKS * SQUARE.rows * SQUARE.columns + 2 * 9 * 512**2


@pytest.mark.parametrize("images", [1, 64])
@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 3), (5, 7)])
def test_the_parts_of_a_depthwise_weight_gradient_have_all_pixels_once(images, kernel_size):
    wanted = problem(1, 2, groups=40, product=Product.WEIGHT_GRADIENT, images=images, kernel_size=kernel_size)
    grid, parts, numbers = products.depthwise_gradient_launch(wanted)
    pixels, part_pixels = numbers[-2:]
    assert grid == (parts, math.ceil(80 / depthwise.LANES), math.ceil(math.prod(kernel_size) / depthwise.GRADIENT_TAPS))
    assert (parts - 1) * part_pixels < pixels <= parts * part_pixels


def test_the_choice_asks_for_the_settings_and_the_gpu(monkeypatch):
    from tinyconv.core.algorithms import set_convolution_algorithm
    from tinyconv.core.precision import set_float32_precision

    monkeypatch.setattr(choice, "SIMULATED", False)
    monkeypatch.setattr(choice.gpu, "compute_capability", lambda: HOPPER)
    assert choice.choose(problem(64, 64)) is Method.FAST
    with set_float32_precision("exact"):
        assert choice.choose(problem(64, 64)) is Method.EXACT
    with set_convolution_algorithm("direct"):
        assert choice.choose(problem(1, 1, groups=8)) is Method.PLAIN
    monkeypatch.setattr(choice, "SIMULATED", True)
    assert choice.choose(problem(64, 64)) is Method.PLAIN
