"""The tables of ``tests/support/parity`` cover every public name; this needs no PyTorch."""

from collections import Counter

from api_reference.names import ENGINE_ATTRIBUTES
from parity import ENTRIES

import tinyconv as tc
from tinyconv.utils import data

SPACES = {
    "tc": tc,
    "nn": tc.nn,
    "F": tc.nn.functional,
    "init": tc.nn.init,
    "nn.utils": tc.nn.utils,
    "optim": tc.optim,
    "lr_scheduler": tc.optim.lr_scheduler,
    "data": data,
    "autograd": tc.autograd,
}

FOLDERS = {
    *(
        "autograd",
        "cuda",
        "data",
        "explain",
        "features",
        "functional",
        "init",
        "lr_scheduler",
        "models",
        "nn",
        "onnx",
        "optim",
        "train",
    ),
    "utils",
}
"""Folders and files are no names of their own."""


def public_names():
    for space, module in SPACES.items():
        yield from (f"{space}.{name}" for name in module.__all__ if name not in FOLDERS)
    tensor = tc.tensor(1.0)
    yield from (f"Tensor.{name}" for name in dir(tensor) if not name.startswith("_") and name not in ENGINE_ATTRIBUTES)


def test_every_public_name_has_an_entry():
    covered = {name for entry in ENTRIES for name in entry.names}
    assert sorted(set(public_names()) - covered) == []


def test_no_entry_covers_a_name_that_does_not_exist_or_twice():
    names = [name for entry in ENTRIES for name in entry.names]
    assert sorted(set(names) - set(public_names())) == []
    assert [name for name, times in Counter(names).items() if times > 1] == []
