"""``save`` and ``load``: an object that was written is read again. The files themselves are not each other's."""

from __future__ import annotations

import io

from hypothesis import strategies as st

from parity.entry import Entry, call
from parity.loading import arrays_of, converted, shapes

leaves = st.one_of(
    shapes.flatmap(arrays_of),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=4),
)
objects = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.sampled_from(["model", "a.b"]), st.integers(0, 3)), inner, max_size=3),
    ),
    max_leaves=8,
)


def round_trip(lib, value, **options):
    file = io.BytesIO()
    lib.tc.save(converted(lib, value), file)
    file.seek(0)
    return lib.tc.load(file, **options)


def refused(lib, what):
    if what == "no file":
        return lib.tc.load("/no/such/folder/weights")
    if what == "no folder":
        return lib.tc.save({}, "/no/such/folder/weights")
    if what == "nothing to write to":
        return lib.tc.save({}, 3)
    if what == "noise":
        return lib.tc.load(io.BytesIO(b"noise that no library wrote"))
    return lib.tc.save({"function": lambda: None}, io.BytesIO())


def either(lib, value, **options):
    if isinstance(value, tuple) and isinstance(value[0], str) and value[0] == "refused":
        return refused(lib, value[1])
    return round_trip(lib, value, **options)


ENTRIES = [
    Entry(
        "tc.save",
        "tc.load",
        calls=st.builds(
            lambda value, options: call(value, **options),
            objects,
            st.fixed_dictionaries(
                {}, optional={"map_location": st.sampled_from([None, "cpu"]), "weights_only": st.just(True)}
            ),
        ),
        program=either,
        bad=tuple(
            call(("refused", what)) for what in ("no file", "no folder", "nothing to write to", "noise", "a function")
        ),
        signature="what concerns pickle is left out; save takes metadata",
    ),
]
