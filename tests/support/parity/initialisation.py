"""Initialisers: the constant ones element by element; of the random ones shape and type, and their laws by tests/nn."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import shapes
from parity.entry import Call, Entry, call, constant, ones

weights = shapes(min_dims=2, max_dims=4).map(np.ones)
anything = shapes().map(np.ones)
matrices = shapes(min_dims=2, max_dims=2).map(np.ones)
gains = st.fixed_dictionaries({}, optional={"gain": st.sampled_from([1.0, 2.5, 0.1])})
numbers = st.sampled_from([-1.5, 0.0, 0.3, 2.0])
spreads = st.sampled_from([0.0, 0.5, 2.0])
NONLINEARITIES = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "sigmoid", "tanh", "relu", "selu"]
kaiming = st.fixed_dictionaries(
    {},
    optional={
        "a": st.sampled_from([0, 0.2]),
        "mode": st.sampled_from(["fan_in", "fan_out"]),
        "nonlinearity": st.sampled_from([*NONLINEARITIES, "leaky_relu"]),
    },
)


def given(tensors: Any, options: Any) -> st.SearchStrategy[Call]:
    """The tensor to fill needs no gradient: PyTorch's runs under no_grad, which a clone of a leaf would not notice."""
    return st.builds(lambda tensor, kwargs: call(constant(tensor), **kwargs), tensors, options)


def drawn(name: str, calls: Any, bad: tuple[Call, ...]) -> Entry:
    return Entry(f"init.{name}", calls=calls, bad=bad, values=False)


@st.composite
def dirac(draw: Any) -> Call:
    groups = draw(st.integers(1, 3))
    shape = draw(shapes(min_dims=3, max_dims=5))
    return call(constant(np.ones((shape[0] * groups, *shape[1:]))), groups)


nothing = st.just({})

ENTRIES = [
    Entry(
        "init.calculate_gain",
        calls=st.sampled_from(NONLINEARITIES).map(call)
        | st.builds(lambda param: call("leaky_relu", param), st.sampled_from([None, 0, 0.2, 2])),
        bad=(call("swish"), call("leaky_relu", "steep"), call("leaky_relu", True)),
    ),
    Entry(
        "init.constant_",
        calls=st.builds(lambda tensor, value: call(constant(tensor), value), anything, numbers),
        bad=(call(ones(2), "text"), call(ones(2))),
    ),
    *(Entry(f"init.{name}", calls=given(anything, nothing), bad=(call(ones(2), 3),)) for name in ("ones_", "zeros_")),
    Entry("init.eye_", calls=given(matrices, nothing), bad=(call(ones(2)), call(ones(2, 2, 2)))),
    Entry("init.dirac_", calls=dirac(), bad=(call(ones(2, 2)), call(ones(3, 1, 3), 2), call(ones(2, 2, 2, 2, 2, 2)))),
    drawn(
        "uniform_",
        given(anything, st.sampled_from([{}, {"a": -1.0}, {"a": 2.0, "b": 3.0}])),
        (call(ones(2), 2.0, 1.0), call(np.array([1, 2]))),
    ),
    drawn(
        "normal_",
        given(anything, st.fixed_dictionaries({}, optional={"mean": numbers, "std": spreads})),
        (call(ones(2), 0.0, -1.0), call(np.array([1, 2]))),
    ),
    drawn(
        "trunc_normal_",
        given(anything, st.fixed_dictionaries({}, optional={"mean": numbers, "std": st.sampled_from([0.5, 2.0])})),
        (call(np.array([1, 2])), call(ones(2), "text")),
    ),
    *(
        drawn(name, given(weights, gains), (call(ones(3)), call(np.ones((2, 3), int))))
        for name in ("xavier_uniform_", "xavier_normal_")
    ),
    *(
        drawn(
            name,
            given(weights, kaiming),
            (call(ones(3)), call(ones(2, 2), mode="fan"), call(ones(2, 2), nonlinearity="swish")),
        )
        for name in ("kaiming_uniform_", "kaiming_normal_")
    ),
    drawn("orthogonal_", given(weights, gains), (call(ones(3)), call(np.ones((2, 3), int)))),
    drawn(
        "sparse_",
        given(matrices, st.fixed_dictionaries({"sparsity": st.sampled_from([0.0, 0.3, 1.0])})),
        (call(ones(3), 0.5), call(ones(2, 2, 2), 0.5), call(ones(2, 2))),
    ),
]
