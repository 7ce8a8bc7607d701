"""Images as arrays: the dataset that every source returns, and the reading of image files.

An image is float32 in [0, 1], logical (C, H, W): 0 is black, 1 is the brightest value its file format can express.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from tinyconv.core import layout
from tinyconv.core.arrays import Array, Pair
from tinyconv.core.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

WHITE_16_BIT = 65535
ORIENTATION_TAG = 0x0112  # of EXIF
_GRAY_MODES = ("1", "L", "I", "F")
_ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
# What Pillow's decoders raise on damaged files, beyond OSError (of which UnidentifiedImageError is one).
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error)


@dataclass
class ImageData:
    """A labelled set of images of one size.

    ``images``: float32 (N, C, H, W) in [0, 1], C = 1 (gray) or 3 (RGB). ``labels``: int64 (N,), indices into
    ``classes``. ``credit``: whom to name when the images are shown. ``mirror``: whether a left-right flip keeps an
    image's meaning (true of faces, false of digits, false where nobody can know). ``skipped``: how many files were
    passed over because their names are not those of images. ``damaged``: the names of those that could not be read.

    ``names``: one for each image, of the file it came from, where it came from one. ``held_out``: the indices of the
    images that whoever made the dataset set apart for judging; None where nobody did. ``groups``: int64 (N,), equal for
    photographs that are almost the same one; None where nobody looked.

    Raises: ``DataError`` where a selection leaves no two classes.

    >>> from tinyconv.data.images import ImageData
    >>> data = ImageData("mine", np.zeros((4, 1, 8, 6), np.float32), np.arange(4) % 2, ("cat", "dog"), "", False)
    >>> len(data), data.channels, data.image_size
    (4, 1, (8, 6))
    """

    name: str
    images: Array
    labels: Array
    classes: tuple[str, ...]
    credit: str
    mirror: bool
    skipped: int = 0
    damaged: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    held_out: Array | None = None
    groups: Array | None = None

    @property
    def channels(self) -> int:
        """1 for gray images, 3 for colour."""
        return int(self.images.shape[1])

    @property
    def image_size(self) -> Pair:
        """(height, width) in pixels."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    def __len__(self) -> int:
        return len(self.images)

    def resized(self, image_size: Pair | None) -> ImageData:
        """The same images at (height, width) ``image_size``; itself where that is None or their size already."""
        if image_size is None or tuple(image_size) == self.image_size:
            return self
        return replace(self, images=resize(self.images, image_size))

    def with_channels(self, channels: int) -> ImageData:
        """The same images with 1 channel (gray: ITU-R 601 luma) or 3; itself where they have as many already."""
        if channels == self.channels:
            return self
        if channels == 3:
            return replace(self, images=np.repeat(self.images, 3, axis=1))
        return replace(self, images=np.stack([_luma(image) for image in self.images]))

    def with_at_least(self, images_per_class: int) -> ImageData:
        """Those classes alone that have ``images_per_class`` images or more, numbered anew in the same order."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        kept = np.flatnonzero(counts >= images_per_class)
        if len(kept) < 2:
            raise DataError(
                f"{self.name}: {len(kept)} of {len(self.classes)} classes have {images_per_class} images or more, and "
                f"telling classes apart takes two (the largest has {counts.max()}); ask for fewer (--min-per-class)"
            )
        chosen = np.flatnonzero(np.isin(self.labels, kept))
        held_out = None if self.held_out is None else np.flatnonzero(np.isin(chosen, self.held_out))
        return replace(
            self,
            images=rows(self.images, chosen),
            labels=np.searchsorted(kept, self.labels[chosen]).astype(np.int64),
            classes=tuple(self.classes[label] for label in kept),
            names=tuple(self.names[index] for index in chosen) if self.names else (),
            held_out=held_out,
            groups=None if self.groups is None else self.groups[chosen],
        )


def rows(images: Array, indices: Array) -> Array:
    """``images[indices]``; of images that are decoded when asked for, a view that decodes none yet."""
    subset = getattr(images, "subset", None)
    return layout.ordered(images[indices]) if subset is None else subset(indices)


def read_image(path: str | Path, channels: int, size: Pair | None = None, background: float = 1.0) -> Array:
    """The image file ``path`` as float32 (channels, height, width) in [0, 1].

    Reads what Pillow reads: any colour mode, palettes, 1 to 16 bits per channel, the first frame of an animation,
    turned upright by its EXIF orientation. Transparent pixels are laid over ``background`` (1 white, 0 black).
    ``channels``: 1 gives gray (ITU-R 601 luma), 3 gives RGB. ``size``: (height, width); the whole image is resized to
    it with an antialiasing filter, stretched where the proportions differ.
    Raises ``DataError``, naming the file, if it is missing, a folder, not an image, or damaged.

    Raises: ``DataError`` for a file that is missing or no image.

    >>> from PIL import Image
    >>> from tinyconv.data.images import read_image
    >>> Image.new("L", (6, 8), 255).save("white.png")
    >>> read_image("white.png", channels=1, size=(4, 3)).shape
    (1, 4, 3)
    """
    if channels not in (1, 3):
        raise DataError(f"images are read with 1 channel (gray) or 3 (RGB), not {channels}: {path}")
    return decoded(open_image(path), path, channels, size, background)


def decoded(
    image: Image.Image, name: str | Path, channels: int, size: Pair | None = None, background: float = 1.0
) -> Array:
    """What ``read_image`` says, of an image that has been opened; closes it. ``name``: for errors."""
    try:
        if size is not None:
            # A JPEG file is decoded at a half, a quarter or an eighth of its size where that is twice what is wanted.
            image.draft(None, (2 * max(size), 2 * max(size)))
        pixels = _pixels(image, background)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except _DECODING_ERRORS as error:
        raise DataError(f"{name} is damaged and cannot be decoded ({_one_line(error)}); replace or delete it") from None
    finally:
        image.close()
    pixels = in_channels(pixels, channels)
    return pixels if size is None else resize(pixels, size)


def in_channels(pixels: Array, channels: int) -> Array:
    """One image (1 or 3, H, W) with 1 channel (gray: ITU-R 601 luma) or 3."""
    if channels == 1:
        return _luma(pixels)
    return np.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels


def bytes_of(image: Image.Image, name: str | Path, channels: int, size: Pair) -> Array | None:
    """What ``decoded`` gives times 255, uint8 (channels, height, width), where no pixel has to be computed for it.

    Else None, and the image stays open. Small images take as long to convert as to decode.
    """
    wanted = {"L": (1, 3), "RGB": (3,)}.get(image.mode, ())
    if channels not in wanted or (image.height, image.width) != size or "transparency" in image.info:
        return None
    try:
        if image.getexif().get(ORIENTATION_TAG, 1) != 1:
            return None
        pixels = np.asarray(image)
    except _DECODING_ERRORS as error:
        raise DataError(f"{name} is damaged and cannot be decoded ({_one_line(error)}); replace or delete it") from None
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    image.close()
    return np.broadcast_to(planes, (channels, *size))


def open_image(path: str | Path, content: IO[bytes] | None = None) -> Image.Image:
    """Pillow's image of the file ``path``, of which only the header has been read. Raises ``DataError``.

    ``content``: what to read in place of the file, which then is the name of something in an archive.
    """
    import PIL.Image

    file = Path(path)
    try:
        return PIL.Image.open(file if content is None else content)
    except FileNotFoundError:
        raise DataError(f"image file {path} does not exist") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; give the path of an image file") from None
    except PermissionError:
        # Windows says this of folders too.
        what = "is a folder; give the path of an image file" if file.is_dir() else "may not be read (permission denied)"
        raise DataError(f"{path} {what}") from None
    except PIL.Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large: {_one_line(error)}") from None
    except PIL.UnidentifiedImageError:
        raise DataError(f"{path} is not an image, or its header is damaged: Pillow does not recognise it") from None
    except _DECODING_ERRORS as error:
        raise DataError(f"{path} cannot be read as an image ({_one_line(error)})") from None


def upright_size(image: Image.Image) -> Pair:
    """(height, width) of an opened image after its EXIF orientation: 5 to 8 exchange rows and columns."""
    first_transposed = 5
    try:
        transposed = image.getexif().get(ORIENTATION_TAG, 1) >= first_transposed
    except _DECODING_ERRORS:
        transposed = False
    return (image.width, image.height) if transposed else (image.height, image.width)


def is_deep(image: Image.Image) -> bool:
    """Whether the opened image may have more than 8 bits in a channel."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def is_gray(image: Image.Image) -> bool:
    """Whether the opened image's mode has no colour channels (a palette counts as colour)."""
    return image.mode in (*_GRAY_MODES, "LA", "La") or image.mode.startswith("I;16")


def resize(images: Array, size: Pair) -> Array:
    """``images`` (..., H, W), float32, at ``size`` (height, width), by a triangle filter as wide as the reduction.

    The filter averages over all pixels that fall on one new pixel, so reducing leaves no aliasing; enlarging with it is
    bilinear interpolation. It has no negative weights: values stay within the range of the image.
    """
    import PIL.Image

    height, width = size
    if height < 1 or width < 1:
        raise DataError(f"image size {height}x{width}: height and width must be at least 1 pixel")
    planes = np.ascontiguousarray(images, np.float32).reshape(-1, *images.shape[-2:])
    result = np.empty((len(planes), height, width), np.float32)
    for plane, target in zip(planes, result, strict=True):
        scaled = PIL.Image.fromarray(plane).resize((width, height), PIL.Image.Resampling.BILINEAR)
        target[...] = np.asarray(scaled)
    return result.clip(0.0, 1.0).reshape(*images.shape[:-2], height, width)


def _pixels(image: Image.Image, background: float) -> Array:
    """Decode into float32 (1 or 3, H, W) in [0, 1], upright, without transparency."""
    import PIL.ImageOps

    image = PIL.ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        # The byte order differs between the modes of this family; through "I" it does not matter.
        return _planes(image.convert("I")) / np.float32(WHITE_16_BIT)
    if image.mode == "I":
        return _integer_pixels(_planes(image))
    if image.mode == "F":
        return _float_pixels(_planes(image))
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        pixels = _planes(image.convert("RGBA")) / np.float32(255)
        colour, alpha = pixels[:3], pixels[3:]
        return colour * alpha + np.float32(background) * (1 - alpha)
    return _planes(image.convert("L" if image.mode in _GRAY_MODES else "RGB")) / np.float32(255)


def _planes(image: Image.Image) -> Array:
    pixels = np.asarray(image)
    planes = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
    return planes.astype(np.float32)


def _integer_pixels(pixels: Array) -> Array:
    """Mode "I", 32-bit integers: what Pillow makes of 16-bit PGM and of some 16-bit TIFF files."""
    low, high = pixels.min(), pixels.max()
    if low < 0 or high > WHITE_16_BIT:
        raise DataError(
            f"its 32-bit pixels run from {low:.0f} to {high:.0f}, so what is white is unknown; save 16 bits"
        )
    return pixels / np.float32(WHITE_16_BIT)


def _float_pixels(pixels: Array) -> Array:
    """Mode "F": fractions of white, or 0 to 255 where a value exceeds 1."""
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 255):  # written so that NaN fails too
        raise DataError(f"its floating-point pixels run from {low:g} to {high:g}; save them within 0 to 1, or 0 to 255")
    return pixels if high <= 1 else pixels / np.float32(255)


def _luma(pixels: Array) -> Array:
    """Brightness of (C, H, W) pixels: Y = 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    if len(pixels) == 1:
        return pixels
    red, green, blue = pixels
    brightness = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return np.minimum(brightness, np.float32(1))[None]


def _one_line(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__
