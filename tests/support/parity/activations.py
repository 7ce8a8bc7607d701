"""Activations, as functions, methods and layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays, filled, integers, shapes
from parity.entry import Call, Entry, call, ones

SPECIAL = np.array([0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 20.0, 21.0, -20.0, 60.0, -60.0, 1e4, -1e4, np.nan])
"""Kinks, the places where functions change over to an asymptote, tails, and what is not a number."""

NO_OPTIONS = st.just({})

ROUGH = (1e-8, 1e-5)
"""Of hardsigmoid and celu: PyTorch's gradients have a 1/6 and a 1/alpha in them that were rounded to float32."""

any_shape = shapes(max_dims=5) | st.sampled_from([(0,), (2, 0, 3)])
inputs = any_shape.flatmap(lambda shape: filled(shape, -4, 4)) | st.just(SPECIAL)
infinite = st.just(np.array([np.inf, 1.0, -1.0]))
whole = st.sampled_from(["int64", "int32"]).flatmap(lambda dtype: integers((2, 3), -5, 9, dtype))
bad_types = call(np.array([1, 2])), call(np.array([True]))
not_tensors = (call([1.0, 2.0]), call("text"))


def function(
    *names: str, options: Any = NO_OPTIONS, bad: tuple[Call, ...] = (), takes: Any = inputs, **more: Any
) -> Entry:
    """``f(x, **options)``."""
    calls = st.builds(lambda x, kwargs: call(x, **kwargs), takes, options)
    # A function that writes into its argument is called on a clone, which only a tensor has.
    refused = (bad or bad_types) + (() if names[0].endswith("_") else not_tensors)
    return Entry(*names, calls=calls, bad=refused, **more)


def layer(name: str, options: Any = NO_OPTIONS, bad: tuple[Call, ...] = (), takes: Any = inputs, **more: Any) -> Entry:
    """``Layer(**options)(x)``."""
    calls = st.builds(
        lambda x, kwargs, training: call(**kwargs).on(x, training=training), takes, options, st.booleans()
    )
    refused = (call().on([1.0, 2.0]), call().on("text"), call(1, 2, 3, 4, 5).on(ones(2)), *bad)
    return Entry(name, calls=calls, bad=refused, **more)


def drawn(**options: Any) -> st.SearchStrategy[dict]:
    """Each option drawn from its strategy, or left out."""
    return st.fixed_dictionaries({}, optional=options)


numbers = st.floats(-1.5, 1.5).map(lambda value: round(value, 2))
positive = st.floats(0.1, 3).map(lambda value: round(value, 2))
slopes = drawn(negative_slope=st.sampled_from([0.01, 0.3, 0.0, -0.2, 2.0]))
alphas = drawn(alpha=positive)
bounds = drawn(min_val=st.sampled_from([-1.0, -0.5, 0.0]), max_val=st.sampled_from([0.5, 1.0, 4.0]))
thresholds = st.fixed_dictionaries({"threshold": numbers, "value": numbers})
shrinks = drawn(lambd=st.sampled_from([0.5, 0.0, 1.0, 2.5]))
pluses = drawn(beta=st.sampled_from([1, 0.5, 2.0]), threshold=st.sampled_from([20, 1.0, 5]))
approximations = drawn(approximate=st.sampled_from(["none", "tanh"]))
ranges = st.sampled_from([{}, {"lower": 0.2, "upper": 0.4}, {"lower": 0.3, "upper": 0.3}])
SOFT = inputs | infinite  # where PyTorch defines what infinities give


@st.composite
def sloped(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """An input, and weights for its channels or one for all."""
    shape = draw(shapes(min_dims=0, max_dims=5))
    channels = shape[1] if len(shape) > 1 else 1
    weight = draw(st.sampled_from([(channels,), (1,), ()]))
    return draw(filled(shape, -4, 4)), draw(filled(weight))


@st.composite
def along(draw: Any, **limits: int) -> tuple[np.ndarray, int]:
    """An array and one of its dimensions."""
    x = draw(arrays(-4, 4, **limits))
    return x, draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))


@st.composite
def halved(draw: Any) -> tuple[np.ndarray, int]:
    shape = list(draw(shapes(min_dims=1)))
    dim = draw(st.integers(-len(shape), len(shape) - 1))
    shape[dim] *= 2
    return draw(filled(tuple(shape), -4, 4)), dim


softmax_bad = (call(ones(2), 3), call(np.array([1, 2]), 0), call([1.0], 0), call(ones(2), "first"))
HALF = "PyTorch's docstring writes the defaults as fractions"

ENTRIES = [
    function("F.relu", takes=inputs | whole, bad=(call(np.array([True])),)),
    function("tc.relu", "Tensor.relu", takes=inputs | whole, bad=(call(np.array([True])),)),
    function("tc.relu_", "F.relu_", "Tensor.relu_", takes=inputs | whole, bad=(call(np.array([True])),)),
    function("F.relu6", takes=inputs | whole, bad=(call(np.array([True])),)),
    function(
        "F.hardtanh",
        options=bounds,
        bad=(call(np.array([True])), call(ones(2), 2.0, 1.0), call(np.array([1], "uint8"), -1.0)),
    ),
    function("F.hardtanh_", options=bounds, bad=(call(np.array([True])), call(ones(2), "low"))),
    function("F.leaky_relu", options=slopes),
    function("F.leaky_relu_", options=drawn(negative_slope=st.sampled_from([0.01, 0.3]))),
    function(
        "F.threshold", options=thresholds, takes=inputs | whole, bad=(call(np.array([True]), 0, 1), call(ones(2)))
    ),
    function("tc.threshold", options=thresholds, takes=inputs | whole, bad=(call(np.array([True]), 0, 1),)),
    function("tc.threshold_", "F.threshold_", options=thresholds, bad=(call(np.array([True]), 0, 1), call(ones(2)))),
    function("F.hardshrink", options=shrinks),
    function("tc.hardshrink", "Tensor.hardshrink", options=shrinks),
    function("F.softshrink", options=shrinks, bad=(*bad_types, call(ones(2), -1.0))),
    function("F.hardsigmoid", tolerances=ROUGH),
    function("F.hardswish"),
    function("F.elu", options=alphas, takes=SOFT),
    function("F.elu_", options=alphas),
    function("F.selu", "tc.selu", takes=SOFT),
    function("tc.selu_", "F.selu_"),
    function("F.celu", options=alphas, tolerances=ROUGH, takes=SOFT, bad=(*bad_types, call(ones(2), 0.0))),
    function("tc.celu", options=alphas, tolerances=ROUGH),
    function("tc.celu_", "F.celu_", options=alphas, tolerances=ROUGH),
    function("F.softplus", options=pluses, takes=SOFT),
    function("F.softsign", takes=inputs | whole, bad=(call(np.array([True])),)),
    function("F.tanhshrink", takes=inputs | whole, bad=(call(np.array([True])),)),
    function("F.logsigmoid", takes=SOFT),
    function("F.gelu", options=approximations, bad=(*bad_types, call(ones(2), approximate="erf"))),
    function("F.silu"),
    function("F.mish"),
    function("F.sigmoid", takes=SOFT | whole, bad=(call("text"),)),
    function("F.tanh", takes=SOFT | whole, bad=(call("text"),)),
    Entry(
        "F.glu",
        calls=halved().map(lambda pair: call(*pair))
        | arrays(min_dims=1).map(lambda x: call(np.concatenate([x, x], -1))),
        bad=(call(ones(3)), call(ones(2, 3), 1), call(ones()), call(ones(4), 1), *bad_types),
    ),
    Entry(
        "F.prelu",
        "tc.prelu",
        "Tensor.prelu",
        calls=sloped().map(lambda pair: call(*pair)),
        bad=(
            call(ones(2, 3), ones(2)),
            call(ones(2, 3), ones(3, 1)),
            call(np.array([1]), ones(1)),
            call(ones(2, 3), 0.1),
        ),
    ),
    Entry(
        "F.rrelu",
        "tc.rrelu",
        calls=st.builds(lambda x, kwargs: call(x, **kwargs), inputs, ranges),
        bad=(*bad_types, call(ones(2), 0.5, 0.1), *not_tensors),
    ),
    function("tc.rrelu_", "F.rrelu_", options=ranges, signature=HALF),
    Entry(
        "F.softmax",
        "F.log_softmax",
        "F.softmin",
        calls=along().map(lambda pair: call(*pair)),
        bad=softmax_bad,
    ),
    *(
        Entry(*names, calls=along().map(lambda pair: call(*pair)), bad=softmax_bad[:2], signature=reason)
        for names, reason in (
            (("tc.log_softmax", "Tensor.log_softmax"), ""),
            (("tc.softmax", "Tensor.softmax"), "the function of nn.functional, where dim has a default"),
        )
    ),
    # --- layers
    layer("nn.ReLU", takes=inputs | whole),
    layer("nn.ReLU6"),
    layer("nn.Hardtanh", bounds, bad=(call(1.0, 1.0).on(ones(2)),), signature="min_value and max_value are deprecated"),
    layer("nn.Threshold", thresholds, bad=(call(1.0).on(ones(2)),)),
    layer("nn.LeakyReLU", slopes, bad=(call("text").on(ones(2)),)),
    layer("nn.ELU", alphas),
    layer("nn.SELU"),
    layer("nn.CELU", alphas, tolerances=ROUGH, bad=(call(0.0).on(ones(2)),)),
    layer("nn.Softplus", pluses),
    layer("nn.Softsign"),
    layer("nn.Tanhshrink"),
    layer("nn.LogSigmoid"),
    layer("nn.Softshrink", shrinks, bad=(call(-1.0).on(ones(2)),)),
    layer("nn.Hardshrink", shrinks),
    layer("nn.Hardsigmoid", tolerances=ROUGH),
    layer("nn.Hardswish"),
    layer("nn.GELU", approximations, bad=(call("erf").on(ones(2)),)),
    layer("nn.SiLU"),
    layer("nn.Mish"),
    layer("nn.Tanh"),
    layer("nn.Sigmoid"),
    Entry(
        "nn.RReLU",
        calls=st.builds(lambda x, kwargs: call(**kwargs).on(x, training=False), inputs, ranges),
        bad=(call(0.5, 0.1).on(ones(2)), call().on(np.array([1]))),
    ),
    *(
        Entry(
            f"nn.{name}",
            calls=along().map(lambda pair: call(pair[1]).on(pair[0])),
            bad=(call(3).on(ones(2)), call(0).on(np.array([1, 2])), call(0, 1).on(ones(2))),
        )
        for name in ("Softmax", "Softmin", "LogSoftmax")
    ),
    Entry(
        "nn.Softmax2d",
        calls=arrays(min_dims=3, max_dims=4).map(lambda x: call().on(x)),
        bad=(call().on(ones(2, 2)), call(1).on(ones(1, 2, 2)), call().on(np.ones((1, 2, 2), "int64"))),
    ),
    Entry(
        "nn.GLU",
        calls=halved().map(lambda pair: call(pair[1]).on(pair[0])),
        bad=(call().on(ones(3)), call(2).on(ones(4)), call().on(ones())),
    ),
    Entry(
        "nn.PReLU",
        calls=sloped().map(lambda pair: call(max(1, pair[1].size)).on(pair[0]))
        | st.builds(lambda x: call(init=0.5).on(x), inputs),
        bad=(call(3).on(ones(2, 2)), call(2).on(ones(2)), call(-1).on(ones(2)), call().on(np.array([1]))),
    ),
]
