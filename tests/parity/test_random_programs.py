"""The same random program in tinyconv and in PyTorch: after every step the same values, flags, gradients, refusals."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import tinyconv as tc

torch = pytest.importorskip("torch")

from random_programs import DIFFERENCES, Counts, Program  # noqa: E402
from random_programs.program import share_memory  # noqa: E402
from random_programs.vocabulary import (  # noqa: E402
    BINARY,
    IN_PLACE_BINARY,
    IN_PLACE_UNARY,
    REDUCTIONS,
    SHAPES,
    UNARY,
    VIEWS,
)

PROGRAMS, STEPS = 2000, 20

which = st.integers(0, 7)
"""How many places before the most recent tensor that suits."""


class RandomProgram(RuleBasedStateMachine):
    counts = Counts()

    @initialize(shape=st.sampled_from(SHAPES), other=st.sampled_from(SHAPES))
    def start(self, shape, other):
        self.program.leaf(shape, requires_grad=True)
        self.program.leaf(other, requires_grad=True)
        self.program.leaf(shape, requires_grad=False)

    def __init__(self):
        super().__init__()
        self.program = Program(self.counts)

    @rule(shape=st.sampled_from(SHAPES), requires_grad=st.booleans())
    def leaf(self, shape, requires_grad):
        self.program.leaf(shape, requires_grad)

    @rule(name=st.sampled_from(sorted(UNARY)), one=which)
    def unary(self, name, one):
        pair = self.program.choose(one)
        self.program.compute(f"{name} of {pair.name}", UNARY[name], pair)

    @rule(name=st.sampled_from(sorted(BINARY)), one=which, two=which)
    def binary(self, name, one, two):
        pair = self.program.choose(one)
        other = self.program.choose(two, lambda other: broadcastable(pair.theirs.shape, other.theirs.shape) is not None)
        self.program.compute(f"{name} of {pair.name}, {other.name}", BINARY[name], pair, other)

    @rule(name=st.sampled_from(sorted(REDUCTIONS)), one=which)
    def reduction(self, name, one):
        pair = self.program.choose(one)
        self.program.compute(f"{name} of {pair.name}", REDUCTIONS[name], pair)

    @rule(one=which, groups=st.sampled_from([1, 2]), stride=st.sampled_from([1, 2]))
    def convolution(self, one, groups, stride):
        pair = self.program.choose(one, lambda pair: pair.theirs.ndim == 4 and pair.theirs.shape[1] % groups == 0)
        if pair is None:
            pair = self.program.leaf((2, 2, 4, 4), requires_grad=True)
        weight = self.program.leaf((2, pair.theirs.shape[1] // groups, 3, 3), requires_grad=True)
        self.program.compute(
            f"conv2d(stride={stride}, groups={groups}) of {pair.name}, {weight.name}",
            lambda m, f, t, w: f.conv2d(t.clone(), w.clone(), stride=stride, padding=1, groups=groups),
            pair,
            weight,
        )

    # Views and writes in place are where engines go wrong: they stand here twice.

    @rule(name=st.sampled_from(sorted(VIEWS)), one=which)
    def view(self, name, one):
        pair = self.program.choose(one)
        self.program.view(f"{name} of {pair.name}", VIEWS[name], pair)

    @rule(name=st.sampled_from(sorted(VIEWS)), one=which)
    def view_of_a_result(self, name, one):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad and not is_leaf(pair))
        if pair is not None:
            self.program.view(f"{name} of {pair.name}", VIEWS[name], pair)

    @rule(name=st.sampled_from(sorted(IN_PLACE_UNARY)), one=which)
    def write(self, name, one):
        pair = self.program.choose(one)
        self.program.write(f"{pair.name}: {name}", IN_PLACE_UNARY[name], pair)

    @rule(name=st.sampled_from(sorted(IN_PLACE_BINARY)), one=which, two=which)
    def write_a_tensor(self, name, one, two):
        self._write_a_tensor(name, self.program.choose(one), two)

    def _write_a_tensor(self, name, pair, two):
        other = pair and self.program.choose(
            two,
            lambda other: (
                not share_memory(pair, other)
                and broadcastable(pair.theirs.shape, other.theirs.shape) == tuple(pair.theirs.shape)
            ),
        )
        if other is not None:
            self.program.write(f"{pair.name}: {name} {other.name}", IN_PLACE_BINARY[name], pair, other)

    @rule(name=st.sampled_from(sorted(IN_PLACE_UNARY)), view=st.sampled_from(sorted(VIEWS)), one=which)
    def write_into_a_new_view(self, name, view, one):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad and not is_leaf(pair))
        pair = pair and self.program.view(f"{view} of {pair.name}", VIEWS[view], pair)
        if pair is not None:
            self.program.write(f"{pair.name}: {name}", IN_PLACE_UNARY[name], pair)

    @rule(name=st.sampled_from(sorted(IN_PLACE_BINARY)), one=which, two=which)
    def write_a_tensor_into_a_view(self, name, one, two):
        self._write_a_tensor(name, self.program.choose(one, lambda pair: pair.theirs._is_view()), two)

    @rule()
    def begin_or_end_no_grad(self):
        self.program.records = not self.program.records
        self.program.lines.append("no_grad ends" if self.program.records else "no_grad begins")
        tc.set_grad_enabled(self.program.records)
        torch.set_grad_enabled(self.program.records)

    @rule(one=which, value=st.booleans())
    def requires_grad(self, one, value):
        pair = self.program.choose(one)
        line = f"{pair.name}.requires_grad_({value})"
        self.program.write(line, lambda m, f, t: t.requires_grad_(value), pair)

    @rule(one=which)
    def detach(self, one):
        just_made = self.program.lines[-1].partition(" = ")[0]
        pair = self.program.choose(one, lambda pair: is_leaf(pair) or pair.name == just_made)
        if pair is not None:
            self.program.write(f"{pair.name}.detach_()", lambda m, f, t: t.detach_(), pair)

    @rule(one=which)
    def retain_grad(self, one):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad)
        if pair is not None:
            self.program.write(f"{pair.name}.retain_grad()", lambda m, f, t: t.retain_grad(), pair)

    @rule(one=which, scale=st.sampled_from([None, 0.5, -2.0]))
    def register_hook(self, one, scale):
        pair = self.program.choose(one, lambda pair: not pair.theirs._is_view())
        if pair is not None:
            self.program.hook(pair, scale)

    @rule(one=which)
    def remove_hook(self, one):
        if self.program.hooks:
            hooked = self.program.hooks[one % len(self.program.hooks)]
            for handle in hooked.handles:
                handle.remove()

    @rule()
    def clear_grads(self):
        self.program.lines.append("all grad = None")
        self.program.clear_grads()

    @rule(one=which, retain_graph=st.booleans())
    def backward(self, one, retain_graph):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad)
        if pair is not None:
            self.program.backward(pair, retain_graph)

    @rule(retain_graph=st.booleans())
    def backward_from_the_most_recent(self, retain_graph):
        pair = self.program.choose(0, lambda pair: pair.theirs.requires_grad and not is_leaf(pair))
        if pair is not None:
            self.program.backward(pair, retain_graph)

    @rule(one=which, two=which)
    def backward_to_some_leaves(self, one, two):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad)
        leaves = [leaf for leaf in self.program.leaves if leaf.theirs.requires_grad and is_leaf(leaf)]
        if pair is not None and leaves:
            self.program.backward(pair, True, [leaves[two % len(leaves)]])

    @rule(one=which)
    def differentiate_twice(self, one):
        pair = self.program.choose(one, lambda pair: pair.theirs.requires_grad and not is_leaf(pair))
        leaves = [leaf for leaf in self.program.leaves if leaf.theirs.requires_grad and is_leaf(leaf)]
        if pair is not None and leaves:
            self.program.differentiate_twice(pair, leaves)

    @invariant()
    def both_are_in_the_same_state(self):
        self.program.check()

    def teardown(self):
        tc.set_grad_enabled(True)
        torch.set_grad_enabled(True)
        self.counts.programs += 1
        self.counts.programs_with_refusal += self.program.refusals > 0


def broadcastable(one, other):
    """The common shape, or None."""
    try:
        return tuple(torch.broadcast_shapes(one, other))
    except RuntimeError:
        return None


def is_leaf(pair):
    try:
        return pair.theirs.is_leaf
    except RuntimeError:
        return False


def run(machine, programs, **options):
    threads = torch.get_num_threads(), tc.get_num_threads()
    torch.set_num_threads(1)
    tc.set_num_threads(1)
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=programs,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                **options,
            ),
        )
    finally:
        torch.set_num_threads(threads[0])
        tc.set_num_threads(threads[1])


def test_random_programs_do_the_same_in_both_libraries(capsys):
    run(RandomProgram, PROGRAMS)
    counts = RandomProgram.counts
    with capsys.disabled():
        print(f"\nrandom programs: {counts}")  # noqa: T201
    assert counts.programs >= PROGRAMS
    assert counts.steps >= 8 * PROGRAMS
    assert counts.backward_passes >= PROGRAMS // 2
    assert counts.writes_into_views >= PROGRAMS // 10
    assert counts.second_derivatives >= PROGRAMS // 10
    assert counts.programs_with_refusal >= PROGRAMS // 20


def test_every_difference_that_programs_avoid_has_a_reason():
    assert all(len(reason) > 40 for reason in DIFFERENCES.values())
