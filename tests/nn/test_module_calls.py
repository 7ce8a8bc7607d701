"""Calling a module: hooks around it, errors out of it, and its place on the scope stack."""

import numpy as np
import pytest

from tinyconv import nn
from tinyconv.autograd.observe import observe
from tinyconv.core.errors import ArgumentError, GraphError, ShapeError, TinyconvError
from tinyconv.nn import functional as F
from tinyconv.ops.tensor import Tensor


def tensor(*values, requires_grad=False):
    return Tensor(np.array(values, np.float64), requires_grad=requires_grad)


class Scale(nn.Module):
    """y = factor x."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x, offset=0.0):
        return x * self.factor + offset


def test_a_pre_hook_sees_and_replaces_the_arguments():
    module = Scale(2.0)
    seen = []
    handle = module.register_forward_pre_hook(lambda m, args: seen.append((m, args)))
    x = tensor(1.0)
    assert module(x).item() == 2.0
    assert seen == [(module, (x,))]
    handle.remove()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    assert module(x).item() == 4.0
    assert len(seen) == 1


def test_a_pre_hook_with_keyword_arguments_replaces_both():
    module = Scale(2.0)
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"offset": kwargs["offset"] * 10}), with_kwargs=True
    )
    assert module(tensor(1.0), offset=3.0).item() == 32.0
    module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(ArgumentError, match=r"returns None or \(args, kwargs\), got tuple"):
        module(tensor(1.0), offset=3.0)


def test_a_forward_hook_sees_and_replaces_the_output():
    module = Scale(2.0)
    seen = []
    module.register_forward_hook(lambda m, args, output: seen.append(output.item()))
    module.register_forward_hook(lambda m, args, kwargs, output: output + kwargs["offset"], with_kwargs=True)
    assert module(tensor(1.0), offset=1.0).item() == 4.0
    assert seen == [3.0]


def test_hooks_run_in_order_unless_prepended_and_end_with_their_block():
    module, order = Scale(1.0), []
    module.register_forward_hook(lambda *_: order.append("first"))
    with module.register_forward_hook(lambda *_: order.append("prepended"), prepend=True):
        module(tensor(1.0))
    module(tensor(1.0))
    assert order == ["prepended", "first", "first"]


def test_a_hook_may_be_called_whatever_happens():
    trace = []
    for module, fails in ((Scale(2.0), False), (nn.Linear(3, 2), True)):
        module.register_forward_hook(lambda *_: trace.append("usual"))
        module.register_forward_hook(lambda m, args, output: trace.append(output is None), always_call=True)
        if not fails:
            module(tensor(1.0))
    assert trace == ["usual", False]
    with pytest.raises(ShapeError):
        module(Tensor(np.zeros((1, 4), np.float32)))
    assert trace == ["usual", False, True]


def test_an_error_of_a_hook_after_an_error_is_a_warning():
    def fail(*_):
        raise ValueError("the hook's own")

    layer = nn.Linear(3, 2)
    layer.register_forward_hook(fail, always_call=True)
    with pytest.warns(UserWarning, match="a forward hook of Linear raised ValueError"), pytest.raises(ShapeError):
        layer(Tensor(np.zeros((1, 4), np.float32)))


def test_a_backward_hook_sees_the_gradients_of_inputs_and_outputs():
    module, seen = Scale(3.0), []
    module.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((m, grad_in, grad_out)))
    x = tensor(1.0, 2.0, requires_grad=True)
    y = module(x)
    y.backward(tensor(10.0, 20.0))
    ((owner, grad_input, grad_output),) = seen
    assert owner is module
    np.testing.assert_array_equal(grad_output[0].numpy(), [10, 20])
    np.testing.assert_array_equal(grad_input[0].numpy(), [30, 60])
    np.testing.assert_array_equal(x.grad.numpy(), [30, 60])


def test_a_backward_hook_replaces_the_gradient_of_the_inputs():
    module = Scale(3.0)
    module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 2,))
    x = tensor(1.0, requires_grad=True)
    module(x).sum().backward()
    assert x.grad.item() == 6.0


def test_a_backward_pre_hook_replaces_the_gradient_of_the_outputs():
    module, seen = Scale(3.0), []
    module.register_full_backward_pre_hook(lambda m, grad_out: grad_out[0] * 5)
    module.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_out[0].item()))
    x = tensor(1.0, requires_grad=True)
    module(x).sum().backward()
    assert seen == [5.0]
    assert x.grad.item() == 15.0


def test_a_backward_hook_runs_where_no_input_needs_a_gradient():
    layer, seen = nn.Linear(2, 1).double(), []
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out[0].item())))
    layer(tensor([1.0, 2.0])).sum().backward()
    assert seen == [((None,), 1.0)]
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[1, 2]])


def test_a_backward_hook_gets_one_entry_for_each_input_and_output():
    class Both(nn.Module):
        def forward(self, x, label, y):
            return x * 2, label, y * 3

    module, seen = Both(), []
    module.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out)))
    x, y = tensor(1.0, requires_grad=True), tensor(1.0, requires_grad=True)
    first, label, second = module(x, "label", y)
    assert label == "label"
    (first + second).sum().backward()
    ((grad_input, grad_output),) = seen
    assert [g if g is None else g.item() for g in grad_input] == [2.0, None, 3.0]
    assert [g if g is None else g.item() for g in grad_output] == [1.0, None, 1.0]


def test_a_backward_hook_must_return_as_many_gradients_as_it_got():
    module = Scale(3.0)
    module.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0], grad_in[0]))
    with pytest.raises(ArgumentError, match="returned 2 gradients for a grad_input of 1"):
        module(tensor(1.0, requires_grad=True)).sum().backward()


def test_a_backward_hook_notices_a_write_into_the_modules_result():
    # The gate's result shares the memory of what forward computed, and must share its version counter too.
    class Exponentials(nn.Module):
        def forward(self, x):
            return x.exp(), (-x).exp()

    module = Exponentials()
    module.register_full_backward_hook(lambda *_: None)
    for written in (0, 1):
        outputs = module(tensor(1.0, requires_grad=True))
        outputs[written].detach().zero_()
        with pytest.raises(GraphError, match="written in place"):
            (outputs[0] + outputs[1]).sum().backward()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3)
        self.conv2 = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv2(self.conv1(x))


def image(channels, size):
    return Tensor(np.zeros((1, channels, size, size), np.float32))


def test_an_error_names_the_layer_by_its_path():
    net = nn.Sequential()
    net.add_module("features", Block())
    with pytest.raises(ShapeError) as caught:
        net(image(1, 9))
    message = str(caught.value)
    assert message.startswith("layer features.conv2 (Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))): conv2d: ")
    assert message.count("layer ") == 1
    assert "4 channels" in message


def test_an_error_of_a_layer_called_alone_names_the_layer():
    with pytest.raises(ShapeError, match=r"^layer Linear\(in_features=3, out_features=2, bias=True\): linear: "):
        nn.Linear(3, 2)(Tensor(np.zeros((1, 4), np.float32)))


def test_an_error_of_a_function_names_the_module_whose_forward_called_it():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight_owner = nn.Conv2d(2, 2, 3)

        def forward(self, x):
            return F.conv2d(x, self.weight_owner.weight)

    net = nn.Sequential(nn.ReLU(), Functional())
    with pytest.raises(TinyconvError, match=r"^layer 1 \(Functional\): conv2d: "):
        net(image(1, 9))


def test_an_error_finds_the_path_of_a_grandchild_called_directly():
    class Reaching(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Block()

        def forward(self, x):
            return self.body.conv2(x)

    net = nn.Sequential()
    net.add_module("outer", Reaching())
    with pytest.raises(ShapeError, match=r"^layer outer.body.conv2 \(Conv2d"):
        net(image(1, 9))


def test_an_error_that_is_caught_and_comes_again_is_located_afresh():
    layer = nn.Conv2d(3, 4, 3)
    messages = []
    for net in (nn.Sequential(layer), nn.Sequential(nn.ReLU(), layer)):
        with pytest.raises(ShapeError) as caught:
            net(image(1, 9))
        messages.append(str(caught.value).split(" (")[0])
    assert messages == ["layer 0", "layer 1"]


def test_observers_see_the_modules_that_are_running():
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    scopes = []
    with observe(lambda observation: scopes.append(observation.scope)):
        net(tensor(1.0))
    assert scopes == [(net, net[0], net[0][0]), (net, net[1])]
