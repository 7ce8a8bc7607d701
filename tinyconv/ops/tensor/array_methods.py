"""The methods that reduce, sort, rearrange, pick, join and multiply: a function's first argument is the tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.ops.creation import random
from tinyconv.ops.indexing import gathering, placing
from tinyconv.ops.indexing import scatter as scattering
from tinyconv.ops.product import matmul as multiplication
from tinyconv.ops.product import products
from tinyconv.ops.reduction import counting, cumulative, extremes, reduction, sorting, spread
from tinyconv.ops.shape import permutation, rearrangement, shape, triangles
from tinyconv.ops.shape import split as parts

if TYPE_CHECKING:
    from tinyconv.ops.tensor import Tensor


class ArrayMethods(TensorBase):
    """One block for each file of ``ops``."""

    # reduction, spread, extremes
    sum, nansum, mean, nanmean = reduction.sum, reduction.nansum, reduction.mean, reduction.nanmean
    prod, count_nonzero, all, any = reduction.prod, reduction.count_nonzero, reduction.all, reduction.any
    var, std, norm, logsumexp = spread.var, spread.std, spread.norm, spread.logsumexp
    amax, amin, aminmax = extremes.amax, extremes.amin, extremes.aminmax
    max, min, argmax, argmin = extremes.max, extremes.min, extremes.argmax, extremes.argmin

    # cumulative, sorting, counting
    cumsum, cumprod, logcumsumexp = cumulative.cumsum, cumulative.cumprod, cumulative.logcumsumexp
    cummax, cummin, diff = cumulative.cummax, cumulative.cummin, cumulative.diff
    sort, argsort, msort, topk = sorting.sort, sorting.argsort, sorting.msort, sorting.topk
    kthvalue, median, nanmedian, quantile = sorting.kthvalue, sorting.median, sorting.nanmedian, sorting.quantile
    unique, unique_consecutive = counting.unique, counting.unique_consecutive
    bincount, histc = counting.bincount, counting.histc

    # shape, permutation, rearrangement, triangles
    reshape, reshape_as, view, view_as = shape.reshape, shape.reshape_as, shape.view, shape.view_as
    flatten, ravel, unflatten = shape.flatten, shape.ravel, shape.unflatten
    expand, expand_as, broadcast_to = shape.expand, shape.expand_as, shape.broadcast_to
    squeeze, unsqueeze = shape.squeeze, shape.unsqueeze
    clone, contiguous = shape.clone, shape.contiguous
    permute, transpose, t, adjoint = permutation.permute, permutation.transpose, permutation.t, permutation.adjoint
    swapaxes, swapdims = permutation.swapaxes, permutation.swapdims
    movedim, moveaxis = permutation.movedim, permutation.moveaxis
    flip, fliplr, flipud = rearrangement.flip, rearrangement.fliplr, rearrangement.flipud
    rot90, roll, unfold = rearrangement.rot90, rearrangement.roll, rearrangement.unfold
    repeat, tile = rearrangement.repeat, rearrangement.tile
    repeat_interleave = rearrangement.repeat_interleave
    diagonal, diag, diagflat = triangles.diagonal, triangles.diag, triangles.diagflat
    diag_embed, trace = triangles.diag_embed, triangles.trace
    tril, triu = triangles.tril, triangles.triu

    # gathering, scatter, placing
    gather, take_along_dim, take = gathering.gather, gathering.take_along_dim, gathering.take
    index_select, narrow, select = gathering.index_select, gathering.narrow, gathering.select
    masked_select, nonzero, argwhere = gathering.masked_select, gathering.nonzero, gathering.argwhere
    scatter_add, scatter_add_ = scattering.scatter_add, scattering.scatter_add_
    index_add, index_add_ = scattering.index_add, scattering.index_add_
    index_copy, index_copy_ = scattering.index_copy, scattering.index_copy_
    index_fill, index_fill_ = scattering.index_fill, scattering.index_fill_
    index_put, index_put_ = scattering.index_put, scattering.index_put_
    scatter, scatter_ = scattering.scatter, scattering.scatter_
    scatter_reduce, scatter_reduce_ = placing.scatter_reduce, placing.scatter_reduce_
    masked_scatter, masked_scatter_ = placing.masked_scatter, placing.masked_scatter_
    put, put_ = placing.put, placing.put_

    # split, matmul, products
    split, tensor_split, chunk, unbind = parts.split, parts.tensor_split, parts.chunk, parts.unbind
    hsplit, vsplit, dsplit = parts.hsplit, parts.vsplit, parts.dsplit
    matmul, mm, bmm, mv = multiplication.matmul, multiplication.mm, multiplication.bmm, multiplication.mv
    dot, vdot, inner = multiplication.dot, multiplication.vdot, multiplication.inner
    outer, ger = multiplication.outer, multiplication.ger
    addmm, addmv, addr = products.addmm, products.addmv, products.addr
    baddbmm, addbmm, kron = products.baddbmm, products.addbmm, products.kron

    bernoulli, multinomial = random.bernoulli, random.multinomial

    @property
    def T(self: Any) -> Tensor:
        """The dimensions in reverse order: of a matrix, its transpose. (Of others PyTorch warns; ``mT`` says more.)

        >>> tc.ones(2, 3).T.shape
        (3, 2)
        """
        return permutation.permute(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self: Any) -> Tensor:
        """The matrices in the last two dimensions, transposed.

        >>> tc.ones(4, 2, 3).mT.shape
        (4, 3, 2)
        """
        return permutation.adjoint(self)

    @property
    def H(self: Any) -> Tensor:
        """The transpose of a matrix: of real numbers, its adjoint is no other.

        >>> tc.ones(2, 3).H.shape
        (3, 2)
        """
        return permutation.t(self)

    @property
    def mH(self: Any) -> Tensor:
        """The matrices in the last two dimensions, transposed: of real numbers, their adjoints are no others.

        >>> tc.ones(4, 2, 3).mH.shape
        (4, 3, 2)
        """
        return permutation.adjoint(self)
