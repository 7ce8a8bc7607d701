"""A stand-in for CuPy that computes with NumPy and is as strict as CuPy wherever CuPy differs from NumPy.

``xp`` is the module, ``DeviceArray`` its array. An array of the host that meets one of the device, an implicit
transfer, a keyword that CuPy lacks: each raises here what it would raise on a GPU. Numbers that are waited for, with
``item()``, ``bool()`` or a mask whose hits must be counted, are allowed and noted: ``synchronisations()`` tells them.

``DeviceArray.simulated`` is the NumPy array over the same memory, for a kernel that Numba's simulator runs.
"""

from device_arrays.array import DeviceArray
from device_arrays.module import xp
from device_arrays.waiting import synchronisations

__all__ = ["DeviceArray", "synchronisations", "xp"]
