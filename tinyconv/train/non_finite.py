"""Where NaN or infinity came from, looked for only once there is one: the training has ended then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.devices import array_module
from tinyconv.core.errors import RunError
from tinyconv.core.random import default_generator
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor


class NonFiniteError(RunError):
    """A loss or gradient became NaN or infinite: so it does again, whoever repeats the training."""


def error(what: str, where: str, rate: float) -> NonFiniteError:
    """The error that ends a training: ``what`` happened, at which learning rate, and ``where`` it began."""
    return NonFiniteError(
        f"{what}; {where}; lower the learning rate (the optimizer's lr, --lr of the command; it was {rate:g} in this "
        "step), or look for NaN and infinity in the images"
    )


def origin_in_forward(model: Module, images: Tensor, generator: tuple[int, int] | None = None) -> str:
    """The first layer that makes values which are not finite of ``images``, in words.

    A second forward, which draws the same dropout where it is given the ``generator``'s state before the first.
    """
    if not _is_finite(images):
        return "the images of this batch have values that are not finite themselves"
    found: list[str] = []

    def looking(name: str) -> Callable[[Module, Any, Any], None]:
        def look(module: Module, _: Any, output: Any) -> None:
            results = output if isinstance(output, tuple | list) else (output,)
            if not found and not all(_is_finite(part) for part in results if isinstance(part, Tensor)):
                found.append(_layer(name, module))

        return look

    with ExitStack() as stack, no_grad():
        for name, module in model.named_modules():
            stack.callback(module.register_forward_hook(looking(name)).remove)
        if generator is not None:
            default_generator.set_state(generator)
        model(images)
    if not found:
        return "the outputs of all layers are finite, it is the loss that is not"
    poisoned = [name for name, parameter in model.named_parameters() if not _is_finite(parameter)]
    first = f"the first layer whose output is not finite is {found[0]}"
    if not poisoned:
        return first
    # What is downstream of a bad gradient stays good, what is upstream goes bad with it.
    return f"{first}, because {poisoned[0]} is not; the gradient went wrong in the step before, first at {poisoned[-1]}"


def origin_in_gradients(model: Module) -> str:
    """The layer nearest to the loss whose gradient is not finite, which is the first that backward comes to."""
    layers = dict(model.named_modules())
    poisoned = [name for name, p in model.named_parameters() if p.grad is not None and not _is_finite(p.grad)]
    if not poisoned:
        return "no single gradient is, their sum of squares overflows"
    layer, _, parameter = poisoned[-1].rpartition(".")
    return f"backward came first to that of the {parameter} of {_layer(layer, layers[layer])}"


def first_of(places: Iterable[str], otherwise: str) -> str:
    """The first place that says something of a layer or an image."""
    return next((place for place in places if not place.startswith("the outputs of all")), otherwise)


def _layer(name: str, module: Module) -> str:
    kind = type(module).__name__ if any(True for _ in module.children()) else repr(module)
    return f"{name} ({kind})" if name else f"the model itself ({kind})"


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.dtype.is_floating_point or bool(array_module(tensor.device).isfinite(tensor.array).all())
