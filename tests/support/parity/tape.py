"""The tape: backward, hooks, grad modes and functions of the user's own."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays
from parity.entry import Entry, call, ones

inputs = arrays()
OWN = "a check against finite differences of tinyconv's own, with options of its own; tests/autograd has its tests"


def leaf(lib, x):
    return lib.tensor(np.asarray(x), requires_grad=True)


def differentiated(lib, x, options):
    x = leaf(lib, x)
    y = (x * x).sin()
    y.backward(lib.tensor(np.cos(np.arange(y.numel())).reshape(tuple(y.shape))), **options)
    return x.grad


def through_engine(lib, x, name):
    x = leaf(lib, x)
    y = (x * x).sum()
    if name == "backward":
        lib.tc.autograd.backward([y, x.sum()], create_graph=False)
        return x.grad
    (first,) = lib.tc.autograd.grad(y, [x], create_graph=True)
    return [first, *lib.tc.autograd.grad((first * first).sum(), x, materialize_grads=True)]


def unused(lib, x, name):
    """Backward of what requires no gradient, or with respect to what was not used."""
    if name == "backward":
        lib.tc.autograd.backward(lib.tensor(x).sum())
    return lib.tc.autograd.grad(leaf(lib, x).sum(), leaf(lib, x))


def hooked(lib, x, name, scale):
    x = leaf(lib, x)
    seen = []
    if name == "register_post_accumulate_grad_hook":
        x.register_post_accumulate_grad_hook(lambda tensor: seen.append(tensor.grad.sum().item()))
    else:
        x.register_hook(lambda gradient: gradient * scale)
        x.register_hook(lambda gradient: seen.append(gradient.sum().item()))
    (x * 2).sum().backward()
    return [x.grad, np.round(seen, 3).tolist()]


def retained(lib, x):
    x = leaf(lib, x)
    y = x * 2
    before = y.retains_grad, x.retains_grad
    y.retain_grad()
    x.retain_grad()
    (y * y).sum().backward()
    return [y.grad, x.grad, before, y.retains_grad, x.retains_grad]


def cut(lib, x, name):
    y = leaf(lib, x) * 2
    z = getattr(y, name)()
    return [z, z.requires_grad, z.is_leaf, z is y, y.requires_grad, y.is_leaf]


def assigned(lib, x, shape):
    x = leaf(lib, x)
    x.grad = None if shape is None else lib.tensor(np.ones(shape))
    (x * 3).sum().backward()
    return x.grad


def flags(lib, x, value):
    x = lib.tensor(x)
    y = x.requires_grad_(value)
    return [y is x, x.requires_grad, (x * 2).grad_fn is None]


def modes(lib, name, value):
    mode = getattr(lib.tc, name)
    make = (lambda: mode(value)) if name in ("set_grad_enabled", "inference_mode") else mode
    with make():
        seen = [lib.tc.is_grad_enabled()]
    seen.append(lib.tc.is_grad_enabled())

    @make()
    def decorated():
        return lib.tc.is_grad_enabled()

    return [*seen, decorated(), lib.tc.is_grad_enabled()]


def own_function(lib, x, factor):
    class Scaled(lib.tc.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x * x * factor

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 2 * ctx.factor * x * dy, None

    x = leaf(lib, x)
    (first,) = lib.tc.autograd.grad(Scaled.apply(x, factor).sum(), x, create_graph=True)
    return [first, *lib.tc.autograd.grad((first * first).sum(), x)]


def made(lib, x):
    x = lib.tensor(x)
    return [isinstance(x, lib.tc.Tensor), x]


def mode_entry(name: str) -> Entry:
    return Entry(
        f"tc.{name}",
        f"autograd.{name}",
        program=lambda lib, value, name=name: modes(lib, name, value),
        calls=st.booleans().map(call),
        example_count=2,
        theirs=f"tc.{name}",
    )


ENTRIES = [
    Entry("tc.Tensor", program=made, calls=inputs.map(call), example_count=5),
    Entry(
        "Tensor.backward",
        program=differentiated,
        calls=st.builds(call, inputs, st.sampled_from([{}, {"retain_graph": True}, {"create_graph": False}])),
        bad=(call(ones(2), {"inputs": []}),),
    ),
    Entry(
        "autograd.backward",
        program=lambda lib, x, bad=False: (unused if bad else through_engine)(lib, x, "backward"),
        calls=inputs.map(call),
        bad=(call(ones(2), True),),
        signature="PyTorch's deprecated grad_variables is absent",
    ),
    Entry(
        "autograd.grad",
        program=lambda lib, x, bad=False: (unused if bad else through_engine)(lib, x, "grad"),
        calls=inputs.map(call),
        bad=(call(ones(2), True),),
    ),
    *[
        Entry(
            f"Tensor.{name}",
            program=lambda lib, x, scale, name=name: hooked(lib, x, name, scale),
            calls=st.builds(call, inputs, st.sampled_from([0.5, -2.0])),
        )
        for name in ("register_hook", "register_post_accumulate_grad_hook")
    ],
    Entry("Tensor.retain_grad", "Tensor.retains_grad", program=retained, calls=inputs.map(call)),
    *[
        Entry(f"Tensor.{name}", program=lambda lib, x, name=name: cut(lib, x, name), calls=inputs.map(call))
        for name in ("detach", "detach_")
    ],
    Entry(
        "Tensor.grad",
        program=assigned,
        calls=inputs.flatmap(lambda x: st.sampled_from([call(x, None), call(x, x.shape)])),
        bad=(call(ones(2), (3,)),),
    ),
    Entry(
        "Tensor.requires_grad_",
        "Tensor.grad_fn",
        program=flags,
        calls=st.builds(call, inputs, st.booleans()),
        bad=(call(np.arange(3), True),),
    ),
    mode_entry("no_grad"),
    mode_entry("enable_grad"),
    mode_entry("set_grad_enabled"),
    mode_entry("inference_mode"),
    Entry(
        "tc.is_grad_enabled",
        "autograd.is_grad_enabled",
        program=lambda lib, value: modes(lib, "set_grad_enabled", value),
        calls=st.booleans().map(call),
        example_count=2,
        theirs="tc.is_grad_enabled",
    ),
    Entry("autograd.Function", program=own_function, calls=st.builds(call, inputs, st.floats(-2, 2))),
    Entry("autograd.gradcheck", "autograd.gradgradcheck", ours_only=OWN),
]
