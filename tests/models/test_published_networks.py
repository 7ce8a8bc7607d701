"""AlexNet, SqueezeNet, VGG and ResNet as published: names, sizes of maps, what they adapt to and what they refuse."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import models, nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.summary import summary


def shapes(name, **options):
    channels, _, size = registry.published(name)
    rows = summary(registry.outline(name, **options), (channels, *size)).root.walk()
    return {row.path: row.output_shape for row in rows}


def entries(model):
    return [name for name, _ in model.named_parameters()]


def test_alexnet_has_the_maps_of_its_paper():
    """Figure 2: 55x55x96, 27x27x256 after pooling, 13x13x384, 13x13x384, 13x13x256, 4096, 4096, 1000."""
    maps = shapes("alexnet_2012")
    convolutions = [maps[f"features.{place}"] for place in (0, 4, 8, 10, 12)]
    assert [shape[1:] for shape in convolutions] == [
        (96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13),
    ]  # fmt: skip
    assert maps["features.14"] == (1, 256, 6, 6)
    assert [maps[f"classifier.{place}"] for place in (0, 3, 6)] == [(1, 4096), (1, 4096), (1, 1000)]


def test_alexnet_of_2012_starts_and_normalises_as_its_paper_says():
    tc.manual_seed(0)
    model = models.alexnet_2012(3, 10, (67, 67), width=12)
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [layer.bias.detach().numpy().mean() for layer in layers] == [0, 1, 0, 1, 1, 1, 1, 0]
    assert all(layer.weight.detach().numpy().std() == pytest.approx(0.01, rel=0.1) for layer in layers[:-1])
    assert [layer.groups for layer in layers[:5]] == [1, 2, 1, 2, 2]
    maps = np.random.default_rng(0).standard_normal((1, 9, 2, 2)) * 50
    expected = maps.copy()
    for i in range(9):
        around = maps[:, max(0, i - 2) : i + 3]
        expected[:, i] = maps[:, i] / (2 + 1e-4 * (around**2).sum(1)) ** 0.75
    np.testing.assert_allclose(model.features[2](tc.tensor(maps)).numpy(), expected, rtol=1e-12)


def test_the_names_are_torchvision_s():
    assert entries(models.alexnet(width=1))[::2] == [
        *(f"features.{place}.weight" for place in (0, 3, 6, 8, 10)),
        *(f"classifier.{place}.weight" for place in (1, 4, 6)),
    ]
    squeeze = entries(models.squeezenet1_0(width=4))
    assert squeeze[2:8:2] == [f"features.3.{part}.weight" for part in ("squeeze", "expand1x1", "expand3x3")]
    assert (squeeze[-4], squeeze[-2]) == ("features.12.expand3x3.weight", "classifier.1.weight")
    assert entries(models.vgg13(width=1))[-2:] == ["classifier.6.weight", "classifier.6.bias"]
    deep = entries(models.resnet50(width=1))
    assert {"layer1.0.conv3.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.bias"} <= set(deep)


def test_the_stem_and_the_head_suit_the_images():
    assert models.resnet18(image_size=(112, 200), width=1).conv1.kernel_size == (7, 7)
    small = models.resnet18(image_size=(111, 200), width=1)
    assert (small.conv1.kernel_size, small.conv1.stride, small.maxpool) == ((3, 3), (1, 1), None)
    assert models.resnet18(image_size=(32, 32), width=1, stem="published").maxpool is not None
    assert models.resnet18(stem="small", width=1).maxpool is None
    assert shapes("resnet50")["layer4"] == (1, 2048, 7, 7)
    assert shapes("vgg16")["avgpool"] == (1, 512, 7, 7)
    assert shapes("vgg16", head="linear")["classifier"] == (1, 1000)


@pytest.mark.parametrize(
    ("name", "side", "options"),
    [
        ("alexnet", 63, {"width": 1}),
        ("alexnet_2012", 67, {"width": 4}),
        ("squeezenet1_0", 21, {"width": 4}),
        ("squeezenet1_1", 17, {"width": 4}),
        ("vgg11", 32, {"width": 1}),
        ("resnet34", 1, {"width": 1}),
        ("resnet101", 1, {"width": 1}),
    ],
)
def test_any_image_from_the_smallest_gives_logits_and_a_smaller_one_is_refused(name, side, options):
    """The limit is not a rule of thumb: with a pixel less a layer has nothing to look at."""
    for size in ((side, side + 9), (side + 40, side)):
        model = registry.outline(name, 2, 5, size, **options).eval()
        with tc.core.shapes.shapes_only(), tc.no_grad():
            assert model(tc.zeros(3, 2, *size)).shape == (3, 5)
            if side > 1:
                with pytest.raises(tc.TinyconvError):
                    model(tc.zeros(3, 2, size[0] - 1, size[1] - 1))
    if side > 1:
        with pytest.raises(ShapeError, match=rf"at least {side}x{side}.*got {side - 1}x99; give a larger"):
            registry.build(name, 2, 5, (side - 1, 99), **options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("alexnet", {"width": 0}, "at least one filter.*width is 0"),
        ("alexnet_2012", {"width": 9}, "two groups: width must be even, it is 9"),
        ("squeezenet1_1", {"width": 6}, "multiple of 4, it is 6"),
        ("squeezenet1_0", {"width": 0}, "multiple of 4, it is 0"),
        ("resnet50", {"stem": "tiny"}, "no stem 'tiny'; known: auto, published, small"),
        ("vgg19", {"head": "none"}, "no head 'none'; known: published, linear"),
    ],
)
def test_options_that_make_no_network_are_refused(name, options, words):
    channels, classes, size = registry.published(name)
    with pytest.raises(ArgumentError, match=words):
        registry.build(name, channels, classes, size, **options)
