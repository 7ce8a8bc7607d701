"""DeepFace: its counts, that tied weights make it a convolutional network, and that it learns."""

import numpy as np
import pytest
from thirty_two_faces import epochs_until_all_are_learnt, thirty_two_faces

import tinyconv as tc
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.models import registry
from tinyconv.models.zoo.deepface import DeepFace
from tinyconv.nn import functional as F

SHAPES = {
    "c1": (4, 62, 62), "m2": (4, 31, 31), "c3": (2, 23, 23), "l4": (2, 15, 15), "l5": (2, 5, 5), "l6": (2, 1, 1),
    "f7": (8,), "f8": (3,),
}  # fmt: skip


def test_the_layers_have_the_shapes_of_their_formulas():
    model = DeepFace(1, 3, (72, 72), width=2, hidden=8).eval()
    x = tc.zeros(2, 1, 72, 72)
    with tc.no_grad():
        for name, layer in model.named_children():
            x = layer(x)
            if name in SHAPES:
                assert x.shape == (2, *SHAPES[name]), name


@pytest.mark.parametrize("size", [(72, 72), (73, 90), (80, 75)])
def test_it_adapts_to_size_channels_and_classes(size):
    model = registry.build("deepface", 3, 5, size, width=1, hidden=4).eval()
    with tc.no_grad():
        assert model(tc.zeros(1, 3, *size)).shape == (1, 5)


def test_a_windows_of_the_pooling_hangs_over_the_edge():
    # 142 pixels become 71, as published: floor((142 - 3) / 2) + 1 would be 70.
    pooling = DeepFace(1, 2, (72, 72), width=1, hidden=1).m2
    x = tc.zeros(1, 1, 142, 142)
    x[0, 0, 141, 141] = 1.0
    assert pooling(x).shape == (1, 1, 71, 71)
    assert pooling(x)[0, 0, 70, 70].item() == 1.0


@pytest.mark.parametrize("name", ["l4", "l5", "l6"])
def test_with_one_weight_for_all_pixels_a_local_layer_is_a_convolution(name):
    layer = getattr(DeepFace(1, 2, (72, 72), width=2, hidden=1), name).double()
    generator = np.random.default_rng(0)
    shared = generator.standard_normal(layer.weight.shape[2:])
    with tc.no_grad():
        layer.weight.copy_(tc.tensor(np.broadcast_to(shared, layer.weight.shape)))
    x = tc.tensor(generator.standard_normal((2, 2, *layer.input_size)))
    expected = F.conv2d(x, tc.tensor(shared), stride=layer.stride).numpy()
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-10)


def test_weights_start_as_he_et_al_draw_them_and_biases_from_0():
    tc.manual_seed(0)
    model = DeepFace(3, 4, (72, 72), width=4, hidden=64)
    inputs = {"c1": 3 * 121, "c3": 8 * 81, "l4": 4 * 81, "l5": 4 * 49, "f8": 64}
    for name, fan_in in inputs.items():
        weight = getattr(model, name).weight.detach().numpy()
        assert weight.std() == pytest.approx((2 / fan_in) ** 0.5, rel=0.1), name
    assert not any(values.detach().numpy().any() for name, values in model.named_parameters() if name.endswith("bias"))
    assert all(getattr(model, name).bias is None for name in ("l4", "l5", "l6"))


def test_what_leaves_no_layer_is_refused():
    with pytest.raises(ShapeError, match=r"deepface needs images of at least 72x72.*got 71x100.*facenet"):
        DeepFace(image_size=(71, 100))
    for option in ("width", "hidden"):
        with pytest.raises(ArgumentError, match=f"deepface: {option} must be an int of at least 1, got 0"):
            DeepFace(1, 2, (72, 72), **{"width": 1, "hidden": 1, option: 0})


def test_it_learns_32_photographs_by_heart():
    tc.manual_seed(1)
    images, labels = thirty_two_faces(enlarged=3)
    model = DeepFace(1, 2, (72, 72), width=8, hidden=64)
    model.dropout.p = 0.0
    images = images[:, :, 1:-2, 1:-2]
    assert epochs_until_all_are_learnt(model, images, labels, rate=2e-3, most=60) > 1
