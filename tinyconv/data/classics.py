"""MNIST, Fashion-MNIST and CIFAR-10: from files that are there, or from OpenML through scikit-learn.

They come with test images of their own, which are held out unless another split is asked for.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError
from tinyconv.data import cifar
from tinyconv.data.downloads import openml
from tinyconv.data.idx import read_mnist
from tinyconv.data.images import ImageData
from tinyconv.data.npz import npz

Home = str | Path | None
MNIST_SIDE = 28
MNIST_TEST_SHARE = 7  # the last 10,000 of 70,000
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # from the package dataset-fashion-mnist
GARMENTS = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"
)  # fmt: skip
WHITE = np.float32(255)


def mnist(image_size: Pair | None = None, data_home: Home = None, argument: str = "") -> ImageData:
    """70,000 handwritten digits, 28x28; ``argument``: a folder with the four IDX files, or an ``.npz`` file."""
    credit = "MNIST (LeCun, Cortes and Burges, 1998)"
    digits = tuple("0123456789")
    return _like_mnist("mnist", "mnist_784", "about 15 MB", digits, credit, image_size, data_home, argument)


def fashion_mnist(image_size: Pair | None = None, data_home: Home = None, argument: str = "") -> ImageData:
    """70,000 garments, 28x28; ``argument`` as for ``mnist``. Found by itself where Debian's package has it."""
    credit = "Fashion-MNIST (Xiao, Rasul and Vollgraf, Zalando, 2017)"
    if not argument and DEBIAN_FASHION_MNIST.is_dir():
        argument = str(DEBIAN_FASHION_MNIST)
    data = _like_mnist(
        "fashion-mnist", "Fashion-MNIST", "about 30 MB", GARMENTS, credit, image_size, data_home, argument
    )
    return replace(data, mirror=True)


def cifar10(image_size: Pair | None = None, data_home: Home = None, argument: str = "") -> ImageData:
    """60,000 colour photographs in ten classes, 32x32; ``argument``: the binary version (a folder, or its archive), or
    an ``.npz`` file.
    """
    path = Path(argument).expanduser()
    if path.suffix == ".npz":
        data = npz(path, image_size)
    else:
        if argument:
            images, labels, tested = cifar.read_cifar10(path)
        else:
            # How OpenML orders training and test images is not documented: none are set apart.
            pixels, labels = openml("cifar10", "CIFAR_10", "about 650 MB", data_home)
            images, tested = pixels.reshape(-1, 3, cifar.SIDE, cifar.SIDE), 0
        data = _image_data(images, labels, cifar.CLASSES, tested).resized(image_size)
    return replace(data, name="cifar10", credit="CIFAR-10 (Krizhevsky, 2009)", mirror=True)


def _like_mnist(
    name: str,
    openml_name: str,
    amount: str,
    classes: tuple[str, ...],
    credit: str,
    image_size: Pair | None,
    data_home: Home,
    argument: str,
) -> ImageData:
    path = Path(argument).expanduser()
    if path.suffix == ".npz":
        data = npz(path, image_size)
        if data.classes == tuple("0123456789"):
            data = replace(data, classes=classes)
    else:
        if argument:
            images, labels, tested = read_mnist(path)
        else:
            pixels, labels = openml(name, openml_name, amount, data_home)
            images, tested = pixels.reshape(-1, MNIST_SIDE, MNIST_SIDE), len(pixels) // MNIST_TEST_SHARE
        data = _image_data(images[:, None], labels, classes, tested).resized(image_size)
    return replace(data, name=name, credit=credit, mirror=False)


def _image_data(images: Array, labels: Array, classes: tuple[str, ...], tested: int) -> ImageData:
    if len(labels) and labels.max() >= len(classes):
        raise DataError(f"there is a label {labels.max()}, but there are {len(classes)} classes; labels count from 0")
    held_out = np.arange(len(images) - tested, len(images)) if tested else None
    pixels = images.astype(np.float32) / WHITE
    return ImageData("", pixels, labels.astype(np.int64), classes, "", False, held_out=held_out)
