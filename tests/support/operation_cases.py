"""One table of every differentiable function, with arguments to call it with.

The tests of ``tests/ops`` run over it: gradients, second derivatives, values against PyTorch, layout, untouched inputs.
A public function that is missing here fails ``test_every_public_function_has_a_case``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tinyconv as tc
from tinyconv.ops import (
    activation,
    arithmetic,
    convolution,
    dispatch,
    elementwise,
    indexing,
    join,
    linear,
    loss,
    matmul,
    normalization,
    padding,
    pooling,
    random,
    reduction,
    shape,
)

Draw = Callable[[np.random.Generator], np.ndarray]

FAMILIES = (
    activation,
    arithmetic,
    convolution,
    elementwise,
    indexing,
    join,
    linear,
    loss,
    matmul,
    normalization,
    padding,
    pooling,
    random,
    reduction,
    shape,
)

WITHOUT_GRADIENT = {"argmax", "argmin", "all", "any"}
"""Functions whose results are positions or truth values; and those covered by tests of their own:"""

IN_PLACE = {"set_item"}
"""Covered by tests/autograd/test_in_place.py."""


def normal(*shape: int) -> Draw:
    return lambda generator: generator.standard_normal(shape)


def positive(*shape: int, low: float = 0.5, high: float = 2.0) -> Draw:
    return lambda generator: generator.uniform(low, high, shape)


def separated(*shape: int) -> Draw:
    """Numbers of both signs, no two closer than 0.1 and none closer to 0 than 0.05: away from every kink and tie."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        count = int(np.prod(shape))
        steps = np.arange(count) - count // 2 + 0.5 + generator.uniform(-0.2, 0.2, count)
        return generator.permutation(steps * 0.2).reshape(shape)

    return draw


def away_from_integers(*shape: int) -> Draw:
    return lambda generator: generator.integers(-3, 3, shape) + generator.uniform(0.2, 0.8, shape)


def integers(*shape: int, below: int) -> Draw:
    return lambda generator: generator.integers(0, below, shape)


def booleans(*shape: int) -> Draw:
    return lambda generator: generator.random(shape) < 0.5


def distributions(*shape: int) -> Draw:
    def draw(generator: np.random.Generator) -> np.ndarray:
        weights = generator.uniform(0.1, 1.0, shape)
        return weights / weights.sum(axis=1, keepdims=True)

    return draw


@dataclass(frozen=True)
class Case:
    """``function(*draws, **keywords)``; floating-point draws require a gradient, except the ``constants``."""

    function: Callable[..., Any]
    draws: tuple[Draw, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    constants: tuple[int, ...] = ()
    call: Callable[..., Any] | None = None
    """How to pass the arguments, where it is not ``function(*arguments, **keywords)``."""
    torch: str | Callable[..., Any] | None = ""
    """PyTorch's function: the same name by default; ``None`` where it has none."""

    @property
    def name(self) -> str:
        return self.function.__name__

    def __str__(self) -> str:
        return f"{self.name}-{self.label}" if self.label else self.name

    def arguments(self, dtype: tc.dtype = tc.float64, seed: int = 0) -> list[tc.Tensor]:
        generator = np.random.default_rng(seed)
        tensors = []
        for index, draw in enumerate(self.draws):
            tensor = tc.tensor(draw(generator))
            if tensor.dtype.is_floating_point:
                tensor = tensor.to(dtype)
                tensor.requires_grad = index not in self.constants
            tensors.append(tensor)
        return tensors

    def run(self, *tensors: tc.Tensor) -> Any:
        if self.call is not None:
            return self.call(self.function, *tensors)
        return self.function(*tensors, **self.keywords)


def case(function: Callable[..., Any], *draws: Draw, label: str = "", **options: Any) -> Case:
    known = {name: options.pop(name) for name in ("constants", "call", "torch") if name in options}
    return Case(function, draws, options, label, **known)


def with_list(function: Any, *tensors: Any, **keywords: Any) -> Any:
    """For functions of a list of tensors."""
    return function(list(tensors), **keywords)


def after(*positional: Any) -> Callable[..., Any]:
    """For functions of a tensor and plain arguments."""
    return lambda function, *tensors: function(*tensors, *positional)


def indexed(*index: Any) -> Callable[..., Any]:
    return lambda function, x: function(x, index if len(index) != 1 else index[0])


def seeded_dropout(function: Any, x: tc.Tensor, **keywords: Any) -> tc.Tensor:
    tc.manual_seed(5)
    return function(x, 0.4, **keywords)


def frozen_batch_norm(function: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any) -> Any:
    return function(x, mean, variance, weight, bias, training=False, eps=1e-3)


def training_batch_norm(function: Any, x: Any, weight: Any, bias: Any) -> Any:
    return function(x, None, None, weight, bias, training=True, eps=1e-3)


IMAGES = (2, 4, 5, 6)
MASK = np.array([[True, False, True], [False, False, True]])

CASES = [
    # arithmetic
    *(
        case(function, normal(*first), positive(*second), label=label)
        for function in (arithmetic.add, arithmetic.sub, arithmetic.mul, arithmetic.div)
        for label, first, second in (
            ("same shape", (2, 3), (2, 3)),
            ("row", (2, 3), (3,)),
            ("outer", (2, 1), (1, 3)),
            ("scalar", (), (2, 3)),
            ("channels", (2, 3, 2, 2), (3, 1, 1)),
            ("channels of 4-D", (2, 3, 2, 2), (1, 3, 1, 1)),
            ("new dimension", (3,), (2, 2, 3)),
        )
    ),
    case(arithmetic.add, normal(2, 3), normal(3), alpha=2.5, label="alpha"),
    case(arithmetic.sub, normal(2, 3), normal(3), alpha=2.5, label="alpha"),
    case(arithmetic.mul, normal(2, 3), call=after(2.5), label="number"),
    case(arithmetic.pow, positive(2, 3), normal(3)),
    case(arithmetic.pow, normal(2, 3), call=after(2), label="square"),
    case(arithmetic.pow, normal(2, 3), call=after(3), label="cube of both signs"),
    case(arithmetic.pow, positive(2, 3), call=after(-0.5), label="negative"),
    case(arithmetic.maximum, separated(2, 3), call=lambda f, x: f(x, x.flip(1) * 0.7), torch=None),
    case(arithmetic.minimum, separated(2, 3), call=lambda f, x: f(x, x.flip(1) * 0.7), torch=None),
    case(arithmetic.maximum, separated(2, 3), positive(3, low=0.01, high=0.02), label="broadcast"),
    case(arithmetic.minimum, separated(2, 3), positive(3, low=0.01, high=0.02), label="broadcast"),
    case(arithmetic.where, booleans(2, 3), normal(2, 3), normal(3)),
    case(arithmetic.where, booleans(3), normal(2, 3), normal(2, 1), label="broadcast condition"),
    case(arithmetic.floor_divide, positive(2, 3, low=0.6, high=0.9), positive(3, low=0.2, high=0.29)),
    case(arithmetic.remainder, positive(2, 3, low=0.6, high=0.85), positive(3, low=0.22, high=0.28)),
    # elementwise
    *(
        case(function, normal(2, 3))
        for function in (
            elementwise.exp,
            elementwise.expm1,
            elementwise.square,
            elementwise.sin,
            elementwise.cos,
            elementwise.tanh,
            elementwise.sigmoid,
            elementwise.neg,
        )
    ),
    case(elementwise.abs, separated(2, 3)),
    case(elementwise.log, positive(2, 3)),
    case(elementwise.log1p, positive(2, 3)),
    case(elementwise.sqrt, positive(2, 3)),
    case(elementwise.rsqrt, positive(2, 3)),
    case(elementwise.reciprocal, positive(2, 3)),
    *(case(function, away_from_integers(2, 3)) for function in (elementwise.sign, elementwise.floor, elementwise.ceil)),
    case(elementwise.round, positive(2, 3, low=0.6, high=1.4)),
    case(elementwise.fill, normal(2, 3), call=after(1.5), torch=None),
    case(elementwise.clamp, separated(2, 3), min=-0.3, max=0.3),
    case(elementwise.clamp, separated(2, 3), min=-0.3, label="below only"),
    # reductions
    *(
        case(function, normal(2, 3, 4), label=label, **keywords)
        for function in (reduction.sum, reduction.mean, reduction.var, reduction.std)
        for label, keywords in (
            ("all", {}),
            ("middle", {"dim": 1}),
            ("outer two, kept", {"dim": (0, -1), "keepdim": True}),
        )
    ),
    case(reduction.sum, normal(*IMAGES), dim=(0, 2, 3), label="channels"),
    case(reduction.mean, normal(*IMAGES), dim=(2, 3), keepdim=True, label="pixels"),
    case(reduction.var, normal(2, 5), dim=1, unbiased=False, label="biased"),
    case(reduction.prod, separated(2, 3), dim=1),
    case(reduction.prod, separated(4), label="all"),
    *(
        case(function, separated(2, 3, 4), dim=dim, label=str(dim))
        for function in (reduction.amax, reduction.amin)
        for dim in (1, (0, 2))
    ),
    *(
        case(function, separated(2, 3, 4), label=label, torch=torch, **keywords)
        for function, torch in ((reduction.max, "max"), (reduction.min, "min"))
        for label, keywords in (("all", {}), ("along", {"dim": 1}), ("kept", {"dim": -1, "keepdim": True}))
    ),
    case(reduction.logsumexp, normal(2, 3, 4), dim=1),
    case(reduction.logsumexp, normal(2, 3, 4), dim=(0, 2), keepdim=True, label="two"),
    *(case(reduction.norm, separated(2, 3), p=p, dim=1, label=f"p {p}") for p in (1, 2, 3, float("inf"))),
    # shape
    case(shape.reduce_to, normal(2, 3, 4), call=after((3, 1)), torch=None),
    case(shape.reduce_to, normal(*IMAGES), call=after((4, 1, 1)), torch=None, label="images"),
    case(shape.expand, normal(3, 1), call=after(2, -1, 4), torch=lambda x: x.expand(2, -1, 4)),
    case(shape.broadcast_to, normal(3, 1), call=after((2, 3, 4))),
    case(shape.reshape, normal(2, 3, 4), call=after((4, -1))),
    case(shape.reshape, normal(2, 3, 2, 2), call=after((2, -1)), label="images to rows"),
    case(shape.reshape, normal(2, 12), call=after((2, 3, 2, 2)), label="rows to images"),
    case(shape.view, normal(2, 3, 4), call=after(6, 4), torch=lambda x: x.view(6, 4)),
    case(shape.flatten, normal(*IMAGES), call=after(1)),
    case(shape.unflatten, normal(2, 12), call=after(1, (3, -1))),
    case(shape.permute, normal(2, 3, 4), call=after((2, 0, 1))),
    case(shape.transpose, normal(2, 3, 4), call=after(0, -1)),
    case(shape.t, normal(2, 3)),
    case(shape.squeeze, normal(2, 1, 3, 1)),
    case(shape.squeeze, normal(2, 1, 3, 1), call=after(1), label="one"),
    case(shape.unsqueeze, normal(2, 3), call=after(1)),
    case(shape.flip, normal(*IMAGES), call=after((1, 3))),
    case(shape.clone, normal(*IMAGES)),
    case(shape.contiguous, normal(3, 2), call=lambda f, x: f(x.t()), torch=None),
    # indexing
    case(indexing.get_item, normal(3, 4), call=indexed(1), torch=lambda x: x[1]),
    case(
        indexing.get_item,
        normal(*IMAGES),
        call=indexed(slice(None), slice(1, 3), slice(None, None, 2)),
        torch=lambda x: x[:, 1:3, ::2],
        label="slices",
    ),
    case(
        indexing.get_item,
        normal(3, 4),
        call=indexed(..., None, [0, 2, 2]),
        torch=lambda x: x[..., None, [0, 2, 2]],
        label="an element taken twice",
    ),
    case(
        indexing.get_item,
        normal(3, 4),
        call=lambda f, x: f(x, (tc.tensor([0, 0, 2]), tc.tensor([1, 1, 3]))),
        torch=lambda x: x[[0, 0, 2], [1, 1, 3]],
        label="points",
    ),
    case(
        indexing.get_item,
        normal(2, 3),
        call=lambda f, x: f(x, tc.tensor(MASK)),
        torch=lambda x: x[MASK],
        label="mask",
    ),
    case(
        indexing.take_along_dim,
        normal(2, 5),
        integers(2, 3, below=5),
        call=lambda f, x, index: f(x, index, 1),
    ),
    case(indexing.gather, normal(4, 5), integers(3, 2, below=4), call=lambda f, x, index: f(x, 0, index)),
    case(indexing.index_select, normal(2, 5), integers(4, below=5), call=lambda f, x, index: f(x, 1, index)),
    case(indexing.narrow, normal(*IMAGES), call=after(1, 1, 2)),
    # join
    case(join.cat, normal(2, 3), normal(2, 1), call=lambda f, *x: f(x, 1)),
    case(join.cat, normal(2, 3, 2, 2), normal(2, 1, 2, 2), call=lambda f, *x: f(x, 1), label="channels"),
    case(join.stack, normal(2, 3), normal(2, 3), call=lambda f, *x: f(x, -1)),
    case(join.stack, normal(3, 2, 2), normal(3, 2, 2), call=lambda f, *x: f(x, 0), label="images"),
    case(join.split, normal(2, 5), call=after(2, 1)),
    case(join.split, normal(2, 5), call=after([1, 4], 1), label="sizes"),
    case(join.chunk, normal(5, 2), call=after(2)),
    case(join.unbind, normal(2, 3), call=after(1)),
    # matrix products
    *(
        case(matmul.matmul, normal(*first), normal(*second), label=f"{first} {second}")
        for first, second in (
            ((2, 3), (3, 4)),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 4)),
            ((5, 2, 3), (3, 4)),
            ((2, 3), (5, 3, 4)),
            ((2, 1, 2, 3), (5, 3, 4)),
        )
    ),
    case(matmul.mm, normal(2, 3), normal(3, 4)),
    case(matmul.bmm, normal(2, 2, 3), normal(2, 3, 4)),
    # convolution and linear layers
    *(
        case(convolution.conv2d, normal(*x), normal(*weight), normal(weight[0]), label=label, **keywords)
        for label, x, weight, keywords in (
            ("plain", (2, 2, 5, 4), (3, 2, 3, 2), {}),
            ("strided", (1, 2, 6, 7), (2, 2, 3, 3), {"stride": (2, 3), "padding": (1, 2)}),
            ("dilated", (1, 2, 6, 7), (2, 2, 2, 3), {"dilation": (2, 2), "padding": 1}),
            ("grouped", (2, 4, 4, 4), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
            ("depthwise", (1, 3, 4, 5), (3, 1, 3, 3), {"groups": 3, "padding": "same"}),
            ("same, even kernel", (1, 2, 4, 5), (2, 2, 2, 4), {"padding": "same"}),
            ("one image", (2, 4, 4), (3, 2, 3, 3), {"padding": "valid"}),
            ("stride leaves a rest", (1, 1, 6, 6), (1, 1, 3, 3), {"stride": 2}),
            ("1x1", (2, 3, 2, 2), (2, 3, 1, 1), {}),
        )
    ),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="no bias", padding=1),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant input", constants=(0,)),
    case(convolution.conv2d, normal(1, 2, 4, 4), normal(2, 2, 3, 3), label="constant weight", constants=(1,)),
    case(linear.linear, normal(2, 3), normal(4, 3), normal(4)),
    case(linear.linear, normal(2, 5, 3), normal(4, 3), normal(4), label="3-D"),
    case(linear.linear, normal(2, 2, 2, 3), normal(4, 3), label="4-D, no bias"),
    case(linear.linear, normal(3), normal(4, 3), normal(4), label="1-D"),
    case(linear.linear, normal(2, 3), normal(4, 3), label="constant weight", constants=(1,)),
    case(padding.zero_pad2d, normal(2, 2, 3, 3), call=after((1, 2, 0, 3)), torch=None),
    # pooling
    *(
        case(pooling.max_pool2d, separated(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", IMAGES, {"kernel_size": 2}),
            ("overlapping", IMAGES, {"kernel_size": 3, "stride": (1, 2), "padding": 1}),
            ("ceil", (1, 2, 6, 5), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            ("dilated", (1, 2, 6, 7), {"kernel_size": (2, 3), "stride": 1, "dilation": 2}),
            ("indices", IMAGES, {"kernel_size": 2, "return_indices": True}),
            ("one image", (2, 4, 6), {"kernel_size": 2}),
        )
    ),
    *(
        case(pooling.avg_pool2d, normal(*x), label=label, **keywords)
        for label, x, keywords in (
            ("plain", IMAGES, {"kernel_size": 2}),
            ("padded", IMAGES, {"kernel_size": 3, "stride": (1, 2), "padding": 1}),
            ("padding left out", IMAGES, {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
            ("ceil", (1, 2, 6, 6), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            ("divisor", IMAGES, {"kernel_size": 2, "divisor_override": 3}),
            ("one image", (2, 4, 6), {"kernel_size": 2}),
        )
    ),
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=1),
    case(pooling.adaptive_avg_pool2d, normal(*IMAGES), output_size=(3, None), label="uneven"),
    case(pooling.adaptive_avg_pool2d, normal(2, 5, 6), output_size=(2, 4), label="one image"),
    # normalisation
    case(normalization.batch_norm, normal(3, 4, 2, 3), positive(4), normal(4), call=training_batch_norm),
    case(normalization.batch_norm, normal(5, 4), positive(4), normal(4), call=training_batch_norm, label="rows"),
    case(
        normalization.batch_norm,
        normal(3, 2, 2, 3),
        call=lambda f, x: f(x, None, None, training=True),
        label="no weight",
    ),
    *(
        case(
            normalization.batch_norm,
            normal(*x),
            positive(2),
            normal(2),
            normal(2),
            positive(2),
            constants=(3, 4),
            call=frozen_batch_norm,
            label=label,
        )
        for label, x in (("frozen", (3, 2, 2, 3)), ("frozen rows", (4, 2)))
    ),
    # activations
    case(activation.relu, separated(2, 3)),
    case(activation.relu, separated(*IMAGES), label="images"),
    case(activation.softmax, normal(2, 5), dim=1),
    case(activation.softmax, normal(*IMAGES), dim=1, label="images"),
    case(activation.log_softmax, normal(2, 5), dim=-1),
    case(activation.log_softmax, normal(*IMAGES), dim=1, label="images"),
    case(activation.logsigmoid, normal(2, 3)),
    # losses
    case(loss.nll_loss, normal(4, 3), integers(4, below=3)),
    case(loss.nll_loss, normal(3), integers(below=3), label="one"),
    case(loss.nll_loss, normal(2, 3, 4, 2), integers(2, 4, 2, below=3), reduction="sum", label="images"),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3)),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3), label_smoothing=0.2, label="smoothed"),
    case(loss.cross_entropy, normal(4, 3), integers(4, below=3), ignore_index=1, reduction="none", label="ignored"),
    case(
        loss.cross_entropy,
        normal(5, 3),
        integers(5, below=3),
        positive(3),
        constants=(2,),
        label_smoothing=0.1,
        ignore_index=2,
        label="weighted",
    ),
    case(loss.cross_entropy, normal(2, 3, 4, 2), integers(2, 4, 2, below=3), label="images"),
    case(loss.cross_entropy, normal(4, 3), distributions(4, 3), label_smoothing=0.2, label="probabilities"),
    case(loss.cross_entropy, normal(4, 3), distributions(4, 3), positive(3), constants=(2,), label="weighted, soft"),
    case(loss.mse_loss, normal(2, 3), normal(2, 3)),
    case(loss.mse_loss, normal(2, 3), normal(2, 3), reduction="none", label="none"),
    case(loss.l1_loss, separated(2, 3), positive(2, 3, low=0.01, high=0.02)),
    case(loss.binary_cross_entropy_with_logits, normal(2, 3), positive(2, 3, low=0.1, high=0.9)),
    case(
        loss.binary_cross_entropy_with_logits,
        normal(2, 3),
        positive(2, 3, low=0.1, high=0.9),
        positive(3),
        constants=(2,),
        pos_weight=tc.tensor([0.5, 2.0, 3.0], dtype=tc.float64),
        reduction="sum",
        label="weighted",
    ),
    # random
    case(random.dropout, normal(3, 4), call=seeded_dropout, torch=None),
    case(random.dropout, normal(*IMAGES), call=seeded_dropout, torch=None, label="images"),
    case(dispatch.cast, normal(2, 3), call=after(tc.float64), torch=None),
]
