"""Shapes, parts of tensors, and tensors put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinyconv as tc
from operation_cases.case import IMAGES, after, case, integers, normal, separated
from tinyconv.ops.indexing import gathering, indexing, placing, scatter
from tinyconv.ops.shape import grids, join, permutation, rearrangement, shape, split, triangles

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
    case(permutation.permute, normal(2, 3, 4), call=after((2, 0, 1))),
    case(permutation.transpose, normal(2, 3, 4), call=after(0, -1)),
    case(permutation.t, normal(2, 3)),
    case(shape.squeeze, normal(2, 1, 3, 1)),
    case(shape.squeeze, normal(2, 1, 3, 1), call=after(1), label="one"),
    case(shape.unsqueeze, normal(2, 3), call=after(1)),
    case(rearrangement.flip, normal(*IMAGES), call=after((1, 3))),
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
        call=lambda f, x: f(x, (tc.tensor([0, 0, 2]), tc.tensor([1, 1, 3], device=x.device))),
        torch=lambda x: x[[0, 0, 2], [1, 1, 3]],
        label="points",
    ),
    case(
        indexing.get_item,
        normal(2, 3),
        call=lambda f, x: f(x, tc.tensor(MASK, device=x.device)),
        torch=lambda x: x[MASK],
        label="mask",
    ),
    case(
        gathering.take_along_dim,
        normal(2, 5),
        integers(2, 3, below=5),
        call=lambda f, x, index: f(x, index, 1),
    ),
    case(gathering.gather, normal(4, 5), integers(3, 2, below=4), call=lambda f, x, index: f(x, 0, index)),
    case(gathering.index_select, normal(2, 5), integers(4, below=5), call=lambda f, x, index: f(x, 1, index)),
    case(gathering.narrow, normal(*IMAGES), call=after(1, 1, 2)),
    case(join.cat, normal(2, 3), normal(2, 1), call=lambda f, *x: f(x, 1)),
    case(join.cat, normal(2, 3, 2, 2), normal(2, 1, 2, 2), call=lambda f, *x: f(x, 1), label="channels"),
    case(join.stack, normal(2, 3), normal(2, 3), call=lambda f, *x: f(x, -1)),
    case(join.stack, normal(3, 2, 2), normal(3, 2, 2), call=lambda f, *x: f(x, 0), label="images"),
    case(split.split, normal(2, 5), call=after(2, 1)),
    case(split.split, normal(2, 5), call=after([1, 4], 1), label="sizes"),
    case(split.chunk, normal(5, 2), call=after(2)),
    case(split.unbind, normal(2, 3), call=after(1)),
    case(shape.expand_as, normal(3, 1), normal(2, 3, 4), constants=(1,), torch=lambda x, y: x.expand_as(y)),
    case(shape.reshape_as, normal(6), normal(2, 3), constants=(1,), torch=lambda x, y: x.reshape_as(y)),
    case(shape.view_as, normal(6), normal(2, 3), constants=(1,), torch=lambda x, y: x.view_as(y)),
    case(shape.ravel, normal(2, 3)),
    case(permutation.swapaxes, normal(2, 3, 4), call=after(0, 1)),
    case(permutation.swapdims, normal(2, 3, 4), call=after(0, 1)),
    case(permutation.movedim, normal(*IMAGES), call=after((0, 1), (-1, 0))),
    case(permutation.moveaxis, normal(2, 3, 4), call=after(0, 2)),
    case(permutation.adjoint, normal(2, 3, 4)),
    case(rearrangement.fliplr, normal(2, 3)),
    case(rearrangement.flipud, normal(2, 3)),
    *(case(rearrangement.rot90, normal(*IMAGES), call=after(k, (2, 3)), label=f"{k} turns") for k in range(4)),
    case(rearrangement.roll, normal(*IMAGES), call=after((1, -2), (1, 3))),
    case(rearrangement.roll, normal(2, 3), call=after(2), label="one row"),
    case(rearrangement.repeat, normal(2, 3), call=after(2, 2, 1), torch=lambda x: x.repeat(2, 2, 1)),
    case(rearrangement.tile, normal(2, 3), call=after((2, 1))),
    case(rearrangement.repeat_interleave, normal(*IMAGES), call=after(2, 1)),
    case(rearrangement.unfold, normal(2, 7), call=after(1, 3, 2), torch=lambda x: x.unfold(1, 3, 2)),
    case(rearrangement.unfold, normal(2, 3, 5), call=after(2, 2, 3), torch=lambda x: x.unfold(2, 2, 3), label="images"),
    case(triangles.diagonal, normal(3, 4), call=after(1)),
    case(triangles.diagonal, normal(2, 3, 4), call=after(-1, 2, 0), label="of three"),
    case(triangles.diag, normal(3)),
    case(triangles.diag, normal(3, 4), call=after(-1), label="matrix"),
    case(triangles.diag_embed, normal(2, 3), call=after(1)),
    case(triangles.diagflat, normal(2, 2)),
    case(triangles.trace, normal(3, 4)),
    case(triangles.tril, normal(*IMAGES), call=after(1)),
    case(triangles.triu, normal(3, 4), call=after(-1)),
    case(grids.broadcast_tensors, normal(3, 1), normal(2)),
    case(grids.meshgrid, normal(3), normal(2), call=lambda f, *x: f(*x, indexing="xy"), torch=None),
    case(grids.cartesian_prod, normal(3), normal(2)),
    case(grids.combinations, normal(4)),
    *(case(function, normal(2)) for function in (grids.atleast_1d, grids.atleast_2d)),
    case(grids.atleast_3d, normal(2, 3)),
    case(gathering.select, normal(*IMAGES), call=after(1, -1)),
    case(
        gathering.take,
        normal(2, 2, 2, 3),
        call=lambda f, x: f(x, tc.tensor([[0, 5], [5, -1]], device=x.device)),
        torch=None,
    ),
    case(gathering.masked_select, normal(2, 3), call=lambda f, x: f(x, tc.tensor(MASK, device=x.device)), torch=None),
    *(
        case(
            function,
            normal(3, 4),
            normal(2, 4),
            call=lambda f, x, v: f(x, 0, tc.tensor([[0, 1, 2, 0], [1, 0, 0, 2]], device=x.device), v),
            torch=None,
        )
        for function in (scatter.scatter, scatter.scatter_add)
    ),
    *(
        case(
            placing.scatter_reduce,
            separated(3, 4),
            separated(2, 4),
            call=lambda f, x, v, how=how: f(x, 0, tc.tensor([[0, 1, 2, 0], [0, 0, 0, 2]], device=x.device), v, how),
            torch=None,
            label=how,
        )
        for how in ("sum", "mean", "prod", "amax", "amin")
    ),
    *(
        case(
            function,
            normal(*IMAGES),
            normal(2, 2, 5, 6),
            call=lambda f, x, v: f(x, 1, tc.tensor([2, 0], device=x.device), v),
            torch=None,
        )
        for function in (scatter.index_add, scatter.index_copy)
    ),
    case(
        scatter.index_fill,
        normal(*IMAGES),
        call=lambda f, x: f(x, 1, tc.tensor([2, 0], device=x.device), 1.5),
        torch=None,
    ),
    *(
        case(
            scatter.index_put,
            normal(3, 4),
            normal(4),
            call=lambda f, x, v, adds=adds: f(x, (tc.tensor([1] if not adds else [1, 1], device=x.device),), v, adds),
            torch=None,
            label=str(adds),
        )
        for adds in (False, True)
    ),
    case(
        placing.masked_scatter,
        normal(2, 3),
        normal(5),
        call=lambda f, x, v: f(x, tc.tensor(MASK, device=x.device), v),
        torch=None,
    ),
    case(
        placing.put,
        normal(2, 2, 2, 2),
        normal(2),
        call=lambda f, x, v: f(x, tc.tensor([3, -1], device=x.device), v),
        torch=None,
    ),
    case(join.concat, normal(2, 3), normal(1, 3), call=lambda f, *x: f(x)),
    case(join.concatenate, normal(2, 3), normal(1, 3), call=lambda f, *x: f(x)),
    *(
        case(function, normal(2, 3), normal(2, 3), call=lambda f, *x: f(x))
        for function in (join.hstack, join.vstack, join.row_stack, join.dstack, join.column_stack)
    ),
    case(split.tensor_split, normal(2, 5), call=after((1, 3), 1)),
    case(split.hsplit, normal(2, 4), call=after(2)),
    case(split.vsplit, normal(4, 2), call=after(2)),
    case(split.dsplit, normal(2, 2, 4), call=after([1])),
]
