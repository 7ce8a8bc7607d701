"""Datasets written for PyTorch: what a sample may be, in a loader, in a training, and what is refused."""

import numpy as np
import pytest
from PIL import Image

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.core.errors import ArgumentError, DataError, DTypeError, ExchangeError
from tinyconv.core.layout import is_engine_order
from tinyconv.data.map_dataset import MapDataset
from tinyconv.train import Experiment, Recipe, Trainer
from tinyconv.utils.data import DataLoader, default_collate, default_convert


class Faces:
    """As PyTorch's users write it: pictures and a transform, no base class of ours."""

    classes = ("dark", "light")

    def __init__(self, transform=lambda image: image, count=16):
        self.transform, self.count = transform, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        values = np.random.default_rng(index).integers(0, 100, (8, 6, 3), np.uint8)
        return self.transform(Image.fromarray(values + np.uint8(155 * (index % 2)))), index % 2


def as_array(image):
    return np.asarray(image)


def to_tensor(image):  # what torchvision's ToTensor does
    torch = pytest.importorskip("torch")
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float().div(255)


def as_fractions(image):
    return (np.asarray(image) / np.float32(255)).transpose(2, 0, 1)


@pytest.mark.parametrize("transform", [lambda image: image, as_array, to_tensor, as_fractions], ids=range(4))
def test_pictures_arrays_and_tensors_are_the_same_images(transform):
    expected = np.asarray(Faces()[3][0]).transpose(2, 0, 1) / np.float32(255)
    image, label = MapDataset(Faces(transform))[3]
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, rtol=1e-6)
    assert label == 1
    gray = MapDataset(Faces(transform), channels=1, image_size=(4, 3))[3][0]
    assert gray.shape == (1, 4, 3)
    np.testing.assert_allclose(gray.mean(), (expected.mean((1, 2)) * [0.299, 0.587, 0.114]).sum(), rtol=1e-2)


def test_a_picture_is_still_open_afterwards():
    samples = [(Image.new("L", (5, 5), 9), 0)]
    MapDataset(samples)[0]
    assert samples[0][0].getpixel((0, 0)) == 9
    assert MapDataset(samples)[0][0].shape == (1, 5, 5)


def test_a_loader_and_the_trainer_take_it():
    loader = DataLoader(MapDataset(Faces()), batch_size=8, shuffle=True, num_workers=2)
    images, labels = next(iter(loader))
    assert images.shape == (8, 3, 8, 6)
    assert is_engine_order(images.array)
    assert labels.dtype is tc.int64
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.02))
    assert trainer.fit(loader, loader, epochs=30)[-1].test_accuracy == 1


def test_the_trainer_takes_a_loader_of_pytorchs_too():
    torch = pytest.importorskip("torch")
    loader = torch.utils.data.DataLoader(Faces(to_tensor), batch_size=8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    trainer = Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=0.02))
    assert trainer.fit(loader, loader, epochs=30)[-1].test_accuracy == 1


def test_all_of_it_is_a_labelled_set_of_images_to_experiment_with():
    data = MapDataset(Faces(), image_size=(8, 8)).images("faces", credit="nobody")
    assert (data.classes, data.images.shape, data.labels.tolist()) == (("dark", "light"), (16, 3, 8, 8), [0, 1] * 8)
    assert is_engine_order(data.images)
    experiment = Experiment.prepare(data, Recipe(epochs=1, test_fraction=0.25))
    assert len(experiment.test_indices) == 4


def test_tensors_of_pytorchs_make_batches_as_they_are():
    torch = pytest.importorskip("torch")
    dataset = torch.utils.data.Subset(Faces(to_tensor), range(6))
    batches = list(DataLoader(dataset, batch_size=3))
    assert len(batches) == 2
    images, labels = batches[1]
    assert images.shape == (3, 3, 8, 6)
    assert is_engine_order(images.array)
    assert labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(images[0].numpy(), Faces(to_tensor)[3][0].numpy())
    theirs = torch.utils.data.TensorDataset(torch.arange(6.0).reshape(3, 2), torch.arange(3))
    values, numbers = next(iter(DataLoader(theirs, batch_size=3)))
    assert values.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert numbers.dtype is tc.int64
    assert default_convert({"x": torch.ones(2)})["x"].tolist() == [1, 1]
    with pytest.raises(ExchangeError, match="detach"):
        default_collate([torch.ones(1, requires_grad=True)])


def test_pictures_make_no_batch_and_the_message_says_what_does():
    with pytest.raises(DTypeError, match=r"got Image; .*MapDataset makes arrays of images"):
        next(iter(DataLoader(Faces(), batch_size=2)))
    assert isinstance(default_convert(Image.new("L", (2, 2))), Image.Image)


def test_labels_may_be_names_and_arrays_without_dimensions():
    samples = [(np.zeros((2, 2)), "b"), (np.zeros((2, 2)), np.array(0))]
    dataset = MapDataset(samples, classes=("a", "b"))
    assert [dataset[index][1] for index in range(2)] == [1, 0]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (np.zeros(3), "sample 0 of list is a ndarray; it must be a pair"),
        (("photo.png", 1), "sample 0 of list: its image is a str"),
        ((np.zeros((2, 2, 2)), 1), r"sample 0 of list has shape \(1, 2, 2, 2\)"),
        ((np.full((2, 2), -2.0), 1), r"runs from -2 to -2; .*\[0, 1\]"),
        ((np.zeros((2, 2)), "cat"), "the label 'cat'; give classes="),
        ((np.zeros((2, 2)), 7.5j), "a label is the number of a class"),
        ((np.zeros((2, 2)), -1), "labels are 0 or more"),
    ],
    ids=range(7),
)
def test_a_sample_that_is_no_image_and_label_is_named(sample, words):
    with pytest.raises(DataError, match=words):
        MapDataset([sample])[0]


def test_what_is_no_dataset_and_what_makes_no_set_is_refused():
    with pytest.raises(ArgumentError, match="__len__"):
        MapDataset(type("Stream", (), {"__getitem__": lambda self, index: index})())
    with pytest.raises(ArgumentError, match="channels is 1"):
        MapDataset([], channels=4)
    with pytest.raises(DataError, match="labels are 0 to 1"):
        MapDataset([(np.zeros((2, 2)), 2)], classes="ab")[0]
    with pytest.raises(DataError, match="no samples"):
        MapDataset([]).images()
    with pytest.raises(DataError, match="one class only"):
        MapDataset([(np.zeros((2, 2)), 0)] * 3).images()
    with pytest.raises(DataError, match=r"sample 1 of list is 3x2, the first image 2x2; give image_size"):
        MapDataset([(np.zeros((2, 2)), 0), (np.zeros((3, 2)), 1)]).images()
