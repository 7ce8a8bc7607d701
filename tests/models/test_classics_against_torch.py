"""LeNet-5, DeepFace and the Neocognitron beside networks written for PyTorch from the papers' formulas, without ours.

Identical weights, one training step: the output, the gradient of the images and of every weight, the weights after it.
"""

import math

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import optim
from tinyconv.models import registry
from tinyconv.nn import functional as F

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("exact")

RATE = 0.05
BUFFERS = ("codes", "mean", "deviation")
CONNECTED = [
    *("012", "123", "234", "345", "045", "015"),
    *("0123", "1234", "2345", "0345", "0145", "0125", "0134", "1245", "0235"),
    "012345",
]


def squash(x):
    return 1.7159 * torch.tanh(2 * x / 3)


def subsample(x, w):
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :height, :width]
    sums = x[:, :, ::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, ::2] + x[:, :, 1::2, 1::2]
    return w["weight"][:, None, None] * sums + w["bias"][:, None, None]


def lenet5(w, x):
    conv = torch.nn.functional.conv2d
    x = squash(conv(x, w["c1"]["weight"], w["c1"]["bias"]))
    x = squash(subsample(x, w["s2"]))
    maps, first = [], 0
    for number, inputs in enumerate(CONNECTED):
        kernels = w["c3"]["weight"][first : first + len(inputs)]
        first += len(inputs)
        maps.append(conv(x[:, [int(k) for k in inputs]], kernels[None], w["c3"]["bias"][number : number + 1]))
    x = squash(torch.cat(maps, 1))
    x = squash(subsample(x, w["s4"]))
    x = squash(conv(x, w["c5"]["weight"], w["c5"]["bias"])).flatten(1)
    x = squash(x @ w["f6"]["weight"].T + w["f6"]["bias"])
    return -torch.stack([((x - code) ** 2).sum(1) for code in w["output"]["codes"]], 1)


def local(x, weight, stride):
    rows, columns, outputs, _, height, width = weight.shape
    y = []
    for i in range(rows):
        for j in range(columns):
            window = x[:, :, i * stride : i * stride + height, j * stride : j * stride + width]
            y.append(window.flatten(1) @ weight[i, j].flatten(1).T)
    return torch.stack(y, 2).reshape(-1, outputs, rows, columns)


def deepface(w, x):
    conv, relu = torch.nn.functional.conv2d, torch.relu
    x = relu(conv(x, w["c1"]["weight"], w["c1"]["bias"]))
    odd = [(side + 1) % 2 for side in x.shape[2:]]  # "same": as many windows as half the pixels, rounded up
    x = torch.nn.functional.pad(x, (0, odd[1], 0, odd[0]), value=-math.inf).unfold(2, 3, 2).unfold(3, 3, 2).amax((4, 5))
    x = relu(conv(x, w["c3"]["weight"], w["c3"]["bias"]))
    for name, stride in (("l4", 1), ("l5", 2), ("l6", 1)):
        x = relu(local(x, w[name]["weight"], stride))
    x = relu(x.flatten(1) @ w["f7"]["weight"].T + w["f7"]["bias"])
    return x @ w["f8"]["weight"].T + w["f8"]["bias"]


def fading(height, width, base):
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    weights = base ** torch.sqrt(rows[:, None] ** 2 + columns**2)
    return (weights / weights.sum()).float()  # the network keeps them so


def windows(x, height, width, stride=1):
    """(N, planes, rows, columns, height, width)."""
    return x.unfold(2, height, stride).unfold(3, width, stride)


def s_layer(w, u, padding, r, base):
    seen = windows(torch.nn.functional.pad(u, [padding] * 4), 5, 5)
    v = torch.sqrt((fading(5, 5, base).to(u.dtype) * seen**2).sum((4, 5)).mean(1, keepdim=True).clamp(min=1e-12))
    excitation = torch.einsum("ncijrs,kcrs->nkij", seen, w["a"])
    return r * torch.relu((1 + excitation) / (1 + r / (1 + r) * w["b"][:, None, None] * v) - 1)


def c_layer(u, size, base, stride=1):
    seen = (fading(*size, base).to(u.dtype) * windows(u, *size, stride)).sum((4, 5))
    x = torch.relu((1 + seen) / (1 + seen.mean(1, keepdim=True)) - 1)
    return x / (0.5 + x)


def neocognitron(w, x):
    x = torch.cat([torch.relu(x), torch.relu(-x)], 1)
    x = s_layer(w["s1"], x, 2, 4.0, 0.9)
    x = c_layer(x[:, :, 1:-1, 1:-1], (5, 5), 0.9, stride=2)
    x = s_layer(w["s2"], x, 1, 1.5, 0.9)
    x = c_layer(torch.nn.functional.pad(x, [1] * 4), (5, 5), 0.9)
    x = s_layer(w["s3"], x, 0, 1.5, 0.8)
    x = c_layer(x, tuple(x.shape[2:]), 0.8).flatten(1)
    x = (x - w[""]["mean"]) / w[""]["deviation"]
    return x @ w["fc"]["weight"].T + w["fc"]["bias"]


NETWORKS = {
    "lenet5": (lenet5, (1, 10, (32, 32)), {}),
    "lenet5 of another size": (lenet5, (2, 3, (19, 24)), {}),
    "deepface": (deepface, (3, 4, (72, 74)), {"width": 4, "hidden": 16}),
    "neocognitron": (neocognitron, (1, 3, (28, 30)), {"planes": 4, "off_cells": True}),
}


def ours_and_weights(case, dtype):
    """Our model in training, and its weights and buffers for PyTorch: layer -> name -> tensor."""
    _, (channels, classes, size), options = NETWORKS[case]
    tc.manual_seed(0)
    model = registry.build(case.split()[0], channels, classes, size, **options).to(dtype)
    generator = np.random.default_rng(1)
    for name, values in model.requires_grad_(False).named_parameters():
        if case == "neocognitron" and not name.startswith("fc"):
            values.copy_(tc.tensor(generator.uniform(0, 2, values.shape)).to(dtype))  # as if it had learnt
        if case == "deepface":  # so few units might all be silent as they start
            values.copy_(tc.tensor(generator.uniform(-0.5, 1, values.shape) / 30).to(dtype))
        values.requires_grad_(True)
    if case == "deepface":
        model.dropout.eval()
    elif case == "neocognitron":
        model.mean.fill_(0.1)
        model.deviation.fill_(0.3)
    weights = {}
    for name, values in model.state_dict().items():
        layer, _, part = name.rpartition(".")
        weights.setdefault(layer, {})[part] = torch.tensor(values.numpy().copy(), requires_grad=part not in BUFFERS)
    return model, weights


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", NETWORKS)
def test_a_training_step_is_pytorchs(case, dtype):
    network, (channels, classes, size), _ = NETWORKS[case]
    model, weights = ours_and_weights(case, getattr(tc, dtype))
    generator = np.random.default_rng(2)
    images = generator.standard_normal((4, channels, *size)).astype(dtype)
    labels = generator.integers(0, classes, 4)
    x, their_x = tc.tensor(images, requires_grad=True), torch.tensor(images, requires_grad=True)
    y, their_y = model(x), network(weights, their_x)
    F.cross_entropy(y, tc.tensor(labels)).backward()
    torch.nn.functional.cross_entropy(their_y, torch.tensor(labels)).backward()

    def same(own, other, what):
        other = other.detach().numpy()
        scale = abs(other).max()
        assert scale > 0, what
        tolerance = 1e-9 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(own.detach().numpy() / scale, other / scale, atol=tolerance, err_msg=what)

    same(y, their_y, "output")
    same(x.grad, their_x.grad, "gradient of the images")
    theirs = {f"{layer}.{part}": value for layer, parts in weights.items() for part, value in parts.items()}
    own = dict(model.named_parameters())
    assert [name for name, value in theirs.items() if value.requires_grad] == list(own)
    for name, value in own.items():
        same(value.grad, theirs[name].grad, f"gradient of {name}")
    optim.SGD(model.parameters(), lr=RATE).step()
    torch.optim.SGD([value for value in theirs.values() if value.requires_grad], lr=RATE).step()
    for name, value in own.items():
        same(value, theirs[name], name)
