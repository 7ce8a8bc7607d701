"""MTCNN with the weights of its package: the same answers as in PyTorch, the face in a photo, and training from there.

The weights are not ours: pip install --no-deps mtcnn==0.1.1. Where they are absent drawn ones of the same shapes serve.
"""

import copy
import zipfile

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, MissingFileError, RunError, ShapeError
from tinyconv.interop.keras import load_weights
from tinyconv.interop.mtcnn import MEMBER, Mtcnn, _apart, _crops, _normalized, _p
from tinyconv.models import registry
from tinyconv.models.zoo.mtcnn import ONet, PNet, RNet

BODIES = {
    "pnet": [(3, 3, 3, 10), (10,), (1, 1, 10), (3, 3, 10, 16), (16,), (1, 1, 16), (3, 3, 16, 32), (32,), (1, 1, 32)],
    "rnet": [(3, 3, 3, 28), (28,), (1, 1, 28), (3, 3, 28, 48), (48,), (1, 1, 48), (2, 2, 48, 64), (64,), (1, 1, 64)],
    "onet": [(3, 3, 3, 32), (32,), (1, 1, 32), (3, 3, 32, 64), (64,), (1, 1, 64), (3, 3, 64, 64), (64,), (1, 1, 64)],
}
HEADS = {
    "pnet": [(1, 1, 32, 2), (2,), (1, 1, 32, 4), (4,)],
    "rnet": [(576, 128), (128,), (128,), (128, 2), (2,), (128, 4), (4,)],
    "onet": [
        *((2, 2, 64, 128), (128,), (1, 1, 128), (1152, 256), (256,), (256,)),
        *((256, 2), (2,), (256, 4), (4,), (256, 10), (10,)),
    ],
}


@pytest.fixture(scope="module")
def drawn():
    """Weights in the order and shapes of the file."""
    random = np.random.default_rng(0)
    return {
        name: [random.normal(scale=np.prod(shape[:-1]) ** -0.5, size=shape).astype(np.float32) for shape in shapes]
        for name, shapes in ((name, BODIES[name] + HEADS[name]) for name in BODIES)
    }


@pytest.fixture
def wheel(tmp_path, drawn):
    """A file as the package has it."""
    np.save(tmp_path / "weights.npy", np.array(drawn, object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "mtcnn.whl", "w") as archive:
        archive.write(tmp_path / "weights.npy", MEMBER)
    return tmp_path / "mtcnn.whl"


@pytest.fixture(scope="module")
def pretrained():
    try:
        return Mtcnn()
    except MissingFileError as error:
        pytest.skip(str(error))


def theirs(torch, arrays, images):
    """The networks as their package has them, written anew: on images (N, 3, W, H), with rows and columns exchanged.

    ``arrays``: tensors, in the order and shapes of the file.
    """
    f = torch.nn.functional
    queue = list(arrays)

    def conv(x):
        kernel, bias, alpha = (queue.pop(0) for _ in range(3))
        return f.prelu(f.conv2d(x, kernel.permute(3, 2, 0, 1), bias), alpha.flatten())

    def dense(x):
        return x @ queue.pop(0) + queue.pop(0)

    x = torch.tensor(images, dtype=torch.float64)
    if len(arrays) == 13:
        x = conv(conv(f.max_pool2d(conv(x), 2, ceil_mode=True)))
        logits, boxes = (f.conv2d(x, queue.pop(0).permute(3, 2, 0, 1), queue.pop(0)) for _ in range(2))
        return [answer.transpose(2, 3) for answer in (logits, boxes)]
    x = f.max_pool2d(conv(f.max_pool2d(conv(x), 3, 2, ceil_mode=True)), 3, 2)
    if len(arrays) == 21:
        x = f.max_pool2d(conv(x), 2, ceil_mode=True)
    x = dense(conv(x).permute(0, 2, 3, 1).flatten(1))
    x = f.prelu(x, queue.pop(0))
    return [dense(x) for _ in range(len(queue) // 2)]


@pytest.mark.parametrize(("name", "side"), [("pnet", 17), ("rnet", 24), ("onet", 48)])
def test_upright_images_get_the_answers_and_gradients_of_the_exchanged_ones_in_pytorch(drawn, wheel, name, side):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(1)
    network = getattr(Mtcnn(wheel), name).double()
    images = random.normal(size=(2, 3, side, side + 2 * (name == "pnet")))
    weights = [torch.tensor(array, dtype=torch.float64, requires_grad=True) for array in drawn[name]]
    expected = theirs(torch, weights, images.transpose(0, 1, 3, 2))
    found = network(tc.tensor(images)) if name == "pnet" else network.answers(tc.tensor(images))
    assert len(found) == len(expected)
    for ours, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), other.detach().numpy(), rtol=1e-9, atol=1e-9)
        cotangent = random.normal(size=ours.shape)
        ours.backward(tc.tensor(cotangent), retain_graph=True)
        other.backward(torch.tensor(cotangent), retain_graph=True)
    gradients = copy.deepcopy(network)  # theirs, brought into our order as the weights were
    load_weights(gradients, [weight.grad.numpy() for weight in weights], (3, side, side), transposed=True)
    for (path, ours), other in zip(network.named_parameters(), gradients.parameters(), strict=True):
        largest = np.abs(other.detach().numpy()).max()
        np.testing.assert_allclose(ours.grad.numpy(), other.detach().numpy(), atol=1e-9 * largest, err_msg=path)
    assert sum(array.size for array in drawn[name]) == sum(p.numel() for p in network.parameters())


def test_the_published_numbers_of_parameters():
    networks = {PNet: 6_632, RNet: 100_178, ONet: 389_040}
    assert {net: sum(p.numel() for p in net().parameters()) for net in networks} == networks


def test_the_astronauts_face_is_found_and_no_other(pretrained):
    photo = pytest.importorskip("skimage.data").astronaut()
    (face,) = pretrained.find(photo, smallest=40)
    left, top, right, bottom = face.box.left, face.box.top, face.box.right, face.box.bottom
    assert face.box.probability > 0.9995
    assert 170 < left < 190 and 50 < top < 75 and 255 < right < 275 and 165 < bottom < 185  # noqa: PT018
    eyes, nose, mouth = face.landmarks[:2], face.landmarks[2], face.landmarks[3:]
    assert eyes[0, 0] < nose[0] < eyes[1, 0]
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()
    elsewhere = [(x, y, x + 100, y + 100) for y in range(0, 400, 100) for x in range(0, 400, 100)]
    elsewhere = np.array([box for box in elsewhere if box[0] >= 270 or box[2] <= 175 or box[1] >= 180], float)
    p = pretrained.probabilities(photo, np.concatenate([np.array([[left, top, right, bottom]]), elsewhere]))
    assert p[0] > 0.999
    assert np.median(p[1:]) < 0.02
    assert (p[1:] < 0.1).mean() >= 0.85


def test_the_published_network_is_trained_further(pretrained):
    """It takes faces that lie on their side for none; a few steps of ours teach it, and it forgets nothing."""
    from tinyconv.data import sources

    data = sources.load("lfw-subset", image_size=(48, 48)).with_channels(3)
    upright, labels = _normalized(data.images), tc.tensor(data.labels)
    lying = np.ascontiguousarray(np.rot90(upright, axes=(2, 3)))
    network = ONet()
    network.load_state_dict(pretrained.onet.state_dict())
    held_out = np.arange(1, 200, 4)

    def recall(images):
        network.eval()
        faces = held_out[data.labels[held_out] == 1]
        with tc.no_grad():
            return float((_p(network(tc.tensor(images[faces])).numpy()) > 0.5).mean())

    assert recall(upright) == 1
    assert recall(lying) < 0.3
    network.train()
    optimizer = optim.Adam(network.parameters(), lr=5e-4)
    chosen = np.arange(0, 200, 4)
    for _ in range(6):
        for images in (upright, lying):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(tc.tensor(images[chosen])), labels[chosen]).backward()
            optimizer.step()
    assert recall(lying) > 0.8
    assert recall(upright) > 0.95


def test_the_cascade_runs_where_nothing_is_found_and_refuses_what_is_no_photo(wheel):
    detector = Mtcnn(wheel)
    assert detector.find(np.zeros((30, 40, 3), np.uint8), thresholds=(1.1, 0.7, 0.7)) == []
    assert detector.find(np.zeros((8, 8, 3), np.uint8)) == []
    with pytest.raises(ArgumentError, match=r"a photo is uint8 \(H, W, 3\).*got float64 of \(5, 5\)"):
        detector.find(np.zeros((5, 5)))


def test_a_file_that_is_missing_or_another_is_named(tmp_path, wheel):
    with pytest.raises(MissingFileError, match=r"none\.npy does not exist.*pip install --no-deps mtcnn"):
        Mtcnn(tmp_path / "none.npy")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(RunError, match=r"other\.whl is not the wheel of mtcnn 0\.1\.1"):
        Mtcnn(tmp_path / "other.whl")
    np.save(tmp_path / "plain.npy", np.ones(3))
    with pytest.raises(RunError, match="no 'pnet'"):
        Mtcnn(tmp_path / "plain.npy")


def test_squares_beyond_the_edge_are_black_there():
    photo = np.ones((3, 10, 10), np.float32)
    (crop,) = _crops(photo, np.array([[-5.0, -5.0, 5.0, 5.0]]), 10)
    assert crop[:, :4, :].max() < 0.5
    assert crop[:, 6:, 6:].min() == 1
    (outside,) = _crops(photo, np.array([[20.0, 20.0, 30.0, 30.0]]), 10)
    assert not outside.any()


def test_of_boxes_that_share_much_the_surest_stays():
    boxes = np.array([[0, 0, 10, 10, 0.5], [1, 0, 11, 10, 0.9], [20, 0, 30, 10, 0.1], [3, 3, 6, 6, 0.2]])
    assert _apart(boxes, 0.5) == [1, 3, 2]
    assert _apart(boxes, 0.9) == [1, 0, 3, 2]
    assert _apart(boxes, 0.5, of_smaller=True) == [1, 2]
    assert _apart(boxes[:0], 0.5) == []
    within = np.array([[0, 0, 10, 10, 0.5], [3, 3, 6, 6, 0.9]])
    assert _apart(within, 0.5) == [1, 0]
    assert _apart(within, 0.5, of_smaller=True) == [1]


@pytest.mark.parametrize(("name", "side"), [("rnet", 24), ("onet", 48)])
def test_the_networks_learn_32_real_images_by_heart(name, side):
    from tinyconv.data import sources

    data = sources.load("lfw-subset", image_size=(side, side)).with_channels(3)
    chosen = np.arange(84, 116)
    images, labels = tc.tensor(_normalized(data.images[chosen])), tc.tensor(data.labels[chosen])
    tc.manual_seed(0)
    network = registry.build(name, 3, 2, (side, side))
    optimizer = optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(40):
        optimizer.zero_grad()
        logits = network(images)
        if (logits.argmax(1) == labels).all():
            break
        nn.functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    assert (network(images).argmax(1) == labels).all()


@pytest.mark.parametrize(("name", "least"), [("rnet", 15), ("onet", 27)])
def test_other_images_and_classes_have_other_networks(name, least):
    model = registry.build(name, 1, 5, (least, least + 9))
    assert model(tc.zeros(2, 1, least, least + 9)).shape == (2, 5)
    with pytest.raises(ShapeError, match=f"{name} needs images of at least {least}x{least}.*{least - 1}x40"):
        registry.build(name, 3, 2, (least - 1, 40))
