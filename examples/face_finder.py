"""Windows to train the Convolutional Face Finder on, from photographs in which every face has the same place.

    python examples/face_finder.py PHOTOS BACKGROUNDS OUT

PHOTOS: a folder with a subfolder of photographs for each person, each 250 x 250 with the face in the middle: Labeled
Faces in the Wild as scikit-learn downloads it (~/scikit_learn_data/lfw_home/lfw_funneled). BACKGROUNDS: a folder of
photographs without faces. Every third person is held out. Makes, in the new folder OUT:

    windows/{train,test}/face    four of each face, moved, turned, scaled a little, and half of them mirrored
    windows/{train,test}/other   places in the photographs that show no face, or a part of one
    photos/{train,test}          the photographs, and truth.json: where their faces are

docs/finding-faces.md goes on from there.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

FACE = (73, 70, 177, 187)
"""left, top, right, bottom, from above the eyebrows to the chin: the shape of 36 rows by 32 columns."""
WINDOW = (32, 36)
VARIANTS = 4
OTHERS = 4
HELD_OUT = 3


def overlap(one, other):
    """The area that both cover over the area that either covers."""
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    common = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (sum(areas) - common)


def face_variant(photo, random):
    """The face, a little elsewhere, larger or smaller, turned, lighter or darker."""
    middle = np.array([FACE[0] + FACE[2], FACE[1] + FACE[3]]) / 2 + random.uniform(-4, 4, 2)
    half = np.array([FACE[2] - FACE[0], FACE[3] - FACE[1]]) / 2 * random.uniform(0.9, 1.12)
    turned = photo.rotate(random.uniform(-10, 10), Image.Resampling.BILINEAR, center=tuple(middle))
    box = [round(edge) for edge in (*(middle - half), *(middle + half))]
    window = turned.crop(box).resize(WINDOW, Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        window = window.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return window


def other_window(photo, face, random):
    """A place of the photograph that overlaps its face by less than a fifth; None where chance finds none."""
    for _ in range(20):
        height = min(photo.height, photo.width) * random.uniform(0.15, 0.6)
        size = np.array([height * WINDOW[0] / WINDOW[1], height])
        corner = random.uniform(0, np.array(photo.size) - size)
        box = (*corner, *(corner + size))
        if face is None or overlap(box, face) < 0.2:
            return photo.crop([round(edge) for edge in box]).resize(WINDOW, Image.Resampling.BILINEAR)
    return None


def main(photos, backgrounds, out):
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for folder in (f"windows/{part}/face", f"windows/{part}/other", f"photos/{part}"):
            (out / folder).mkdir(parents=True)
    truth = {}
    for number, person in enumerate(sorted(path for path in photos.iterdir() if path.is_dir())):
        part = "test" if number % HELD_OUT == 1 else "train"
        for file in sorted(person.iterdir()):
            photo = Image.open(file).convert("L")
            truth[file.name] = [FACE]
            shutil.copy(file, out / "photos" / part / file.name)
            for variant in range(VARIANTS):
                face_variant(photo, random).save(out / "windows" / part / "face" / f"{file.stem}-{variant}.png")
            for place in range(OTHERS):
                if (window := other_window(photo, FACE, random)) is not None:
                    window.save(out / "windows" / part / "other" / f"{file.stem}-{place}.png")
    for number, file in enumerate(sorted(backgrounds.iterdir())):
        photo = Image.open(file).convert("L")
        for place in range(4 * OTHERS):
            other_window(photo, None, random).save(
                out / "windows" / "train" / "other" / f"background-{number}-{place}.png"
            )
    (out / "truth.json").write_text(json.dumps(truth))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
