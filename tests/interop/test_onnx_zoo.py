"""Every network of the zoo, narrow, written as an ONNX file: run by ONNX Runtime, and read back."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn
from tinyconv.interop.onnx import export, load
from tinyconv.models import registry

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra [onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="exported files are held against ONNX Runtime")

NARROW = {
    "facenet": ({"widths": (4, 8, 8)}, (24, 20)),
    "neocognitron": ({"planes": 4}, (16, 16)),
    "deepface": ({"width": 2, "hidden": 8}, (72, 72)),
    "alexnet": ({"width": 6}, (67, 67)),
    "vgg": ({"width": 4, "head": "linear"}, (32, 32)),
    "resnet": ({"width": 4}, (32, 32)),
    "squeezenet": ({"width": 8}, (64, 64)),
    "googlenet": ({"width": 8}, (64, 64)),
    "densenet": ({"growth_rate": 4, "num_init_features": 8}, (32, 32)),
    "mobilenet": ({"width_mult": 0.25}, (32, 32)),
}
"""Options and the size of images, by the beginning of a name; others are as published."""


def narrow(name):
    """The network, and images that it has seen: its running statistics are nearly theirs."""
    channels, _, size = registry.published(name)
    options, size = next((found for start, found in NARROW.items() if name.startswith(start)), ({}, size))
    classes = 10 if name in ("lenet5", "neocognitron") else 2 if registry.published(name)[1] == 2 else 5
    tc.manual_seed(0)
    model = registry.build(name, channels, classes, size, **options)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        # The weights of these begin so small that what is left of the first statistics would let nothing through.
        norm.momentum = 1.0 if name.startswith(("googlenet", "mobilenet")) else 0.9
    x = np.random.default_rng(0).standard_normal((3, channels, *size)).astype(np.float32) * 3
    for module in model.modules() if name.startswith(("alexnet", "googlenet_2014")) else ():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)  # so that something of the images arrives at the end
    with tc.no_grad():
        if norms:
            model.train()(tc.tensor(x))
        if hasattr(model, "learn_unsupervised"):
            model.learn_unsupervised(tc.tensor(x), lambda _: None)
    return model.eval(), x


@pytest.mark.parametrize("name", registry.names())
def test_onnx_runtime_and_the_network_that_is_read_back_give_what_it_gives(name, tmp_path):
    model, x = narrow(name)
    with tc.no_grad(), tc.set_float32_precision("exact"):
        expected = model(tc.tensor(x)).numpy()
    assert expected.std(axis=0).max() > 1e-4 * np.abs(expected).max(), "the images must make a difference"
    file = tmp_path / "model.onnx"
    export(model, tc.zeros(2, *x.shape[1:]), file)
    near = {"rtol": 1e-5, "atol": 1e-5 * np.abs(expected).max()}
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"images": x})
    np.testing.assert_allclose(theirs, expected, **near)
    read = load(file)
    with tc.no_grad(), tc.set_float32_precision("exact"):
        np.testing.assert_allclose(read(tc.tensor(x)).numpy(), expected, **near)
    if name.startswith(("resnet", "vgg", "facenet", "alexnet", "squeezenet", "googlenet", "mobilenet")):
        ours, found = model.state_dict(), read.state_dict()
        missing = [key for key in ours if key not in found and not key.endswith("num_batches_tracked")]
        assert [key for key in missing if not key.startswith("aux")] == []  # the auxiliary heads are for training
