"""VGG-11 and ResNet-18 for small images: their sizes by formula, their initialisation, and that they can learn."""

from itertools import pairwise

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.zoo.resnet import BasicBlock, resnet18
from tinyconv.models.zoo.vgg import vgg11_bn
from tinyconv.nn import functional as F


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def small_vgg(channels=3, classes=10, size=(32, 32), **options):
    return vgg11_bn(channels, classes, size, head="linear", **options)


def small_resnet(channels=3, classes=10, size=(32, 32), **options):
    return resnet18(channels, classes, size, **options)


def convolution(inputs, outputs, kernel, bias):
    """A convolution and the scale and shift of the batch norm after it."""
    return kernel * kernel * inputs * outputs + (outputs if bias else 0) + 2 * outputs


@pytest.mark.parametrize(("width", "channels", "classes"), [(64, 3, 10), (4, 1, 7)])
def test_vgg_11_has_the_parameters_of_its_table(width, channels, classes):
    widths = [channels, *(factor * width for factor in (1, 2, 4, 4, 8, 8, 8, 8))]
    layers = sum(convolution(a, b, 3, bias=True) for a, b in pairwise(widths))
    assert count(small_vgg(channels, classes, width=width)) == layers + (8 * width + 1) * classes


@pytest.mark.parametrize(("width", "channels", "classes"), [(64, 3, 10), (4, 1, 7)])
def test_resnet_18_has_the_parameters_of_its_table(width, channels, classes):
    total, inputs = convolution(channels, width, 3, bias=False), width
    for outputs in (width, 2 * width, 4 * width, 8 * width):
        total += convolution(inputs, outputs, 3, bias=False) + 3 * convolution(outputs, outputs, 3, bias=False)
        total += convolution(inputs, outputs, 1, bias=False) if inputs != outputs else 0
        inputs = outputs
    assert count(small_resnet(channels, classes, width=width)) == total + (8 * width + 1) * classes


def test_the_published_counts():
    assert count(small_vgg()) == 9_231_114
    assert count(small_resnet()) == 11_173_962


def test_the_names_are_torchvision_s():
    names = [name for name, _ in small_resnet(width=2).named_parameters()]
    assert names[:4] == ["conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight"]
    assert "layer2.0.downsample.0.weight" in names
    assert "layer2.0.downsample.1.bias" in names
    assert not any("layer1.0.downsample" in name for name in names)
    assert names[-2:] == ["fc.weight", "fc.bias"]
    assert [name for name, _ in small_vgg(width=1).named_parameters()][4:6] == ["features.4.weight", "features.4.bias"]


@pytest.mark.parametrize("size", [(32, 32), (33, 70), (64, 48)])
def test_any_image_size_from_the_smallest_gives_logits(size):
    with tc.no_grad():
        assert small_vgg(2, 3, size, width=1).eval()(tc.zeros(1, 2, *size)).shape == (1, 3)
        assert small_resnet(2, 3, size, width=1).eval()(tc.zeros(1, 2, *size)).shape == (1, 3)
        assert small_resnet(2, 3, (1, 1), width=1).eval()(tc.zeros(1, 2, 1, 1)).shape == (1, 3)


def test_convolutions_start_with_the_variance_that_keeps_that_of_gradients():
    tc.manual_seed(0)
    for model in (small_vgg(), small_resnet()):
        for module in model.modules():
            if isinstance(module, nn.Conv2d) and module.out_channels > 64:
                fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
                weight = module.weight.detach().numpy()
                assert np.sqrt(fan_out / 2) * weight.std() == pytest.approx(1, abs=0.05)
                assert abs(weight.mean()) < 0.01
    assert small_vgg().classifier.weight.detach().numpy().std() == pytest.approx(0.01, abs=0.001)
    assert not small_vgg(width=2).features[0].bias.detach().numpy().any()


def test_the_shortcut_is_what_is_added():
    """With the second batch norm scaled to nothing, a block is relu of its shortcut."""
    tc.manual_seed(0)
    x = tc.randn(2, 4, 6, 6)
    plain, wider = BasicBlock(4, 4), BasicBlock(4, 8, stride=2)
    for block in (plain, wider):
        nn.init.zeros_(block.bn2.weight)
    assert (plain(x).detach().numpy() == np.maximum(x.numpy(), 0)).all()
    shortcut = wider.downsample(x).detach().numpy()
    np.testing.assert_allclose(wider(x).detach().numpy(), np.maximum(shortcut, 0), rtol=1e-6)


@pytest.mark.parametrize("build", [small_vgg, small_resnet])
def test_it_learns_32_images_by_heart(build):
    tc.manual_seed(0)
    model = build(3, 4, width=4)
    images, labels = tc.randn(32, 3, 32, 32), tc.arange(32) % 4
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert (model(images).argmax(1) == labels).all().item()


@pytest.mark.parametrize(("name", "option"), [("vgg11_bn", "head"), ("resnet18", "stem")])
def test_wrong_options_are_refused(name, option):
    with pytest.raises(ArgumentError, match=r"needs at least one filter.*width is 0"):
        registry.build(name, 3, 2, (32, 32), width=0)
    with pytest.raises(ArgumentError, match=f"no {option} 'wide'; known: .*published"):
        registry.build(name, 3, 2, (32, 32), **{option: "wide"})
    with pytest.raises(ArgumentError, match=f"its options: .*{option}"):
        registry.build(name, 3, 2, (32, 32), depth=2)


def test_images_too_small_for_vgg_are_refused_with_the_limit_and_the_way_out():
    with pytest.raises(ShapeError, match=r"at least 32x32.*got 28x64.*facenet"):
        small_vgg(size=(28, 64))
