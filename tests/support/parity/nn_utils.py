"""nn.utils: clipping, vectors of parameters, fused layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import filled, shapes
from parity.entry import Entry, call, constant, ones

several = st.lists(shapes(max_dims=3), min_size=1, max_size=3).flatmap(
    lambda dims: st.tuples(*(filled(shape, -3, 3) for shape in dims)).map(list)
)
norm_types = st.sampled_from([2.0, 1.0, 3, float("inf"), 0.5])
limits = st.sampled_from([0.5, 1.0, 100.0])


def with_gradients(lib: Any, gradients: list[np.ndarray]) -> list[Any]:
    """Parameters with these gradients, and one without any."""
    parameters = [lib.nn.Parameter(lib.tensor(np.zeros(gradient.shape))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = lib.tensor(gradient)
    return [*parameters, lib.nn.Parameter(lib.tensor(np.zeros(2)))]


def clip_norm(lib: Any, gradients: list[np.ndarray], limit: float, kind: float, bad: bool) -> list[Any]:
    parameters = with_gradients(lib, gradients)
    if bad:
        parameters[0].grad.fill_(float("inf"))
    alone = lib.nn.utils.clip_grad_norm_(parameters[0], limit, kind)
    norm = lib.nn.utils.clip_grad_norm_(iter(parameters), limit, norm_type=kind, error_if_nonfinite=bad)
    return [alone, norm, *(parameter.grad for parameter in parameters[:-1])]


def clip_known_norm(lib: Any, gradients: list[np.ndarray], limit: float, kind: float) -> list[Any]:
    parameters = with_gradients(lib, gradients)
    norm = lib.nn.utils.get_total_norm([parameter.grad for parameter in parameters[:-1]], kind)
    lib.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return [norm, *(parameter.grad for parameter in parameters[:-1])]


def clip_value(lib: Any, gradients: list[np.ndarray], limit: float) -> list[Any]:
    parameters = with_gradients(lib, gradients)
    result = lib.nn.utils.clip_grad_value_(parameters, limit)
    return [result, *(parameter.grad for parameter in parameters[:-1])]


def there_and_back(lib: Any, values: list[np.ndarray]) -> list[Any]:
    parameters = [lib.nn.Parameter(lib.tensor(value)) for value in values]
    vector = lib.nn.utils.parameters_to_vector(parameters)
    (vector * vector).sum().backward()
    lib.nn.utils.vector_to_parameters(vector.detach() + 1, parameters)
    return [vector.detach(), *(parameter.detach() for parameter in parameters), parameters[0].grad]


def fused(lib: Any, kind: str, bias: bool, affine: bool) -> list[Any]:
    """The fused layer's weight and bias, and what it gives."""
    nn, transposed = lib.nn, kind == "transposed"
    layer = {
        "linear": lambda: nn.Linear(3, 4, bias=bias),
        "conv": lambda: nn.Conv2d(3, 4, 2, bias=bias),
        "transposed": lambda: nn.ConvTranspose2d(3, 4, 2, bias=bias),
    }[kind]()
    norm = nn.BatchNorm1d(4, affine=affine) if kind == "linear" else nn.BatchNorm2d(4, affine=affine)
    for module in (layer, norm):
        module.to(lib.dtype).eval()
        state = {
            name: lib.tensor(1 + np.cos(np.arange(value.numel())).reshape(tuple(value.shape)) / 2)
            for name, value in module.state_dict().items()
        }
        module.load_state_dict(state)
    x = lib.tensor(
        np.sin(np.arange(54)).reshape((2, 3, 3, 3))[:, :, 0, 0] if kind == "linear" else np.ones((2, 3, 3, 3))
    )
    own = (
        nn.utils.fuse_linear_bn_eval(layer, norm)
        if kind == "linear"
        else nn.utils.fuse_conv_bn_eval(layer, norm, transposed)
    )
    return [own.weight.detach(), own.bias.detach(), own.weight.requires_grad, own(x).detach(), norm(layer(x)).detach()]


def fused_in_training(lib: Any, linear: bool) -> Any:
    nn = lib.nn
    if linear:
        return nn.utils.fuse_linear_bn_eval(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return nn.utils.fuse_conv_bn_eval(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1))


def fuse(lib: Any, *args: Any) -> Any:
    return fused_in_training(lib, *args) if len(args) == 1 else fused(lib, *args)


channels = filled((4,), 0.2, 2)
weights = st.sampled_from([(4, 3), (4, 3, 2), (4, 2, 2, 3)])

ENTRIES = [
    Entry(
        "nn.utils.clip_grad_norm_",
        calls=st.builds(call, several, limits, norm_types, st.booleans()),
        program=clip_norm,
        bad=(call([ones(2)], 1.0, "two", False), call([ones(2)], 1.0, 2.0, True)),
    ),
    Entry(
        "nn.utils.get_total_norm",
        calls=st.builds(lambda arrays, kind: call([constant(array) for array in arrays], kind), several, norm_types),
        bad=(call([constant([np.inf])], 2.0, True), call([constant([1.0])], "two")),
    ),
    Entry(
        "nn.utils.clip_grads_with_norm_", calls=st.builds(call, several, limits, norm_types), program=clip_known_norm
    ),
    Entry("nn.utils.clip_grad_value_", calls=st.builds(call, several, limits), program=clip_value),
    Entry(
        "nn.utils.parameters_to_vector",
        "nn.utils.vector_to_parameters",
        calls=several.map(call),
        program=there_and_back,
    ),
    *(
        Entry(
            f"nn.utils.{name}",
            # Without weights of the normalisation, PyTorch folds it into a convolution but not into a linear layer.
            calls=st.builds(call, kinds, st.booleans(), st.just(True) if linear else st.booleans()),
            program=fuse,
            bad=(call(linear),),
            example_count=12,
        )
        for name, kinds, linear in (
            ("fuse_conv_bn_eval", st.sampled_from(["conv", "transposed"]), False),
            ("fuse_linear_bn_eval", st.just("linear"), True),
        )
    ),
    Entry(
        "nn.utils.fuse_conv_bn_weights",
        calls=weights.flatmap(
            lambda shape: st.builds(
                call,
                filled(shape),
                channels | st.none(),
                channels,
                channels,
                st.just(1e-3),
                channels | st.none(),
                channels | st.none(),
            )
        ),
        bad=(
            call(ones(4, 3), None, ones(3), ones(4), 0.1, None, None),
            call(ones(4, 3), None, None, ones(4), 0.1, None, None),
        ),
    ),
    Entry(
        "nn.utils.fuse_linear_bn_weights",
        calls=st.builds(
            call, filled((4, 3)), channels | st.none(), channels, channels, st.just(1e-3), channels, channels
        ),
        bad=(
            call(ones(4, 3), None, ones(3), ones(4), 0.1, ones(4), ones(4)),
            call(ones(4, 3), None, None, ones(4), 0.1, ones(4), ones(4)),
        ),
    ),
]
