"""tinyconv's models beside PyTorch's twins, which the benchmark runs: the same weights, losses and gradients."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv.models import registry
from tinyconv.nn import functional as F

torch = pytest.importorskip("torch")
from tinyconv.utils.speed.torch_networks import TWINS, copy_weights, twin  # noqa: E402  (needs PyTorch)

NETWORKS = [
    ("facenet", 1, (16, 16), {"widths": (3, 4, 5), "dropout": 0.0}),
    ("lenet", 1, (28, 28), {}),
    ("vgg11_bn", 3, (32, 32), {"width": 2, "head": "linear"}),
    ("vgg11_bn", 1, (45, 67), {"width": 1, "dropout": 0.0}),
    ("resnet18", 3, (32, 32), {"width": 2}),
    ("resnet18", 1, (9, 14), {"width": 3}),
    ("resnet18", 1, (33, 50), {"width": 2, "stem": "published"}),
]


@pytest.mark.parametrize(("name", "channels", "size", "options"), NETWORKS)
def test_the_same_weights_give_the_same_loss_and_gradients(name, channels, size, options):
    tc.manual_seed(0)
    model = registry.build(name, channels, 5, size, **options).double()
    network = twin(name, channels, 5, size, **options).double()
    copy_weights(model, network)
    draw = np.random.default_rng(0)
    images, labels = draw.standard_normal((4, channels, *size)), draw.integers(0, 5, 4)
    loss = F.cross_entropy(model(tc.tensor(images)), tc.tensor(labels))
    loss.backward()
    theirs = torch.nn.functional.cross_entropy(network(torch.from_numpy(images)), torch.from_numpy(labels))
    theirs.backward()
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-9)
    gradients = dict(network.named_parameters())
    assert [each for each, _ in model.named_parameters()] == list(gradients)
    for parameter, own in model.named_parameters():
        np.testing.assert_allclose(own.grad.numpy(), gradients[parameter].grad.numpy(), rtol=1e-6, atol=1e-9)
    for entry, value in network.state_dict().items():  # the running statistics of batch norm too
        np.testing.assert_allclose(model.state_dict()[entry].numpy(), value.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_the_full_networks_have_the_same_parameters(name):
    size = (64, 64) if name == "facenet" else (32, 32)
    options = {"head": "linear"} if name == "vgg11_bn" else {}
    ours, theirs = registry.build(name, 3, 10, size, **options), twin(name, 3, 10, size, **options)
    shapes = {each: tuple(value.shape) for each, value in ours.state_dict().items()}
    assert shapes == {each: tuple(value.shape) for each, value in theirs.state_dict().items()}
