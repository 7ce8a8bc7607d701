"""LeNet-5 of 1998: the table of its layers, its connections, subsampling, codes and criterion."""

import math

import numpy as np
import pytest
from thirty_two_faces import epochs_until_all_are_learnt, thirty_two_faces

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.zoo.digit_bitmaps import BITMAPS, HEIGHT, WIDTH
from tinyconv.models.zoo.early_layers import PartialConv2d, Squash, Subsampling
from tinyconv.models.zoo.lenet5 import C3_CONNECTIONS, LeNet5, PenaltyLoss, RadialBasis, codes
from tinyconv.nn import functional as F

PARAMETERS = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164, "output": 0}
CONNECTIONS = {"c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120}
SHAPES = {"c1": (6, 28, 28), "s2": (6, 14, 14), "c3": (16, 10, 10), "s4": (16, 5, 5), "c5": (120, 1, 1)}


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_has_60_000_parameters_layer_by_layer_as_published():
    model = registry.build("lenet5", 1, 10, (32, 32))
    assert {name: count(getattr(model, name)) for name in PARAMETERS} == PARAMETERS
    assert count(model) == 60_000
    assert dict(model.named_buffers())["output.codes"].shape == (10, 84)


def test_it_has_as_many_connections_as_published():
    # With all weights, coefficients and inputs 1, a unit's sum is the number of its inputs, and 1 for its bias.
    model = LeNet5()
    for parameter in model.parameters():
        nn.init.ones_(parameter)
    x = tc.ones(1, 1, 32, 32)
    for name, connections in CONNECTIONS.items():
        units = getattr(model, name)(x)
        assert units.shape == (1, *SHAPES[name])
        assert units.sum().item() == connections, name
        x = tc.ones(*units.shape)


def test_a_map_of_c3_sees_the_maps_of_its_row_in_the_table_and_no_other():
    layer = LeNet5().c3
    assert sum(map(len, C3_CONNECTIONS)) == 60
    for number, inputs in enumerate(C3_CONNECTIONS):
        x = tc.randn(1, 6, 5, 5, requires_grad=True)
        layer(x)[0, number].sum().backward()
        assert [channel for channel in range(6) if x.grad[0, channel].numpy().any()] == list(inputs)


def test_a_partial_convolution_is_the_sum_over_its_connections():
    generator = np.random.default_rng(0)
    layer = PartialConv2d(3, [(2, 0), (1,)], 2).double()
    x = generator.standard_normal((2, 3, 4, 5))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.zeros((2, 2, 3, 4))
    for k, pairs in enumerate([[(0, 2), (1, 0)], [(2, 1)]]):
        for i, j in np.ndindex(3, 4):
            windows = x[:, :, i : i + 2, j : j + 2]
            expected[:, k, i, j] = bias[k] + sum((windows[:, c] * weight[w]).sum((1, 2)) for w, c in pairs)
    np.testing.assert_allclose(layer(tc.tensor(x)).detach().numpy(), expected, atol=1e-12)
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("wrong", [[(0,), ()], [(0, 0)], [(0, 3)], [(-1,)]])
def test_connections_that_are_none_are_refused(wrong):
    with pytest.raises(ArgumentError, match=r"PartialConv2d: map \d must see one or more of the 3 input maps"):
        PartialConv2d(3, wrong, 5)


def test_subsampling_sums_windows_times_a_coefficient_plus_a_bias():
    x = np.random.default_rng(1).standard_normal((2, 3, 5, 4))
    layer = Subsampling(3).double()
    weight, bias = (values.detach().numpy().reshape(3, 1, 1) for values in (layer.weight, layer.bias))
    sums = x[:, :, 0:4:2, ::2] + x[:, :, 1:4:2, ::2] + x[:, :, 0:4:2, 1::2] + x[:, :, 1:4:2, 1::2]
    np.testing.assert_allclose(layer(tc.tensor(x)).detach().numpy(), weight * sums + bias, atol=1e-12)


def test_the_squashing_function_takes_one_to_one_and_bends_most_there():
    x = tc.tensor([-1.0, 0.0, 1.0, 50.0], dtype=tc.float64)
    assert Squash()(x).tolist() == pytest.approx([-1.0, 0.0, 1.0, 1.7159], abs=1e-5)
    x = np.linspace(0, 2, 201)
    curvature = np.diff(Squash()(tc.tensor(x)).numpy(), 2)
    assert x[1:-1][abs(curvature).argmax()] == pytest.approx(1.0, abs=0.02)


def test_the_initial_weights_lie_within_the_papers_bounds():
    model = LeNet5(in_channels=3)
    fan_in = {"c1": 75, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, inputs in fan_in.items():
        for values in getattr(model, name).parameters():
            largest = abs(values.detach().numpy()).max()
            assert 0.3 * 2.4 / inputs < largest <= 2.4 / inputs, name
    first = 0
    for inputs in C3_CONNECTIONS:
        largest = abs(model.c3.weight[first : first + len(inputs)].detach().numpy()).max()
        assert 0.9 * 2.4 / (25 * len(inputs)) < largest <= 2.4 / (25 * len(inputs))
        first += len(inputs)


def test_an_output_is_minus_the_squared_distance_to_the_code():
    layer = RadialBasis(codes(10)).double()
    x = np.random.default_rng(2).standard_normal((3, 84))
    expected = -((x[:, None] - codes(10)) ** 2).sum(2)
    np.testing.assert_allclose(layer(tc.tensor(x)).numpy(), expected, atol=1e-12)
    assert layer(tc.tensor(codes(10))).argmax(1).tolist() == list(range(10))
    with pytest.raises(ShapeError, match=r"RadialBasis: input must be \(N, 84\), got \(2, 80\)"):
        layer(tc.zeros(2, 80, dtype=tc.float64))


def test_the_codes_are_ten_different_pictures_and_random_for_other_classes():
    assert len(BITMAPS) == 10
    assert all(len(rows) == HEIGHT and {len(row) for row in rows} == {WIDTH} for rows in BITMAPS)
    for number in (2, 10, 95):
        drawn = codes(number)
        assert drawn.shape == (number, 84)
        assert set(drawn.flat) == {-1.0, 1.0}
        differences = (drawn[:, None] != drawn).sum(2)[~np.eye(number, dtype=bool)]
        assert differences.min() >= 10
    assert (codes(7) == codes(7)).all()


def test_the_criterion_is_equation_9():
    generator = np.random.default_rng(3)
    penalties, labels, rubbish = generator.uniform(0, 5, (4, 3)), np.array([0, 2, 1, 1]), 2.5
    expected = np.mean(
        [y[label] + math.log(math.exp(-rubbish) + np.exp(-y).sum()) for y, label in zip(penalties, labels, strict=True)]
    )
    logits = tc.tensor(-penalties)
    assert PenaltyLoss(rubbish)(logits, tc.tensor(labels)).item() == pytest.approx(expected, abs=1e-12)
    without = F.cross_entropy(logits, tc.tensor(labels)).item()
    assert PenaltyLoss(1000.0)(logits, tc.tensor(labels)).item() == pytest.approx(without, abs=1e-12)
    with pytest.raises(ArgumentError, match=r"PenaltyLoss: rubbish, a penalty, must be positive, got 0"):
        PenaltyLoss(0)


def test_classes_beyond_the_rubbish_are_hardly_pushed_further():
    def push(rubbish):
        logits = tc.tensor([[-1.0, -12.0]], requires_grad=True)
        PenaltyLoss(rubbish)(logits, tc.tensor([0])).backward()
        return logits.grad[0].numpy()

    assert push(0.5)[0] < -0.5  # the right class is pulled, though it is far ahead of the other
    assert abs(push(1000.0)).max() < 1e-4


@pytest.mark.parametrize("size", [(16, 16), (17, 40), (32, 32), (33, 45)])
def test_it_adapts_to_size_channels_and_classes(size):
    with tc.no_grad():
        assert registry.build("lenet5", 3, 7, size)(tc.zeros(2, 3, *size)).shape == (2, 7)


def test_smaller_images_are_refused():
    with pytest.raises(ShapeError, match=r"lenet5 needs images of at least 16x16.*got 15x30.*facenet"):
        LeNet5(image_size=(15, 30))


def test_it_learns_32_photographs_by_heart():
    tc.manual_seed(0)
    images, labels = thirty_two_faces()
    assert epochs_until_all_are_learnt(LeNet5(1, 2, (25, 25)), images, labels, rate=3e-3, most=60) > 1
