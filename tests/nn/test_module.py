"""What a module registers, how it is walked, switched, converted and printed."""

import copy

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.core import dtypes
from tinyconv.core.errors import ArgumentError, DTypeError, UnsupportedError
from tinyconv.ops.tensor import Tensor


def tensor(*values):
    return Tensor(np.array(values, np.float32))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)
        self.scale = nn.Parameter(tensor(1.0))

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3))) * self.scale


NET_PARAMETERS = [
    "scale",
    "features.0.weight",
    "features.0.bias",
    "features.1.weight",
    "features.1.bias",
    "head.weight",
    "head.bias",
]


def test_assigned_parameters_buffers_and_modules_are_found_by_their_paths():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NET_PARAMETERS
    assert [name for name, _ in net.named_buffers()] == [
        "features.1.running_mean",
        "features.1.running_var",
        "features.1.num_batches_tracked",
    ]
    assert [name for name, _ in net.named_modules()] == [
        "",
        "features",
        "features.0",
        "features.1",
        "features.2",
        "head",
    ]
    assert [name for name, _ in net.named_children()] == ["features", "head"]
    assert [name for name, _ in net.named_parameters(prefix="net", recurse=False)] == ["net.scale"]


def test_a_shared_parameter_is_counted_once_but_saved_under_both_names():
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_shared_module_is_walked_once():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert [name for name, _ in net.named_modules()] == ["", "0", "1"]
    assert [name for name, _ in net.named_modules(remove_duplicate=False)] == ["", "0", "1", "2"]
    assert len(list(net.modules())) == 3
    assert len(list(net.modules(remove_duplicate=False))) == 4
    assert len(list(net.parameters())) == 2
    assert len(list(net.children())) == 2
    assert list(net.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_assignment_moves_a_name_between_registries():
    module = nn.Module()
    module.x = 1
    module.x = nn.Parameter(tensor(1.0))
    assert [name for name, _ in module.named_parameters()] == ["x"]
    module.x = nn.Linear(1, 1)
    assert "x" not in module._parameters
    assert [name for name, _ in module.named_children()] == ["x"]
    del module.x
    assert not hasattr(module, "x")


def test_a_replaced_parameter_keeps_its_place():
    layer = nn.Linear(2, 2)
    layer.weight = nn.Parameter(tensor([1.0, 2.0], [3.0, 4.0]))
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    layer.bias = None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer.bias is None


def test_a_plain_tensor_cannot_take_the_place_of_a_parameter_or_a_number_that_of_a_module():
    layer = nn.Linear(2, 2)
    with pytest.raises(ArgumentError, match='Linear: parameter "weight" must be a Parameter or None, got Tensor'):
        layer.weight = tensor([1.0, 2.0], [3.0, 4.0])
    net = Net()
    with pytest.raises(ArgumentError, match='submodule "head" must be a Module or None, got int'):
        net.head = 3
    with pytest.raises(ArgumentError, match='buffer "running_mean" must be a Tensor or None, got float'):
        net.features[1].running_mean = 0.5


def test_a_buffer_assigned_again_stays_a_buffer_and_keeps_its_persistence():
    module = nn.Module()
    module.register_buffer("kept", tensor(1.0))
    module.register_buffer("scratch", tensor(2.0), persistent=False)
    module.kept = tensor(3.0)
    module.scratch = tensor(4.0)
    assert [name for name, _ in module.named_buffers()] == ["kept", "scratch"]
    assert list(module.state_dict()) == ["kept"]
    assert module.state_dict()["kept"].item() == 3.0


@pytest.mark.parametrize("name", ["", "a.b", 3])
def test_a_name_that_could_not_be_a_path_is_refused(name):
    with pytest.raises(ArgumentError, match=r"must be a string, not empty, without '.'"):
        nn.Module().register_buffer(name, None)


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(ArgumentError, match='already has an attribute "forward"'):
        nn.Module().register_parameter("forward", nn.Parameter(tensor(1.0)))


def test_a_computed_tensor_cannot_be_a_parameter():
    weight = nn.Parameter(tensor(1.0))
    computed = nn.Parameter(tensor(1.0))
    computed.node = (weight * 2).node
    with pytest.raises(ArgumentError, match="a parameter is a leaf"):
        nn.Module().w = computed


def test_assigning_before_init_says_what_to_call():
    class Forgetful(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Forgetful: call super\(\).__init__\(\) before assigning \"layer\""):
        Forgetful()


def test_a_missing_attribute_raises_as_for_any_object():
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'tail'"):
        Net().tail  # noqa: B018
    assert "head" in dir(Net())


def test_paths_lead_to_submodules_parameters_and_buffers():
    net = Net()
    assert net.get_submodule("") is net
    assert net.get_submodule("features.1") is net.features[1]
    assert net.get_parameter("features.0.weight") is net.features[0].weight
    assert net.get_buffer("features.1.running_var") is net.features[1].running_var
    with pytest.raises(AttributeError, match=r'Sequential has no submodule "7" .of "features.7".; it has: 0, 1, 2'):
        net.get_submodule("features.7")
    with pytest.raises(AttributeError, match=r'Linear has no parameter "gain" .of "head.gain".; it has: weight, bias'):
        net.get_parameter("head.gain")
    with pytest.raises(AttributeError, match=r'Net has no buffer "mean" .of "mean".; it has: none'):
        net.get_buffer("mean")


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.features.train()
    assert [module.training for module in net.modules()] == [False, True, True, True, True, False]
    with pytest.raises(ArgumentError, match="mode must be True or False, got 'eval'"):
        net.train("eval")


def test_apply_visits_children_before_their_parent():
    seen = []
    nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh()).apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["ReLU", "Sequential", "Tanh", "Sequential"]


def test_freezing_stops_gradients_at_the_parameters():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    net[0].requires_grad_(False)
    net(tensor([1.0, 2.0])).sum().backward()
    assert net[0].weight.grad is None
    assert net[1].weight.grad is not None


def test_zero_grad_forgets_or_zeroes_the_gradients():
    layer = nn.Linear(2, 1)
    layer(tensor([1.0, 2.0])).sum().backward()
    kept = layer.weight.grad
    layer.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[0, 0]])
    np.testing.assert_array_equal(kept.numpy(), [[0, 0]])
    layer.zero_grad()
    assert layer.weight.grad is None


def test_conversion_changes_floating_point_entries_in_place():
    net = Net()
    weight = net.head.weight
    net(Tensor(np.ones((1, 1, 4, 4), np.float32))).sum().backward()
    assert net.double() is net
    assert net.head.weight is weight
    assert weight.dtype is dtypes.float64
    assert weight.grad.dtype is dtypes.float64
    assert net.features[1].running_mean.dtype is dtypes.float64
    assert net.features[1].num_batches_tracked.dtype is dtypes.int64
    assert net(Tensor(np.ones((1, 1, 4, 4)))).dtype is dtypes.float64
    assert net.float().head.weight.dtype is dtypes.float32
    assert net.to("cpu", dtypes.float64).head.weight.dtype is dtypes.float64
    assert net.to(tensor(1.0)).head.weight.dtype is dtypes.float32
    assert net.to(device="cpu", non_blocking=True).head.weight.dtype is dtypes.float32


def test_conversion_to_integers_or_with_unknown_options_is_refused():
    with pytest.raises(DTypeError, match=r"a module's dtype must be floating point, got tinyconv.int64"):
        Net().to(dtypes.int64)
    with pytest.raises(UnsupportedError, match="memory_format is not offered"):
        Net().to(memory_format="channels_last")


def test_a_shared_parameter_stays_shared_through_conversion_and_deepcopy():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    twin = copy.deepcopy(net).double()
    assert twin[0].weight is twin[1].weight
    assert twin[0].weight is not net[0].weight
    assert isinstance(twin[0].weight, nn.Parameter)
    twin[0].weight.array[...] = 7
    assert not (net[0].weight.detach().numpy() == 7).any()


def test_deepcopy_keeps_requires_grad_and_memory_order():
    layer = nn.Conv2d(3, 4, 3).requires_grad_(False)
    twin = copy.deepcopy(layer)
    assert not twin.weight.requires_grad
    assert twin.weight.array.strides == layer.weight.array.strides


def test_a_parameter_shares_the_memory_of_its_tensor_and_requires_a_gradient():
    source = tensor(1.0, 2.0)
    parameter = nn.Parameter(source)
    assert parameter.requires_grad
    assert not nn.Parameter(source, requires_grad=False).requires_grad
    version = parameter.version
    source.add_(1.0)
    np.testing.assert_array_equal(parameter.detach().numpy(), [2, 3])
    assert parameter.version == version + 1
    assert nn.Parameter().numel() == 0
    with pytest.raises(ArgumentError, match="Parameter takes a Tensor, got list"):
        nn.Parameter([1.0])


def test_results_computed_from_a_parameter_are_plain_tensors():
    assert type(nn.Parameter(tensor(1.0)) * 2) is Tensor
    assert type(nn.Parameter(tensor(1.0)).detach()) is Tensor


def test_repr_is_a_tree():
    assert repr(Net()) == (
        "Net(\n"
        "  (features): Sequential(\n"
        "    (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))\n"
        "    (1): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)\n"
        "    (2): ReLU()\n"
        "  )\n"
        "  (head): Linear(in_features=4, out_features=2, bias=True)\n"
        ")"
    )
    assert repr(nn.Parameter(tensor(1.0))).startswith("Parameter containing:\ntensor(")


def test_a_module_without_forward_says_so():
    with pytest.raises(UnsupportedError, match='Module has no "forward" method'):
        nn.Module()(1)
