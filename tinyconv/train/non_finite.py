"""Where NaN or infinity came from, looked for only once there is one: the training has ended then."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tinyconv.autograd.grad_mode import no_grad
from tinyconv.core.devices import array_module
from tinyconv.core.errors import RunError
from tinyconv.core.random import default_generator
from tinyconv.nn.modes import evaluation_mode
from tinyconv.nn.module import Module
from tinyconv.ops.tensor import Tensor
from tinyconv.train.records import BatchSource, Evaluation, checked
from tinyconv.train.steps import Forward

if TYPE_CHECKING:
    from tinyconv.train.trainer import Trainer

ALL_FINITE = "the outputs of all layers are finite, it is the loss that is not"


class NonFiniteError(RunError):
    """A loss or gradient became NaN or infinite: so it does again, whoever repeats the training."""


def check_loss(trainer: Trainer, forward: Forward, loss: float) -> None:
    """Raise ``NonFiniteError`` where the loss of a batch is not finite."""
    if not math.isfinite(loss):
        where = _origin(trainer, forward.inputs, forward.generator)
        raise _error(f"loss became {loss} {_place(trainer, forward.step)}", where, forward.rate)


def check_norm(trainer: Trainer, norm: Tensor, number: int) -> None:
    """Raise ``NonFiniteError`` where the norm of the gradients, those up to batch ``number``, is not finite.

    A GPU is not waited for: there the loss of the next step tells.
    """
    if norm.device.type == "cpu" and not math.isfinite(float(norm.array)):
        what = f"the gradients' norm became {float(norm.array)} {_place(trainer, trainer.step_of(number))}"
        raise _error(what, origin_in_gradients(trainer.model), trainer.rate)


def check_evaluation(trainer: Trainer, evaluation: Evaluation, data: BatchSource) -> None:
    """Raise ``NonFiniteError`` where the loss on held-out ``data`` is not finite."""
    if math.isfinite(evaluation.loss):
        return
    with trainer.evaluation_weights(), evaluation_mode(trainer.model):
        places = (_origin(trainer, checked(batch)[0]) for batch in data)
        where = next((place for place in places if place != ALL_FINITE), ALL_FINITE)
    raise _error(f"held-out loss became {evaluation.loss} after epoch {trainer.epoch}", where, trainer.rate)


def _place(trainer: Trainer, step: int) -> str:
    all_steps = trainer.epoch * trainer.steps_per_epoch + step
    return f"at epoch {trainer.epoch + 1}, step {step} of {trainer.steps_per_epoch} ({all_steps} of the training)"


def _origin(trainer: Trainer, images: Tensor, generator: tuple[int, int] | None = None) -> str:
    communicator = trainer.communicator
    if communicator is not None and communicator.ranks > 1:
        # A forward of this process alone would wait for the others.
        return f"process {communicator.rank} of {communicator.ranks} noticed it"
    return origin_in_forward(trainer.model, images, generator)


def _error(what: str, where: str, rate: float) -> NonFiniteError:
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
        return ALL_FINITE
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


def _layer(name: str, module: Module) -> str:
    kind = type(module).__name__ if any(True for _ in module.children()) else repr(module)
    return f"{name} ({kind})" if name else f"the model itself ({kind})"


def _is_finite(tensor: Tensor) -> bool:
    return not tensor.dtype.is_floating_point or bool(array_module(tensor.device).isfinite(tensor.array).all())
