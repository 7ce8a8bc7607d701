"""One run of a network, watched: its steps, its way back, and everything left as it was."""

import numpy as np
import pytest
from explained import Branched, branched, images, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.autograd.observe import observed
from tinyconv.core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from tinyconv.explain import Trace, gradient, resolve_targets
from tinyconv.features import capture
from tinyconv.nn import functional as F


def ones(trace):
    return tc.ones(*trace.logits.shape, dtype=trace.logits.dtype)


def test_the_steps_have_the_names_that_capture_gives():
    model, batch = branched(), images(2, 2, 12, 12)
    with capture(model) as activations:
        model(tc.tensor(batch))
    trace = Trace(model, batch, keep_values=True)
    assert [step.name for step in trace.steps if step.name] == list(activations)
    for name, values in activations.items():
        np.testing.assert_array_equal(trace.layer(name).output_value.numpy(), values)
    assert trace.layer("shared_1").path == "shared"


@pytest.mark.parametrize("inplace", [False, True])
def test_the_way_back_is_that_of_the_tape_with_in_place_operations_too(inplace):
    model, batch = branched(inplace=inplace), images(3, 2, 12, 12)
    leaf = tc.tensor(batch, requires_grad=True)
    (expected,) = tc.autograd.grad(model(leaf).sum(), leaf)
    trace = Trace(model, batch)
    np.testing.assert_allclose(trace.backward(trace.logits, ones(trace)).numpy(), expected.numpy(), rtol=1e-12)


def test_in_place_and_out_of_place_give_equal_steps():
    """What an in-place operation overwrites afterwards is known as it was, and has its own cotangent."""
    batch = images(2, 2, 12, 12)
    traces = [Trace(branched(inplace=inplace), batch, keep_values=True) for inplace in (True, False)]
    names = [step.name for step in traces[0].steps if step.name]
    assert names == [step.name for step in traces[1].steps if step.name]
    found = [
        trace.cotangents(trace.logits, ones(trace), [trace.layer(name).output for name in names]) for trace in traces
    ]
    for name, one, other in zip(names, *found, strict=True):
        steps = [trace.layer(name) for trace in traces]
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=name)
        np.testing.assert_array_equal(steps[0].output_value.numpy(), steps[1].output_value.numpy(), err_msg=name)
        for ours, theirs in zip(steps[0].input_values, steps[1].input_values, strict=True):
            np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy(), err_msg=name)
    assert (traces[0].layer("bn1").output_value.numpy() < 0).any()


def test_a_rule_passes_cotangents_in_place_of_the_operation_s_own_backward_and_only_then():
    model, batch = plain(), images(2, 1, 8, 8)
    trace = Trace(model, batch)
    seen = []

    def rules(step):
        if step.kind != "relu":
            return None

        def doubled(cotangent):
            seen.append(step.name)
            return tuple(2 * one for one in step.own_backward(cotangent))

        return doubled

    own = trace.backward(trace.logits, ones(trace)).numpy()
    found = trace.backward(trace.logits, ones(trace), rules).numpy()
    assert seen == ["relu2", "relu1"]
    np.testing.assert_allclose(found, 4 * own, rtol=1e-12)
    np.testing.assert_array_equal(trace.backward(trace.logits, ones(trace)).numpy(), own)


def test_a_rule_that_fails_leaves_no_trace_of_itself():
    trace = Trace(plain(), images(1, 1, 8, 8))
    own = trace.backward(trace.logits, ones(trace)).numpy()

    def failing(cotangent):
        raise KeyError

    with pytest.raises(KeyError):
        trace.backward(trace.logits, ones(trace), lambda step: failing if step.kind == "conv" else None)
    np.testing.assert_array_equal(trace.backward(trace.logits, ones(trace)).numpy(), own)


def test_modes_gradients_statistics_images_and_settings_are_left_as_they_were():
    model = Branched().to(tc.float64)
    model.bn1.eval()
    model.fc.weight.requires_grad_(False)
    model(tc.tensor(images(2, 2, 12, 12))).sum().backward()
    batch = images(2, 2, 12, 12)
    before = [module.training for module in model.modules()]
    gradients = {n: None if p.grad is None else p.grad.numpy().copy() for n, p in model.named_parameters()}
    statistics = {name: buffer.numpy().copy() for name, buffer in model.named_buffers()}
    given = batch.copy()
    with tc.no_grad():
        trace = Trace(model, batch)
        trace.backward(trace.logits, ones(trace))
        assert not tc.is_grad_enabled()
    assert [module.training for module in model.modules()] == before
    for name, parameter in model.named_parameters():
        if gradients[name] is None:
            assert parameter.grad is None
        else:
            np.testing.assert_array_equal(parameter.grad.numpy(), gradients[name])
    for name, buffer in model.named_buffers():
        np.testing.assert_array_equal(buffer.numpy(), statistics[name])
    np.testing.assert_array_equal(batch, given)
    assert tc.get_float32_precision() == "fast"
    assert not observed()


def test_the_model_is_run_in_evaluation_mode_and_exactly():
    class Asking(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)
            self.found = []

        def forward(self, x):
            self.found.append((self.training, tc.get_float32_precision()))
            return self.fc(x.flatten(1))

    model = Asking()
    assert model.training
    Trace(model, np.ones((1, 1, 2, 2), np.float32))
    assert model.found == [(False, "exact")]
    assert model.training


def test_modes_come_back_after_an_error():
    class Failing(nn.Module):
        def forward(self, x):
            raise KeyError

    model = Failing()
    with pytest.raises(KeyError):
        Trace(model, np.ones((1, 1, 2, 2)))
    assert model.training
    assert tc.get_float32_precision() == "fast"


def test_a_first_layer_may_write_into_the_images():
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4, 2)).to(tc.float64)
    batch = np.array([[[[1.0, -1], [2, -2]]]])
    trace = Trace(model, batch)
    found = trace.backward(trace.logits, ones(trace)).numpy()
    np.testing.assert_array_equal(found != 0, batch > 0)
    assert batch.min() == -2


@pytest.mark.parametrize("end", [nn.Softmax(dim=1), nn.LogSoftmax(dim=1)], ids=["softmax", "log_softmax"])
def test_the_scores_are_those_before_a_softmax(end):
    model, batch = plain(), images(2, 1, 8, 8)
    expected = model(tc.tensor(batch)).detach().numpy()
    np.testing.assert_allclose(Trace(nn.Sequential(model, end), batch).logits.detach().numpy(), expected, rtol=1e-12)


def test_a_softmax_inside_the_network_is_no_end():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 3)

        def forward(self, x):
            return F.softmax(self.fc(x.flatten(1)), dim=1) * 2

    model = Gated()
    found = Trace(model, np.ones((1, 1, 2, 2), np.float32)).logits
    np.testing.assert_allclose(found.sum().item(), 2, rtol=1e-6)


def test_images_are_converted_to_the_model_s_type():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert Trace(model, np.ones((1, 1, 2, 2))).images.dtype is tc.float32
    assert Trace(model.to(tc.float64), tc.ones(1, 1, 2, 2)).images.dtype is tc.float64


class WithoutGradient(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x.detach().flatten(1))


FITTING = np.ones((2, 1, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("model", "batch", "error", "words"),
    [
        pytest.param(None, FITTING, ArgumentError, "nn.Module, got NoneType", id="no-module"),
        pytest.param(nn.Flatten(), FITTING[0], ShapeError, r"images\[None\]", id="one-image"),
        pytest.param(nn.Flatten(), FITTING[:0], ShapeError, "at least one pixel", id="no-image"),
        pytest.param(nn.Flatten(), FITTING.astype(np.uint8), DTypeError, "got uint8", id="bytes"),
        pytest.param(nn.Identity(), FITTING, ShapeError, r"\(2, classes\), got \(2, 1, 2, 2\)", id="maps"),
        pytest.param(WithoutGradient(), FITTING, ArgumentError, "does not depend on the images", id="detached"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(model, batch, error, words):
    with pytest.raises(error, match=words):
        gradient(model, batch)


def test_an_unknown_layer_is_refused_with_those_that_there_are():
    with pytest.raises(ArgumentError, match=r"did you mean 'conv2'.*conv1, norm1, relu1, pool1"):
        Trace(plain(), images(1, 1, 8, 8)).layer("conv2x")


def test_targets():
    logits = np.array([[0.0, 2, 2], [5, 1, 0]])
    assert resolve_targets(logits).tolist() == [1, 0]
    assert resolve_targets(logits, 2).tolist() == [2, 2]
    assert resolve_targets(logits, [0, 1]).tolist() == [0, 1]
    assert resolve_targets(tc.tensor(logits), tc.tensor([0, 1])).tolist() == [0, 1]
    assert resolve_targets(logits, np.int64(1)).dtype == np.int64


@pytest.mark.parametrize(
    ("target", "error", "words"),
    [
        (3, DimensionError, "no class 3: the model gives 3 scores, numbered 0 to 2"),
        (-1, DimensionError, "no class -1"),
        ([0], ShapeError, "1 classes for 2 images"),
        (1.0, ArgumentError, "got 1.0"),
        (True, ArgumentError, "got True"),
        ("cat", ArgumentError, "got 'cat'"),
    ],
)
def test_targets_that_do_not_exist_are_refused(target, error, words):
    with pytest.raises(error, match=words):
        resolve_targets(np.zeros((2, 3)), target)
