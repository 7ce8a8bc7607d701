"""Activations of a network, caught as they are computed.

Hooks on modules would miss what a network calls as a function. ``capture`` watches the operations on the tape instead,
so a network written with modules and its twin written with ``F.relu`` give equal maps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.autograd.observe import Observation, observe
from tinyconv.autograd.tensor_base import TensorBase
from tinyconv.core.arrays import Array
from tinyconv.core.errors import ArgumentError
from tinyconv.core.precision import set_float32_precision
from tinyconv.core.transfer import to_host
from tinyconv.features.layers import Layer
from tinyconv.features.naming import LayerNames, matches, unknown_layer
from tinyconv.models.receptive_field import FieldTracker
from tinyconv.nn.module import Module


class Activations(dict[str, Array]):
    """What ``capture`` yields: name -> array, in the order of computation; ``layers`` has name -> ``Layer``.

    Raises: nothing of its own.

    >>> from tinyconv.features import Activations
    >>> len(Activations()), Activations().layers
    (0, {})
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: dict[str, Layer] = {}


@contextmanager
def capture(
    model: Module, patterns: str | Sequence[str] = ("*",), eval_mode: bool = True, kinds: Sequence[str] | None = None
) -> Iterator[Activations]:
    """Catch the activations of ``model`` while it runs inside the block.

        with capture(model, ["conv*"]) as activations:
            model(images)
        activations["conv1"].shape            # (N, C, H, W)

    Yields a dict, in the order of computation, of NumPy arrays: (N, C, H, W) for maps, (N, features) behind a flatten.
    They are copies made at the moment of computation: a later in-place operation does not change them.
    ``activations.layers[name]`` tells the module's path, the kind, the window and the receptive field.

    **Names.** An operation that a reader would call a layer has a *kind*: conv, pool, norm, relu, linear, ...
    It is named after the module that runs it ("layer1.conv2") if that module has no submodules and its path does not
    end in a bare number; other operations of another kind in the same module get a number: "block.relu1".
    At the numbered positions of a ``Sequential``, and for function calls, the name is the kind with a running number,
    behind the path of the container: "conv1", "relu3", "features.conv1". Numbers skip names that modules have.
    When the same module, or the whole model, runs again, its names get "_1", "_2".

    **Patterns** are shell-style ("conv*", "features.*", "*2") and match the full name, its last part, or the module's
    path. ``kinds`` keeps only these kinds. With ``eval_mode``, the model is in evaluation mode inside the block; every
    module gets its own mode back afterwards, also after an error. float32 is computed with exactly inside the block
    (``set_float32_precision``): where a map is 0, it is 0.

    Shape: whatever the model takes; the arrays have the shapes of the layers' results.
    Dtype: any; the arrays have those of the results.
    Raises: ``ArgumentError`` at the end of the block if a pattern matched no layer; it lists the layers there are.

    >>> from tinyconv.features import capture
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> with capture(model) as activations:
    ...     result = model(tc.zeros(2, 1, 8, 8))
    >>> {name: array.shape for name, array in activations.items()}
    {'conv1': (2, 4, 6, 6), 'relu1': (2, 4, 6, 6)}
    """
    patterns = _checked(model, patterns)
    activations = Activations()
    seen: list[str] = []
    unmatched = dict.fromkeys(patterns)

    def keep(observation: Observation, layer: Layer) -> None:
        if kinds is not None and layer.kind not in kinds:
            return
        seen.append(layer.name)
        fitting = [pattern for pattern in patterns if matches(pattern, layer.name, layer.path)]
        for pattern in fitting:
            unmatched.pop(pattern, None)
        if fitting:
            activations[layer.name] = np.array(to_host(observation.output.array), order="C")
            activations.layers[layer.name] = layer

    with watching(model, keep, eval_mode):
        yield activations
    if unmatched:
        raise unknown_layer(next(iter(unmatched)), seen)


class _AllCaughtError(BaseException):
    """Ends the forward early; not an ``Exception``, so that no ``except Exception`` in a model can swallow it."""


def feature_extractor(
    model: Module, layers: Mapping[str, str] | Sequence[str], eval_mode: bool = True
) -> Callable[..., dict[str, Array]]:
    """A function of the model's inputs that returns only the named activations, and computes no further than needed.

        middle = feature_extractor(model, {"conv2": "mid"})
        middle(images)["mid"]                  # (N, C, H, W)

    ``layers``: name (by ``capture``'s rule) -> key in the result; a list of names keeps the names. No gradients are
    recorded.

    Raises: ``ArgumentError`` for no layers; the function raises it if the model has no such layer, and lists those
        that there are.

    >>> from tinyconv.features import feature_extractor
    >>> middle = feature_extractor(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten()), {"relu1": "maps"})
    >>> middle(tc.zeros(2, 1, 8, 8))["maps"].shape
    (2, 4, 6, 6)
    """
    _checked(model, "*")
    wanted = dict(layers) if isinstance(layers, Mapping) else {name: name for name in layers}
    if not wanted or len(set(wanted.values())) != len(wanted):
        raise ArgumentError(
            f"feature_extractor: layers must name at least one layer, each under its own key, got {layers!r}"
        )

    def extract(*inputs: Any, **options: Any) -> dict[str, Array]:
        found: dict[str, Array] = {}
        seen: list[str] = []

        def keep(observation: Observation, layer: Layer) -> None:
            seen.append(layer.name)
            if layer.name in wanted:
                found[wanted[layer.name]] = np.array(to_host(observation.output.array), order="C")
                if len(found) == len(wanted):
                    raise _AllCaughtError

        try:
            with no_grad(), watching(model, keep, eval_mode):
                model(*inputs, **options)
        except _AllCaughtError:
            return {key: found[key] for key in wanted.values()}
        raise unknown_layer(next(name for name, key in wanted.items() if key not in found), seen)

    return extract


@contextmanager
def watching(model: Module, keep: Callable[[Observation, Layer], None], eval_mode: bool) -> Iterator[None]:
    """Call ``keep`` for every layer that the model runs; undo everything when the block ends, however it ends."""
    names = LayerNames(model)
    fields: FieldTracker | None = None
    modes = [(module, module.training) for module in model.modules()]

    def start(_: Module, inputs: tuple[Any, ...]) -> None:
        nonlocal fields
        names.start_pass()
        images = [value for value in inputs if isinstance(value, TensorBase)]
        fields = FieldTracker(images[0]) if images else None

    def notice(observation: Observation) -> None:
        if fields is not None:
            fields(observation)
        module = names.module_of(observation)
        operation = observation.operation
        if module is None or not operation.kind:
            return
        geometry = {name: getattr(operation, name, None) for name in ("kernel_size", "stride", "padding", "dilation")}
        layer = Layer(
            name=names.name(module, operation.kind),
            path=names.path(module),
            kind=operation.kind,
            operation=operation.name,
            receptive_field=None if fields is None else fields.field(observation.output),
            **geometry,
        )
        keep(observation, layer)

    handle = model.register_forward_pre_hook(start, prepend=True)
    try:
        if eval_mode:
            model.eval()
        with observe(notice), set_float32_precision("exact"):
            yield
    finally:
        handle.remove()
        for module, training in modes:
            module.training = training


def _checked(model: Module, patterns: str | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(model, Module):
        raise ArgumentError(f"capture: the model must be an nn.Module, got {type(model).__name__}")
    patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    if not patterns:
        raise ArgumentError("capture: give at least one pattern, such as 'conv*', or '*' for every layer")
    return patterns
