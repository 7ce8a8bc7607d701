"""The invariants of relevance propagation hold on networks of all kinds, and each notices its fault."""

import pytest
from explained import branched, images, plain

from tinyconv import nn
from tinyconv.explain import checks
from tinyconv.explain.checks import relevance
from tinyconv.explain.lrp import AlphaBeta, Epsilon, rules
from tinyconv.models.zoo.resnet import resnet18

ALL = (
    relevance.the_plain_rule_is_pixel_times_gradient,
    relevance.relevance_is_conserved_without_biases,
    relevance.every_layer_accounts_for_its_relevance,
)


def found(model, channels=1, side=8):
    subject = checks.Subject(model, images(2, channels, side, side))
    return {finding.name: finding for finding in (check(subject) for check in ALL)}


@pytest.mark.parametrize(
    ("model", "channels"),
    [
        (plain, 1),
        (lambda: plain(bias=False, batch_norm=False), 1),
        (branched, 2),
        (lambda: resnet18(1, 3, (8, 8), width=1), 1),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2)), 1),
    ],
    ids=["plain", "without biases", "branched", "resnet", "linear"],
)
def test_relevance_holds_what_it_promises(model, channels):
    findings = found(model(), channels)
    assert [(one.name, one.verdict) for one in findings.values()] == [
        ("lrp-0", "pass"), ("conservation", "pass"), ("accounts", "pass"),
    ]  # fmt: skip
    assert all(check in checks.CHECKS for check in ALL)


def test_a_rule_that_ignores_the_sign_of_the_output_is_noticed(monkeypatch):
    right = Epsilon.__call__
    monkeypatch.setattr(Epsilon, "__call__", lambda self, layer, received: right(self, layer, received.abs()))
    assert found(plain())["lrp-0"].failed


def test_a_rule_that_hands_down_too_much_is_noticed(monkeypatch):
    right = AlphaBeta.__call__
    monkeypatch.setattr(AlphaBeta, "__call__", lambda self, layer, received: right(self, layer, received) * (1 + 1e-9))
    findings = found(plain())
    assert findings["conservation"].failed
    assert "by the rule" in findings["conservation"].note
    assert not findings["lrp-0"].failed


def test_units_that_lack_a_part_and_are_not_made_good_for_are_noticed(monkeypatch):
    monkeypatch.setattr(AlphaBeta, "__call__", without_fallback)
    assert found(plain())["conservation"].failed


def without_fallback(self, layer, received):
    contributions = rules._Contributions(layer)
    positive, negative = contributions.positive.detach(), contributions.negative.detach()
    return contributions.handed_down(
        rules.quotient(self.alpha * received, positive), rules.quotient(-self.beta * received, negative)
    )


def test_relevance_that_goes_astray_between_layers_is_noticed(monkeypatch):
    right = relevance.layer_relevance

    def astray(*arguments, **options):
        layers = right(*arguments, **options)
        layers.pixels *= 1.001
        return layers

    monkeypatch.setattr(relevance, "layer_relevance", astray)
    assert found(plain())["accounts"].failed


def test_networks_of_other_kinds_are_left_out_with_the_reason():
    smooth = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(72, 2)).double()
    findings = found(smooth)
    assert "gelu1 is not piecewise linear" in findings["lrp-0"].note
    assert not findings["conservation"].applies
    assert findings["accounts"].verdict == "pass"
    attending = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Softmax(1), nn.Linear(4, 2)).double()
    assert "LRP has no rule for Softmax" in found(attending)["accounts"].note
