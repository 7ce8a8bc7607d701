import csv
import io
import json

import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.core.errors import ArgumentError, GraphError, ShapeError
from tinyconv.models import registry
from tinyconv.models.summary import summary
from tinyconv.nn import functional as F


def rows(result):
    return {row["layer"]: row for row in result.to_dict()["layers"]}


def test_lenets_layers_have_the_shapes_and_counts_of_the_textbook():
    result = summary(registry.build("lenet", 1, 10, (28, 28)), (1, 28, 28))
    layers = rows(result)
    assert result.parameters == 61_706
    assert layers["conv1"]["output_shape"] == [1, 6, 28, 28]
    assert layers["pool2"]["output_shape"] == [1, 16, 5, 5]
    assert layers["conv1"]["multiply_adds"] == 28 * 28 * 6 * 25
    assert layers["conv2"]["multiply_adds"] == 10 * 10 * 16 * 6 * 25
    assert layers["fc1"]["multiply_adds"] == 400 * 120
    assert layers["conv1"]["parameters"] == 156
    assert layers["conv1"]["activation_bytes"] == 28 * 28 * 6 * 4
    assert layers["conv1"]["parameter_bytes"] == 156 * 4
    assert layers["flatten"]["activation_bytes"] == 0
    assert [layers[name]["receptive_field"] for name in ("conv1", "pool1", "conv2", "pool2")] == [
        [5, 5],
        [6, 6],
        [14, 14],
        [16, 16],
    ]


def test_groups_divide_the_work():
    result = summary(nn.Sequential(nn.Conv2d(4, 8, 3, groups=2, padding=1)), (4, 5, 5))
    assert rows(result)["0"]["multiply_adds"] == 5 * 5 * 8 * 2 * 9


class Signals(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3, groups=2, stride=2, padding=1)
        self.spread = nn.ConvTranspose1d(6, 4, 3, groups=2, stride=2)

    def forward(self, x):
        return nn.functional.conv1d(self.spread(self.conv(x)), tc.ones(1, 4, 2))


def test_convolutions_of_signals_and_transposed_ones_count_each_product_once():
    layers = rows(summary(Signals(), (4, 9)))
    assert layers["conv"]["output_shape"] == [1, 6, 5]
    assert layers["conv"]["multiply_adds"] == 5 * 6 * 2 * 3
    assert layers["spread"]["output_shape"] == [1, 4, 11]
    assert layers["spread"]["multiply_adds"] == 5 * 6 * 2 * 3  # each input element meets 2 outputs times 3 taps
    assert layers["conv()"]["multiply_adds"] == 10 * 4 * 2
    assert layers["conv"]["receptive_field"] == [1, 3]
    assert layers["spread"]["receptive_field"] is None


def test_a_transposed_convolution_works_as_much_as_the_convolution_whose_transpose_it_is():
    down = rows(summary(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2)), (3, 9, 9)))["0"]
    up = rows(summary(nn.Sequential(nn.ConvTranspose2d(8, 3, 3, stride=2)), (8, 4, 4)))["0"]
    assert up["output_shape"] == [1, 3, 9, 9]
    assert up["multiply_adds"] == down["multiply_adds"] == 4 * 4 * 8 * 3 * 9


def test_a_locally_connected_layer_works_like_a_convolution_but_holds_more():
    own = rows(summary(nn.Sequential(nn.LocallyConnected2d(3, 8, 9, 3, stride=2)), (3, 9, 9)))["0"]
    assert own["multiply_adds"] == 4 * 4 * 8 * 3 * 9
    assert own["parameters"] == 4 * 4 * 8 * (3 * 9 + 1)
    assert own["receptive_field"] == [3, 3]


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 2, 3, padding=1)
        self.again = self.first
        self.tied = nn.Conv2d(2, 2, 3, padding=1)
        self.tied.weight = self.first.weight

    def forward(self, x):
        return self.tied(self.again(self.first(x)))


def test_shared_layers_and_tied_weights_count_once_but_work_each_time():
    result = summary(Shared(), (2, 4, 4))
    layers = rows(result)
    assert result.parameters == (2 * 2 * 9 + 2) + 2
    assert layers["again"]["shared_with"] == "first"
    assert layers["again"]["parameters"] == 0
    assert layers["tied"]["parameters"] == 2
    once = 4 * 4 * 2 * 18
    assert layers["first"]["multiply_adds"] == 2 * once
    assert result.to_dict()["multiply_adds"] == 3 * once
    assert result.to_dict()["parameters"] == sum(parameter.numel() for parameter in Shared().parameters())


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.head = nn.Linear(3 * 3 * 3, 2)

    def forward(self, x):
        x = F.relu(self.conv(x))
        x = F.max_pool2d(x, 2)
        return F.relu(self.head(x.flatten(1)))


def test_what_a_network_calls_as_functions_is_listed_like_its_layers():
    layers = rows(summary(Functional(), (1, 8, 8)))
    assert layers["relu()"]["output_shape"] == [1, 3, 6, 6]
    assert layers["pool()"]["output_shape"] == [1, 3, 3, 3]
    assert layers["pool()"]["receptive_field"] == [4, 4]
    assert layers["relu()_1"]["output_shape"] == [1, 2]
    assert "conv.conv()" not in layers


def test_a_network_of_functions_alone_has_the_work_of_its_module_twin():
    twin = Functional()

    class Alone(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = twin.conv.weight, twin.conv.bias
            self.head_weight, self.head_bias = twin.head.weight, twin.head.bias

        def forward(self, x):
            x = F.max_pool2d(F.relu(F.conv2d(x, self.weight, self.bias)), 2)
            return F.relu(F.linear(x.flatten(1), self.head_weight, self.head_bias))

    ours, theirs = summary(Alone(), (1, 8, 8)).to_dict(), summary(twin, (1, 8, 8)).to_dict()
    for total in ("parameters", "multiply_adds", "activation_bytes", "parameter_bytes"):
        assert ours[total] == theirs[total]


def test_nested_modules_show_the_sum_of_what_they_hold():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU()), nn.Conv2d(2, 3, 1))
    layers = rows(summary(model, (1, 4, 4)))
    assert layers["0"]["parameters"] == layers["0.0"]["parameters"] == 4
    assert layers["0"]["multiply_adds"] == 4 * 4 * 2
    assert layers["0"]["output_shape"] == [1, 2, 4, 4]


def test_modes_hooks_buffers_and_random_numbers_are_as_before():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    model[1].eval()
    before = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    tc.manual_seed(0)
    summary(model, (1, 5, 5))
    drawn = tc.rand(1).item()
    tc.manual_seed(0)
    assert drawn == tc.rand(1).item()
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert not any(module._forward_hooks for module in model.modules())
    for name, tensor in model.state_dict().items():
        assert (tensor.numpy() == before[name]).all()


def test_after_an_error_modes_and_hooks_are_as_before_too():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(5, 2, 3))
    with pytest.raises(ShapeError, match=r"layer 1 \(Conv2d"):
        summary(model, (1, 9, 9))
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_is_never_called_says_so():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.idle = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x)

    result = summary(Idle(), (3,))
    assert rows(result)["idle"]["output_shape"] is None
    assert rows(result)["idle"]["parameters"] == 8
    assert "not called" in str(result)


def test_frozen_parameters_are_parameters_but_not_trainable():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    result = summary(model, (3,))
    assert result.parameters == 8
    assert result.trainable_parameters == 6


def test_float64_models_take_twice_the_memory():
    single = summary(nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 5, 5)).to_dict()
    double = summary(nn.Sequential(nn.Conv2d(1, 2, 3)).double(), (1, 5, 5)).to_dict()
    for amount in ("activation_bytes", "parameter_bytes"):
        assert double[amount] == 2 * single[amount]


def test_the_tree_shows_names_shapes_and_totals_in_lines_of_text():
    text = str(summary(registry.build("facenet", 1, 2, (25, 25)), (1, 25, 25)))
    assert "├─ conv1" in text
    assert "└─ fc" in text
    assert "1x32x25x25" in text
    assert "388,834" in text
    assert "46x46" in text


def test_json_and_csv_hold_the_same_rows():
    result = summary(registry.build("facenet", 1, 2, (8, 8)), (1, 8, 8))
    as_json = json.loads(json.dumps(result.to_dict()))
    as_csv = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert [row["layer"] for row in as_csv] == ["", *(row["layer"] for row in as_json["layers"])]
    assert int(as_csv[0]["parameters"]) == as_json["parameters"]
    assert as_csv[1]["output_shape"] == "1x32x8x8"


@pytest.mark.parametrize("size", [(), (0, 4, 4), (1, -2, 3), (1, 2.5, 3)])
def test_an_impossible_input_size_is_refused(size):
    with pytest.raises(ArgumentError, match="input_size"):
        summary(nn.ReLU(), size)


def test_what_writes_in_place_is_listed_too():
    """Numbers without memory may be written, though all elements are one."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)
            self.relu = nn.ReLU(inplace=True)
            self.fc = nn.Linear(72, 3)

        def forward(self, x):
            x = F.dropout(self.relu(self.conv(x)), training=self.training, inplace=True)
            x += 1
            x[:, 0] = 0
            return self.fc(F.hardswish(x, inplace=True).mul_(2).flatten(1))

    listed = summary(Net(), (1, 8, 8))
    assert listed.parameters == 20 + 219
    assert listed.root.output_shape == (1, 3)
    with pytest.raises(GraphError, match="repeated"):
        F.relu(tc.ones(1).expand(4), inplace=True)  # elsewhere such a write would change several
