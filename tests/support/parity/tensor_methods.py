"""What a tensor says of itself, what it becomes in Python and NumPy, its conversions, and random numbers in it."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.draws import arrays, integers, shapes, truths
from parity.elementwise import UNDOCUMENTED, empties, unary, whole
from parity.entry import Entry, Type, call, exactly, ones

NAMES = ("float32", "float64", "int64", "int32", "uint8", "bool")
types = st.sampled_from([Type(name) for name in NAMES])
anything = st.one_of(unary(special=False), arrays().map(lambda x: exactly(x.astype(np.float32))))
# No fractions below 0 become a uint8: C leaves the result open.
convertible = st.one_of(arrays(0.0, 200.0), empties, whole(0, 100))

singles = shapes(max_dims=3, max_side=1).flatmap(lambda shape: st.one_of(integers(shape, 0, 2), truths(shape)))
sizes = st.lists(st.integers(0, 3), max_size=4)
options = st.fixed_dictionaries({}, optional={"dtype": types})


def attribute(lib, tensor, name):
    """An attribute of the whole, of a view, and of a result that is recorded."""
    x = lib.tensor(tensor, requires_grad=np.asarray(tensor).dtype.kind == "f")
    results = [getattr(y, name) for y in (x, x.reshape(-1), x.detach())]
    return [result() if callable(result) else result for result in results]


def attributes(*names: str) -> list[Entry]:
    return [
        Entry(
            f"Tensor.{name}",
            program=lambda lib, x, name=name: attribute(lib, x, name),
            calls=st.one_of(arrays(), empties, whole()).map(call),
            example_count=10,
        )
        for name in names
    ]


def kinds(lib, x):
    """What ``type`` calls it, without the name of the library."""
    return lib.tensor(x).type().rpartition(".")[2]


def statistics(lib, method, count, *args, **kwargs):
    """The mean, the spread and the range of many draws, coarsely: the draws themselves differ."""
    lib.tc.manual_seed(3)
    x = getattr(lib.tc.zeros(count, dtype=lib.dtype), method)(*args, **kwargs).double()
    low, high = float(x.min()), float(x.max())
    return [round(float(x.mean()) * 4) / 4, round(float(x.std()) * 2) / 2, round(low), round(high)]


def limits(which, names):
    def shown(lib, name):
        found = getattr(lib.tc, which)(getattr(lib.tc, name))
        fields = ("bits", "min", "max", "dtype") + (
            ("eps", "tiny", "smallest_normal", "resolution") if which == "finfo" else ()
        )
        return [getattr(found, field) for field in fields] + [repr(found)]

    return Entry(
        f"tc.{which}",
        program=shown,
        calls=st.sampled_from(names).map(call),
        bad=(call("int64" if which == "finfo" else "float32"), call("bool")),
        example_count=10,
    )


def as_numpy(lib, x, force):
    return lib.tensor(x, requires_grad=np.asarray(x).dtype.kind == "f" and force).numpy(force=force).tolist()


def own_type(lib, method, x, *args, **kwargs):
    x = lib.tensor(x)
    kwargs = {key: getattr(lib.tc, value.name) if isinstance(value, Type) else value for key, value in kwargs.items()}
    made = getattr(x, method)(*args, **kwargs)
    return made if method != "new_empty" else [tuple(made.shape), made.dtype]


def new(method: str, *arguments, bad=()) -> Entry:
    return Entry(
        f"Tensor.{method}",
        program=lambda lib, *args, **kwargs: own_type(lib, method, *args, **kwargs),
        calls=st.builds(
            lambda x, drawn, keywords: call(x, *drawn, **keywords),
            anything.filter(is_array),
            st.tuples(*arguments),
            options,
        ),
        bad=bad,
        signature="" if method in ("new_tensor", "new_full") else "PyTorch documents the sizes as one parameter",
    )


def is_array(value) -> bool:
    return isinstance(value, np.ndarray)


ENTRIES = [
    *attributes(
        *("dtype", "shape", "ndim", "dim", "ndimension", "numel", "nelement", "element_size", "itemsize", "nbytes"),
        *("is_floating_point", "is_cuda", "requires_grad", "is_leaf", "tolist", "data"),
    ),
    Entry(
        "Tensor.is_contiguous",
        # Of up to three dimensions: in the fourth, PyTorch's order is another than the engine's.
        program=lambda lib, x: [lib.tensor(x).is_contiguous(), lib.tensor(x).t().is_contiguous()],
        calls=arrays(min_dims=2, max_dims=2, min_side=2).map(call),
    ),
    Entry("Tensor.device", ours_only="only instances have it: tests/ops/test_tensor.py compares it"),
    Entry(
        "Tensor.size",
        program=lambda lib, x, *dim: (lambda found: found if isinstance(found, int) else tuple(found))(
            lib.tensor(x).size(*dim)
        ),
        calls=st.one_of(
            arrays().map(call),
            arrays(min_dims=1).flatmap(lambda x: st.integers(-x.ndim, x.ndim - 1).map(lambda dim: call(x, dim))),
        ),
        bad=(call(ones(2), 1), call(ones(2, 3), -3), call(ones(), 0)),
    ),
    Entry("tc.is_tensor", calls=st.one_of(arrays(), st.sampled_from([1, "text", [1.0]])).map(call)),
    Entry(
        "tc.is_floating_point",
        "tc.numel",
        calls=anything.map(call),
        bad=(call(1.0), call([1.0]), call()),
    ),
    Entry(
        *("tc.is_nonzero", "Tensor.is_nonzero"),
        calls=singles.map(call),
        bad=(call(ones(2)), call(np.zeros(0)), call()),
    ),
    Entry(
        "tc.result_type",
        calls=st.builds(call, st.one_of(anything, st.sampled_from([1, 2.5, True])), anything),
        bad=(call(ones(2)), call(ones(2), "text"), call(None, ones(2))),
    ),
    Entry("tc.promote_types", calls=st.builds(call, types, types), bad=(call(Type("int64")), call(1, 2))),
    Entry("tc.can_cast", calls=st.builds(call, types, types), bad=(call(Type("int64")), call(1, 2))),
    limits("finfo", NAMES[:2]),
    limits("iinfo", NAMES[2:5]),
    *(
        Entry(
            f"tc.{name}", program=lambda lib, name=name: getattr(lib.tc, name), calls=st.just(call()), example_count=10
        )
        for name in (*NAMES, "double", "float", "long", "int")
    ),
    # --- Python and NumPy --------------------------------------------------------------------------------------------
    Entry(
        "Tensor.item",
        calls=st.one_of(singles, arrays(max_side=1)).map(call),
        bad=(call(ones(2)), call(np.zeros(0))),
    ),
    Entry(
        "Tensor.numpy",
        program=as_numpy,
        calls=st.builds(call, st.one_of(arrays(), empties, whole()), st.booleans()),
        bad=(),
    ),
    # --- conversions -------------------------------------------------------------------------------------------------
    *(
        Entry(f"Tensor.{name}", calls=convertible.map(call), bad=(call(ones(2), "text", 3),), signature="")
        for name in ("float", "double", "long", "int", "byte", "bool", "cpu")
    ),
    Entry(
        "Tensor.to",
        calls=st.one_of(
            st.builds(call, convertible, types),
            st.builds(lambda x, kind, flag: call(x, kind, flag, flag), convertible, types, st.booleans()),
            st.builds(lambda x, kind: call(x, dtype=kind, copy=True), convertible, types),
            st.builds(call, convertible, st.sampled_from(["cpu"])),
            st.builds(lambda x, kind: call(x, "cpu", kind), convertible, types),
            st.builds(call, convertible, convertible),
        ),
        bad=(call(ones(2), "nowhere"), call(ones(2), dtype="float32")),
        signature=UNDOCUMENTED,
    ),
    Entry(
        "Tensor.type",
        calls=st.builds(call, convertible, types),
        bad=(call(ones(2), "torch.NoTensor"), call(ones(2), 1.5)),
    ),
    Entry(
        "Tensor.type_as",
        calls=st.builds(call, convertible, convertible),
        bad=(call(ones(2)), call(ones(2), 1.0)),
        signature=UNDOCUMENTED,
    ),
    *(
        Entry(f"Tensor.{name}", ours_only="PyTorch has the type, or the device; ours says which there are instead")
        for name in ("half", "bfloat16", "short", "char", "cuda")
    ),
    new(
        "new_tensor",
        st.sampled_from([2.5, 1, True, [1, 2], [[0.5, 1.5]], np.array([1, 2]).tolist()]),
        bad=(call(ones(2)),),
    ),
    new("new_zeros", sizes, bad=(call(ones(2), "text"), call(ones(2), -1))),
    new("new_ones", sizes, bad=(call(ones(2), "text"), call(ones(2), -1))),
    new("new_empty", sizes, bad=(call(ones(2), "text"), call(ones(2), -1))),
    new("new_full", sizes, st.sampled_from([0, 1, True]), bad=(call(ones(2), (2,)), call(ones(2), (2,), "text"))),
    # --- random numbers ----------------------------------------------------------------------------------------------
    Entry(
        "Tensor.normal_",
        program=lambda lib, *args: statistics(lib, "normal_", 40_000, *args)[:2],
        calls=st.sampled_from([call(), call(3), call(-2.0, 0.5), call(1.0, 0.0)]),
        bad=(call(0.0, -1.0), call("text")),
        example_count=10,
    ),
    Entry(
        "Tensor.uniform_",
        program=lambda lib, *args: statistics(lib, "uniform_", 40_000, *args),
        calls=st.sampled_from([call(), call(2, 5), call(-1.0), call(3.0, 3.0)]),
        bad=(call(2, 1), call("text")),
        example_count=10,
        signature="PyTorch's first parameter is called from, which Python does not allow",
    ),
    Entry(
        "Tensor.bernoulli_",
        program=lambda lib, *args: statistics(lib, "bernoulli_", 40_000, *args),
        calls=st.sampled_from([call(), call(0.2), call(0), call(1.0)]),
        bad=(call(1.5), call(-0.1), call("text")),
        example_count=10,
    ),
    Entry(
        "Tensor.random_",
        program=lambda lib, *args: statistics(lib, "random_", 40_000, *args)[:4],
        calls=st.sampled_from([call(3), call(2, 6), call(-3, 4)]),
        bad=(call(3, 1), call(2, 2), call("text")),
        example_count=10,
        signature="PyTorch's first parameter is called from, which Python does not allow",
    ),
]
