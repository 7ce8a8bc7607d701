"""Every invariant holds on networks of all kinds, and each of them notices the fault that it is there for."""

import dataclasses

import numpy as np
import pytest
from explained import branched, images, plain

import tinyconv as tc
from tinyconv import nn
from tinyconv.explain import Attribution, checks, methods
from tinyconv.explain.checks import arithmetic, attributions, conduct, linearity, slopes
from tinyconv.ops.convolution.convolution import Convolution2d
from tinyconv.ops.normalization.batch import BatchNorm


def found(model, channels=1, side=8, only=checks.CHECKS):
    subject = checks.Subject(model, images(3, channels, side, side))
    return {finding.name: finding for finding in (check(subject) for check in only)}


@pytest.mark.parametrize(
    ("model", "channels", "skipped"),
    [
        (plain, 1, set()),
        (lambda: plain(bias=False, batch_norm=False), 1, set()),
        (branched, 2, set()),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), 1, {"adjoint", "by hand", "switches"}),
    ],
    ids=["plain", "without biases", "branched", "linear"],
)
def test_all_invariants_hold(model, channels, skipped):
    findings = list(checks.verify(model(), images(3, channels, 8, 8)))
    assert [(finding.name, finding.measured, finding.note) for finding in findings if finding.failed] == []
    assert skipped <= {finding.name for finding in findings if not finding.applies}
    assert len({finding.name for finding in findings}) == len(checks.CHECKS)


def test_a_float32_model_is_checked_in_a_copy_in_float64():
    model = plain().float().train()
    findings = found(model, only=[slopes.gradient_is_the_slope, linearity.score_is_pixels_plus_biases])
    assert not any(finding.failed for finding in findings.values())
    assert model.training
    assert {parameter.dtype for parameter in model.parameters()} == {tc.float32}


def test_biases_make_their_share_of_the_score():
    note = found(plain(), only=[linearity.score_is_pixels_plus_biases])["pixels + biases"].note
    assert "up to 0%" not in note
    bare = found(plain(bias=False, batch_norm=False), only=[linearity.score_is_pixels_plus_biases])
    assert "up to 0%" in bare["pixels + biases"].note


def test_smooth_networks_are_not_piecewise_linear_and_a_shift_that_stays_is_not_homogeneous():
    smooth = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(72, 2)).double()
    findings = found(smooth, only=[*checks.CHECKS[3:5], slopes.integrated_gradients_need_one_step_without_biases])
    assert not findings["pixels + biases"].applies
    assert "gelu1 is not piecewise linear" in findings["pixels + biases"].note
    assert not findings["one step"].applies
    assert not findings["gradient"].failed


def wrong(monkeypatch, operation, factor=1.001):
    right = operation.backward

    def backward(self, dy):
        dx, *others = right(self, dy)
        return (None if dx is None else dx * factor, *others)

    monkeypatch.setattr(operation, "backward", backward)


def test_a_wrong_input_gradient_of_convolution_is_noticed(monkeypatch):
    wrong(monkeypatch, Convolution2d)
    findings = found(plain(), only=checks.CHECKS[:5])
    assert findings["adjoint"].failed
    assert findings["gradient"].failed
    assert findings["pixels + biases"].failed
    assert "it fails in conv1, conv2" in findings["pixels + biases"].note
    assert not findings["by hand"].failed


def test_a_wrong_gradient_of_batch_norm_is_noticed_and_named(monkeypatch):
    wrong(monkeypatch, BatchNorm)
    findings = found(plain(), only=[slopes.gradient_is_the_slope, linearity.score_is_pixels_plus_biases])
    assert all(finding.failed for finding in findings.values())
    assert "it fails in norm1, norm2" in findings["pixels + biases"].note


@pytest.mark.parametrize(("bent", "failed"), [(slopes.DIRECTIONS - 1, False), (slopes.DIRECTIONS, True)])
def test_a_rectifier_that_changes_sides_in_most_directions_is_no_fault(monkeypatch, bent, failed):
    right, calls = checks.Subject.scores_of, []

    def scores_of(self, images):
        calls.append(images)
        ahead = len(calls) % 2 == 1  # of the two at each direction
        return right(self, images) + (1e-9 if ahead and len(calls) <= 2 * bent else 0)

    monkeypatch.setattr(checks.Subject, "scores_of", scores_of)
    assert found(plain(), only=[slopes.gradient_is_the_slope])["gradient"].failed is failed
    assert len(calls) == 2 * slopes.DIRECTIONS


def test_a_wrong_forward_of_convolution_is_noticed_at_single_cells(monkeypatch):
    right = Convolution2d.forward
    monkeypatch.setattr(Convolution2d, "forward", lambda self, *arrays: right(self, *arrays) * (1 + 1e-9))
    assert found(plain(), only=[arithmetic.cells_are_patch_times_kernel])["by hand"].failed


def test_pooling_that_loses_its_switches_is_noticed(monkeypatch):
    right = arithmetic.functional.max_pool2d

    def pooled(*arguments, return_indices=False, **options):
        result = right(*arguments, return_indices=return_indices, **options)
        return (result[0], result[1].flip(-1)) if return_indices else result

    monkeypatch.setattr(arithmetic.functional, "max_pool2d", pooled)
    assert found(plain(), only=[arithmetic.pooling_undoes_unpooling])["switches"].failed


@pytest.mark.parametrize(("many", "failed"), [(0.004, False), (0.006, True)])
def test_a_gap_that_is_small_by_chance_in_few_steps_need_not_be_halved(monkeypatch, many, failed):
    def with_gaps(model, images, targets, *, steps):
        share = 0.002 if steps == slopes.FEW_STEPS else many
        ones, nought = np.ones(len(images)), np.zeros(len(images))
        measures = {"completeness gap": share * ones, "baseline score": nought}
        return Attribution(np.zeros_like(images), "", targets, ones, {}, measures)

    monkeypatch.setattr(slopes, "integrated_gradients", with_gaps)
    findings = found(plain(), only=[slopes.integrated_gradients_are_complete])
    assert findings["integrated gradients"].failed is failed


def test_integrated_gradients_that_miss_a_part_are_noticed(monkeypatch):
    right = slopes.integrated_gradients

    def missing(model, images, targets, *, steps):
        attribution = right(model, images, targets, steps=steps)
        gap = attribution.measures["completeness gap"] + 0.05 * attribution.scores
        values = attribution.values * (1 + 0.01 * steps)
        return type(attribution)(
            values, "", attribution.targets, attribution.scores, {}, attribution.measures | {"completeness gap": gap}
        )

    monkeypatch.setattr(slopes, "integrated_gradients", missing)
    findings = found(plain(), only=checks.CHECKS[6:8])
    assert findings["integrated gradients"].failed
    assert findings["one step"].failed


def changed(monkeypatch, name, change):
    right = getattr(attributions, name)

    def wrong(*arguments, **options):
        attribution = right(*arguments, **options)
        values = change(attribution.values)
        kept = attribution.scores - values.sum(axis=(1, 2, 3))
        return dataclasses.replace(attribution, values=values, measures={"kept": kept})

    monkeypatch.setattr(attributions, name, wrong)


@pytest.mark.parametrize(
    ("function", "check"),
    [
        ("hires_cam", attributions.activation_map_sums_to_the_score),
        ("occlusion", attributions.covering_all_is_the_whole_difference),
    ],
    ids=["hires-cam", "occlusion"],
)
def test_values_a_little_too_large_are_noticed(monkeypatch, function, check):
    subject = checks.Subject(plain(), images(3, 1, 8, 8))
    assert check(subject).verdict == "pass"
    changed(monkeypatch, function, lambda values: values * 1.0001)
    assert check(subject).verdict == "FAIL"


def test_an_epsilon_that_keeps_much_is_noticed(monkeypatch):
    right = attributions.lrp_epsilon
    monkeypatch.setattr(attributions, "lrp_epsilon", lambda *images, epsilon: right(*images, epsilon=epsilon * 1e6))
    assert attributions.epsilon_keeps_little_where_it_is_small(checks.Subject(plain(), images(3, 1, 8, 8))).failed


def test_a_projection_that_leaves_the_receptive_field_is_noticed(monkeypatch):
    right = attributions.project
    monkeypatch.setattr(attributions, "project", lambda *unit: right(*unit) + 1e-15)
    found = attributions.projections_stay_in_the_receptive_field(checks.Subject(plain(), images(3, 1, 8, 8)))
    assert found.failed


def test_activation_maps_of_networks_they_do_not_fit_say_so():
    smooth = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(72, 8), nn.GELU(), nn.Linear(8, 2))
    findings = found(smooth.double(), only=[attributions.activation_map_sums_to_the_score])
    assert "more than one linear layer" in findings["activation map"].note
    assert not any(finding.failed for finding in findings.values())


def method_that(monkeypatch, function):
    monkeypatch.setattr(conduct, "METHODS", {"planted": methods.Method(function, "", "")})


def test_a_map_that_depends_on_its_neighbours_is_noticed(monkeypatch):
    def planted(model, images, target):
        right = methods.attribute(model, images, "gradient", target)
        return type(right)(right.values - right.values.mean(), "", right.targets, right.scores)

    method_that(monkeypatch, planted)
    finding = found(plain(), only=[conduct.a_batch_changes_nothing])["batch"]
    assert finding.failed
    assert "planted" in finding.note


def test_draws_without_a_seed_are_noticed(monkeypatch):
    random = np.random.default_rng(0)

    def planted(model, images, target):
        right = methods.attribute(model, images, "gradient", target)
        noise = 1e-12 * random.random(right.values.shape)
        return type(right)(right.values + noise, "", right.targets, right.scores)

    method_that(monkeypatch, planted)
    finding = found(plain(), only=[conduct.the_same_again])["again"]
    assert finding.failed
    assert finding.note.endswith("planted")


@pytest.mark.parametrize("what", ["mode", "weight", "gradient", "statistics"])
def test_a_method_that_leaves_traces_is_noticed(monkeypatch, what):
    def planted(model, images, target):
        right = methods.attribute(model, images, "gradient", target)
        with tc.no_grad():
            if what == "mode":
                model[0].training = not model[0].training
            elif what == "weight":
                model[0].weight[0, 0, 0, 0] += 1
            elif what == "gradient":
                model[0].weight.grad = None
            else:
                model[1].running_mean += 1
        return right

    method_that(monkeypatch, planted)
    finding = found(plain(), only=[conduct.the_model_stays_as_it_is])["untouched"]
    assert finding.failed
    assert finding.note.endswith("planted")


def test_a_finding_that_is_nan_fails():
    assert checks.Finding("name", "", float("nan"), 1.0).verdict == "FAIL"
    assert checks.Finding("name", "", None, 1.0).verdict == "n/a"
    assert checks.Finding("name", "", 0.0, 0.0).verdict == "pass"
