"""Everything that stands above the backends, on a strict stand-in for a GPU: the same numbers as on the CPU.

Whatever is added to the tables of operations and of public names is walked too. In this process the kernels are those
of the CPU; the CUDA kernels have a walk of their own, under Numba's simulator.
"""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from operation_cases import CASES
from parity import ENTRIES
from stand_in import cuda_without_gpu
from walk import walk_call, walk_case

import tinyconv as tc

ONCE = {"floor_divide"}
"""Operations whose operands get no gradient, so that there is none of it."""

NOT_WALKED = {
    **dict.fromkeys(("Tensor.cpu", "Tensor.numpy", "Tensor.is_cuda"), "gives another answer there: test_transfers.py"),
    **dict.fromkeys(("tc.from_numpy", "tc.save", "tc.load"), "of the CPU's memory: test_transfers.py"),
    "tc.from_dlpack": "the array is in the CPU's memory: tests/ops/test_exchange.py has those of a GPU",
    **dict.fromkeys(("nn.Module", "nn.Sequential"), "the program makes layers on the CPU: test_networks.py"),
    **dict.fromkeys(("nn.utils.fuse_conv_bn_eval", "nn.utils.fuse_linear_bn_eval"), "as above: test_networks.py"),
    **dict.fromkeys(
        ("data.DataLoader", "data.IterableDataset", "data.Sampler", "data.default_collate", "data.default_convert"),
        "makes batches on the CPU: test_transfers.py",
    ),
}
"""Names that are not called on the device, and why; what stands for them instead."""

NAMED = [
    pytest.param(name, entry, id=name)
    for entry in ENTRIES
    for name in entry.names
    if entry.calls is not None and name not in NOT_WALKED
]


@pytest.fixture(autouse=True, scope="module")
def device(exact):
    """Small tensors: to wake a second thread would take longer than the work."""
    threads = tc.get_num_threads()
    tc.set_num_threads(1)
    with cuda_without_gpu():
        yield
    tc.set_num_threads(threads)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_gives_what_the_cpu_gives(case):
    walk_case(case, tc.float32, 1e-5, twice=case.name not in ONCE)


@pytest.mark.parametrize(("name", "entry"), NAMED)
def test_a_public_name_does_what_it_does_on_the_cpu(name, entry):
    @settings(max_examples=4, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate])
    @given(entry.calls, st.sampled_from(["float64", "float32"]))
    def check(call, dtype):
        walk_call(name, entry, call, dtype)

    check()


def test_what_is_left_out_is_in_the_tables():
    assert NOT_WALKED.keys() <= {name for entry in ENTRIES for name in entry.names}
