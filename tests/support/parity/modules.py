"""Module, its containers and linear layers: names, order, printed forms, hooks, state dicts, errors."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays, filled, shapes
from parity.entry import Call, Entry, call, ones


def numbered(lib: Any, tensor: Any) -> Any:
    """Fill with 0, 1, 2, ..., so that both libraries start alike."""
    with lib.tc.no_grad():
        tensor.copy_(lib.tensor(np.arange(tensor.numel()).reshape(tuple(tensor.shape)) / 10))
    return tensor


def filled_alike(lib: Any, module: Any) -> Any:
    module.to(lib.dtype)
    for parameter in module.parameters():
        numbered(lib, parameter)
    return module


def block(lib: Any) -> Any:
    """A module with everything in it: shared and frozen parameters, buffers of both kinds, an empty place."""

    class Block(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = lib.nn.Linear(3, 3)
            self.layers = lib.nn.ModuleList([lib.nn.Linear(3, 3), lib.nn.ReLU(), lib.nn.Linear(3, 3, bias=False)])
            self.choice = lib.nn.ModuleDict({"tanh": lib.nn.Tanh(), "none": lib.nn.Identity()})
            self.layers[2].weight = self.first.weight
            self.scale = lib.nn.Parameter(lib.tc.ones(3))
            self.register_buffer("mean", lib.tc.zeros(3))
            self.register_buffer("scratch", lib.tc.zeros(2), persistent=False)
            self.register_buffer("absent", None)
            self.register_parameter("missing", None)
            self.again = self.first

        def forward(self, x: Any) -> Any:
            x = self.first(x)
            for layer in self.layers:
                x = layer(x)
            return self.choice["tanh"](x) * self.scale + self.mean

    return filled_alike(lib, lib.nn.Sequential(OrderedDict(block=Block(), head=lib.nn.Linear(3, 2))))


def structure(lib: Any, prefix: str) -> list[Any]:
    """Every way to walk it, and its printed form."""
    net = block(lib)
    return [
        repr(net),
        [name for name, _ in net.named_parameters(prefix=prefix)],
        [name for name, _ in net.named_parameters(remove_duplicate=False)],
        [name for name, _ in net.block.named_parameters(recurse=False)],
        [name for name, _ in net.named_buffers(prefix=prefix)],
        [(name, type(module).__name__) for name, module in net.named_modules(prefix=prefix)],
        [name for name, _ in net.named_modules(remove_duplicate=False)],
        [type(module).__name__ for module in net.modules()],
        [name for name, _ in net.block.named_children()],
        len(list(net.parameters())),
        len(list(net.buffers())),
        list(net.state_dict(prefix=prefix)),
        [tensor.requires_grad for tensor in net.state_dict(keep_vars=True).values()],
        net.get_submodule("block.layers.0") is net.block.layers[0],
        net.get_submodule("") is net,
        net.get_parameter("block.scale") is net.block.scale,
        net.get_buffer("block.mean") is net.block.mean,
        [name for name in ("first", "scale", "mean", "missing") if name in dir(net.block)],
    ]


def changes(lib: Any, x: np.ndarray) -> list[Any]:
    """What assigning, deleting, applying, freezing, copying and converting leave."""
    net, seen = block(lib), []
    net.block.scale = lib.nn.Parameter(lib.tensor(2 * np.ones(3)))
    net.block.mean = lib.tensor(np.ones(3))
    del net.block.choice["none"]
    net.block.extra = lib.nn.Buffer(lib.tensor(np.ones(1)))
    net.set_submodule("block.layers.1", lib.nn.Tanh())
    net.block.register_module("late", lib.nn.Identity())
    net.apply(lambda module: seen.append(type(module).__name__))
    modes = [module.training for module in net.eval().modules()] + [net.train().training]
    twin = copy.deepcopy(net)
    filled_alike(lib, twin)
    net.requires_grad_(False)
    frozen = [parameter.requires_grad for parameter in net.parameters()]
    output = twin(lib.tensor(x))
    output.sum().backward()
    gradients = [parameter.grad.clone() for parameter in twin.parameters()]
    twin.zero_grad(set_to_none=False)
    zeros = [parameter.grad.clone() for parameter in twin.parameters()]
    twin.zero_grad()
    nothing = [parameter.grad is None for parameter in twin.parameters()]
    types = [str(tensor.dtype).rpartition(".")[2] for tensor in twin.float().state_dict().values()]
    types += [str(twin.double().head.weight.dtype).rpartition(".")[2], repr(twin)]
    return [seen, modes, list(net.state_dict()), frozen, output.detach(), gradients, zeros, nothing, types]


def hooks(lib: Any, x: np.ndarray) -> list[Any]:
    """The order in which hooks are called, what they see and what they change."""
    net, trace = filled_alike(lib, lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.Tanh())), []

    def note(name: str) -> Any:
        return lambda *args: trace.append((name, len(args)))

    linear = net[0]
    net.register_forward_pre_hook(note("pre"))
    net.register_forward_pre_hook(note("pre first"), prepend=True)
    net.register_forward_pre_hook(lambda module, args, kwargs: ((args[0] * 2,), kwargs), with_kwargs=True)
    linear.register_forward_hook(note("after"))
    linear.register_forward_hook(lambda module, args, kwargs, output: output + 1, with_kwargs=True)
    gone = linear.register_forward_hook(note("removed"))
    gone.remove()
    linear.register_full_backward_pre_hook(note("backward pre"))
    linear.register_full_backward_hook(note("backward"))
    linear.register_full_backward_hook(lambda module, inside, outside: (inside[0] * 3,))
    net.register_full_backward_hook(note("outer"))
    net[1].register_full_backward_pre_hook(lambda module, gradients: (gradients[0] * 5,))
    leaf = lib.tensor(x, requires_grad=True)
    output = net(leaf)
    output.sum().backward()
    return [trace, output.detach(), leaf.grad, linear.weight.grad, linear.bias.grad]


def always(lib: Any, fails: bool) -> list[str]:
    """Hooks around a forward that may raise."""
    trace = []

    class Failing(lib.nn.Module):
        def forward(self, x: Any) -> Any:
            if fails:
                raise ValueError("no")
            return x

    module = Failing()
    module.register_forward_hook(lambda *args: trace.append("usual"))
    module.register_forward_hook(lambda m, args, output: trace.append(str(output is None)), always_call=True)
    try:
        module(lib.tensor(np.ones(1)))
    except ValueError as error:
        trace.append(str(error))
    return trace


def saving(lib: Any) -> list[Any]:
    """State-dict hooks and extra state: who is called when with what, and what comes of it."""

    class Counting(lib.nn.Linear):
        steps = 7

        def get_extra_state(self) -> int:
            return self.steps

        def set_extra_state(self, state: int) -> None:
            self.steps = state

    net, trace = lib.nn.Sequential(Counting(2, 2), lib.nn.ReLU()), []
    net[0].register_state_dict_pre_hook(lambda m, prefix, keep: trace.append(("before saving", prefix, keep)))
    net[0].register_state_dict_post_hook(lambda m, state, prefix, _: state.update({prefix + "more": 1}))
    state = net.state_dict()
    trace.append(list(state))

    def rename(module: Any, state: Any, prefix: str, _: Any, strict: bool, *lists: Any) -> None:
        trace.append(("before loading", prefix, strict, [list(names) for names in lists]))
        state.pop(prefix + "more", None)

    net[0].register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda m, keys: trace.append(("after", *map(list, keys))))
    state["0._extra_state"] = 9
    result = net.load_state_dict(state)
    return [trace, list(result.missing_keys), net[0].steps, "more" in str(list(state))]


def loading(lib: Any, drop: list[str], add: list[str], assign: bool) -> list[Any]:
    """Loading without being strict: what is left, and whether the parameters are the same objects."""
    net, other = block(lib), block(lib)
    state = other.state_dict()
    for name in drop:
        state.pop(name, None)
    for name in add:
        state[name] = lib.tensor(np.ones(2))
    for value in state.values():
        value.add_(1)
    before = dict(net.named_parameters())
    result = net.load_state_dict(state, strict=False, assign=assign)
    same = [parameter is before[name] for name, parameter in net.named_parameters() if name in before]
    return [
        list(result.missing_keys),
        sorted(result.unexpected_keys),
        same,
        [parameter.requires_grad for parameter in net.parameters()],
        [value.detach() for value in net.state_dict().values()],
    ]


def refused_loading(lib: Any, change: str) -> list[bool]:
    """What the error of a strict load names."""
    net = filled_alike(lib, lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Linear(3, 2)))
    state = net.state_dict()
    if change == "missing":
        del state["1.bias"]
    if change == "unexpected":
        state["2.weight"] = state["0.bias"]
    if change == "shape":
        state["0.weight"] = state["1.weight"]
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        return [name in str(error) for name in ("1.bias", "2.weight", "0.weight", "Sequential", "3, 2", "2, 3")]
    return []


def module_program(lib: Any, part: str, *args: Any) -> Any:
    return {
        "structure": structure,
        "changes": changes,
        "hooks": hooks,
        "always": always,
        "saving": saving,
        "loading": loading,
        "refused loading": refused_loading,
        "mistake": mistake,
    }[part](lib, *args)


def mistake(lib: Any, which: str) -> Any:
    """Each must raise."""
    nn, net = lib.nn, block(lib)

    class Early(nn.Module):
        def __init__(self, value: Any) -> None:
            self.value = value
            super().__init__()

    class Empty(nn.Module):
        pass

    class EarlyBuffer(nn.Module):
        def __init__(self) -> None:
            self.register_buffer("mean", lib.tc.zeros(1))
            super().__init__()

    def assign(module: Any, name: str, value: Any) -> None:
        setattr(module, name, value)

    try:
        {
            "parameter before init": lambda: Early(nn.Parameter(lib.tc.ones(1))),
            "module before init": lambda: Early(nn.ReLU()),
            "buffer before init": EarlyBuffer,
            "no forward": lambda: Empty()(1),
            "no attribute": lambda: net.block.nothing,
            "dotted name": lambda: net.register_parameter("a.b", None),
            "empty name": lambda: net.register_buffer("", None),
            "taken name": lambda: net.register_parameter("forward", None),
            "buffer of a number": lambda: net.register_buffer("x", 3),
            "module of a number": lambda: net.add_module("x", 3),
            "parameter of a tensor": lambda: assign(net.head, "weight", lib.tc.ones(2, 3)),
            "module replaced by a number": lambda: assign(net, "head", 3),
            "submodule": lambda: net.get_submodule("block.nothing"),
            "parameter": lambda: net.get_parameter("block.nothing"),
            "buffer": lambda: net.get_buffer("block.scale"),
            "parameter that is a module": lambda: net.get_parameter("block"),
            "integer type": lambda: net.to(lib.tc.int64),
            "mode": lambda: net.train("yes"),
            "state that is a list": lambda: net.load_state_dict([]),
            "delete": lambda: delattr(net, "nothing"),
            "set nothing": lambda: net.set_submodule("", nn.ReLU()),
            "gpu": net.cuda,
            "list called": lambda: net.block.layers(1),
        }[which]()
    except Exception as error:
        if lib.name == "tinyconv" and not isinstance(error, AttributeError | lib.tc.TinyconvError):
            raise AssertionError(f"{which}: {error!r} is no error of ours") from error
        kinds = (AttributeError, NotImplementedError)
        return [kind.__name__ for kind in kinds if isinstance(error, kind)] + (
            [str(error)] if which == "no attribute" else []
        )
    raise AssertionError(f"{which}: {lib.name} takes it")


MISTAKES = [
    *("parameter before init", "module before init", "buffer before init", "no forward", "no attribute"),
    *("dotted name", "empty name", "taken name", "buffer of a number", "module of a number", "parameter of a tensor"),
    *("module replaced by a number", "submodule", "parameter", "buffer", "parameter that is a module"),
    *("integer type", "mode", "state that is a list", "delete", "set nothing", "gpu", "list called"),
]

KEYS = ["block.scale", "block.mean", "head.bias", "block.first.weight"]

MODULE_CALLS = (
    st.builds(lambda prefix: call("structure", prefix), st.sampled_from(["", "net", "net."]))
    | filled((2, 3)).map(lambda x: call("changes", x))
    | filled((2, 3)).map(lambda x: call("hooks", x))
    | st.booleans().map(lambda fails: call("always", fails))
    | st.just(call("saving"))
    | st.builds(
        lambda drop, add, assign: call("loading", drop, add, assign),
        st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
        st.lists(st.sampled_from(["more", "block.nothing"]), max_size=2, unique=True),
        st.booleans(),
    )
    | st.sampled_from(["missing", "unexpected", "shape", ""]).map(lambda change: call("refused loading", change))
    | st.sampled_from(MISTAKES).map(lambda which: call("mistake", which))
)


def sequential_program(lib: Any, x: np.ndarray, index: int, times: int) -> list[Any]:
    """Everything that can be done to a row of modules; they stay in PyTorch's order under PyTorch's names."""
    nn = lib.nn
    net = nn.Sequential(nn.Tanh(), nn.Linear(3, 3), nn.Sigmoid(), nn.Flatten(0))
    net[1] = nn.Linear(3, 2)
    net.append(nn.Identity())
    net.extend([nn.ReLU(), nn.ELU()])
    net.insert(index, nn.Softsign())
    names = [list(dict(net.named_children()))]
    popped = type(net.pop(index)).__name__
    del net[-1]
    part = net[1:4]
    together = nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh(), nn.ReLU())
    together += nn.Sequential(nn.GELU())
    tripled = together * times
    named = nn.Sequential(OrderedDict([("a", nn.ReLU()), ("b", nn.Tanh())]))
    del named[0]
    named.append(nn.ReLU())
    filled_alike(lib, net)
    leaf = lib.tensor(x, requires_grad=True)
    output = net(leaf)
    output.sum().backward()
    texts = [repr(module) for module in (net, part, together, tripled, times * together, named, nn.Sequential())]
    return [names, popped, texts, list(part.state_dict()), len(net), [type(m).__name__ for m in net], output, leaf.grad]


def list_program(lib: Any, index: int) -> list[Any]:
    nn = lib.nn
    layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(3)])
    layers.append(nn.ReLU())
    layers.extend(nn.ReLU() for _ in range(2))
    layers.insert(index, nn.Tanh())
    layers[0] = nn.Identity()
    part = layers[1:-1]
    layers += [nn.Sequential(nn.ReLU(), nn.Tanh())] * 2
    popped = type(layers.pop(2)).__name__
    del layers[-1]
    del layers[1:3]
    more = layers + nn.ModuleList([nn.Sigmoid()])
    return [*map(repr, (layers, part, more, nn.ModuleList())), popped, list(layers.state_dict()), len(layers)]


def dict_program(lib: Any, key: str) -> list[Any]:
    nn = lib.nn
    choices = nn.ModuleDict([("one", nn.Linear(1, 1)), ("two", nn.ReLU())])
    choices[key] = nn.Tanh()
    choices.update({"z": nn.ReLU(), "b": nn.ELU()})
    choices.update(nn.ModuleDict({"inner": nn.Identity()}))
    result = [list(choices), list(choices.keys()), [type(m).__name__ for m in choices.values()], key in choices]
    result += [type(choices.pop(key)).__name__, repr(choices), list(choices.state_dict()), len(choices)]
    result += [[(name, type(module).__name__) for name, module in choices.items()]]
    choices.clear()
    return [*result, repr(choices)]


def parameters_in_a_list(lib: Any, index: int) -> list[Any]:
    nn = lib.nn
    listed = nn.ParameterList([lib.tensor(np.ones(2)), nn.Parameter(lib.tensor(np.zeros((1, 2)))), 5])
    listed.append(lib.tensor(np.ones(3)))
    listed.extend([lib.tensor(np.zeros(1))])
    listed += [nn.Parameter(lib.tensor(np.ones(1)), requires_grad=False)]
    listed[index] = lib.tensor(np.full(4, 2.0))
    part = listed[:2]
    printed = repr(listed).replace(lib.name.replace("pytorch", "torch") + ".", "")
    return [
        printed,
        list(listed.state_dict()),
        [name for name, _ in listed.named_parameters()],
        len(listed),
        len(part),
        [parameter.requires_grad for parameter in listed.parameters()],
        [value.detach() for value in listed if not isinstance(value, int)],
        listed[-1] is list(listed)[-1],
    ]


def parameters_by_name(lib: Any, key: str) -> list[Any]:
    nn = lib.nn
    named = nn.ParameterDict({"b": lib.tensor(np.ones(2)), "a": nn.Parameter(lib.tensor(np.zeros(1))), "c": 3})
    named[key] = lib.tensor(np.full(3, 2.0))
    named.update(OrderedDict([("z", lib.tensor(np.ones(1))), ("y", lib.tensor(np.ones(1)))]))
    either = named | {"x": lib.tensor(np.ones(1))}
    copied = named.copy()
    result: list[Any] = [list(named), list(named.keys()), list(reversed(named)), key in named, "q" in named]
    result += [list(either), list(named.state_dict()), named.get("q"), named.setdefault("n"), list(copied)]
    result += [named.pop("b").detach(), list(named.fromkeys(["k", "l"], lib.tensor(np.ones(1))))]
    result += [named.popitem()[0], list(named), len(named), [name for name, _ in named.items()]]
    result += [[parameter.detach() for parameter in named.parameters()]]
    named.clear()
    return [*result, len(named), repr(named)]


def identity(lib: Any, x: np.ndarray) -> list[Any]:
    layer = lib.nn.Identity(54, unused=0.1)
    tensor = lib.tensor(x)
    return [layer(tensor) is tensor, repr(layer), layer(tensor)]


def parameter(lib: Any, x: np.ndarray, requires_grad: bool) -> list[Any]:
    data = lib.tensor(x)
    made = lib.nn.Parameter(data, requires_grad)
    twin = copy.deepcopy(made)
    return [
        made.requires_grad,
        made.is_leaf,
        made.detach(),
        isinstance(made, type(data)),
        type(made * 2) is type(data),
        isinstance(twin, lib.nn.Parameter),
        twin.requires_grad,
        repr(made).startswith("Parameter containing:"),
        lib.nn.Parameter(lib.tensor(np.ones(2))).requires_grad,
        lib.nn.Parameter(lib.tc.tensor([1]), requires_grad=False).tolist(),
    ]


def buffer(lib: Any, x: np.ndarray, persistent: bool) -> list[Any]:
    module = lib.nn.Module()
    module.mean = lib.nn.Buffer(lib.tensor(x), persistent=persistent)
    first = [list(module.state_dict()), [name for name, _ in module.named_buffers()]]
    module.mean = lib.tensor(x + 1)
    return [*first, list(module.state_dict()), module.mean, isinstance(lib.nn.Buffer(), lib.tc.Tensor)]


@st.composite
def linear_calls(draw: Any) -> Call:
    leading = draw(shapes(min_dims=0, max_dims=3) | st.just((0,)))
    inside, outside = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    bias = [draw(filled((outside,)))] if draw(st.booleans()) else []
    weight = draw(st.sampled_from([(outside, inside), (inside,)])) if not bias else (outside, inside)
    return call(draw(filled((*leading, inside))), draw(filled(weight)), *bias)


@st.composite
def bilinear_calls(draw: Any) -> Call:
    leading = draw(shapes(min_dims=0, max_dims=3))
    first, second, outside = (draw(st.integers(1, 3)) for _ in range(3))
    bias = [draw(filled((outside,)))] if draw(st.booleans()) else []
    weight = filled((outside, first, second))
    return call(draw(filled((*leading, first))), draw(filled((*leading, second))), draw(weight), *bias)


@st.composite
def flattened(draw: Any) -> Call:
    x = draw(arrays(min_dims=2, max_dims=4))
    start = draw(st.integers(0, x.ndim - 1))
    end = draw(st.integers(start, x.ndim - 1))
    return call(start, end - draw(st.sampled_from([0, x.ndim]))).on(x)


@st.composite
def unflattened(draw: Any) -> Call:
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    before, after = draw(shapes(max_dims=2)), draw(shapes(max_dims=1))
    x = draw(filled((*before, int(np.prod(sizes)), *after)))
    if draw(st.booleans()):
        sizes[draw(st.integers(0, len(sizes) - 1))] = -1
    return call(len(before) - draw(st.sampled_from([0, x.ndim])), draw(st.sampled_from([tuple, list]))(sizes)).on(x)


ENTRIES = [
    Entry("nn.Module", calls=MODULE_CALLS, program=module_program, example_count=120),
    Entry(
        "nn.Sequential",
        calls=st.builds(call, filled((2, 3)), st.integers(-3, 5), st.integers(1, 3)),
        program=sequential_program,
    ),
    Entry("nn.ModuleList", calls=st.integers(0, 6).map(call), program=list_program),
    Entry("nn.ModuleDict", calls=st.sampled_from(["new", "one", "two"]).map(call), program=dict_program),
    Entry("nn.ParameterList", calls=st.integers(-6, 5).map(call), program=parameters_in_a_list),
    Entry("nn.ParameterDict", calls=st.sampled_from(["new", "a", "c"]).map(call), program=parameters_by_name),
    Entry("nn.Identity", calls=arrays().map(call), program=identity),
    Entry("nn.Parameter", calls=st.builds(call, arrays(), st.booleans()), program=parameter),
    Entry("nn.Buffer", calls=st.builds(call, arrays(), st.booleans()), program=buffer),
    Entry(
        "F.linear",
        calls=linear_calls(),
        bad=(
            call(ones(2, 3), ones(2, 4)),
            call(ones(2, 3), ones(2, 3), ones(3)),
            call(ones(2, 3), ones(1, 2, 3)),
            call(np.array([[1]]), ones(1, 1)),
            call(ones(), ones(2, 3)),
        ),
    ),
    Entry(
        "nn.Linear",
        calls=st.builds(
            lambda leading, sizes, bias: call(*sizes, bias=bias).on(
                np.cos(np.arange(np.prod([*leading, sizes[0]])).reshape(*leading, sizes[0]))
            ),
            shapes(max_dims=3),
            st.tuples(st.integers(1, 4), st.integers(1, 4)),
            st.booleans(),
        ),
        bad=(
            call(3, 2).on(ones(2, 4)),
            call(-1, 2).on(ones(2, 2)),
            call(3).on(ones(3)),
            call(3, 2).on(np.ones((2, 3), int)),
        ),
    ),
    Entry(
        "F.bilinear",
        calls=bilinear_calls(),
        bad=(
            call(ones(2, 3), ones(2, 4), ones(5, 3, 3)),
            call(ones(2, 3), ones(3, 4), ones(5, 3, 4)),
            call(ones(2, 3), ones(2, 4), ones(3, 4)),
            call(ones(2, 3), ones(2, 4), ones(5, 3, 4), ones(4)),
        ),
    ),
    Entry(
        "nn.Bilinear",
        calls=bilinear_calls().map(
            lambda given: call(*given.args[2].shape[1:], given.args[2].shape[0], bias=len(given.args) > 3).on(
                *given.args[:2]
            )
        ),
        bad=(
            call(3, 4, 2).on(ones(2, 3), ones(2, 3)),
            call(0, 4, 2).on(ones(2, 0), ones(2, 4)),
            call(3, 4).on(ones(2, 3)),
        ),
    ),
    Entry(
        "nn.Flatten",
        calls=flattened(),
        bad=(call(3).on(ones(2, 2)), call(1, 0).on(ones(2, 2)), call(0, 1, 2).on(ones(2))),
    ),
    Entry(
        "nn.Unflatten",
        calls=unflattened(),
        bad=(
            call(1, (2, 3)).on(ones(2, 5)),
            call(1, 6).on(ones(2, 6)),
            call(3, (2,)).on(ones(2, 2)),
            call(1, (2, "3")).on(ones(2, 6)),
        ),
    ),
]
