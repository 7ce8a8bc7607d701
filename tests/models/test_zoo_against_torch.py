"""One training step of every network of the zoo, from the same weights as PyTorch's: the same numbers everywhere.

Networks are narrow and images small, in float64; ``python -m bench zoo`` does the same for the published ones.
"""

import importlib.util

import bench_folder  # noqa: F401  (that it is imported is what it does)
import numpy as np
import pytest

import tinyconv as tc
from tinyconv.models import registry

CLASSES = 5
BATCH = 3

STEPS = [
    ("facenet", 1, (16, 16), {"widths": (3, 4, 5)}),
    ("lenet", 1, (28, 28), {}),
    ("alexnet", 3, (63, 64), {"width": 2}),
    ("alexnet_2012", 3, (131, 99), {"width": 6}),
    ("squeezenet1_0", 3, (33, 32), {"width": 4}),
    ("squeezenet1_1", 3, (33, 32), {"width": 4}),
    ("vgg11", 3, (32, 32), {"width": 1}),
    ("vgg11_bn", 3, (32, 32), {"width": 1}),
    ("vgg11_bn", 1, (45, 33), {"width": 1, "head": "linear"}),
    ("vgg13", 3, (32, 32), {"width": 1}),
    ("vgg13_bn", 3, (32, 32), {"width": 1}),
    ("vgg16", 3, (32, 32), {"width": 1}),
    ("vgg16_bn", 3, (32, 32), {"width": 1}),
    ("vgg19", 3, (32, 32), {"width": 1}),
    ("vgg19_bn", 3, (32, 32), {"width": 1}),
    ("resnet18", 3, (16, 16), {"width": 2}),
    ("resnet18", 3, (32, 40), {"width": 2, "stem": "published"}),
    ("resnet34", 3, (16, 16), {"width": 2}),
    ("resnet50", 3, (24, 24), {"width": 2}),
    ("resnet101", 3, (16, 16), {"width": 2}),
    ("googlenet", 3, (16, 16), {"width": 8}),
    ("googlenet", 3, (64, 64), {"width": 8, "stem": "published", "transform_input": True}),
    ("googlenet_2014", 3, (16, 16), {"width": 8}),
    ("densenet121", 3, (16, 16), {"growth_rate": 4, "num_init_features": 8}),
    ("densenet121", 3, (45, 40), {"growth_rate": 2, "num_init_features": 4, "stem": "published"}),
    ("mobilenet_v2", 3, (16, 16), {"width_mult": 0.1}),
    ("mobilenet_v2", 3, (33, 24), {"width_mult": 0.1, "stem": "published"}),
]
SINGLE = [step for step in STEPS if step[0] in ("vgg16", "resnet18", "googlenet", "squeezenet1_1")][::2]


def label(value):
    return "-".join(f"{key}={each}" for key, each in value.items()) if isinstance(value, dict) else str(value)


@pytest.fixture(scope="module")
def zoo(exact):
    """PyTorch's networks."""
    pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("needs torchvision: pip install --no-deps torchvision")
    from bench.peers import torch_zoo

    return torch_zoo


def both(zoo, name, channels, size, options):
    """tinyconv's model, random in every number, and its twin."""
    tc.manual_seed(0)
    model = registry.build(name, channels, CLASSES, size, **options).double()
    draw = np.random.default_rng(0)
    for entry, value in model.state_dict().items():
        # Biases and scales that are not 0 or 1: a forgotten one would not be noticed.
        if value.ndim == 1:
            array = (
                draw.uniform(0.5, 1.5, value.shape) if "var" in entry else 1 + 0.3 * draw.standard_normal(value.shape)
            )
            value.copy_(tc.tensor(array if "bias" not in entry else array - 1))
    network = zoo.twin(name, channels, CLASSES, size, **options).double()
    zoo.copy_weights(model, network)
    images = draw.standard_normal((BATCH, channels, *size))
    return model, network, images, draw.integers(0, CLASSES, BATCH)


@pytest.mark.parametrize(("name", "channels", "size", "options"), STEPS, ids=label)
def test_a_step_in_float64_gives_pytorch_s_numbers(zoo, name, channels, size, options):
    from bench.parity import differences, own_step, torch_step

    model, network, images, labels = both(zoo, name, channels, size, options)
    found, exact = own_step(model, images, labels), torch_step(network, images, labels)
    assert len(found.gradients) == len(list(model.parameters()))
    assert all(np.abs(gradient).max() > 0 for gradient in exact.gradients.values())
    for part, difference in differences(found, exact).items():
        assert difference < 1e-8, part


@pytest.mark.parametrize(("name", "channels", "size", "options"), SINGLE, ids=label)
def test_a_step_in_float32_is_within_a_ten_thousandth(zoo, name, channels, size, options):
    from bench.parity import differences, own_step, torch_step

    model, network, images, labels = both(zoo, name, channels, size, options)
    found = own_step(model.float(), images.astype(np.float32), labels)
    for part, difference in differences(found, torch_step(network, images, labels)).items():
        assert difference < 1e-4, part


def test_every_network_of_torchvision_s_is_here():
    """The others are held against PyTorch where they are tested."""
    here = {name for name, *_ in STEPS}
    assert {"alexnet_2012", "googlenet_2014"} < here
    assert set(registry.names()) - here <= {"lenet5", "face_finder", "deepface", "neocognitron", "onet", "rnet"}
