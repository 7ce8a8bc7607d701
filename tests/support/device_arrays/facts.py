"""What CuPy has: the names of its functions, methods and ufuncs, with their arguments and types.

``facts.json`` holds it, so that the stand-in is as strict where CuPy is not installed. ``python facts.py`` writes it
anew from an installed CuPy, which needs no GPU for that; ``tests/cuda/test_device_arrays.py`` compares the two.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("facts.json")
SPACES = ("", "linalg", "lib.stride_tricks")
"""The modules, below the top one, of which the names are known."""


def load() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def collect() -> dict[str, Any]:
    """The facts of the installed CuPy."""
    import cupy

    found: dict[str, Any] = {"version": cupy.__version__, "functions": {}, "ufuncs": {}, "of_numpy": []}
    for space in SPACES:
        module = cupy
        for part in filter(None, space.split(".")):
            module = getattr(module, part)
        for name in sorted(vars(module)):
            value = getattr(module, name)
            full = f"{space}.{name}".removeprefix(".")
            if name.startswith("_") or inspect.ismodule(value):
                continue
            if isinstance(value, cupy.ufunc):
                found["ufuncs"][full] = of_ufunc(value)
            elif getattr(np, name, None) is value and not space:
                found["of_numpy"].append(name)
            elif callable(value) and not inspect.isclass(value) and (arguments := of_function(value)) is not None:
                found["functions"][full] = arguments
    found["methods"] = {
        name: of_method(value)
        for name, value in inspect.getmembers(cupy.ndarray)
        if not name.startswith("_") and callable(value)
    }
    found["attributes"] = sorted(
        name for name, value in inspect.getmembers(cupy.ndarray) if not name.startswith("_") and not callable(value)
    )
    return found


def of_ufunc(ufunc: Any) -> dict[str, Any]:
    """Its types, in the order in which CuPy looks for one that fits; the operation of its ``at``, if it has one."""
    name = ufunc.name.removeprefix("cupy_")
    return {
        "nin": ufunc.nin,
        "types": " ".join(ufunc.types),
        "at": ufunc._scatter_op,
        "reduces": name in ("add", "multiply"),
    }


def of_function(function: Any) -> str | None:
    """Its arguments, as in ``a, axis=None``; every default counts as None."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None  # written in Cython without a signature: none that tinyconv uses
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty).replace(
            default=parameter.empty if parameter.default is parameter.empty else None
        )
        for parameter in parameters
    ]
    return str(inspect.Signature(plain))[1:-1]


def of_method(method: Any) -> str:
    """Its arguments, from the first line of Cython's docstring: ``_ndarray_base.sum(self, axis=None)``."""
    line = (method.__doc__ or "").partition("\n")[0]
    arguments = re.sub(r" -> .*$", "", line).partition("(")[2].rpartition(")")[0]
    if not arguments:
        return str(inspect.signature(method))[1:-1] if method.__doc__ is None else "self"
    plain = re.sub(r"\b(?:Py_ssize_t|int|bool|tuple|_ndarray_base) (?=\w)", "", arguments)
    return re.sub(r"=[^,]+", "=None", plain)


if __name__ == "__main__":
    FILE.write_text(json.dumps(collect(), indent=1) + "\n")
