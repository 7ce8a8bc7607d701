"""GoogLeNet, DenseNet-121 and MobileNetV2: parameters, options, sizes, auxiliary heads; that they learn."""

import bench_folder  # noqa: F401  (that it is imported is what it does)
import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.auxiliary import total_loss
from tinyconv.models.zoo.googlenet import GoogLeNet, GoogLeNetOutputs, googlenet_2014
from tinyconv.models.zoo.inception import Inception
from tinyconv.nn import functional as F
from tinyconv.train import Trainer, find_learning_rate

NARROW = {
    "googlenet": {"width": 8},
    "googlenet_2014": {"width": 8},
    "densenet121": {"growth_rate": 4, "num_init_features": 8, "block_config": (2, 2, 2, 2)},
    "mobilenet_v2": {"width_mult": 0.1},
}


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("size", [(8, 8), (31, 40), (112, 120)], ids=str)
def test_any_size_from_the_smallest_gives_logits(name, size):
    model = registry.build(name, 2, 3, size, **NARROW[name]).eval()
    with tc.no_grad():
        assert model(tc.zeros(1, 2, *size)).shape == (1, 3)


@pytest.mark.parametrize(
    ("name", "stem", "least"),
    [("googlenet", "small", 4), ("googlenet", "published", 31), ("googlenet_2014", "published", 31),
     ("densenet121", "small", 8), ("densenet121", "published", 29)],
)  # fmt: skip
def test_the_smallest_image_is_the_one_that_is_named(name, stem, least):
    options = {**NARROW[name], "stem": stem}
    model = registry.build(name, 1, 2, (least, least), **options).eval()
    with tc.no_grad():
        assert model(tc.zeros(1, 1, least, least)).shape == (1, 2)
    with pytest.raises(ShapeError, match=rf"at least {least}x{least} pixels.*got {least - 1}x{least}.*facenet"):
        registry.build(name, 1, 2, (least - 1, least), **options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("googlenet", {"width": 0}, "at least one filter.*width is 0"),
        ("googlenet", {"stem": "tiny"}, "no stem 'tiny'; known: auto, published, small"),
        ("googlenet", {"transform_input": True}, r"transform_input is for 3 channels \(RGB\), and there are 1"),
        ("densenet121", {"growth_rate": 0}, "growth_rate 0"),
        ("densenet121", {"block_config": ()}, r"block_config \(\)"),
        ("densenet121", {"block_config": 5}, r"'densenet121': block_config is a list, got 5; .*\(6, 12, 24, 16\)"),
        ("densenet121", {"block_config": [2, "3"]}, "each of block_config is a whole number, got '3'"),
        ("densenet121", {"growth_rate": 2.5}, "growth_rate is a whole number, got 2.5; the default is 32"),
        ("googlenet", {"width": True}, "width is a whole number, got True"),
        ("googlenet", {"aux_logits": 1}, "aux_logits is true or false, got 1"),
        ("googlenet", {"stem": 3}, "stem is a word, got 3"),
        ("mobilenet_v2", {"width_mult": "wide"}, "width_mult is a number, got 'wide'; the default is 1.0"),
        ("mobilenet_v2", {"width_mult": 0.0}, "positive width_mult.*got 0.0"),
    ],
)
def test_options_that_make_no_network_are_refused(name, options, words):
    with pytest.raises(ArgumentError, match=words):
        registry.build(name, 1, 2, (32, 32), **options)


def test_the_branches_of_an_inception_stand_side_by_side_in_their_order():
    tc.manual_seed(0)
    module = Inception(3, (2, 3, 4, 1, 5, 6)).eval()
    x = tc.randn(1, 3, 6, 6)
    with tc.no_grad():
        y, *parts = (each(x) for each in (module, module.branch1, module.branch2, module.branch3, module.branch4))
    assert [part.shape[1] for part in parts] == [2, 4, 5, 6]
    np.testing.assert_allclose(y.numpy(), np.concatenate([part.numpy() for part in parts], 1))


def test_auxiliary_heads_answer_in_training_and_rest_in_evaluation():
    model = GoogLeNet(1, 3, (16, 16), width=8)
    outputs = model(tc.zeros(2, 1, 16, 16))
    assert isinstance(outputs, GoogLeNetOutputs)
    assert [each.shape for each in outputs] == [(2, 3)] * 3
    assert model.eval()(tc.zeros(2, 1, 16, 16)).shape == (2, 3)
    assert GoogLeNet(1, 3, (16, 16), width=8, aux_logits=False)(tc.zeros(2, 1, 16, 16)).shape == (2, 3)


def test_the_paper_s_auxiliary_pooling_is_that_of_its_map():
    assert isinstance(googlenet_2014(width=1).aux1.pool, nn.AvgPool2d)
    assert isinstance(googlenet_2014(image_size=(160, 160), width=1).aux1.pool, nn.AdaptiveAvgPool2d)


class Headed(nn.Module):
    """Logits, and those of two auxiliary heads while it trains."""

    def __init__(self):
        super().__init__()
        self.main, self.first, self.second = (nn.Linear(4, 2) for _ in range(3))

    def forward(self, x):
        x = x.flatten(1)
        return (self.main(x), self.first(x), self.second(x)) if self.training else self.main(x)


def headed_batch():
    return tc.rand(6, 1, 2, 2), tc.arange(6) % 2


def test_the_trainer_adds_three_tenths_of_each_auxiliary_loss():
    tc.manual_seed(0)
    model, (images, labels) = Headed(), headed_batch()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    losses = [F.cross_entropy(head(images.flatten(1)), labels) for head in (model.main, model.first, model.second)]
    expected = losses[0] + 0.3 * (losses[1] + losses[2])
    expected.backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.5))
    (record,) = trainer.fit([(images, labels)], [(images, labels)], epochs=1)
    assert record.train_loss == pytest.approx(expected.item(), rel=1e-6)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value.numpy(), (start[name] - 0.5 * gradients[name]).numpy(), rtol=1e-5, atol=1e-7)
    with tc.no_grad():  # the main head alone
        assert record.test_loss == pytest.approx(F.cross_entropy(model.eval()(images), labels).item(), rel=1e-6)


def test_a_learning_rate_is_found_for_a_network_with_auxiliary_heads():
    model = Headed()
    search = find_learning_rate(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=1.0), [headed_batch()])
    assert search.losses[0] > 1.6 * 0.5  # of three heads that know nothing, 1.6 log 2 = 1.1


def test_what_is_no_logits_is_refused():
    with pytest.raises(ArgumentError, match="here is a dict"):
        total_loss(F.cross_entropy, {"logits": tc.zeros(1, 2)}, tc.tensor([0]))


def test_dense_layers_drop_what_they_add_in_training_alone():
    tc.manual_seed(0)
    model = registry.build("densenet121", 1, 2, (8, 8), **NARROW["densenet121"], drop_rate=0.5)
    layer = model.features.denseblock1.denselayer1
    x = tc.randn(4, 8, 8, 8)
    assert (layer(x).detach().numpy() == 0).mean() == pytest.approx(0.5, abs=0.1)
    assert (layer.eval()(x).detach().numpy() != 0).all()


@pytest.mark.parametrize("name", ["densenet121", "mobilenet_v2"])
def test_it_learns_32_real_images_by_heart(name):
    from bench.by_heart import learn_by_heart

    learnt = learn_by_heart(name, NARROW[name], (16, 16))
    assert learnt["accuracy"] == 1.0
    assert learnt["steps"] < 150
