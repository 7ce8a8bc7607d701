"""The sides of the layers, of training steps and of inference compute the same."""

import numpy as np
import pytest

import tinyconv as tc
from bench.networks import NETWORKS, Network
from bench.peers import onnx_runtime
from bench.suites import layers
from tinyconv.utils.speed import own, pytorch

torch = pytest.importorskip("torch")

SMALL = [layer for layer in layers.layers() if layer.shape != layers.SHAPES[0]]
TINY = [Network("a", "facenet", 1, 8, ""), Network("b", "lenet", 1, 12, "")]


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.title)
@pytest.mark.parametrize("layout", pytorch.LAYOUTS)
def test_a_layer_is_the_same_on_both_sides(layer, layout):
    if layer.title == "dropout":
        pytest.skip("its noise differs")
    if layer.title == "linear":
        pytest.skip("each side draws its own weights")
    ours, theirs = layers.own_layer(layer), layers.torch_layer(layer, layout)
    np.testing.assert_allclose(ours["forward"]().numpy(), theirs["forward"]().numpy(), rtol=1e-4, atol=1e-5)
    both = ours["forward + backward"](), theirs["forward + backward"]()
    assert len(both[0]) == len(both[1])
    for mine, other in zip(*both, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("title", layers.OPTIMISERS)
def test_the_optimisers_step(title):
    kind, options, _ = layers.OPTIMISERS[title]
    for library in (tc, torch):
        layers.optimiser_step(library, kind, options)()


@pytest.mark.parametrize("network", TINY, ids=lambda network: network.model)
def test_both_sides_train(network):
    ours, theirs = network.step(4), network.torch_step(4, pytorch.CHANNELS_LAST)
    first = [float(side().item()) for side in (ours, theirs)]
    if network.model == "lenet":  # the face net's dropout draws differ
        assert first[0] == pytest.approx(first[1], rel=1e-4)
    assert all(np.isfinite(first))


@pytest.mark.parametrize("network", TINY, ids=lambda network: network.model)
def test_the_exported_network_gives_the_same(network):
    if not onnx_runtime.installed():
        pytest.skip("no ONNX Runtime")
    model = network.build().eval()
    x, _ = network.batch(3)
    ours = own.inference(model, x)().numpy()
    twin = network.twin(model, pytorch.CHANNELS_LAST)
    np.testing.assert_allclose(onnx_runtime.inference(twin, x, 1)(), ours, rtol=1e-3, atol=1e-3)
    theirs = pytorch.inference(twin, x, pytorch.CHANNELS_LAST)().numpy()
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)


def test_operations_are_counted_by_their_definitions():
    lenet = next(network for network in NETWORKS if network.model == "lenet")
    first, second = 28 * 28 * 6 * 25, 10 * 10 * 16 * 6 * 25
    rest = second + 400 * 120 + 120 * 84 + 84 * 10
    assert lenet.forward_flops(2) == 2 * 2 * (first + rest)
    assert lenet.step_flops(2) == 2 * 2 * (2 * first + 3 * rest)
