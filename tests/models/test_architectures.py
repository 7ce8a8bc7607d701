import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyconv as tc
from tinyconv import models, nn
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.zoo.facenet import FaceNet
from tinyconv.models.zoo.lenet import LeNet


def names(model):
    return [name for name, _ in model.named_children()]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_face_net_names_its_layers_by_block():
    blocks = [f"{layer}{number}" for number in (1, 2, 3, 4) for layer in ("conv", "bn", "relu", "pool")]
    assert names(FaceNet(image_size=(64, 64))) == [*blocks, "flatten", "dropout", "fc"]


@pytest.mark.parametrize(("side", "blocks"), [(2, 1), (3, 1), (4, 2), (8, 3), (15, 3), (16, 4), (25, 4), (200, 4)])
def test_the_face_net_has_as_many_blocks_as_halvings_leave_a_pixel(side, blocks):
    model = FaceNet(image_size=(side, 200))
    assert sum(isinstance(layer, nn.MaxPool2d) for layer in model) == blocks


def test_the_face_net_has_the_published_widths_and_no_idle_biases():
    model = FaceNet(in_channels=3, num_classes=5, image_size=(64, 64))
    assert [layer.out_channels for layer in model if isinstance(layer, nn.Conv2d)] == [32, 64, 128, 256]
    assert model.conv1.in_channels == 3
    assert model.conv1.bias is None
    convolutions = 9 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256)
    assert count(model) == convolutions + 2 * (32 + 64 + 128 + 256) + (256 * 4 * 4 + 1) * 5


@settings(max_examples=8)
@given(st.integers(2, 26), st.integers(2, 26), st.sampled_from([1, 3]), st.integers(1, 4))
def test_any_image_size_gives_logits_of_the_classes(height, width, channels, classes):
    model = registry.build("facenet", channels, classes, (height, width), widths=(2, 3, 4, 5)).eval()
    with tc.no_grad():
        assert model(tc.zeros(2, channels, height, width)).shape == (2, classes)


def test_lenet_has_61706_parameters_on_digits_of_28_pixels():
    model = LeNet()
    assert count(model) == 61_706
    layers = "conv1 relu1 pool1 conv2 relu2 pool2 flatten fc1 relu3 fc2 relu4 fc3"
    assert names(model) == layers.split()


@pytest.mark.parametrize("size", [(12, 12), (13, 30), (28, 28), (33, 12)])
def test_lenet_adapts_to_the_image_size(size):
    with tc.no_grad():
        assert LeNet(3, 7, size)(tc.zeros(1, 3, *size)).shape == (1, 7)


def test_images_too_small_are_refused_with_the_limit_and_the_way_out():
    with pytest.raises(ShapeError, match=r"at least 12x12.*got 8x8.*facenet"):
        LeNet(image_size=(8, 8))
    with pytest.raises(ShapeError, match=r"at least 2x2.*got 1x9"):
        FaceNet(image_size=(1, 9))


def test_the_registry_knows_names_and_options_with_their_defaults():
    assert registry.names()[:2] == ("facenet", "lenet")
    assert set(registry.names()) == set(models.__all__)
    assert registry.defaults("facenet") == {"widths": (32, 64, 128, 256), "dropout": 0.5}
    assert registry.defaults("lenet") == {}
    assert registry.published("facenet") == (1, 2, (64, 64))
    assert models.resnet18 is registry.MODELS["resnet18"]
    with pytest.raises(AttributeError, match="resnet19"):
        models.resnet19  # noqa: B018  (the access is what raises)


def test_options_reach_the_model():
    model = registry.build("facenet", 1, 2, (16, 16), widths=(4, 8), dropout=0.25)
    assert model.dropout.p == 0.25
    assert [layer.out_channels for layer in model if isinstance(layer, nn.Conv2d)] == [4, 8]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("facenett", 1, 2, (8, 8)), {}, r"no model 'facenett'; did you mean 'facenet'\? known: facenet, lenet"),
        (("inception", 1, 2, (8, 8)), {}, "no model 'inception'; known"),
        (("facenet", 1, 2, (8, 8)), {"droput": 0.1}, r"no option 'droput'; did you mean 'dropout'\?"),
        (("lenet", 1, 2, (28, 28)), {"dropout": 0.1}, "its options: none"),
        (("facenet", 0, 2, (8, 8)), {}, "at least 1 channel"),
        (("facenet", 1, 2, (8, 8)), {"widths": ()}, "widths is empty"),
    ],
)
def test_wrong_names_and_options_are_refused_with_a_guess(arguments, options, words):
    with pytest.raises(ArgumentError, match=words):
        registry.build(*arguments, **options)


def test_equal_seeds_build_equal_models():
    def built(seed):
        tc.manual_seed(seed)
        return FaceNet(image_size=(8, 8)).conv2.weight.detach().numpy()

    assert (built(1) == built(1)).all()
    assert (built(1) != built(2)).any()
