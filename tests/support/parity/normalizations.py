"""Normalisation: functions and layers, training and evaluated, with and without weight, bias, running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import filled
from parity.entry import Call, Entry, call, constant, ones

SPATIAL: dict[str, st.SearchStrategy[tuple[int, ...]]] = {
    "vectors": st.just(()),
    "sequences": st.tuples(st.integers(2, 5)),
    "images": st.tuples(st.integers(1, 4), st.integers(2, 4)),
    "volumes": st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(2, 3)),
}
ANY = st.sampled_from(sorted(SPATIAL)).flatmap(SPATIAL.__getitem__)
eps = st.sampled_from([1e-5, 1e-3, 0.1])


@st.composite
def vectors(draw: st.DrawFn, length: int) -> tuple[Any, Any, Any, Any]:
    """(running mean, running variance, weight, bias), the first two together, the others, left out now and then."""
    tracked = draw(st.booleans())
    mean = constant(draw(filled((length,)))) if tracked else None
    variance = constant(draw(filled((length,), 0.2, 2.0))) if tracked else None
    weight = draw(filled((length,))) if draw(st.booleans()) else None
    bias = draw(filled((length,))) if draw(st.booleans()) else None
    return mean, variance, weight, bias


@st.composite
def batch_norms(draw: st.DrawFn) -> Call:
    channels = draw(st.integers(1, 5))
    x = draw(filled((draw(st.integers(2, 4)), channels, *draw(ANY))))
    mean, variance, weight, bias = draw(vectors(channels))
    return call(
        x,
        mean,
        variance,
        weight,
        bias,
        training=mean is None or draw(st.booleans()),
        momentum=draw(st.sampled_from([0.1, 0.0, 1.0])),
        eps=draw(eps),
    )


@st.composite
def instance_norms(draw: st.DrawFn) -> Call:
    channels = draw(st.integers(1, 5))
    spatial = draw(SPATIAL[draw(st.sampled_from(["sequences", "images", "volumes"]))])
    x = draw(filled((draw(st.integers(1, 3)), channels, *spatial)))
    mean, variance, weight, bias = draw(vectors(channels))
    return call(
        x,
        mean,
        variance,
        weight,
        bias,
        use_input_stats=mean is None or draw(st.booleans()),
        momentum=draw(st.sampled_from([0.1, 0.5])),
        eps=draw(eps),
    )


def moves(name: str) -> Any:
    """A program that returns the running statistics too, which a function changes in place."""

    def program(lib: Any, *args: Any, **keywords: Any) -> Any:
        tensors = [None if value is None else lib.tensor(getattr(value, "array", value)) for value in args]
        result = getattr(lib.F, name)(*tensors, **keywords)
        return [result, *(tensor for tensor in tensors[1:3] if tensor is not None)]

    return program


@st.composite
def group_norms(draw: st.DrawFn, layer: bool = False) -> Call:
    # Not one value alone: its normal form is 0, which PyTorch's float32 misses by more than rounding.
    groups, members, spatial = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(ANY)
    images = draw(st.integers(2, 3))
    channels = groups * members
    x = draw(filled((images, channels, *spatial)))
    if layer:
        keywords = {"affine": draw(st.booleans()), "bias": draw(st.booleans()), "eps": draw(eps)}
        return call(groups, channels, **keywords).on(x)
    _, _, weight, bias = draw(vectors(channels))
    if weight is None:
        bias = None  # PyTorch's backward fails for a bias without a weight
    return call(x, groups, weight, bias, eps=draw(eps))


@st.composite
def layer_norms(draw: st.DrawFn, layer: bool = False, centred: bool = True) -> Call:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    last = shape[draw(st.integers(0, len(shape) - 1)) :]
    x = draw(filled(shape))
    keywords: dict[str, Any] = {"eps": draw(eps)} if centred or draw(st.booleans()) else {}
    if layer:
        keywords["elementwise_affine"] = draw(st.booleans())
        if centred:
            keywords["bias"] = draw(st.booleans())
        return call(last[0] if len(last) == 1 else list(last), **keywords).on(x)
    weight = draw(filled(last)) if draw(st.booleans()) else None
    bias = [draw(filled(last)) if draw(st.booleans()) else None] if centred else []
    return call(x, last, weight, *bias, **keywords)


@st.composite
def channel_layers(draw: st.DrawFn, spatial: str, instance: bool) -> Call:
    """Batch and instance normalisation of vectors, sequences, images or volumes; now and then evaluated."""
    channels = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["vectors", "sequences"])) if spatial == "sequences" and not instance else spatial
    batch = draw(st.sampled_from([(), (1,), (3,)])) if instance else (draw(st.integers(2, 4)),)
    x = draw(filled((*batch, channels, *draw(SPATIAL[kind]))))
    keywords = {
        "eps": draw(eps),
        "momentum": draw(st.sampled_from([0.1, 0.5] if instance else [0.1, 0.5, None])),
        "affine": draw(st.booleans()),
        "track_running_stats": draw(st.booleans()),
        "bias": draw(st.booleans()),
    }
    return call(channels, **keywords).on(x, training=draw(st.booleans()))


@st.composite
def responses(draw: st.DrawFn, layer: bool = False) -> Call:
    size = draw(st.integers(1, 6))
    keywords = {
        "alpha": draw(st.sampled_from([1e-4, 0.5, 2.0])),
        "beta": draw(st.sampled_from([0.75, 0.5, 1.0])),
        "k": draw(st.sampled_from([1.0, 2.0])),
    }
    spatial = draw(SPATIAL[draw(st.sampled_from(["sequences", "images", "volumes"]))])
    x = draw(filled((draw(st.integers(0, 2)), draw(st.integers(1, 5)), *spatial)))
    return call(size, **keywords).on(x) if layer else call(x, size, **keywords)


@st.composite
def normalizations(draw: st.DrawFn) -> Call:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
    x = draw(filled(shape))
    if draw(st.booleans()):
        x[0] = 0.0
    keywords: dict[str, Any] = {}
    if draw(st.booleans()):
        keywords["dim"] = draw(st.sampled_from([0, 1, -1, (0, 1), (0, -1) if len(shape) > 2 else 0]))
    # Where |x|^p has no derivative at 0, PyTorch's differs between its own norms; vectors of zeros only for p = 2.
    if x[0].any():
        keywords["p"] = draw(st.sampled_from([1.0, 2.0, 3.0, 1.5]))
    return call(x, **keywords)


rows = ones(2, 3)

ENTRIES = [
    Entry(
        "F.batch_norm",
        calls=batch_norms(),
        bad=(
            call(ones(3), None, None, training=True),
            call(ones(1, 3), None, None, training=True),
            call(rows, None, None),
            call(rows, constant(ones(4)), constant(ones(4))),
            call(rows, None, None, ones(2), training=True),
            call(rows, None, None, None, ones(2), training=True),
            call(np.ones((2, 3), np.int64), None, None, training=True),
        ),
    ),
    Entry(
        "F.instance_norm",
        calls=instance_norms(),
        bad=(
            call(ones(2, 3, 1)),
            call(ones(2, 3, 1, 1)),
            call(ones(2, 3, 4), use_input_stats=False),
            call(ones(2, 3, 4), weight=ones(2)),
            call(ones(2, 3, 4), constant(ones(3))),
            call(np.ones((2, 3, 4), np.int64)),
        ),
    ),
    Entry(
        "F.group_norm",
        calls=group_norms(),
        bad=(
            call(ones(2, 4, 3), 3),
            call(ones(2, 4, 3), 0),
            call(ones(4), 2),
            call(ones(1, 2), 2),
            call(ones(2, 4, 3), 2, ones(3)),
            call(np.ones((2, 4), np.int64), 2),
        ),
    ),
    Entry(
        "F.layer_norm",
        calls=layer_norms(),
        bad=(
            call(rows, (2,)),
            call(rows, (1, 2, 3)),
            call(rows, ()),
            call(rows, (3,), ones(2)),
            call(rows, (3,), None, ones(1, 3)),
            call(np.ones((2, 3), np.int64), (3,)),
        ),
    ),
    Entry(
        "F.rms_norm",
        calls=layer_norms(centred=False),
        bad=(call(rows, (2,)), call(rows, ()), call(rows, (3,), ones(2)), call(rows, (1, 2, 3))),
    ),
    Entry(
        "F.local_response_norm",
        calls=responses(),
        bad=(call(rows, 2), call(ones(2, 3, 4), 0), call(ones(2, 3, 4), 1.5), call(ones(2, 3, 4), -1)),
    ),
    Entry(
        "F.normalize",
        calls=normalizations(),
        bad=(call(ones(3)), call(rows, dim=2), call(rows, dim=(0, 0)), call(np.ones((2, 3), np.int64))),
    ),
    Entry(
        "nn.BatchNorm1d",
        calls=channel_layers("sequences", instance=False),
        bad=(
            call(3).on(ones(2, 3, 4, 4)),
            call(3).on(ones(3)),
            call(3).on(ones(2, 4)),
            call(3).on(ones(1, 3)),
            call(-1).on(rows),
        ),
    ),
    Entry(
        "nn.BatchNorm2d",
        calls=channel_layers("images", instance=False),
        bad=(
            call(3).on(rows),
            call(3).on(ones(2, 3, 4)),
            call(3).on(ones(2, 4, 2, 2)),
            call(3).on(ones(1, 3, 1, 1)),
            call(3).on(np.ones((2, 3, 2, 2), np.int64)),
        ),
    ),
    Entry(
        "nn.BatchNorm3d",
        calls=channel_layers("volumes", instance=False),
        bad=(
            call(3).on(rows),
            call(3).on(ones(2, 3, 4, 4)),
            call(3).on(ones(2, 4, 2, 2, 2)),
            call(3).on(ones(1, 3, 1, 1, 1)),
        ),
        example_count=10,
    ),
    Entry(
        "nn.SyncBatchNorm",
        calls=channel_layers("images", instance=False),
        bad=(call(3).on(ones(2, 4, 2, 2)), call(3).on(ones(1, 3, 1, 1))),
    ),
    Entry(
        "nn.InstanceNorm1d",
        calls=channel_layers("sequences", instance=True),
        bad=(
            call(3).on(ones(2, 3, 4, 4)),
            call(3, affine=True).on(ones(2, 4, 5)),
            call(3).on(ones(2, 3, 1)),
            call(3, track_running_stats=True).on(ones(2, 4, 5)),
        ),
    ),
    Entry(
        "nn.InstanceNorm2d",
        calls=channel_layers("images", instance=True),
        bad=(
            call(3).on(rows),
            call(3, affine=True).on(ones(2, 4, 5, 5)),
            call(3).on(ones(2, 3, 1, 1)),
        ),
    ),
    Entry(
        "nn.InstanceNorm3d",
        calls=channel_layers("volumes", instance=True),
        bad=(
            call(3).on(ones(2, 3, 4)),
            call(3, affine=True).on(ones(2, 4, 5, 5, 5)),
            call(3).on(ones(2, 3, 1, 1, 1)),
        ),
        example_count=10,
    ),
    Entry(
        "nn.GroupNorm",
        calls=group_norms(layer=True),
        bad=(
            call(3, 4).on(ones(2, 4, 3)),
            call(2, 4).on(ones(2, 6, 3)),
            call(2, 4).on(ones(4)),
            call(0, 4).on(ones(2, 4)),
        ),
    ),
    Entry(
        "nn.LayerNorm",
        calls=layer_norms(layer=True),
        bad=(call(4).on(rows), call((2, 2)).on(rows), call((2, 3, 1)).on(rows), call("3").on(rows)),
    ),
    Entry(
        "nn.RMSNorm",
        calls=layer_norms(layer=True, centred=False),
        bad=(call(4).on(rows), call((2, 2)).on(rows), call((2, 3, 1)).on(rows)),
    ),
    Entry(
        "nn.LocalResponseNorm",
        calls=responses(layer=True),
        bad=(call(2).on(rows), call(0).on(ones(2, 3, 4)), call(2).on(ones(3))),
    ),
]
