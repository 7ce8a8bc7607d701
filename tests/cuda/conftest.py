"""Numba decides when it is imported whether kernels run in its simulator: those tests have processes of their own.

``test_simulator.py`` waits for one for each file of ``simulated``; by hand: ``NUMBA_ENABLE_CUDASIM=1 pytest FILE``.
"""

import os

collect_ignore = [] if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" else ["simulated"]
"""Kernels to interpret are compiled in processes without the simulator."""
