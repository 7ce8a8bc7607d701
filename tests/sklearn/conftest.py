"""Small networks on small data: one thread, for two would wait for each other; and images that are told apart."""

import numpy as np
import pytest

import tinyconv as tc


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    threads = tc.get_num_threads()
    tc.set_num_threads(1)
    yield
    tc.set_num_threads(threads)


@pytest.fixture(scope="package")
def bars():
    """Images (48, 6, 6) of a bar that lies or stands, in noise, with their labels."""
    generator = np.random.default_rng(0)
    images = generator.normal(scale=0.2, size=(48, 6, 6))
    labels = np.tile(["lying", "standing"], 24)
    for image, label, place in zip(images, labels, generator.integers(6, size=48), strict=True):
        (image if label == "lying" else image.T)[place] += 1
    return images, labels
