"""An interpreter of PTX, on NumPy: it runs a GPU's program where there is no GPU, and finds what a GPU would not tell.

    program = Program(ptx)
    memory = Memory()
    x, y = memory.put(array), memory.fresh(array.shape, np.float32)
    statistics = run(program, memory, grid=4, block=128, arguments=[x, y, array.size])
    memory.get(y, array.shape)

All threads of several blocks run together, an instruction being a few NumPy operations over all of them. Faults raise
``PtxError``: an address outside every array, or misaligned; memory that nobody wrote; threads that race in shared
memory, by the order of barriers and not by luck; barriers and warps that are never complete; asynchronous copies that
nobody waited for; products of warps that are not whole. It is one reading of the PTX manual: hardware has the last
word.
"""

from ptx.errors import PtxError
from ptx.memory import Memory
from ptx.program import Program, array_arguments, run
from ptx.statistics import Statistics

__all__ = ["Memory", "Program", "PtxError", "Statistics", "array_arguments", "run"]
