"""Convolution kernels without anything that only some GPUs have: they run on each, and in Numba's simulator."""
