"""Convolution, pooling, normalisation and the matrix product on a GPU: CuPy's arrays, kernels compiled by Numba.

The same functions as ``backends.cpu``.
"""
