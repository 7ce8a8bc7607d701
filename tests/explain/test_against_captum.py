"""The same network in PyTorch, explained by captum: the methods that both have agree to 1e-5."""

import numpy as np
import pytest
from explained import images

import tinyconv as tc
from tinyconv import explain, nn

torch = pytest.importorskip("torch")
captum = pytest.importorskip("captum.attr")

pytestmark = pytest.mark.filterwarnings("ignore")


def twins():
    """A small network with batch norm, overlapping max pooling, average pooling, a residual sum, in both libraries."""

    def build(library):
        class Block(library.Module):
            def __init__(self):
                super().__init__()
                self.conv1 = library.Conv2d(2, 4, 3, padding=1)
                self.bn1 = library.BatchNorm2d(4)
                self.relu1 = library.ReLU()
                self.pool1 = library.MaxPool2d(3, stride=2, padding=1)
                self.conv2 = library.Conv2d(4, 4, 3, padding=1)
                self.relu2 = library.ReLU()
                self.pool2 = library.AvgPool2d(2)
                self.flatten = library.Flatten()
                self.fc1 = library.Linear(16, 8)
                self.relu3 = library.ReLU()
                self.fc2 = library.Linear(8, 3)

            def forward(self, x):
                x = self.pool1(self.relu1(self.bn1(self.conv1(x))))
                x = self.relu2(self.conv2(x) + x)
                return self.fc2(self.relu3(self.fc1(self.flatten(self.pool2(x)))))

        return Block()

    theirs = build(torch.nn).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * 0.4)
        theirs.bn1.running_mean.copy_(torch.randn(4, generator=generator))
        theirs.bn1.running_var.copy_(torch.rand(4, generator=generator) + 0.5)
    ours = build(nn).to(tc.float64).eval()
    ours.load_state_dict({name: tc.tensor(value.numpy()) for name, value in theirs.state_dict().items()})
    return ours, theirs


BATCH = images(3, 2, 8, 8)
TARGETS = [2, 0, 1]
THEIR_BATCH, THEIR_TARGETS = torch.tensor(BATCH), torch.tensor(TARGETS)


def upsampled(coarse, size=(8, 8)):
    return torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False)


def smooth(net):
    """captum draws noise of its own; the mean over the same noise is compared."""
    generator, spread = np.random.default_rng(7), 0.2 * (BATCH.max(axis=(1, 2, 3)) - BATCH.min(axis=(1, 2, 3)))
    saliency = captum.Saliency(net)
    maps = [
        saliency.attribute(
            torch.tensor(BATCH + spread[:, None, None, None] * generator.standard_normal(BATCH.shape[1:])),
            THEIR_TARGETS, abs=False,
        )
        for _ in range(5)
    ]  # fmt: skip
    return sum(maps) / 5


CASES = {
    "gradient": (
        lambda net: explain.gradient(net, BATCH, TARGETS),
        lambda net: captum.Saliency(net).attribute(THEIR_BATCH, THEIR_TARGETS, abs=False),
    ),
    "input-x-gradient": (
        lambda net: explain.input_x_gradient(net, BATCH, TARGETS),
        lambda net: captum.InputXGradient(net).attribute(THEIR_BATCH, THEIR_TARGETS),
    ),
    "smoothgrad": (lambda net: explain.smoothgrad(net, BATCH, TARGETS, samples=5, noise=0.2, seed=7), smooth),
    "integrated-gradients": (
        lambda net: explain.integrated_gradients(net, BATCH, TARGETS, steps=20, baseline=0.3),
        lambda net: captum.IntegratedGradients(net).attribute(
            THEIR_BATCH, 0.3, THEIR_TARGETS, n_steps=20, method="gausslegendre"
        ),
    ),
    "deconvnet": (
        lambda net: explain.deconvnet(net, BATCH, TARGETS),
        lambda net: captum.Deconvolution(net).attribute(THEIR_BATCH, THEIR_TARGETS),
    ),
    "guided-backprop": (
        lambda net: explain.guided_backprop(net, BATCH, TARGETS),
        lambda net: captum.GuidedBackprop(net).attribute(THEIR_BATCH, THEIR_TARGETS),
    ),
    "grad-cam": (
        lambda net: explain.grad_cam(net, BATCH, TARGETS, layer="relu2", upsample=False),
        lambda net: captum.LayerGradCam(net, net.relu2).attribute(
            THEIR_BATCH, THEIR_TARGETS, relu_attributions=True
        ),
    ),
    "grad-cam-at-the-convolution": (
        lambda net: explain.grad_cam(net, BATCH, TARGETS, layer="conv1", rectify=False),
        lambda net: upsampled(captum.LayerGradCam(net, net.conv1).attribute(THEIR_BATCH, THEIR_TARGETS)),
    ),
    "guided-grad-cam": (
        lambda net: explain.guided_grad_cam(net, BATCH, TARGETS, layer="relu2"),
        lambda net: captum.GuidedGradCam(net, net.relu2).attribute(
            THEIR_BATCH, THEIR_TARGETS, interpolate_mode="bilinear"
        ),
    ),
    "hires-cam": (
        lambda net: explain.hires_cam(net, BATCH, TARGETS, layer="conv2", upsample=False),
        lambda net: captum.LayerGradientXActivation(net, net.conv2).attribute(THEIR_BATCH, THEIR_TARGETS).sum(
            1, keepdim=True
        ),
    ),
    "occlusion": (
        lambda net: explain.occlusion(net, BATCH, TARGETS, window=(3, 2), stride=(2, 2), baseline=0.1),
        lambda net: captum.Occlusion(net).attribute(
            THEIR_BATCH, (2, 3, 2), (2, 2, 2), baselines=0.1, target=THEIR_TARGETS
        )[:, :1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", list(CASES))
def test_captum_gives_the_same_map(method):
    ours, theirs = twins()
    here, there = CASES[method]
    found, expected = here(ours), there(theirs).detach().numpy()
    assert found.values.shape == expected.shape
    assert expected.any()
    np.testing.assert_allclose(found.values, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())
