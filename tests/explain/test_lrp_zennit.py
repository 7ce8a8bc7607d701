"""Relevance propagation held against zennit, an independent implementation on PyTorch."""

import sys
import types

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.explain.lrp import (
    AlphaBeta,
    Epsilon,
    Gamma,
    deep_taylor,
    epsilon_alpha2_beta1,
    epsilon_gamma_box,
    epsilon_plus,
    lrp,
    uniform,
)

torch = pytest.importorskip("torch")

STABILIZER = 1e-9
"""zennit adds a small number to every denominator; ours are exact."""


@pytest.fixture(scope="module")
def zennit():
    """zennit, which imports the classes of two of torchvision's networks to know them by; stand-ins will do."""
    stand_ins = {}
    for path, names in {"resnet": ("BasicBlock", "Bottleneck"), "vgg": ("VGG",)}.items():
        module = types.ModuleType(f"torchvision.models.{path}")
        for name in names:
            setattr(module, name, type(name, (torch.nn.Module,), {}))
        stand_ins[module.__name__] = module
    for name in ("torchvision", "torchvision.models"):
        stand_ins[name] = types.ModuleType(name)
    with pytest.MonkeyPatch.context() as patch:
        for name, module in stand_ins.items():
            patch.setitem(sys.modules, name, module)
        yield pytest.importorskip("zennit")
    for name in [name for name in sys.modules if name == "zennit" or name.startswith("zennit.")]:
        del sys.modules[name]  # the next to import it may have the real torchvision


def layers(library):
    """The same network in either library."""
    return library.Sequential(
        library.Conv2d(2, 6, 3), library.BatchNorm2d(6), library.ReLU(), library.MaxPool2d(2),
        library.Conv2d(6, 8, 3), library.ReLU(), library.AvgPool2d(2),
        library.Flatten(), library.Linear(32, 10), library.ReLU(), library.Linear(10, 4),
    )  # fmt: skip


@pytest.fixture(scope="module")
def models():
    generator = np.random.default_rng(8)
    ours, theirs = layers(nn).to(tc.float64).eval(), layers(torch.nn).double().eval()
    state = {}
    for name, tensor in theirs.state_dict().items():
        drawn = generator.normal(0, 0.3, tuple(tensor.shape))
        values = drawn**2 + 0.5 if name in ("1.weight", "1.running_var") else drawn
        state[name] = values if tensor.is_floating_point() else np.zeros(tuple(tensor.shape), np.int64)
    theirs.load_state_dict({name: torch.tensor(values) for name, values in state.items()})
    ours.load_state_dict({name: tc.tensor(values) for name, values in state.items()})
    return ours, theirs


def relevance(zennit, model, x, target, rules):
    """zennit's map: the relevance of the target's score is the score itself."""
    from zennit.canonizers import SequentialMergeBatchNorm

    inputs = torch.tensor(x, requires_grad=True)
    composite = rules(zennit, [SequentialMergeBatchNorm()])
    with composite.context(model) as modified:
        scores = modified(inputs)
        one_hot = torch.eye(scores.shape[1], dtype=scores.dtype)[torch.tensor(target)]
        (found,) = torch.autograd.grad(scores, inputs, grad_outputs=one_hot * scores.detach())
    return found.numpy()


def by_kind(zennit, canonizers, convolution, linear, first=None):
    from zennit.composites import SpecialFirstLayerMapComposite, layer_map_base
    from zennit.types import Convolution

    others = layer_map_base(STABILIZER)
    mapped = [(Convolution, convolution), (torch.nn.Linear, linear)]
    return SpecialFirstLayerMapComposite(
        layer_map=others + mapped, first_map=[(Convolution, first or convolution)], canonizers=canonizers
    )


def zennit_epsilon(zennit, canonizers):
    return by_kind(zennit, canonizers, *2 * [zennit.rules.Epsilon(0.05)])


def zennit_gamma(zennit, canonizers):
    return by_kind(zennit, canonizers, *2 * [zennit.rules.Gamma(0.25, STABILIZER)])


def zennit_z_b(zennit, canonizers):
    plus = zennit.rules.ZPlus(STABILIZER)
    return by_kind(zennit, canonizers, plus, plus, zennit.rules.ZBox(-4.0, 4.0, STABILIZER))


def zennit_epsilon_plus(zennit, canonizers):
    return zennit.composites.EpsilonPlus(epsilon=0.01, stabilizer=STABILIZER, canonizers=canonizers)


def zennit_epsilon_alpha2_beta1(zennit, canonizers):
    return zennit.composites.EpsilonAlpha2Beta1(epsilon=0.01, stabilizer=STABILIZER, canonizers=canonizers)


def zennit_epsilon_gamma_box(zennit, canonizers):
    low, high = torch.tensor([-4.0, -5.0]).reshape(1, 2, 1, 1), torch.tensor([4.0, 6.0]).reshape(1, 2, 1, 1)
    return zennit.composites.EpsilonGammaBox(
        low=low, high=high, epsilon=0.01, gamma=0.5, stabilizer=STABILIZER, canonizers=canonizers
    )


CASES = {
    "epsilon": (zennit_epsilon, uniform(Epsilon(0.05))),
    "gamma": (zennit_gamma, uniform(Gamma(0.25))),
    "z-b": (zennit_z_b, deep_taylor(-4, 4)),
    "epsilon-plus": (zennit_epsilon_plus, epsilon_plus(0.01)),
    "epsilon-alpha2-beta1": (zennit_epsilon_alpha2_beta1, epsilon_alpha2_beta1(0.01)),
    "epsilon-gamma-box": (zennit_epsilon_gamma_box, epsilon_gamma_box(0.01, 0.5, [-4, -5], [4, 6])),
}


@pytest.mark.parametrize("name", CASES)
def test_the_maps_are_those_of_zennit(zennit, models, name):
    ours, theirs = models
    rules, composite = CASES[name]
    x = np.random.default_rng(9).standard_normal((3, 2, 14, 14)).clip(-4, 4)
    expected = relevance(zennit, theirs, x, [0, 1, 3], rules)
    found = lrp(ours, x, [0, 1, 3], composite=composite).values
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("sign", ["for", "against"])
def test_one_layer_of_alpha_beta_and_gamma_is_that_of_zennit_for_inputs_of_either_sign(zennit, sign):
    generator = np.random.default_rng(10)
    ours, theirs = nn.Conv2d(2, 3, 3).to(tc.float64), torch.nn.Conv2d(2, 3, 3).double()
    weight, bias = generator.standard_normal((3, 2, 3, 3)), generator.standard_normal(3)
    for layer, tensor, guard in ((ours, tc.tensor, tc.no_grad()), (theirs, torch.tensor, torch.no_grad())):
        with guard:
            layer.weight.copy_(tensor(weight))
            layer.bias.copy_(tensor(bias))
    x = generator.standard_normal((2, 2, 6, 6))
    ours, theirs = (library.Sequential(layer, library.Flatten()) for library, layer in ((nn, ours), (torch.nn, theirs)))
    scores = theirs(torch.tensor(x)).detach().numpy()
    target = (scores.argmax(1) if sign == "for" else scores.argmin(1)).tolist()
    for mine, hers in (
        (AlphaBeta(3, 2), zennit.rules.AlphaBeta(3, 2, STABILIZER)),
        (Gamma(2), zennit.rules.Gamma(2, STABILIZER)),
    ):
        expected = relevance(zennit, theirs, x, target, lambda z, c, rule=hers: by_kind(z, c, rule, rule))
        np.testing.assert_allclose(lrp(ours, x, target, composite=uniform(mine)).values, expected, rtol=1e-6, atol=1e-9)
