"""What was planted is found: an object at a known place, and a shortcut that a network took."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.explain import METHODS, attribute
from tinyconv.nn import functional as F

SIDE = 12
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])
OPTIONS = {"window": 3, "stride": 1, "samples": 10, "steps": 10, "low": -4, "high": 6}
"""Of the methods that have them: a patch of the object's size, few samples and steps, the bounds of the pixels."""

NOISY = ("gradient", "smoothgrad", "guided-backprop")
"""What answers with the steepest pixel, which is not always the one that counted most."""


def noise(count, seed):
    """Noisy images, alternating classes, and places for an object."""
    generator = np.random.default_rng(seed)
    x = 0.3 * generator.standard_normal((count, 1, SIDE, SIDE)).clip(-4, 4).astype(np.float32)
    return x, np.arange(count) % 2, generator.integers(0, SIDE - 2, (count, 2))


def rings(count, seed):
    """Class 1 has a ring somewhere, class 0 nothing."""
    x, classes, corners = noise(count, seed)
    for image, label, (top, left) in zip(x, classes, corners, strict=True):
        image[0, top : top + 3, left : left + 3] += 2 * label * RING
    return x, classes, corners + 1


def with_shortcut(count, seed, planted=True, shape_tells=True):
    """Class 1 is rings, class 0 crosses; but also, class 1 has a bright pixel in the corner."""
    x, classes, corners = noise(count, seed)
    shapes = classes if shape_tells else np.random.default_rng(seed).integers(0, 2, count)
    for image, shape, (top, left) in zip(x, shapes, corners, strict=True):
        image[0, top : top + 3, left : left + 3] += 2 * (RING if shape else CROSS)
    if planted:
        x[:, 0, 0, 0] = 3 * classes
    return x, classes


def trained(x, classes, *head, steps=60, rate=0.02):
    tc.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
    model.extend([make() for make in head])
    optimizer = tc.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(tc.tensor(x)), tc.tensor(classes)).backward()
        optimizer.step()
    return model


AVERAGED = (lambda: nn.AdaptiveAvgPool2d(1), nn.Flatten, lambda: nn.Linear(8, 2))
FLATTENED = (nn.Flatten, lambda: nn.Linear(8 * SIDE * SIDE, 2))


def accuracy(model, x, classes):
    return (model(tc.tensor(x)).argmax(1).numpy() == classes).mean()


def peaks(model, x, method):
    """(row, column) of the pixel that speaks most for class 1 in each image."""
    options = {name: value for name, value in OPTIONS.items() if name in METHODS[method].options}
    heat = attribute(model, x, method, 1, **options).heat()
    return np.stack(np.unravel_index(heat.reshape(len(heat), -1).argmax(axis=1), (SIDE, SIDE)), axis=1)


def share_near(found, places, method=""):
    """The share of images whose peak is at the place: a pixel away at most, two for maps whose units see 5x5 pixels."""
    return (np.abs(found - places).max(axis=1) <= (2 if method.endswith("cam") else 1)).mean()


@pytest.fixture(scope="module")
def ring_net():
    return trained(*rings(128, 0)[:2], *AVERAGED)


@pytest.fixture(scope="module")
def cheating_net():
    return trained(*with_shortcut(128, 0), *FLATTENED, steps=40, rate=0.01)


@pytest.fixture(scope="module")
def cheating_net_of_averages():
    return trained(*with_shortcut(128, 0, shape_tells=False), *AVERAGED, steps=100)


# Deconvnet ignores which inputs a rectifier let pass: it draws what a unit likes, not where the image has it.
@pytest.mark.parametrize("method", [name for name in METHODS if name != "deconvnet"])
def test_an_object_is_found_where_it_is(ring_net, method):
    x, classes, middles = rings(120, 1)
    assert accuracy(ring_net, x, classes) > 0.98
    found = share_near(peaks(ring_net, x[classes == 1], method), middles[classes == 1], method)
    assert found >= (0.9 if method in NOISY else 0.95)


# Grad-CAM averages gradients over the map: behind a flattened one, places are lost. HiResCAM was made for this.
@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("grad-cam", "guided-grad-cam")])
def test_a_shortcut_is_exposed(cheating_net, method):
    x, classes = with_shortcut(120, 1)
    assert accuracy(cheating_net, x, classes) > 0.98
    assert share_near(peaks(cheating_net, x[classes == 1], method), 0, method) >= 0.95


def test_the_network_did_take_the_shortcut(cheating_net):
    assert accuracy(cheating_net, *with_shortcut(120, 1, planted=False)) < 0.7


@pytest.mark.parametrize("method", ["grad-cam", "guided-grad-cam"])
def test_grad_cam_exposes_a_shortcut_where_the_maps_are_averaged(cheating_net_of_averages, method):
    model = cheating_net_of_averages
    x, classes = with_shortcut(120, 1, shape_tells=False)
    assert accuracy(model, x, classes) > 0.95
    assert share_near(peaks(model, x[classes == 1], method), 0, method) >= 0.95


@pytest.mark.parametrize("method", ["occlusion", "grad-cam", "lrp-epsilon-gamma-box", "integrated-gradients"])
def test_a_network_that_looks_at_the_object_is_not_accused_of_the_shortcut(ring_net, method):
    x, classes, middles = rings(120, 1)
    x[:, 0, 0, 0] = 3 * classes
    found = peaks(ring_net, x[classes == 1], method)
    assert share_near(found, 0) <= 0.05
    assert share_near(found, middles[classes == 1]) >= 0.9
