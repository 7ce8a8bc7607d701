"""Which way does a handwritten digit move? Kernels that reach over neighbouring frames can tell, others cannot.

    python examples/moving_digits.py [epochs]

Films of six frames are made of scikit-learn's digits, which move over a dark square to the left, right, up or down. The
digits of the films to test with are written by others than those to train with. A film to the left is one to the right
played backwards: they have the same frames, so a network that looks at every frame alone and averages what it saw
cannot tell them apart, and gets one in two right at best. It is trained beside one whose kernels are three frames deep.
"""

import sys

import numpy as np
from sklearn.datasets import load_digits

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.nn import functional as F
from tinyconv.utils.data import DataLoader, TensorDataset

FRAMES, SIDE = 6, 16
DIRECTIONS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}


def film(digit, step, random):
    """(FRAMES, SIDE, SIDE): the digit at a random place across its way, on which it goes a pixel with every frame."""
    frames = np.zeros((FRAMES, SIDE, SIDE), np.float32)
    across = random.integers(0, SIDE - 8 + 1)
    for number in range(FRAMES):
        along = 1 + (number if sum(step) > 0 else FRAMES - 1 - number)
        row, column = (along, across) if step[0] else (across, along)
        frames[number, row : row + 8, column : column + 8] = digit
    return frames


def films(digits, seed):
    """A dataset of one film of each digit, every fourth in one direction."""
    random = np.random.default_rng(seed)
    labels = np.arange(len(digits)) % len(DIRECTIONS)
    steps = [list(DIRECTIONS.values())[label] for label in labels]
    volumes = np.stack([film(digit, step, random) for digit, step in zip(digits, steps, strict=True)])
    return TensorDataset(tc.tensor(volumes[:, None] - 0.2), tc.tensor(labels))


def network(depth):
    """Two convolutions with kernels of so many frames, and the average over all frames and pixels."""
    kernel, padding = (depth, 3, 3), (depth // 2, 1, 1)
    return nn.Sequential(
        nn.Conv3d(1, 12, kernel, padding=padding), nn.BatchNorm3d(12), nn.ReLU(), nn.MaxPool3d((1, 2, 2)),
        nn.Conv3d(12, 24, kernel, padding=padding), nn.BatchNorm3d(24), nn.ReLU(),
        nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(24, len(DIRECTIONS)),
    )  # fmt: skip


def train(model, dataset, epochs):
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        for batch, labels in DataLoader(dataset, batch_size=32, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(batch), labels).backward()
            optimizer.step()


def accuracy(model, dataset):
    model.eval()
    with tc.no_grad():
        batch, labels = dataset.tensors
        return (model(batch).argmax(1) == labels).float().mean().item()


def main(epochs):
    digits = load_digits().images / 16
    written_by_some, written_by_others = films(digits[:1200], seed=1), films(digits[1200:], seed=2)
    for depth in (3, 1):
        tc.manual_seed(0)
        model = network(depth)
        train(model, written_by_some, epochs)
        print(f"kernels of {depth} x 3 x 3: {accuracy(model, written_by_others):.1%} of the new films right")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
