"""What the lanes of a block's line know together: the threads beside each other, which share a row.

All threads of the block come here at the same time; ``shared`` has a place for each.
"""

from __future__ import annotations

from tinyconv.backends.cuda.compiler import cuda, helper


@helper
def largest_of_lanes(value, shared):
    """The largest of what the lanes of a line have."""
    lane, line, lanes = cuda.threadIdx.x, cuda.threadIdx.y * cuda.blockDim.x, cuda.blockDim.x
    cuda.syncthreads()
    shared[line + lane] = value
    cuda.syncthreads()
    step = lanes // 2
    while step > 0:
        if lane < step and shared[line + lane + step] > shared[line + lane]:
            shared[line + lane] = shared[line + lane + step]
        cuda.syncthreads()
        step //= 2
    return shared[line]


@helper
def sum_of_lanes(value, shared):
    """The sum of what the lanes of a line have."""
    lane, line, lanes = cuda.threadIdx.x, cuda.threadIdx.y * cuda.blockDim.x, cuda.blockDim.x
    cuda.syncthreads()
    shared[line + lane] = value
    cuda.syncthreads()
    step = lanes // 2
    while step > 0:
        if lane < step:
            shared[line + lane] += shared[line + lane + step]
        cuda.syncthreads()
        step //= 2
    return shared[line]
