"""The Convolutional Face Finder: its counts, its connections, its answers on a whole picture, and PyTorch's numbers."""

import numpy as np
import pytest

import tinyconv as tc
from tinyconv import explain, optim
from tinyconv.core.errors import ArgumentError, ShapeError
from tinyconv.features.capture import capture
from tinyconv.models import registry
from tinyconv.models.summary import summary
from tinyconv.models.zoo.face_finder import FaceFinder
from tinyconv.nn import functional as F

pytestmark = pytest.mark.usefixtures("exact")

TABLE = [*((k,) for k in (0, 0, 1, 1, 2, 2, 3, 3)), (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
"""The maps of S1 that each map of C2 takes, from the paper's figure 1."""


def finder(**options):
    """In float64, with weights that leave no map without effect."""
    tc.manual_seed(0)
    model = FaceFinder(**options).double()
    random = np.random.default_rng(1)
    with tc.no_grad():
        for parameter in model.parameters():
            parameter.array[...] = random.uniform(0.2, 0.8, parameter.shape) * random.choice([-1, 1], parameter.shape)
    return model


def pictures(*shape, seed=2):
    return tc.tensor(np.random.default_rng(seed).random(shape))


def test_it_has_the_parameters_of_the_paper_s_layers():
    counts = {}
    for name, parameter in registry.build("face_finder", *registry.published("face_finder")).named_parameters():
        layer = name.partition(".")[0]
        counts[layer] = counts.get(layer, 0) + parameter.numel()
    assert counts == {"c1": 104, "s1": 8, "c2": 194, "s2": 28, "n1": 602, "n2": 15}
    assert sum(counts.values()) == 951


def test_its_maps_have_the_paper_s_sizes():
    rows = {row.path: row.output_shape for row in summary(FaceFinder(), (1, 36, 32)).root.walk()}
    assert rows["c1"] == (1, 4, 32, 28)
    assert rows["s1"] == (1, 4, 16, 14)
    assert rows["c2"] == (1, 14, 14, 12)
    assert rows["s2"] == (1, 14, 7, 6)
    assert rows["n1"] == (1, 14, 1, 1)


def test_every_map_of_c2_takes_the_maps_of_s1_that_the_table_names():
    model = finder()
    reached = []
    for number in range(14):
        s1 = pictures(1, 4, 16, 14).requires_grad_()
        model.c2(s1)[:, number].sum().backward()
        reached.append(tuple(np.flatnonzero(np.abs(s1.grad.numpy()).sum((0, 2, 3)))))
    assert reached == TABLE
    assert sum(map(len, TABLE)) == 20


def test_every_neuron_of_n1_sees_all_of_one_map_of_s2_and_no_other():
    model = finder()
    for number in range(14):
        s2 = pictures(1, 14, 7, 6).requires_grad_()
        model.n1(s2)[:, number].sum().backward()
        seen = s2.grad.numpy()[0] != 0
        assert seen[number].all()
        assert seen.sum() == 42


def test_its_two_scores_are_the_paper_s_answer():
    """softmax(-a, a) = (1 + tanh a) / 2, and cross-entropy falls without bound where tanh a is right."""
    one, two = finder(), finder(num_classes=2)
    images = pictures(5, 1, 36, 32)
    answer = one(images).detach().numpy()[:, 0]
    scores = two(images)
    np.testing.assert_allclose(F.softmax(scores, dim=1).detach().numpy()[:, 1], (1 + answer) / 2, rtol=1e-12)
    np.testing.assert_allclose(scores.detach().numpy().sum(1), 0, atol=1e-15)


@pytest.mark.parametrize("size", [(36, 32), (25, 25), (12, 17)])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_it_slides_over_a_picture_as_over_its_windows(size, classes):
    model = finder(in_channels=3, num_classes=classes, image_size=size)
    picture = pictures(1, 3, size[0] + 9, size[1] + 17)
    with tc.no_grad():
        answers = model.slide(picture).numpy()[0]
        for i in range(9 // 4 + 1):
            for j in range(17 // 4 + 1):
                window = picture[:, :, 4 * i : 4 * i + size[0], 4 * j : 4 * j + size[1]]
                np.testing.assert_allclose(answers[:, i, j], model(window).numpy()[0], rtol=1e-10, atol=1e-12)


def test_other_sizes_are_refused_with_the_way_out():
    with pytest.raises(ShapeError, match=r"at least 12x12.*got 11x40.*facenet"):
        FaceFinder(image_size=(11, 40))
    with pytest.raises(ShapeError, match=r"36x32 pixels, got shape \(1, 1, 40, 32\); slide\(\) takes larger"):
        FaceFinder()(tc.zeros(1, 1, 40, 32))
    with pytest.raises(ShapeError, match=r"at least 36x32 pixels, got shape \(1, 1, 30, 32\)"):
        FaceFinder().slide(tc.zeros(1, 1, 30, 32))
    with pytest.raises(ArgumentError, match="maps is 0"):
        FaceFinder(maps=0)
    assert FaceFinder(maps=1, num_classes=3)(tc.zeros(2, 1, 36, 32)).shape == (2, 3)


def torch_step(torch, state, images, labels, rate):
    """One step of gradient descent on the formulas of the paper, a convolution for every line of the table."""
    w = {name: torch.tensor(values, dtype=torch.float64, requires_grad=True) for name, values in state.items()}
    conv, pool = torch.nn.functional.conv2d, torch.nn.functional.avg_pool2d

    def subsampled(maps, layer):
        return torch.tanh(4 * pool(maps, 2) * w[f"{layer}.weight"][:, None, None] + w[f"{layer}.bias"][:, None, None])

    s1 = subsampled(conv(torch.tensor(images), w["c1.weight"], w["c1.bias"]), "s1")
    c2, kernels = [], iter(w["c2.weight"])
    for number, sources in enumerate(TABLE):
        total = w["c2.bias"][number]
        for source in sources:
            total = total + conv(s1[:, source : source + 1], next(kernels)[None, None])
        c2.append(total)
    s2 = subsampled(torch.cat(c2, 1), "s2")
    n1 = torch.tanh((s2 * w["n1.weight"][:, 0]).sum((2, 3)) + w["n1.bias"])
    a = n1 @ w["n2.weight"][0, :, 0, 0] + w["n2.bias"][0]
    # The error of the answer as a probability: what cross-entropy of (-a, a) is.
    p = (1 + torch.tanh(a)) / 2
    target = torch.tensor(labels, dtype=torch.float64)
    loss = -(target * torch.log(p) + (1 - target) * torch.log(1 - p)).mean()
    loss.backward()
    grads = {name: values.grad.numpy() for name, values in w.items()}
    after = {name: (values - rate * values.grad).detach().numpy() for name, values in w.items()}
    return torch.stack((-a, a), 1).detach().numpy(), loss.item(), grads, after


@pytest.mark.parametrize(("dtype", "tolerance"), [(tc.float64, 1e-11), (tc.float32, 1e-4)])
def test_a_training_step_is_pytorch_s(dtype, tolerance):
    torch = pytest.importorskip("torch")
    tc.manual_seed(3)
    model = FaceFinder(num_classes=2)
    images, labels = np.random.default_rng(4).random((6, 1, 36, 32)) - 0.5, np.arange(6) % 2
    state = {name: values.numpy().astype(np.float64) for name, values in model.state_dict().items()}
    expected, loss, grads, after = torch_step(torch, state, images, labels, rate=0.1)
    model.to(dtype)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scores = model(tc.tensor(images, dtype=dtype))
    found = F.cross_entropy(scores, tc.tensor(labels))
    found.backward()
    optimizer.step()

    def near(ours, theirs):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(theirs).max())

    near(scores.detach().numpy(), expected)
    near(found.item(), loss)
    for name, parameter in model.named_parameters():
        near(parameter.grad.numpy(), grads[name])
        near(parameter.detach().numpy(), after[name])


def real_images():
    """16 faces and 16 other patches of photographs, 25x25."""
    data = pytest.importorskip("skimage.data").lfw_subset()
    return tc.tensor(np.asarray(np.concatenate([data[:16], data[-16:]])[:, None] - 0.5, np.float32)), tc.arange(
        32
    ) // 16


def test_it_learns_32_real_images_by_heart():
    images, labels = real_images()
    tc.manual_seed(0)
    model = FaceFinder(1, 2, (25, 25))
    optimizer = optim.AdamW(model.parameters(), lr=0.02)
    for _ in range(80):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(images).argmax(1) == labels).all()


def test_explanations_and_maps_work_on_it():
    model = finder(num_classes=2).float()
    images = pictures(2, 1, 36, 32).float().numpy()
    for method in ("integrated-gradients", "lrp-epsilon-plus", "occlusion"):
        found = explain.attribute(model, images, method, 1)
        assert np.isfinite(found.values).all()
        assert np.abs(found.values).max() > 0
    with tc.no_grad(), capture(model, ["c*", "n*"]) as maps:
        model(tc.tensor(images))
    assert maps["c2"].shape == (2, 14, 14, 12)
    assert maps["n2"].shape == (2, 1, 1, 1)
