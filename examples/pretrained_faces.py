"""A detector that somebody else trained finds a face, and is taught here what it did not know.

    pip install --no-deps mtcnn==0.1.1          # 2 MB of weights; the package itself is not run
    python examples/pretrained_faces.py [photo.jpg]

Writes faces.png: the faces in the photo (by default scikit-image's astronaut), and what the last network says of other
places. Then that network, which has never seen faces lying on their side, learns them in a few steps.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from skimage.data import astronaut

import tinyconv as tc
from tinyconv import nn, optim
from tinyconv.data import sources
from tinyconv.detection import Box
from tinyconv.interop.mtcnn import MEAN, STD, Mtcnn
from tinyconv.train import Batches, Preprocessing, Trainer

SIDE = 90
INK, PAPER = "#1a7f37", "white"
SHADE = {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "boxstyle": "square,pad=0.15"}


def draw(photo, detector, faces, file):
    """The photo with a box around each face, its five points, and squares elsewhere with their probability."""
    height, width = photo.shape[:2]
    rows, columns = range(5, height - SIDE, 103), range(5, width - SIDE, 103)
    places = [Box(left, top, left + SIDE, top + SIDE) for top in rows for left in columns]
    apart = [place for place in places if all(place.overlap(face.box) == 0 for face in faces)]
    edges = [(place.left, place.top, place.right, place.bottom) for place in apart]
    chances = detector.probabilities(photo, np.array(edges, float).reshape(-1, 4))
    figure, axes = plt.subplots(figsize=(7, 7 * height / width), layout="tight")
    axes.imshow(photo)
    axes.axis("off")
    for place, p in zip(apart, chances, strict=True):
        axes.add_patch(plt.Rectangle((place.left, place.top), SIDE, SIDE, fill=False, color="white", alpha=0.5))
        axes.text(place.left + 5, place.bottom - 7, f"{p:.3f}", color="white", fontsize=9, bbox=SHADE)
    for face in faces:
        box = face.box
        corner = (box.left, box.top)
        axes.add_patch(plt.Rectangle(corner, box.width, box.height, fill=False, color=INK, linewidth=3))
        axes.text(box.left, box.top - 6, f"face {box.probability:.3f}", color=PAPER, fontsize=11, backgroundcolor=INK)
        axes.scatter(*face.landmarks.T, s=26, color=INK, edgecolor=PAPER, zorder=3)
    axes.set_title("How sure the network is of a face: green where it found one, white in other places", fontsize=10)
    figure.savefig(file, dpi=100)


def teach(network):
    """Fine-tune O-Net on 100 of scikit-image's 200 patches of LFW, each upright and lying; judge it on the others."""
    data = sources.load("lfw-subset", image_size=(48, 48)).with_channels(3)
    upright, lying = data.images, np.ascontiguousarray(np.rot90(data.images, axes=(2, 3)))
    learned, held_out = np.arange(0, 200, 2), np.arange(1, 200, 2)
    preprocessing = Preprocessing(3, (48, 48), (MEAN,) * 3, (STD,) * 3)

    def batches(rows, *images, shuffle=False):
        labels = np.concatenate([data.labels[rows]] * len(images))
        return Batches(np.concatenate([part[rows] for part in images]), labels, 25, preprocessing, shuffle=shuffle)

    trainer = Trainer(network, nn.CrossEntropyLoss(), optim.Adam(network.parameters(), lr=3e-4))
    for moment in ("as published", "after 4 epochs"):
        if moment != "as published":
            trainer.fit(batches(learned, upright, lying, shuffle=True), epochs=4)
        for name, images in (("upright", upright), ("lying", lying)):
            found = trainer.evaluate(batches(held_out, images)).confusion
            print(
                f"{moment}: of {name} patches {found[1, 1]} of {found[1].sum()} faces found, {found[0, 1]} false alarms"
            )


def main():
    tc.manual_seed(0)
    photo = np.asarray(Image.open(sys.argv[1]).convert("RGB")) if len(sys.argv) > 1 else astronaut()
    detector = Mtcnn()
    faces = detector.find(photo, smallest=40)
    for face in faces:
        print("face in", face.box.to_json())
    draw(photo, detector, faces, "faces.png")
    teach(detector.onet)


if __name__ == "__main__":
    main()
