"""Networks that explanations are tried on: small, float64, with every way in which a network can be written."""

from __future__ import annotations

import numpy as np

import tinyconv as tc
from tinyconv import nn
from tinyconv.nn import functional as F


class OneConvolution(nn.Module):
    """The network of the golden vectors: a convolution 1 -> 2, ReLU, a linear layer 8 -> 4, ReLU."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3)
        self.relu1 = nn.ReLU()
        self.fc = nn.Linear(8, 4)
        self.relu2 = nn.ReLU()
        with tc.no_grad():
            self.conv1.weight.fill_(1)
            self.conv1.bias.copy_(tc.tensor([-50.0, -75.0]))
            self.fc.weight.copy_(tc.tensor([[1.0, 1, 1, 1, 1, -1, -1, -1]] * 4))
            self.fc.bias.fill_(0)
        self.to(tc.float64)

    def forward(self, x):
        return self.relu2(self.fc(self.relu1(self.conv1(x)).flatten(1)))


def golden_image():
    return np.arange(16.0).reshape(1, 1, 4, 4)


class Branched(nn.Module):
    """In-place rectifiers, function calls, a shared module, a residual sum, a concatenation, several poolings."""

    def __init__(self, inplace=True, bias=True):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=bias)
        self.bn1 = nn.BatchNorm2d(4)
        self.shared = nn.Conv2d(4, 4, 3, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(8, 5, 3, stride=2, bias=bias)
        self.fc = nn.Linear(5, 3, bias=bias)
        self.inplace = inplace

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)), inplace=self.inplace)
        x = F.max_pool2d(x, 2)
        once = F.relu(self.shared(x), inplace=self.inplace)
        twice = self.shared(once)
        if self.inplace:
            twice += x
        else:
            twice = twice + x
        x = tc.cat([F.relu(twice, inplace=self.inplace), F.avg_pool2d(x, 3, stride=1, padding=1)], 1)
        x = F.relu(self.conv2(x), inplace=self.inplace)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def branched(seed=1, **options):
    """``Branched`` with weights, and statistics as after a training, from ``seed``."""
    model = Branched(**options).to(tc.float64)
    fill(model, seed)
    return model.eval()


def plain(seed=2, bias=True, batch_norm=True, widths=(4, 6), classes=3, side=8, channels=1):
    """A ``Sequential`` of [convolution, batch norm, ReLU, max pooling] blocks and a linear layer."""
    layers = []
    for width in widths:
        layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=bias))
        layers += [nn.BatchNorm2d(width)] if batch_norm else []
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = width, side // 2
    layers += [nn.Flatten(), nn.Linear(channels * side * side, classes, bias=bias)]
    model = nn.Sequential(*layers).to(tc.float64)
    fill(model, seed)
    return model.eval()


def linear(seed=3):
    """A network without any rectifier: convolution, average pooling, linear."""
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 4)).to(tc.float64)
    fill(model, seed)
    return model.eval()


def fill(model, seed):
    generator = np.random.default_rng(seed)
    with tc.no_grad():
        for parameter in model.parameters():
            scale = 1 / np.sqrt(max(np.prod(parameter.shape[1:]), 1))
            parameter.copy_(tc.tensor(scale * generator.standard_normal(parameter.shape)))
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(tc.tensor(0.3 * generator.standard_normal(buffer.shape)))
            elif name.endswith("running_var"):
                buffer.copy_(tc.tensor(generator.uniform(0.5, 2, buffer.shape)))


def images(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def bias_terms(model, batch, target, modules=None):
    """The sum over every bias b of <b, dS/db> for each image, a batch norm's shift b = beta - mean gamma / sd."""
    sums = []
    for image in batch:
        model.zero_grad()
        score = model(tc.tensor(image[None]))[0, target]
        score.backward()
        total = 0.0
        for module in modules or model.modules():
            if isinstance(module, nn.BatchNorm2d):
                scale = module.weight / (module.running_var + module.eps).sqrt()
                shift = module.bias - module.running_mean * scale
                total += (shift * module.bias.grad).sum().item()
            elif getattr(module, "bias", None) is not None and module.bias.grad is not None:
                total += (module.bias * module.bias.grad).sum().item()
        sums.append(total)
    model.zero_grad()
    return np.array(sums)
