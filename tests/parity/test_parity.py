"""Every public name beside PyTorch's: results, types, gradients, refusals, signatures, over drawn arguments."""

import inspect

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity import ENTRIES
from parity.runner import compare, compare_refusal, count, find
from parity.signatures import difference

import tinyconv as tc

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

NAMED = [pytest.param(name, entry, id=name) for entry in ENTRIES for name in entry.names if not entry.ours_only]


@pytest.mark.parametrize(("name", "entry"), NAMED)
def test_it_gives_what_pytorch_gives(name, entry):
    count(name, "names")

    @settings(
        max_examples=entry.example_count,
        suppress_health_check=list(HealthCheck),
        database=None,
        report_multiple_bugs=False,
    )
    @given(entry.calls, st.sampled_from(["float64", "float32"]))
    def check(call, dtype):
        compare(name, entry, call, dtype)

    check()


@pytest.mark.parametrize(
    ("name", "entry", "call"),
    [
        pytest.param(name, entry, call, id=f"{name}-{index}")
        for entry in ENTRIES
        for name in entry.names
        for index, call in enumerate(entry.bad)
    ],
)
def test_it_refuses_what_pytorch_refuses(name, entry, call):
    compare_refusal(name, entry, call)


@pytest.mark.parametrize(("name", "entry"), NAMED)
def test_its_signature_is_pytorchs(name, entry):
    theirs = entry.theirs if callable(entry.theirs) else find(torch, entry.theirs or name)
    found = difference(find(tc, name), theirs)
    if entry.signature:
        assert found, f"{name}: the signature is PyTorch's, so the table need not excuse it ({entry.signature})"
    else:
        assert found is None, f"{name}: {found}"
    if inspect.isroutine(theirs) or inspect.isclass(theirs):
        count(name, "signatures")
