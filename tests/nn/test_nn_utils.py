"""Gradient clipping and parameter vectors."""

import math

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.core import layout
from tinyconv.core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from tinyconv.nn import utils
from tinyconv.ops.tensor import Tensor


def with_gradients(*gradients):
    parameters = []
    for gradient in gradients:
        values = np.array(gradient, np.float32)
        parameters.append(nn.Parameter(Tensor(np.zeros_like(values))))
        parameters[-1].grad = Tensor(layout.copy(values))
    return parameters


def gradients_of(parameters):
    return [p.grad.numpy().tolist() for p in parameters]


def test_clipping_scales_all_gradients_to_the_norm_together():
    parameters = with_gradients([3.0, 0.0], [[4.0]])
    version = parameters[0].grad.version
    norm = utils.clip_grad_norm_(parameters, 1.0)
    assert norm.item() == pytest.approx(5.0)
    assert parameters[0].grad.version == version + 1
    np.testing.assert_allclose(parameters[0].grad.numpy(), [0.6, 0], rtol=1e-6)
    np.testing.assert_allclose(parameters[1].grad.numpy(), [[0.8]], rtol=1e-6)


def test_gradients_within_the_norm_are_left_alone():
    parameters = with_gradients([3.0, 0.0], [[4.0]])
    version = parameters[0].grad.version
    assert utils.clip_grad_norm_(parameters, 5.1).item() == pytest.approx(5.0)
    assert gradients_of(parameters) == [[3.0, 0.0], [[4.0]]]
    assert parameters[0].grad.version == version


@pytest.mark.parametrize(("norm_type", "norm"), [(1.0, 9.0), (math.inf, 4.0), (3, (27 + 64 + 8) ** (1 / 3))])
def test_other_norms(norm_type, norm):
    parameters = with_gradients([3.0, -4.0], [2.0])
    assert utils.clip_grad_norm_(parameters, 1.0, norm_type).item() == pytest.approx(norm)
    np.testing.assert_allclose(parameters[1].grad.numpy(), [2 / norm], rtol=1e-5)


def test_clipping_takes_one_tensor_and_passes_over_those_without_gradient():
    (parameter,) = with_gradients([30.0])
    assert utils.clip_grad_norm_(parameter, 3.0).item() == pytest.approx(30.0)
    assert parameter.grad.item() == pytest.approx(3.0)
    assert utils.clip_grad_norm_([nn.Parameter(Tensor(np.zeros(2)))], 1.0).item() == 0


def test_a_norm_that_is_not_finite_stays_visible_or_raises():
    parameters = with_gradients([math.nan, 1.0])
    with pytest.raises(ArgumentError, match="the gradients' norm is nan"):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert gradients_of(parameters)[0][1] == 1.0
    utils.clip_grad_norm_(parameters, 1.0)
    assert np.isnan(parameters[0].grad.numpy()).all()


def test_the_norm_of_large_float32_gradients_does_not_overflow():
    parameters = with_gradients([1e30, 1e30])
    assert utils.clip_grad_norm_(parameters, 1.0).item() == pytest.approx(math.sqrt(2) * 1e30)
    np.testing.assert_allclose(parameters[0].grad.numpy(), [0.5**0.5, 0.5**0.5], rtol=1e-6)


def test_clipping_values_limits_each_element():
    parameters = with_gradients([-3.0, 0.5, 7.0])
    version = parameters[0].grad.version
    utils.clip_grad_value_(parameters, 2)
    assert gradients_of(parameters) == [[-2.0, 0.5, 2.0]]
    assert parameters[0].grad.version == version + 1


def test_clipping_refuses_what_it_does_not_do():
    with pytest.raises(ArgumentError, match="clip_grad_norm_: norm_type must be a number, got 'two'"):
        utils.clip_grad_norm_([], 1.0, norm_type="two")
    with pytest.raises(DTypeError, match="clip_grad_value_: expected tensors, got str"):
        utils.clip_grad_value_("weights", 1.0)


def test_parameters_become_one_vector_and_return():
    net = nn.Sequential(nn.Conv2d(2, 3, 2), nn.Linear(3, 2))
    vector = utils.parameters_to_vector(net.parameters())
    rows = np.concatenate([p.detach().numpy().reshape(-1) for p in net.parameters()])
    np.testing.assert_array_equal(vector.detach().numpy(), rows)
    version = net[0].weight.version
    utils.vector_to_parameters(vector.detach() * 2, net.parameters())
    np.testing.assert_array_equal(utils.parameters_to_vector(net.parameters()).detach().numpy(), 2 * rows)
    assert net[0].weight.version > version
    with pytest.raises(ShapeError, match=r"the parameters have 35 elements, the vector's shape is \(3,\)"):
        utils.vector_to_parameters(Tensor(np.zeros(3, np.float32)), net.parameters())


def test_a_vector_of_parameters_is_recorded():
    layer = nn.Linear(2, 2)
    (utils.parameters_to_vector(layer.parameters()) ** 2).sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), 2 * layer.weight.detach().numpy())


def test_clipping_an_infinite_gradient_is_silent_and_leaves_nan_where_it_was_infinite():
    parameter = nn.Parameter(Tensor(np.zeros(2, np.float32)))
    parameter.grad = Tensor(np.array([np.inf, 1], np.float32))
    assert utils.clip_grad_norm_([parameter], 1.0).item() == np.inf
    np.testing.assert_array_equal(parameter.grad.numpy(), np.array([np.nan, 0], np.float32))


def test_clipping_says_when_a_gradient_cannot_be_written():
    parameter = nn.Parameter(Tensor(np.zeros(2, np.float32)))
    parameter.grad = Tensor(np.full(1, 9, np.float32)).expand(2)
    for clip in (utils.clip_grad_norm_, utils.clip_grad_value_):
        with pytest.raises(GraphError, match=f"{clip.__name__}: .* repeated without copies"):
            clip([parameter], 1.0)


def trained(layer, norm, x):
    """Both after some training: a normalisation that has seen nothing would change nothing."""
    rng = np.random.default_rng(0)
    for parameter in [*layer.parameters(), *norm.parameters()]:
        parameter.data = Tensor(rng.normal(size=tuple(parameter.shape)))
    norm(layer(x))
    return layer.eval(), norm.eval()


@pytest.mark.parametrize("bias", [True, False])
def test_a_fused_layer_computes_what_both_did(bias):
    rng = np.random.default_rng(1)
    images, rows = Tensor(rng.normal(size=(4, 2, 5, 5))), Tensor(rng.normal(size=(6, 3)))
    conv, norm = trained(nn.Conv2d(2, 3, 3, bias=bias).double(), nn.BatchNorm2d(3).double(), images)
    fused = utils.fuse_conv_bn_eval(conv, norm)
    np.testing.assert_allclose(fused(images).detach().numpy(), norm(conv(images)).detach().numpy(), atol=1e-12)
    assert fused is not conv
    linear, norm = trained(nn.Linear(3, 4, bias=bias).double(), nn.BatchNorm1d(4).double(), rows)
    fused = utils.fuse_linear_bn_eval(linear, norm)
    np.testing.assert_allclose(fused(rows).detach().numpy(), norm(linear(rows)).detach().numpy(), atol=1e-12)


def test_layers_in_training_are_not_fused():
    with pytest.raises(ArgumentError, match=r"fuse_conv_bn_eval: in training.* call eval\(\) on both first"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1).eval())
    with pytest.raises(ArgumentError, match="keeps no running statistics"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1).eval(), nn.BatchNorm2d(1, track_running_stats=False).eval())
