import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.observe import observed
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features import capture, feature_extractor
from tinyconv.nn import functional as F


class WithModules(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(4, 6, 3)
        self.relu2 = nn.ReLU()
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.relu2(self.conv2(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Functional(nn.Module):
    """The same network with the layers that have no weights called as functions, in place."""

    def __init__(self, twin):
        super().__init__()
        self.conv1, self.conv2, self.fc = twin.conv1, twin.conv2, twin.fc

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x), inplace=True), 2)
        x = F.relu(self.conv2(x), inplace=True)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


@pytest.fixture
def images():
    return tc.tensor(np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32))


@pytest.fixture
def model():
    tc.manual_seed(3)
    return WithModules()


def test_layers_are_captured_in_order_with_their_shapes(model, images):
    with capture(model) as activations:
        output = model(images)
    assert list(activations) == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "fc"]
    assert activations["conv1"].shape == (2, 4, 8, 8)
    assert activations["pool1"].shape == (2, 4, 4, 4)
    assert activations["fc"].shape == (2, 3)
    np.testing.assert_array_equal(activations["fc"], output.detach().numpy())
    np.testing.assert_array_equal(activations["relu1"], np.maximum(activations["conv1"], 0))


def test_modules_and_functions_give_equal_names_and_maps(model, images):
    twin = Functional(model)
    with capture(model) as expected:
        model(images)
    with capture(twin) as found:
        twin(images)
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
        assert found.layers[name].receptive_field == expected.layers[name].receptive_field


def test_an_in_place_operation_does_not_change_what_was_captured_before_it(model, images):
    twin = Functional(model)
    with capture(twin, "conv*") as activations:
        twin(images)
    assert (activations["conv1"] < 0).any()
    assert (activations["conv2"] < 0).any()


def test_writing_into_a_captured_array_does_not_change_the_network(model, images):
    expected = model(images).detach().numpy()
    with capture(model, "conv1") as activations:
        model.conv1.register_forward_hook(lambda *_: activations["conv1"].fill(7))
        output = model(images)
    assert (activations["conv1"] == 7).all()
    np.testing.assert_array_equal(output.detach().numpy(), expected)


def test_positions_of_a_sequential_are_named_by_kind_behind_the_path_of_their_container(images):
    class Nested(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.ReLU(), nn.MaxPool2d(2))
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return F.relu(self.head(self.features(x).flatten(1)))

    nested = Nested()
    with capture(nested) as activations:
        nested(images)
    assert list(activations) == [
        "features.conv1", "features.relu1", "features.conv2", "features.relu2", "features.pool1", "head", "relu1",
    ]  # fmt: skip
    assert activations.layers["features.conv2"].path == "features.2"
    with capture(nested.features) as flat:
        nested.features(images)
    assert list(flat) == ["conv1", "relu1", "conv2", "relu2", "pool1"]


def test_a_repeated_module_and_a_repeated_run_are_numbered(images):
    class Repeating(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3, padding=1)
            self.steps = nn.Sequential(nn.ReLU())

        def forward(self, x):
            return F.tanh(self.steps(self.conv(self.steps(self.conv(x)))))

    repeating = Repeating()
    with capture(repeating) as activations:
        repeating(images)
        repeating(images)
    once = ["conv", "steps.relu1", "conv_1", "steps.relu1_1", "tanh1"]
    again = ["conv_2", "steps.relu1_2", "conv_3", "steps.relu1_3", "tanh1_1"]
    assert list(activations) == once + again
    np.testing.assert_array_equal(activations["conv_3"], activations["conv_1"])


def test_running_numbers_skip_names_that_modules_have(images):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu1 = nn.ReLU()

        def forward(self, x):
            return self.relu1(F.relu(x) - 1)

    mixed = Mixed()
    with capture(mixed) as activations:
        mixed(images)
    assert list(activations) == ["relu2", "relu1"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ("conv*", ["features.conv1", "features.conv2"]),
        (["features.conv?"], ["features.conv1", "features.conv2"]),
        (["features.2", "head"], ["features.conv2", "head"]),
        ("*1", ["features.conv1", "features.relu1"]),
    ],
)
def test_patterns_match_the_name_its_last_part_or_the_path(images, patterns, expected):
    model = nn.Sequential()
    model.add_module("features", nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3)))
    model.add_module("flatten", nn.Flatten())
    model.add_module("head", nn.Linear(32, 2))
    with capture(model, patterns) as activations:
        model(images)
    assert list(activations) == expected


def test_only_the_kinds_asked_for_are_kept(model, images):
    with capture(model, kinds=("conv", "pool")) as activations:
        model(images)
    assert list(activations) == ["conv1", "pool1", "conv2", "pool2"]


def test_a_pattern_without_a_match_lists_the_layers_and_suggests_one(model, images):
    with pytest.raises(ArgumentError) as caught, capture(model, ["conv1", "konv2"]):
        model(images)
    assert str(caught.value) == (
        "no layer matches 'konv2'; did you mean 'conv2'? The layers are: conv1, relu1, pool1, conv2, relu2, pool2, fc"
    )
    with pytest.raises(ArgumentError, match="call the model inside the block"), capture(model):
        pass


def test_operations_outside_the_model_are_not_captured(model, images):
    with capture(model) as activations:
        F.relu(F.conv2d(images, model.conv1.weight))
        model(images)
        F.cross_entropy(model.fc(tc.ones(1, 6)), tc.tensor([1]))
    assert list(activations) == ["conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "fc", "fc_1"]


def test_modes_and_observers_are_restored_after_an_error(model):
    model.train()
    model.relu1.eval()
    modes = [module.training for module in model.modules()]
    with pytest.raises(ShapeError, match="conv1"), capture(model):
        model(tc.ones(1, 2, 8, 8))
    assert [module.training for module in model.modules()] == modes
    assert not observed()
    assert not model._forward_pre_hooks


def test_eval_mode_can_be_left_alone(model, images):
    model.train()
    with capture(model):
        assert not any(module.training for module in model.modules())
        model(images)
    with capture(model, eval_mode=False):
        assert model.training
        model(images)
    assert model.training


def test_layers_know_their_window_and_receptive_field(model, images):
    with capture(model) as activations:
        model(images)
    conv, pool, relu = (activations.layers[name] for name in ("conv2", "pool1", "relu2"))
    assert (conv.kind, conv.path, conv.kernel_size, conv.padding) == ("conv", "conv2", (3, 3), (0, 0))
    assert conv.describe() == "convolution 3×3, stride 1"
    assert pool.describe() == "max pooling 2×2, stride 2"
    assert relu.describe() == "ReLU"
    # conv 3, pool 2: 4 pixels that step by 2; conv 3 on top: 4 + 2 * 2 = 8.
    assert pool.receptive_field.size == (4, 4)
    assert pool.receptive_field.jump == (2, 2)
    assert conv.receptive_field == relu.receptive_field
    assert conv.receptive_field.size == (8, 8)


def test_an_extractor_returns_the_named_layers_and_stops_there(model, images):
    calls = []
    model.fc.register_forward_hook(lambda *_: calls.append("fc"))
    middle = feature_extractor(model, {"conv2": "mid", "relu1": "early"})
    found = middle(images)
    assert list(found) == ["mid", "early"]
    assert not calls
    with capture(model) as activations:
        model(images)
    np.testing.assert_array_equal(found["mid"], activations["conv2"])
    np.testing.assert_array_equal(found["early"], activations["relu1"])
    assert calls == ["fc"]
    assert model.training
    assert not observed()


def test_a_model_cannot_swallow_the_end_of_an_extraction(model, images):
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, x):
            try:
                return self.inner(x)
            except Exception:
                return x

    assert list(feature_extractor(Stubborn(), ["inner.conv1"])(images)) == ["inner.conv1"]


def test_an_extractor_says_which_layer_does_not_exist(model, images):
    with pytest.raises(ArgumentError, match="no layer matches 'conv9'; did you mean 'conv"):
        feature_extractor(model, ["conv1", "conv9"])(images)
    with pytest.raises(ArgumentError, match="at least one layer"):
        feature_extractor(model, {})
    with pytest.raises(ArgumentError, match=r"must be an nn\.Module, got function"):
        feature_extractor(lambda x: x, ["conv1"])


def test_gradients_can_still_be_taken_of_what_ran_under_a_capture(model, images):
    with capture(model, "conv1", eval_mode=False) as activations:
        loss = model(images).sum()
    loss.backward()
    assert activations["conv1"].flags.writeable
    assert np.abs(model.conv1.weight.grad.numpy()).sum() > 0
