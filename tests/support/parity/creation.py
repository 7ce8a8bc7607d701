"""Tensors from data, from a rule, and at random.

PyTorch's random numbers are its own: of ours shapes and types are compared here, distributions in ``tests/ops``.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from parity.both import both
from parity.draws import arrays, broadcastable, filled, shapes
from parity.entry import Entry, Type, call, constant, exactly, ones
from parity.reductions import whole

TYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")
types = st.sampled_from(TYPES).map(Type)
some_shape = shapes(min_side=0, max_side=3)
options = st.fixed_dictionaries({}, optional={"dtype": types, "device": st.just("cpu")})
float_options = st.fixed_dictionaries(
    {}, optional={"dtype": st.sampled_from(["float32", "float64"]).map(Type), "requires_grad": st.booleans()}
)
SIZE = "size= may be a keyword here as in PyTorch's function; its docstring writes *size"
NEGATIVE = (call(-1), call((2, -1)), call(2.5), call("text"), call())
nested = st.recursive(
    st.one_of(st.integers(-5, 5), st.floats(-5, 5, width=32), st.booleans()),
    lambda inner: st.lists(inner, max_size=3).filter(
        lambda listed: len({np.shape(item) for item in map(np.asarray, listed)}) <= 1
    ),
    max_leaves=6,
)


def regular(data: object) -> bool:
    try:
        np.asarray(data)
    except ValueError:
        return False
    return True


data = nested.filter(regular)


def sized(name: str, values: bool = True, chosen: st.SearchStrategy = options) -> Entry:
    return Entry(
        f"tc.{name}",
        calls=st.tuples(some_shape, chosen, st.integers(0, 2)).map(
            lambda drawn: [
                call(*drawn[0], **drawn[1]) if drawn[0] else call((), **drawn[1]),
                call(drawn[0], **drawn[1]),
                call(size=drawn[0], **drawn[1]),
            ][drawn[2]]
        ),
        values=values,
        signature=SIZE,
        bad=NEGATIVE,
    )


def like(name: str, *more: object, values: bool = True, chosen: st.SearchStrategy = options, **entry: object) -> Entry:
    floats = chosen is float_options
    return Entry(
        f"tc.{name}",
        calls=st.tuples(st.one_of(arrays().map(constant), *([] if floats else [whole()])), chosen).map(
            lambda drawn: call(drawn[0], *more, **drawn[1])
        ),
        values=values,
        bad=(call([1.0], *more), call(*more), call(ones(2), *more, nonsense=1)),
        **entry,
    )


steps = st.sampled_from([1, 2, 3, 0.5, 0.25, -1, -0.5])


def ranges(step: float) -> st.SearchStrategy:
    whole_ends = st.tuples(st.integers(-5, 5), st.integers(0, 8))
    return whole_ends.map(lambda ends: call(ends[0], ends[0] + ends[1] * (1 if step > 0 else -1), step))


def at_random(lib, manual: int) -> list:
    """What a generator says about its seed."""
    generator = lib.tc.Generator(device="cpu")
    same = generator.manual_seed(manual) is generator
    state = generator.get_state()
    lib.tc.rand(3, generator=generator)
    moved = lib.tc.rand(3, generator=generator)
    generator.set_state(state)
    lib.tc.rand(3, generator=generator)
    again = lib.tc.rand(3, generator=generator)
    return [same, generator.initial_seed(), bool((moved == again).all()), str(generator.device)]


def seeded(lib, seed: int) -> list:
    lib.tc.manual_seed(seed)
    first = lib.tc.rand(4)
    lib.tc.manual_seed(seed)
    return [lib.tc.initial_seed(), bool((first == lib.tc.rand(4)).all())]


weights = (
    st.one_of(shapes(min_dims=1, max_dims=2, min_side=3)).flatmap(lambda shape: filled(shape, 0.1, 1.0)).map(constant)
)

ENTRIES = [
    Entry(
        "tc.tensor",
        calls=st.one_of(
            data.map(call),
            st.tuples(data, st.sampled_from(["float32", "float64", "bool"]).map(Type)).map(
                lambda d: call(d[0], dtype=d[1])
            ),
            st.tuples(st.lists(st.integers(0, 5)), types).map(lambda d: call(d[0], dtype=d[1])),
            st.sampled_from(
                [
                    call([1, True, 2.5]),
                    call([True, 2]),
                    call(range(3)),
                    call([np.float64(1)]),
                    call([np.int32(1), 2]),
                    call([exactly(np.float64(1.0)), 2]),
                    call([[exactly(np.int32(1))], [2]]),
                    call([-1], dtype=Type("uint8")),
                    call([1.7, -1.7], dtype=Type("int64")),
                    call(1e40),
                    call([]),
                    call([[], []]),
                    call([1.0], requires_grad=True),
                ]
            ),
        ),
        example_count=40,
        bad=(
            call([[1], [1, 2]]),
            call("text"),
            call(["a"]),
            call([None]),
            call(None),
            call({}),
            call([300], dtype=Type("uint8")),
            call([2**40], dtype=Type("int32")),
            call([2**70]),
            call([float("nan")], dtype=Type("int64")),
            call([1], requires_grad=True),
            call([exactly(np.ones(2)), exactly(np.ones(2))]),
        ),
    ),
    Entry(
        "tc.as_tensor",
        calls=st.one_of(data.map(call), st.tuples(whole(), types).map(lambda d: call(d[0], dtype=d[1]))),
        signature="PyTorch's docstring gives device no default",
        bad=(call("text"), call([None]), call([[1], [1, 2]])),
    ),
    Entry(
        "tc.from_numpy",
        calls=st.sampled_from(TYPES).map(call),
        program=lambda lib, kind: lib.tc.from_numpy(np.ones((2, 3), kind)),
        bad=(),
    ),
    Entry(
        "tc.from_dlpack",
        calls=st.tuples(st.sampled_from(TYPES), st.sampled_from([None, True, False])).map(lambda drawn: call(*drawn)),
        program=lambda lib, kind, copy: lib.tc.from_dlpack(np.ones((2, 3), kind), copy=copy),
        bad=(call([1.0]), call("text")),
    ),
    Entry(
        "tc.full",
        calls=st.one_of(
            st.tuples(some_shape, st.sampled_from([1, 0, 2.5, True, -1]), st.none() | types).map(
                lambda d: call(*d[:2], dtype=d[2])
            ),
            st.just(call((2,), exactly(np.int32(3)))),
        ),
        bad=(
            call(2, 1),
            call((2,), "a"),
            call((2,), 300, dtype=Type("uint8")),
            call((-1,), 1),
            call((2,), float("nan"), dtype=Type("int64")),
            call((2,), 2**40, dtype=Type("int32")),
            call((2,), 1e300),
            call((2,), 2**70),
        ),
    ),
    sized("zeros"),
    sized("ones"),
    sized("empty", values=False),
    like("zeros_like"),
    like("ones_like"),
    like("empty_like", values=False),
    like("full_like", 1, signature="PyTorch's docstring has an escaped star"),
    Entry(
        "tc.arange",
        calls=st.one_of(
            steps.flatmap(ranges),
            st.integers(0, 6).map(call),
            st.tuples(st.floats(0, 5, width=16), st.sampled_from(["float64", "float32"]).map(Type)).map(
                lambda d: call(d[0], dtype=d[1])
            ),
            st.sampled_from(
                [call(0, 3, 1, dtype=Type(kind)) for kind in TYPES[:-1]]
                + [
                    call(end=3),
                    call(start=1, end=4),
                    call(exactly(np.int64(3))),
                    call(0, 3, 2, dtype=Type("int32"), device="cpu"),
                ]
            ),
        ),
        signature="PyTorch's docstring has a required argument after an optional one",
        bad=(
            call(5, 1),
            call(0, 3, 0),
            call(0, 3, -1),
            call(0, 3, dtype=Type("bool")),
            call("text"),
            call(0, float("inf")),
        ),
    ),
    Entry(
        "tc.linspace",
        calls=st.tuples(st.floats(-5, 5, width=16), st.floats(-5, 5, width=16), st.integers(0, 7), float_options).map(
            lambda d: call(*d[:3], **d[3])
        )
        | st.sampled_from([call(0, 10, 4, dtype=Type("int64")), call(-3, 10, 5, dtype=Type("int32"))]),
        bad=(call(0, 1, -1), call(0, 1, 2.5), call(0, 1, 3, dtype=Type("bool")), call("a", 1, 2), call(0, 1)),
    ),
    Entry(
        "tc.logspace",
        calls=st.tuples(
            st.floats(-2, 2, width=16), st.floats(-2, 2, width=16), st.integers(0, 7), st.sampled_from([10.0, 2.0])
        ).map(lambda d: call(*d))
        | st.just(call(0, 2, 3, 2, dtype=Type("int64"))),
        bad=(call(0, 1, -1), call(0, 1, 3, dtype=Type("bool")), call("a", 1, 2)),
    ),
    Entry(
        "tc.eye",
        calls=st.tuples(st.integers(0, 4), st.none() | st.integers(0, 4), options).map(
            lambda d: call(*d[: 1 + (d[1] is not None)], **d[2])
        ),
        bad=(call(-1), call(2, -1), call(2.5)),
    ),
    *(
        Entry(
            f"tc.{name}",
            calls=st.tuples(
                st.integers(0, 4), st.integers(0, 4), st.integers(-5, 5), st.sampled_from(["int64", "int32"]).map(Type)
            ).map(lambda d: call(*d[:3], dtype=d[3])),
            signature="PyTorch's docstring says torch.long for int64",
            bad=(call(-1, 2), call(2, 2.5), call(2)),
        )
        for name in ("tril_indices", "triu_indices")
    ),
    sized("rand", values=False, chosen=float_options),
    sized("randn", values=False, chosen=float_options),
    like("rand_like", values=False, chosen=float_options),
    like("randn_like", values=False, chosen=float_options),
    Entry(
        "tc.randint_like",
        calls=st.one_of(arrays().map(constant), whole(bools=False)).flatmap(
            lambda x: st.sampled_from([call(x, 5), call(x, 2, 5), call(x, 1, 9, dtype=Type("int32"))])
        ),
        values=False,
        signature="PyTorch's docstring has a required argument after an optional one",
        bad=(call([1], 5), call(ones(2), 5, 5), call(np.ones(2, np.uint8), 300)),
    ),
    Entry(
        "tc.randint",
        calls=some_shape.flatmap(
            lambda shape: st.sampled_from(
                [
                    call(5, shape),
                    call(-2, 5, shape),
                    call(0, 9, size=shape),
                    call(3, size=shape),
                    call(low=1, high=4, size=shape),
                    call(0, 5, shape, dtype=Type("float32")),
                    call(0, 5, shape, dtype=Type("uint8")),
                ]
            )
        ),
        values=False,
        signature="PyTorch's docstring has a required argument after an optional one",
        bad=(call(5, 5, (3,)), call(0, 300, (3,), dtype=Type("uint8")), call(0, 5, (-1,)), call(0, 5), call("a", (2,))),
    ),
    Entry(
        "tc.randperm",
        calls=st.tuples(st.integers(0, 6), st.sampled_from(["int64", "int32", "float32"]).map(Type)).map(
            lambda d: call(d[0], dtype=d[1])
        ),
        values=False,
        bad=(call(-1), call(2.5), call("a")),
    ),
    Entry(
        "tc.normal",
        calls=st.one_of(
            broadcastable(2)
            .flatmap(lambda pair: st.tuples(filled(pair[0]), filled(pair[1], 0.1, 1.0)))
            .map(lambda pair: call(constant(pair[0]), constant(pair[1]))),
            arrays().map(lambda x: call(constant(x), 2.0)),
            arrays(0.1, 1.0).map(lambda x: call(2.0, constant(x))),
            some_shape.map(lambda shape: call(0.0, 1.0, shape)),
            some_shape.map(lambda shape: call(0.0, 1.0, size=shape, dtype=Type("float64"))),
        ),
        values=False,
        signature="PyTorch has several forms, of which its docstring heads one",
        bad=(
            call(0.0, -1.0, (2,)),
            call(0.0, 1.0),
            call(constant(ones(2)), constant(ones(3))),
            call(constant(ones(2)), -1.0),
            call("a", 1.0, (2,)),
            call(np.array([1, 2]), 1.0),
        ),
    ),
    *both(
        "bernoulli",
        tc="p=, which PyTorch's function takes too, is not in its docstring",
        method="p=, which PyTorch's method takes too, is not in its docstring",
        calls=st.one_of(
            arrays(0.0, 1.0).map(constant).map(call),
            st.sampled_from([call(constant([0.0, 1.0])), call(constant(ones(3)), 0.0)]),
        ),
        values=False,
        bad=(call(constant([2.0])), call(constant([-0.5])), call(np.array([1])), call(constant(ones(2)), 1.5)),
    ),
    *both(
        "multinomial",
        calls=weights.flatmap(
            lambda w: st.sampled_from([call(w, 2), call(w, 3), call(w, 7, True), call(w, 1, replacement=True)])
        ),
        values=False,
        bad=(
            call(constant([0.0, 0.0]), 1),
            call(constant([-1.0, 2.0]), 1),
            call(constant(ones(2)), 0),
            call(constant(ones(2)), 3),
            call(constant(ones(2, 2, 2)), 1),
            call(np.array([1, 1]), 1),
            call(constant([np.nan, 1.0]), 1),
        ),
    ),
    Entry("tc.Generator", calls=st.integers(0, 2**40).map(call), program=at_random),
    Entry("tc.manual_seed", "tc.initial_seed", calls=st.integers(0, 2**40).map(call), program=seeded),
]
