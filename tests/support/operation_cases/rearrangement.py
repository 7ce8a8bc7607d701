"""Shapes, parts of tensors, and tensors put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinyconv as tc
from operation_cases.case import IMAGES, after, case, integers, normal
from tinyconv.ops import indexing, join, shape

MASK = np.array([[True, False, True], [False, False, True]])


def indexed(*index: Any) -> Callable[..., Any]:
    return lambda function, x: function(x, index if len(index) != 1 else index[0])


CASES = [
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
    case(join.cat, normal(2, 3), normal(2, 1), call=lambda f, *x: f(x, 1)),
    case(join.cat, normal(2, 3, 2, 2), normal(2, 1, 2, 2), call=lambda f, *x: f(x, 1), label="channels"),
    case(join.stack, normal(2, 3), normal(2, 3), call=lambda f, *x: f(x, -1)),
    case(join.stack, normal(3, 2, 2), normal(3, 2, 2), call=lambda f, *x: f(x, 0), label="images"),
    case(join.split, normal(2, 5), call=after(2, 1)),
    case(join.split, normal(2, 5), call=after([1, 4], 1), label="sizes"),
    case(join.chunk, normal(5, 2), call=after(2)),
    case(join.unbind, normal(2, 3), call=after(1)),
]
