"""Losses and distances, as functions and layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from parity.draws import broadcastable, filled, integers, seeds, separated, shapes, truths
from parity.entry import Call, Entry, call, constant, ones

reductions = st.sampled_from(["mean", "sum", "none"])
any_shape = shapes(max_dims=4) | st.just((0, 3))


def options(**drawn: Any) -> st.SearchStrategy[dict]:
    """``reduction`` and the other options, each drawn or left out."""
    return st.fixed_dictionaries({}, optional={"reduction": reductions, **drawn})


def weighted_sum(shape: tuple[int, ...], dim: int) -> st.SearchStrategy[np.ndarray]:
    """Distributions along ``dim``."""

    def draw(seed: int) -> np.ndarray:
        weights = np.random.default_rng(seed).uniform(0.1, 1.0, shape)
        return weights / weights.sum(dim, keepdims=True)

    return seeds.map(draw)


def both(
    function: str, layer: str, calls: Any, bad: tuple[Call, ...], given_with_input: tuple[str, ...] = (), **more: Any
):
    """An entry for the function, called with everything, and one for the layer, made with the options."""

    def made(given: Call) -> Call:
        own = {key: value for key, value in given.kwargs.items() if key in given_with_input}
        rest = {key: value for key, value in given.kwargs.items() if key not in given_with_input}
        return call(**rest).on(*given.args, **own)

    return [
        Entry(f"F.{function}", calls=calls, bad=bad, **more),
        Entry(
            f"nn.{layer}",
            calls=calls.map(made),
            bad=(*(made(given) for given in bad if len(given.args) > 1), call(reduction="average").on(*bad[0].args)),
            gradient=more.get("gradient", True),
            example_count=more.get("example_count", 20),
        ),
    ]


@st.composite
def classified(draw: Any, soft: bool = True, smoothing: bool = True) -> Call:
    """Scores of classes, and the classes or their probabilities."""
    classes = draw(st.integers(1, 5))
    layout = draw(st.sampled_from(["one", "rows", "images"]))
    batch = () if layout == "one" else (draw(st.integers(1, 4)),)
    window = draw(shapes(min_dims=1, max_dims=3, max_side=3)) if layout == "images" else ()
    shape = (*batch, classes, *window)
    kwargs = draw(options())
    if draw(st.booleans()):
        kwargs["weight"] = constant(draw(filled((classes,), 0.1, 2)))
    if smoothing and draw(st.booleans()):
        kwargs["label_smoothing"] = draw(st.sampled_from([0.0, 0.1, 1.0]))
    if soft and draw(st.booleans()):
        target: Any = draw(weighted_sum(shape, len(batch)))
    else:
        target = draw(
            integers((*batch, *window), 0, classes, "int64" if window else draw(st.sampled_from(["int64", "uint8"])))
        )
        if draw(st.booleans()):
            kwargs["ignore_index"] = (
                draw(st.integers(0, classes - 1))
                if target.dtype == np.uint8
                else draw(st.sampled_from([-100, -1, 0, classes - 1]))
            )
            if target.dtype == np.int64:
                target = np.where(
                    np.random.default_rng(draw(seeds)).random(target.shape) < 0.3, kwargs["ignore_index"], target
                )
    return call(draw(filled(shape, -3, 3)), target, **kwargs)


CLASSES_BAD = (
    call(ones(2, 3), np.array([0, 3])),
    call(ones(2, 3), np.array([0, -1])),
    call(ones(2, 3), np.array([0, 1, 2])),
    call(ones(2, 3), np.array([[0], [1]])),
    call(ones(2, 3), np.array([0, 1], "int32")),
    call(ones(2, 3), np.array([True, False])),
    call(ones(2, 3), np.array([0, 1]), weight=constant(ones(2))),
    call(ones(2, 3), np.array([0, 1]), reduction="average"),
    call(np.array([[1, 2]]), np.array([0])),
    call(ones(2, 3), [0, 1]),
)


@st.composite
def same_shapes(draw: Any, own: Any = None, low: float = -2, high: float = 2, shape: Any = any_shape) -> Call:
    """Two arrays of one shape, away from each other; the target is also a constant, or integers."""
    dims = draw(shape)
    first = draw(separated(dims) if low < 0 else filled(dims, low, high))
    second: Any = draw(filled(dims, 0.01, 0.05) if low < 0 else filled(dims, low, high))
    if draw(st.booleans()):
        second = constant(second)
    return call(first, second, **draw(options() if own is None else own))


pairs = same_shapes()
PAIR_BAD = (
    call(ones(2), ones(3)),
    call(ones(2), 1.0),
    call(ones(2), ones(2), reduction="average"),
    call([1.0], ones(1)),
)


@st.composite
def with_weight(draw: Any) -> Call:
    given = draw(pairs)
    if draw(st.booleans()):
        given.kwargs["weight"] = draw(filled(given.args[0].shape, 0.1, 1))
    return given


@st.composite
def spread_pairs(draw: Any, own: Any, low: float = 0.1, high: float = 2, target: Any = None) -> Call:
    """Two arrays that broadcast together."""
    first, second = draw(broadcastable())
    return call(draw(filled(first, low, high)), draw((target or filled)(second)), **draw(own))


def positive(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    return filled(shape, 0.1, 3)


def signs(shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    return truths(shape).map(lambda chosen: np.where(chosen, 1, -1))


@st.composite
def signed(draw: Any) -> Call:
    shape = draw(shapes())
    return call(draw(filled(shape, -20, 20)), draw(signs(shape[draw(st.integers(0, len(shape))) :])), **draw(options()))


@st.composite
def gaussian(draw: Any) -> Call:
    shape = draw(shapes(min_dims=1))
    kind = draw(st.sampled_from(["same", "short", "one", "number"]))
    kwargs = draw(options(full=st.booleans(), eps=st.sampled_from([1e-6, 0.5])))
    if kind == "number":
        return call(draw(filled(shape)), draw(filled(shape)), 0.7, **kwargs)
    own = {"same": shape, "short": shape[:-1], "one": (*shape[:-1], 1)}[kind]
    return call(draw(filled(shape)), draw(filled(shape)), draw(filled(own, 0.1, 2)), **kwargs)


@st.composite
def probable(draw: Any, logits: bool = False) -> Call:
    shape = draw(any_shape)
    x = draw(filled(shape, -30, 30) if logits else filled(shape, 0.01, 0.99))
    kwargs = draw(options())
    for name in ("weight", "pos_weight") if logits else ("weight",):
        if draw(st.booleans()):
            own = shape[draw(st.integers(0, len(shape))) :]
            kwargs[name] = constant(draw(filled(own, 0.1, 2)))
    return call(x, draw(filled(shape, 0.1, 0.9)), **kwargs)


@st.composite
def labelled(draw: Any, **own: Any) -> Call:
    """Logits (N, C) or (C,), and which classes hold."""
    shape = draw(shapes(min_dims=1, max_dims=2))
    kwargs = draw(options(**own))
    if draw(st.booleans()):
        kwargs["weight"] = constant(draw(filled(shape[-1:], 0.1, 2)))
    return call(draw(filled(shape)), constant(draw(truths(shape)).astype(float)), **kwargs)


@st.composite
def vectors(draw: Any, count: int, own: Any, batched: bool = True) -> Call:
    """Several arrays (N, D) or (D,)."""
    shape = (*([draw(st.integers(1, 4))] if batched and draw(st.booleans()) else []), draw(st.integers(1, 4)))
    return call(*(draw(filled(shape)) for _ in range(count)), **draw(own))


@st.composite
def angles(draw: Any) -> Call:
    given = draw(vectors(2, options(margin=st.sampled_from([0.0, 0.3, -0.5]))))
    target = draw(signs(given.args[0].shape[:-1]))
    return call(*given.args, target, **given.kwargs)


@st.composite
def ranked(draw: Any) -> Call:
    shape = draw(any_shape)
    margins = options(margin=st.sampled_from([0, 0.5, -0.25]))
    return call(draw(filled(shape)), draw(filled(shape)), constant(draw(signs(shape))), **draw(margins))


@st.composite
def margins_of_classes(draw: Any) -> Call:
    classes = draw(st.integers(1, 4))
    batch = (draw(st.integers(1, 4)),) if draw(st.booleans()) else ()
    kwargs = draw(options(p=st.sampled_from([1, 2]), margin=st.sampled_from([1.0, 0.5])))
    if draw(st.booleans()):
        kwargs["weight"] = constant(draw(filled((classes,), 0.1, 2)))
    return call(draw(filled((*batch, classes))), draw(integers(batch, 0, classes)), **kwargs)


@st.composite
def several_classes(draw: Any) -> Call:
    classes = draw(st.integers(1, 5))
    batch = (draw(st.integers(1, 4)),) if draw(st.booleans()) else ()
    return call(draw(filled((*batch, classes))), draw(integers((*batch, classes), -1, classes)), **draw(options()))


@st.composite
def alike(draw: Any) -> Call:
    first, second = draw(broadcastable().filter(lambda pair: len(pair[0]) + len(pair[1]) > 0))
    dims = max(len(first), len(second))
    return call(draw(filled(first, 0.2, 2)), draw(filled(second, 0.2, 2)), draw(st.integers(-dims, dims - 1)), 1e-8)


@st.composite
def distances(draw: Any) -> Call:
    given = draw(vectors(2, st.just({})))
    return call(
        *given.args,
        draw(st.sampled_from([1.0, 2.0, 3.0, float("inf")])),
        draw(st.sampled_from([1e-6, 0.0, 0.1])),
        draw(st.booleans()),
    )


def manhattan(x: Any, y: Any) -> Any:
    return (x - y).abs().sum(-1)


TRIPLET = options(
    margin=st.sampled_from([0.5, 1.0, 4.0]), p=st.sampled_from([1, 2, 3]), eps=st.just(1e-6), swap=st.booleans()
)
VECTOR_BAD = (
    call(ones(2, 3), ones(2, 3), ones(3)),
    call(ones(2, 3), ones(2, 4), ones(2, 3)),
    call(ones(2, 3), ones(2, 3), ones(2, 3), margin=-1.0),
    call(ones(2, 3), ones(2, 3), ones(2, 3), reduction="average"),
)

ENTRIES = [
    *both(
        "cross_entropy",
        "CrossEntropyLoss",
        classified(),
        (*CLASSES_BAD, call(ones(2, 3), ones(2, 2)), call(ones(2), np.array(0), label_smoothing=2.0)),
    ),
    *both("nll_loss", "NLLLoss", classified(soft=False, smoothing=False), (*CLASSES_BAD, call(ones(2, 3), ones(2)))),
    Entry(
        "F.mse_loss",
        calls=with_weight(),
        bad=(*PAIR_BAD, call(np.array([1]), np.array([2])), call(ones(2), ones(2), weight=ones(1))),
    ),
    # On integers alone, PyTorch's l1_loss has a result as long as it need not take a mean.
    Entry("F.l1_loss", calls=with_weight(), bad=(*PAIR_BAD, call(ones(2), ones(2), weight=ones(1)))),
    *(
        Entry(
            f"nn.{name}",
            calls=pairs.map(lambda given: call(**given.kwargs).on(*given.args)),
            bad=(
                *tuple(call().on(*given.args) for given in PAIR_BAD[:2]),
                call(reduction="average").on(ones(2), ones(2)),
            ),
        )
        for name in ("MSELoss", "L1Loss")
    ),
    *both(
        "smooth_l1_loss",
        "SmoothL1Loss",
        same_shapes(options(beta=st.sampled_from([1.0, 0.0, 0.3, 2.0]))),
        (*PAIR_BAD, call(ones(2), ones(2), beta=-1.0)),
    ),
    Entry(
        "F.huber_loss",
        calls=st.builds(
            lambda given, delta: call(*given.args, delta=delta, **given.kwargs),
            with_weight(),
            st.sampled_from([0.3, 1.0, 2.0]),
        ),
        bad=(*PAIR_BAD, call(ones(2), ones(2), delta=0.0), call(ones(2), ones(2), weight=ones(1))),
    ),
    Entry(
        "nn.HuberLoss",
        calls=same_shapes(options(delta=st.sampled_from([0.3, 1.0, 2.0]))).map(
            lambda given: call(**given.kwargs).on(*given.args)
        ),
        bad=(call().on(ones(2), ones(3)), call(delta=-1.0).on(ones(2), ones(2)), call("average").on(ones(2), ones(2))),
    ),
    *both(
        "kl_div",
        "KLDivLoss",
        spread_pairs(
            st.fixed_dictionaries(
                {},
                optional={
                    "reduction": st.sampled_from(["mean", "sum", "none", "batchmean"]),
                    "log_target": st.booleans(),
                },
            ),
            -2,
            2,
            positive,
        ),
        (
            call(ones(2), ones(3)),
            call(ones(2), np.array([1, 2])),
            call(ones(2), ones(2), reduction="average"),
            call(ones(2), 0.5),
        ),
    ),
    *both(
        "poisson_nll_loss",
        "PoissonNLLLoss",
        spread_pairs(
            options(log_input=st.booleans(), full=st.booleans(), eps=st.sampled_from([1e-8, 0.1])), target=positive
        ),
        (call(ones(2), ones(3)), call(ones(2), ones(2), reduction="average"), call(ones(2), 0.5)),
    ),
    *both(
        "gaussian_nll_loss",
        "GaussianNLLLoss",
        gaussian(),
        (
            call(ones(2), ones(2), constant(-ones(2))),
            call(ones(2), ones(2), -1.0),
            call(ones(2, 3), ones(2, 3), ones(4)),
            call(ones(2), ones(3), ones(2)),
            call(ones(2), ones(2), ones(2), reduction="average"),
        ),
    ),
    *both(
        "binary_cross_entropy",
        "BCELoss",
        probable() | st.just(call(constant([0.0, 1.0, 0.0, 1.0]), constant([0.0, 0.0, 1.0, 1.0]))),
        (
            call(ones(2), ones(3)),
            call(2 * ones(2), ones(2)),
            call(-ones(2), ones(2)),
            call(ones(2), np.array([1, 0])),
            call(ones(2), ones(2), reduction="average"),
            call(ones(2), ones(2), weight=ones(3)),
        ),
    ),
    *both(
        "binary_cross_entropy_with_logits",
        "BCEWithLogitsLoss",
        probable(logits=True),
        (
            call(ones(2), ones(3)),
            call(ones(2), np.array([1, 0])),
            call(ones(2), ones(2), reduction="average"),
            call(ones(2), ones(2), pos_weight=ones(3)),
            call(ones(2), [1.0, 0.0]),
        ),
    ),
    *both(
        "soft_margin_loss",
        "SoftMarginLoss",
        signed(),
        (call(ones(2), ones(3)), call(ones(2), 1.0), call(ones(2), ones(2), reduction="average")),
    ),
    *both(
        "multilabel_soft_margin_loss",
        "MultiLabelSoftMarginLoss",
        labelled(),
        (
            call(ones(2, 3), ones(2, 4)),
            call(ones(2, 3), "yes"),
            call(ones(2, 3), ones(2, 3), reduction="average"),
            call(ones(2, 3), ones(2, 3), weight=ones(2)),
        ),
    ),
    *both(
        "hinge_embedding_loss",
        "HingeEmbeddingLoss",
        spread_pairs(options(margin=st.sampled_from([1.0, 0.5])), -2, 2, signs),
        (call(ones(2), ones(3)), call(ones(2), 1.0), call(ones(2), ones(2), reduction="average")),
    ),
    *both(
        "margin_ranking_loss",
        "MarginRankingLoss",
        ranked(),
        (
            call(ones(2), ones(3), ones(2)),
            call(ones(2), ones(2), ones(1, 2)),
            call(ones(2), ones(2), ones(2), reduction="average"),
        ),
    ),
    *both(
        "cosine_embedding_loss",
        "CosineEmbeddingLoss",
        angles(),
        (
            call(ones(2, 3), ones(2, 3), ones(2, 1)),
            call(ones(2, 3), ones(2, 4), ones(2)),
            call(ones(2, 3), ones(2, 3), ones(3)),
            call(ones(2, 3), ones(2, 3), ones(2), reduction="average"),
        ),
    ),
    *both("triplet_margin_loss", "TripletMarginLoss", vectors(3, TRIPLET), VECTOR_BAD),
    *both(
        "triplet_margin_with_distance_loss",
        "TripletMarginWithDistanceLoss",
        vectors(
            3,
            options(
                margin=st.sampled_from([0.5, 4.0]),
                swap=st.booleans(),
                distance_function=st.sampled_from([None, manhattan]),
            ),
        ),
        VECTOR_BAD,
    ),
    *both(
        "multi_margin_loss",
        "MultiMarginLoss",
        margins_of_classes(),
        (
            call(ones(2, 3), np.array([0, 3])),
            call(ones(2, 3), np.array([0, 1, 2])),
            call(ones(2, 3), ones(2)),
            call(ones(2, 3), np.array([0, 1]), p=3),
            call(ones(2, 3), np.array([0, 1]), weight=constant(ones(2))),
        ),
    ),
    *both(
        "multilabel_margin_loss",
        "MultiLabelMarginLoss",
        several_classes(),
        (
            call(ones(2, 3), np.array([[0, 3, 1], [1, 1, 1]])),
            call(ones(2, 3), np.array([0, 1])),
            call(ones(2, 3), ones(2, 3)),
            call(ones(2, 3), np.zeros((2, 3), int), reduction="average"),
        ),
    ),
    Entry(
        "F.cosine_similarity",
        calls=alike(),
        bad=(
            call(ones(2, 3), ones(2, 4)),
            call(ones(2), ones(2), 1),
            call(ones(2), 1.0),
            call(np.array([[1]]), np.array([[1]])),
        ),
    ),
    Entry(
        "nn.CosineSimilarity",
        calls=alike().map(lambda given: call(*given.args[2:]).on(*given.args[:2])),
        bad=(
            call().on(ones(2, 3), ones(2, 4)),
            call(2).on(ones(2, 2), ones(2, 2)),
            call(1, 2, 3).on(ones(2, 2), ones(2, 2)),
        ),
    ),
    Entry(
        "F.pairwise_distance",
        calls=distances(),
        bad=(call(ones(2, 3), ones(2, 4)), call(ones(2), 1.0), call(ones(2), ones(2), "two")),
    ),
    Entry(
        "nn.PairwiseDistance",
        calls=distances().map(lambda given: call(*given.args[2:]).on(*given.args[:2])),
        bad=(call().on(ones(2, 3), ones(2, 4)), call("two").on(ones(2), ones(2)), call().on(ones(2), 1.0)),
    ),
]
