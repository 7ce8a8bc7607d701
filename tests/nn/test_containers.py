"""Sequential, ModuleList and ModuleDict."""

from collections import OrderedDict

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.core.errors import ArgumentError, DimensionError, UnsupportedError
from tinyconv.ops.tensor import Tensor


class Add(nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, x):
        return x * 10 + self.number


def digits(net):
    """The numbers of a row of ``Add``s, in the order in which they act."""
    return int(net(Tensor(np.zeros((), np.float64))).item())


def names(module):
    return [name for name, _ in module.named_children()]


def test_sequential_applies_its_modules_in_order():
    assert digits(nn.Sequential(Add(1), Add(2), Add(3))) == 123


def test_sequential_takes_names_from_an_ordered_dict():
    net = nn.Sequential(OrderedDict(first=Add(1), second=Add(2)))
    assert names(net) == ["first", "second"]
    assert net.second.number == 2
    assert net[0].number == 1
    assert digits(net) == 12


def test_sequential_refuses_what_is_no_module():
    with pytest.raises(
        ArgumentError,
        match='Sequential: submodule "1" must be a Module or None, got function; for a function, use its layer',
    ):
        nn.Sequential(Add(1), lambda x: x)


def test_sequential_is_indexed_from_both_ends():
    net = nn.Sequential(Add(1), Add(2), Add(3))
    assert net[-1].number == 3
    net[-1] = Add(4)
    assert len(net) == 3
    assert digits(net) == 124
    with pytest.raises(DimensionError, match="Sequential: index 3 is outside its 3 modules"):
        net[3]


def test_part_of_a_sequential_shares_the_modules_and_keeps_their_names():
    net = nn.Sequential(Add(1), Add(2), Add(3), Add(4))
    part = net[1:3]
    assert isinstance(part, nn.Sequential)
    assert part[0] is net[1]
    assert names(part) == ["1", "2"]
    assert digits(part) == 23
    assert digits(part.append(Add(9))) == 239


def test_sequential_grows_and_shrinks():
    net = nn.Sequential(Add(1)).append(Add(2)).extend([Add(3), Add(4)])
    assert digits(net) == 1234
    net.insert(1, Add(9))
    assert digits(net) == 19234
    assert names(net) == ["0", "1", "2", "3", "4"]
    assert net.pop(1).number == 9
    del net[1:3]
    assert digits(net) == 14
    assert names(net) == ["0", "1"]
    assert digits(net + nn.Sequential(Add(5))) == 145
    net += nn.Sequential(Add(6))
    assert digits(net) == 146
    assert digits(nn.Sequential(Add(1), Add(2)) * 2) == 1212
    with pytest.raises(ArgumentError, match=r"Sequential \+= takes another Sequential, got list"):
        net += [Add(6)]
    with pytest.raises(DimensionError, match=r"Sequential.insert: index 9 is outside -3 ... 3"):
        net.insert(9, Add(0))


def test_a_deletion_numbers_what_is_left_as_in_pytorch_and_a_slice_keeps_the_names():
    net = nn.Sequential(OrderedDict(first=Add(1), second=Add(2), third=Add(3)))
    assert names(net[1:]) == ["second", "third"]
    del net[0]
    assert names(net) == ["0", "1"]


def test_a_module_list_registers_its_modules_and_renumbers_slices():
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 3)])
    assert [name for name, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [layer.out_features for layer in layers] == [2, 3]
    assert isinstance(layers[1:], nn.ModuleList)
    assert names(layers[1:]) == ["0"]
    assert len(nn.ModuleList()) == 0


def test_a_module_dict_registers_its_modules_by_name():
    heads = nn.ModuleDict({"a": nn.Linear(1, 2), "b": nn.Linear(1, 3)})
    assert [name for name, _ in heads.named_parameters()] == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert list(heads) == list(heads.keys()) == ["a", "b"]
    assert "a" in heads
    heads["c"] = nn.ReLU()
    heads.update([("d", nn.Tanh())])
    assert isinstance(heads.pop("d"), nn.Tanh)
    del heads["c"]
    assert [name for name, _ in heads.items()] == ["a", "b"]
    assert [head.out_features for head in heads.values()] == [2, 3]
    with pytest.raises(KeyError, match="'z' is not among the modules: a, b"):
        heads["z"]
    with pytest.raises(ArgumentError, match="takes \\(key, value\\) pairs, got \\('a', ReLU\\(\\), 1\\)"):
        heads.update([("a", nn.ReLU(), 1)])
    heads.clear()
    assert len(heads) == 0


def test_a_module_list_prints_what_is_alike_once():
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Linear(1, 2)])
    lines = ["ModuleList(", "  (0-1): 2 x ReLU()", "  (2): Linear(in_features=1, out_features=2, bias=True)", ")"]
    assert repr(layers).splitlines() == lines


def test_a_parameter_list_registers_tensors_and_keeps_other_things():
    listed = nn.ParameterList([Tensor(np.ones(2)), nn.Parameter(Tensor(np.zeros(1))), "label"])
    assert [name for name, _ in listed.named_parameters()] == ["0", "1"]
    assert listed[2] == "label"
    listed[0] = Tensor(np.full(3, 2.0))
    assert [tuple(parameter.shape) for parameter in listed.parameters()] == [(3,), (1,)]
    listed[1] = "no parameter any more"
    assert [name for name, _ in listed.named_parameters()] == ["0"]
    assert isinstance(listed[:2], nn.ParameterList)
    with pytest.raises(DimensionError, match="ParameterList: index 5 is outside its 3 parameters"):
        listed[5]
    with pytest.raises(UnsupportedError, match="ParameterList holds parameters and cannot be called"):
        listed(1)


def test_a_parameter_dict_registers_tensors_by_name():
    named = nn.ParameterDict({"b": Tensor(np.ones(2)), "a": Tensor(np.ones(1))})
    assert list(named) == ["a", "b"]
    assert list(named.state_dict()) == ["a", "b"]
    named["a"] = Tensor(np.full(1, 5.0))
    assert named["a"].item() == 5
    assert named.pop("b").shape == (2,)
    assert list(named.state_dict()) == ["a"]
    with pytest.raises(KeyError, match="'b' is not among the parameters: a"):
        named["b"]
    with pytest.raises(ArgumentError, match="'keys' cannot be a name"):
        named["keys"] = Tensor(np.ones(1))
