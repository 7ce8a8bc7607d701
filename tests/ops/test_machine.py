"""What the floors above learn of threads, compilation and processor, without the backends."""

import subprocess
import sys

from tinyconv.backends import notices
from tinyconv.backends.cpu import parallel
from tinyconv.ops import machine


def test_the_threading_layer_is_that_of_the_kernels():
    assert machine.threading_layer() == parallel.threading_layer()


def test_a_listener_hears_of_compilations_until_it_is_taken_off():
    heard = []
    stop = machine.on_first_compile(heard.append)
    notices.compiles("matmul")
    stop()
    notices.compiles("relu")
    assert heard == ["matmul"]


def test_importing_them_does_not_load_the_compiler():
    code = "import sys, tinyconv.ops.machine; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
