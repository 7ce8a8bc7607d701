"""Devices, types and threads; and what is tinyconv's own at the top of the package."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from parity.entry import Entry, Library, call


def device(lib: Library, name: str) -> Any:
    found = lib.tc.device(name)
    return [found.type, found == lib.tc.device("cpu"), lib.tc.ones(2).device == lib.tc.device("cpu")]


def dtype(lib: Library, name: str) -> Any:
    found = getattr(lib.tc, name)
    return [isinstance(found, lib.tc.dtype), found.is_floating_point, found.itemsize]


def threads(lib: Library, count: int) -> Any:
    before = lib.tc.get_num_threads()
    try:
        lib.tc.set_num_threads(count)
        return lib.tc.get_num_threads()
    finally:
        lib.tc.set_num_threads(before)


def deterministic(lib: Library, *arguments: Any, **options: Any) -> Any:
    """PyTorch's setting is as before afterwards; False, which tinyconv refuses, is drawn around."""
    try:
        return lib.tc.use_deterministic_algorithms(*arguments, **options)
    finally:
        if lib.tc.__name__ == "torch":
            lib.tc.use_deterministic_algorithms(False)


TYPES = ("bool", "uint8", "int32", "int64", "float32", "float64", "int", "long", "float", "double")

ENTRIES = [
    Entry(
        "tc.device",
        calls=st.just(call("cpu")),
        program=device,
        bad=(call("gpu"), call("cpu:x")),
    ),
    Entry("tc.dtype", calls=st.sampled_from(TYPES).map(call), program=dtype, signature="users make no types"),
    Entry(
        "tc.get_num_threads",
        "tc.set_num_threads",
        calls=st.just(call(1)),
        program=threads,
        bad=(call(0), call(-1)),
        example_count=1,
    ),
    Entry(
        "tc.use_deterministic_algorithms",
        calls=st.just(call(True)) | st.booleans().map(lambda warn_only: call(True, warn_only=warn_only)),
        program=deterministic,
        bad=(call(), call("yes"), call(1), call(True, warn_only="no")),
        example_count=3,
    ),
    Entry("tc.empty_cache", ours_only="torch.cuda.empty_cache is the like for GPUs"),
    Entry(
        "tc.get_float32_precision",
        "tc.set_float32_precision",
        ours_only="torch.set_float32_matmul_precision is of other modes: highest, high, medium",
    ),
    Entry(
        "tc.get_convolution_algorithm",
        "tc.set_convolution_algorithm",
        ours_only="PyTorch leaves the choice to its libraries",
    ),
    Entry("tc.profile", ours_only="torch.profiler has another interface: this one is a table of layers"),
    Entry(
        "tc.TinyconvError", ours_only="the base of tinyconv's errors, each of which is the built-in PyTorch raises too"
    ),
]
