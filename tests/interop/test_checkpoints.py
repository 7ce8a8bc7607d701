"""A checkpoint of PyTorch's, saved there as safetensors or NumPy's npz, loads by name into a network of the zoo."""

import sys
import types

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import models
from tinyconv.core.errors import RunError
from tinyconv.models.weights import load_metadata


@pytest.fixture(scope="module")
def theirs():
    """torchvision's SqueezeNet, the smallest of the zoo, for 10 classes."""
    torch = pytest.importorskip("torch")
    # Its compiled operations, which no classifier needs, do not load beside every build of PyTorch.
    sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    networks = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    return networks.squeezenet1_1(num_classes=10).eval()


def answer(network, images):
    with tc.no_grad():
        return network.eval()(tc.tensor(images)).numpy()


def test_a_checkpoint_of_pytorchs_loads_by_name(theirs, tmp_path):
    torch, save = pytest.importorskip("torch"), pytest.importorskip("safetensors.torch")
    save.save_file(theirs.state_dict(), tmp_path / "checkpoint.safetensors", metadata={"format": "pt"})
    np.savez(tmp_path / "checkpoint.npz", **{name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    images = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(images)).numpy()
    for file in ("checkpoint.safetensors", "checkpoint.npz"):
        network = models.squeezenet1_1(num_classes=10, image_size=(64, 64))
        assert repr(network.load_state_dict(tc.load(tmp_path / file))) == "<All keys matched successfully>"
        np.testing.assert_allclose(answer(network, images), expected, rtol=1e-4, atol=1e-5)
    assert load_metadata(tmp_path / "checkpoint.safetensors") == {"format": "pt"}
    tc.save(network.state_dict(), tmp_path / "ours.safetensors", metadata={"classes": 10})
    back = pytest.importorskip("safetensors.torch").load_file(tmp_path / "ours.safetensors")
    theirs.load_state_dict(back)


def test_one_of_another_network_says_what_does_not_fit():
    other = models.squeezenet1_1(num_classes=7, image_size=(64, 64), width=16)
    state = models.squeezenet1_1(num_classes=10, image_size=(64, 64), width=16).state_dict()
    state["extra"] = state.pop("features.0.bias")
    with pytest.raises(
        RunError,
        match=r'SqueezeNet cannot load this state dict: missing "features\.0\.bias"; unexpected "extra"; mismatched '
        r'"classifier\.1\.weight" \(\(7, .* in the model, \(10, .* in the state dict\)',
    ):
        other.load_state_dict(state)
