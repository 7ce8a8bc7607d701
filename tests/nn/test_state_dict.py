"""Saving and loading a module's state."""

from collections import OrderedDict

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.core import random
from tinyconv.core.errors import RunError
from tinyconv.ops.tensor import Tensor


def net(classes=3):
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(2, 4, 3), norm=nn.BatchNorm2d(4), flat=nn.Flatten(), head=nn.Linear(16, classes))
    )


def batch():
    return Tensor(np.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(np.float32))


def test_state_dict_lists_parameters_and_persistent_buffers_in_order():
    state = net().state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == [
        "conv.weight",
        "conv.bias",
        "norm.weight",
        "norm.bias",
        "norm.running_mean",
        "norm.running_var",
        "norm.num_batches_tracked",
        "head.weight",
        "head.bias",
    ]
    assert next(iter(net().state_dict(prefix="model."))) == "model.conv.weight"


def test_state_dict_shares_memory_but_no_history():
    model = net()
    entry = model.state_dict()["head.bias"]
    assert not entry.requires_grad
    assert type(entry) is Tensor
    model.head.bias.array[...] = 5
    np.testing.assert_array_equal(entry.numpy(), [5, 5, 5])
    assert model.state_dict(keep_vars=True)["head.bias"] is model.head.bias


def test_state_dict_adds_to_a_destination():
    destination = OrderedDict(kept=1)
    assert nn.Linear(1, 1).state_dict(destination=destination, prefix="layer.") is destination
    assert list(destination) == ["kept", "layer.weight", "layer.bias"]


def test_a_loaded_model_computes_the_same():
    random.manual_seed(1)
    first, second = net(), net()
    first(batch())  # moves the running statistics
    result = second.load_state_dict(first.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert result.missing_keys == []
    first.eval()
    second.eval()
    np.testing.assert_array_equal(first(batch()).detach().numpy(), second(batch()).detach().numpy())
    assert second.norm.num_batches_tracked.item() == 1


def test_loading_copies_the_values_and_counts_as_a_write():
    first, second = net(), net()
    version = second.head.bias.version
    second.load_state_dict(first.state_dict())
    first.head.bias.array[...] = 9
    assert not (second.head.bias.detach().numpy() == 9).any()
    assert second.head.bias.version > version


def test_loading_keeps_the_memory_order_and_the_identity_of_parameters():
    model = net()
    weight, strides = model.conv.weight, model.conv.weight.array.strides
    model.load_state_dict({name: np.array(value.numpy(), order="C") for name, value in net().state_dict().items()})
    assert model.conv.weight is weight
    assert model.conv.weight.array.strides == strides


def test_loading_converts_types():
    model, source = net(), net().double()
    model.load_state_dict(source.state_dict())
    np.testing.assert_allclose(model.head.bias.detach().numpy(), source.head.bias.detach().numpy(), rtol=1e-7)
    assert model.head.bias.array.dtype == np.float32


def test_an_error_lists_missing_and_unexpected_names():
    state = net().state_dict()
    state["tail.weight"] = state.pop("head.weight")
    with pytest.raises(RunError) as caught:
        net().load_state_dict(state)
    message = str(caught.value)
    assert message.startswith(
        'Sequential cannot load this state dict: missing "head.weight"; unexpected "tail.weight".'
    )
    assert "strict=False" in message


def test_an_error_shows_both_shapes_of_a_mismatch_even_if_not_strict():
    for strict in (True, False):
        with pytest.raises(RunError) as caught:
            net(classes=5).load_state_dict(net(classes=3).state_dict(), strict=strict)
        message = str(caught.value)
        assert '"head.weight" ((5, 16) in the model, (3, 16) in the state dict)' in message
        assert '"head.bias" ((5,) in the model, (3,) in the state dict)' in message
        assert "missing" not in message


def test_an_entry_that_is_no_tensor_is_a_mismatch():
    state = net().state_dict()
    state["head.bias"] = "gone"
    with pytest.raises(RunError, match=r'"head.bias" \(a tensor in the model, a str in the state dict\)'):
        net().load_state_dict(state)


def test_a_failed_load_changes_nothing():
    model, state = net(), net().state_dict()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    state.pop("head.bias")
    with pytest.raises(RunError):
        model.load_state_dict(state)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name])


def test_not_strict_loads_what_fits_and_reports_the_rest():
    model, state = net(), net().state_dict()
    state["extra"] = state.pop("head.bias")
    result = model.load_state_dict(state, strict=False)
    assert result.missing_keys == ["head.bias"]
    assert result.unexpected_keys == ["extra"]
    assert repr(result) == "IncompatibleKeys(missing_keys=['head.bias'], unexpected_keys=['extra'])"
    np.testing.assert_array_equal(model.head.weight.detach().numpy(), state["head.weight"].numpy())


def test_a_quite_different_model_gets_a_short_list():
    with pytest.raises(RunError, match=r'"4.bias" and 10 more') as caught:
        nn.Sequential().load_state_dict(nn.Sequential(*(nn.Linear(1, 1) for _ in range(10))).state_dict())
    assert len(str(caught.value)) < 400


def test_assigning_puts_the_tensors_themselves_into_the_model():
    model, source = net(), net().double()
    source.requires_grad_(False)
    before = model.head.weight
    state = source.state_dict()
    model.load_state_dict(state, assign=True)
    assert model.head.weight is not before
    assert model.head.weight.array is state["head.weight"].array
    assert model.head.weight.requires_grad
    assert model.norm.running_mean is state["norm.running_mean"]
    assert model.head.bias.array.dtype == np.float64


def test_hooks_see_each_module_save_and_load():
    model, trace = net(), []
    model.conv.register_state_dict_pre_hook(lambda m, prefix, keep: trace.append((type(m).__name__, prefix, keep)))
    model.conv.register_state_dict_post_hook(lambda m, state, prefix, _: state.pop(prefix + "bias"))
    state = model.state_dict(prefix="net.")
    assert trace == [("Conv2d", "net.conv.", False)]
    assert "net.conv.bias" not in state
    assert "net.conv.weight" in state

    def rename(module, state, prefix, *_):
        state[prefix + "bias"] = state.pop(prefix + "shift")

    old = net().state_dict()
    old["conv.shift"] = old.pop("conv.bias")
    target = net()
    target.conv.register_load_state_dict_pre_hook(rename)
    target.load_state_dict(old)
    np.testing.assert_array_equal(target.conv.bias.detach().numpy(), old["conv.shift"].numpy())
    assert "conv.bias" not in old


def test_a_hook_after_loading_may_forgive_what_is_missing():
    state, model = net().state_dict(), net()
    del state["head.bias"]
    handle = model.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.remove("head.bias"))
    assert repr(model.load_state_dict(state)) == "<All keys matched successfully>"
    np.testing.assert_array_equal(model.head.weight.detach().numpy(), state["head.weight"].numpy())
    handle.remove()
    with pytest.raises(RunError, match=r'missing "head\.bias"'):
        model.load_state_dict(state)


def test_a_module_saves_more_than_tensors_if_it_says_so():
    class Counting(nn.Linear):
        steps = 3

        def get_extra_state(self):
            return {"steps": self.steps}

        def set_extra_state(self, state):
            self.steps = state["steps"]

    model = nn.Sequential(Counting(1, 1))
    state = model.state_dict()
    assert list(state) == ["0.weight", "0.bias", "0._extra_state"]
    state["0._extra_state"] = {"steps": 8}
    model.load_state_dict(state)
    assert model[0].steps == 8
    del state["0._extra_state"]
    assert model.load_state_dict(state, strict=False).missing_keys == ["0._extra_state"]
