"""A classifier from an ONNX file as a run folder, on which every command works."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.arrays import Pair
from tinyconv.core.errors import ArgumentError, DataError, RunError, UnsupportedError
from tinyconv.data import sources
from tinyconv.data.images import ImageData
from tinyconv.interop.onnx.file import Contents, read
from tinyconv.interop.onnx.reading import graph_of, naming_the_file
from tinyconv.interop.onnx.run_record import write_imported_run
from tinyconv.models.graph import GraphModule
from tinyconv.models.graph.editing import before_softmax, flattened, of_any_batch, with_output
from tinyconv.ops.creation.creation import zeros
from tinyconv.train.preprocessing import Preprocessing
from tinyconv.train.run_folder import RunFolder


@dataclass(frozen=True)
class Imported:
    """What ``import_run`` made: the ``model``, its ``classes`` and ``preprocessing``, and sentences about choices.

    Raises: nothing of its own.

    >>> from tinyconv.interop.onnx import Imported
    >>> sorted(Imported.__dataclass_fields__)
    ['classes', 'model', 'notes', 'preprocessing']
    """

    model: GraphModule
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    notes: tuple[str, ...]


def import_run(
    path: str | Path,
    folder: str | Path,
    *,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    image_size: Pair | None = None,
    output: str | None = None,
    data: str | None = None,
    force: bool = False,
) -> Imported:
    """Make the run folder ``folder`` of the network in the ONNX file ``path``: its graph, its weights and its record.

    The network takes one batch of images (N, C, H, W) and gives one number for each class; a softmax at its end is
    left out, for a run gives what stands before it. ``output``: which of several outputs. What is not given comes from
    the file's metadata, where ``export_run`` left it; else classes are called by their numbers, and images are fed as
    they are, in [0, 1]: ``mean`` and ``std`` are numbers of those, for each channel or for all.
    ``image_size``: (height, width), where the file leaves it open. ``data``: images, named as in ``tinyconv train``, to
    judge the run by; their classes are the run's. ``force``: replace a run that is there.

    Raises: ``RunError`` for a folder in the way or a file that is no valid model; ``UnsupportedError`` for a network
        that is no such classifier or has parts that are not offered; ``ArgumentError`` for numbers that do not fit it;
        ``DataError`` for images that do not.

    >>> from tinyconv.interop.onnx import import_run
    >>> import_run.__name__  # import_run("resnet18.onnx", "runs/resnet18", classes=["cat", "dog"])
    'import_run'
    """
    run_folder = RunFolder(folder)
    RunFolder.check(run_folder.path, force)
    with naming_the_file(path):
        found = read(path)
    notes: list[str] = []
    with naming_the_file(path):
        channels, size = _images(found, image_size)
        model = _classifier(found, output, (channels, *size), notes)
        outputs = _number_of_classes(model, (channels, *size))
    images = None if data is None else sources.load(data, image_size=size)
    names = _classes(classes, found, images, outputs, notes)
    preprocessing = _preprocessing(channels, size, mean, std, found, notes)
    if images is not None and (images.channels, images.image_size) != (channels, size):
        raise DataError(f"--data {data} has images of {images.channels} channels, the network takes {channels}")
    RunFolder.exact(run_folder.path, force)
    write_imported_run(run_folder, Path(path), model, names, preprocessing, images, data)
    return Imported(model, names, preprocessing, tuple(notes))


def _classifier(found: Contents, output: str | None, image: tuple[int, ...], notes: list[str]) -> GraphModule:
    """The network that gives logits (N, K); ``notes`` learn what was done to the file's to come to it."""
    graph, values = graph_of(found)
    if output is not None or len(graph.outputs) > 1:
        chosen = output or graph.outputs[0].name
        if output is None:
            notes.append(f"of {len(graph.outputs)} outputs the first is used, {chosen} (see --output)")
        graph = with_output(graph, chosen)
    logits = before_softmax(graph)
    if logits is not None:
        graph = logits
        notes.append("the softmax at the end is left out: a run gives what stands before it")
    graph = of_any_batch(graph)
    model = _with_weights(GraphModule(graph), values)
    if _result_shape(model, image)[2:] == (1, 1):
        model = _with_weights(GraphModule(flattened(graph)), values)
    return model


def _with_weights(model: GraphModule, values: dict[str, Any]) -> GraphModule:
    model.load_weights(values)
    return model.eval()


def _images(found: Contents, image_size: Pair | None) -> tuple[int, Pair]:
    """Channels and size of the images that the network takes."""
    if len(found.inputs) != 1:
        listed = ", ".join(port.name for port in found.inputs)
        raise UnsupportedError(f"the network takes {len(found.inputs)} inputs ({listed}); a run's takes images alone")
    shape = found.inputs[0].shape
    channels, height, width = shape[1:] if shape is not None and len(shape) == 4 else (None, None, None)
    if channels is None:
        raise UnsupportedError(
            f"the network takes {_shown(shape)}; a run's takes images (N, channels, height, width) with a fixed number "
            "of channels"
        )
    if channels > 16 and width is not None and width <= 4:
        raise UnsupportedError(
            f"the network takes images as (N, height, width, channels): {_shown(shape)}; export it with the channels "
            "first (tf2onnx: --inputs-as-nchw)"
        )
    if height is not None and width is not None:
        if image_size not in (None, (height, width)):
            raise ArgumentError(f"--image-size: the network takes images of {height}x{width}, got {image_size}")
        return channels, (height, width)
    known = _metadata(found, "preprocessing")
    if image_size is None and isinstance(known, dict) and "image_size" in known:
        image_size = Preprocessing.from_json(known).image_size
    if image_size is None:
        raise ArgumentError("the file leaves the size of images open; give it with --image-size, as in 64 or 56x46")
    return channels, image_size


def _shown(shape: tuple[int | None, ...] | None) -> str:
    return "inputs of any shape" if shape is None else f"({', '.join('?' if n is None else str(n) for n in shape)})"


def _result_shape(model: GraphModule, image: tuple[int, ...]) -> tuple[int, ...]:
    """Of a batch of two images of zeros."""
    with no_grad():
        result = model(zeros(2, *image))
    return tuple(result.shape)


def _number_of_classes(model: GraphModule, image: tuple[int, ...]) -> int:
    shape = _result_shape(model, image)
    if len(shape) != 2 or shape[0] != 2:
        raise UnsupportedError(
            f"for two images the network gives {shape}; a run's gives (2, classes): a number for each class of each "
            "image. A file for a fixed batch is exported anew with dynamic axes"
        )
    return shape[1]


def _classes(
    given: Sequence[str] | None, found: Contents, images: ImageData | None, outputs: int, notes: list[str]
) -> tuple[str, ...]:
    known = _metadata(found, "classes")
    if given is not None:
        names, source = tuple(given), "--classes"
    elif isinstance(known, list):
        names, source = tuple(map(str, known)), "the file's metadata"
    elif images is not None:
        names, source = images.classes, "--data"
    else:
        notes.append("the file does not name its classes: they are called by their numbers (see --classes)")
        return tuple(map(str, range(outputs)))
    if len(names) != outputs:
        raise ArgumentError(f"{source} names {len(names)} classes, and the network tells {outputs} apart")
    if len(set(names)) != len(names):
        raise ArgumentError(f"{source} names a class twice")
    if images is not None and images.classes != names:
        raise DataError(f"the images of --data have other classes than {source}, or in another order")
    return names


def _preprocessing(
    channels: int,
    size: Pair,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    found: Contents,
    notes: list[str],
) -> Preprocessing:
    known = _metadata(found, "preprocessing")
    if mean is None and std is None:
        if isinstance(known, dict):
            try:
                return replace(Preprocessing.from_json(known), channels=channels, image_size=size)
            except RunError:
                notes.append("the file's metadata on preprocessing is damaged, and left aside")
        notes.append("images are fed as they are, in [0, 1] (see --mean and --std)")
    centre, spread = _for_each("--mean", mean or [0.0], channels), _for_each("--std", std or [1.0], channels)
    if min(spread) <= 0:
        raise ArgumentError(f"--std must be above 0, got {min(spread):g}")
    return Preprocessing(channels, size, centre, spread)


def _for_each(option: str, numbers: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(numbers) not in (1, channels):
        raise ArgumentError(f"{option} takes one number, or one for each of {channels} channels, got {len(numbers)}")
    return tuple(float(number) for number in (numbers if len(numbers) == channels else [*numbers] * channels))


def _metadata(found: Contents, key: str) -> Any:
    """The JSON under ``key``; None where there is none."""
    try:
        return json.loads(found.metadata[key])
    except (KeyError, ValueError):
        return None
