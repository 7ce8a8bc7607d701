"""Convolution in float32 on GPUs that have tensor cores for TF32 (from compute capability 8.0 on), through inline PTX.

Activations are (N, H, W, C), weights (K, R, S, C / groups), both contiguous. ``catalog`` has the kernels, ``plans``
chooses among them for each geometry; nothing here needs a GPU before a plan is run.
"""
