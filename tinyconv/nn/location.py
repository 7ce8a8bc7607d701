"""Where in a model an error happened: "layer features.conv2 (Conv2d(1, 32, ...)): conv2d: input has 3 channels ..."."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyconv.core.errors import TinyconvError

if TYPE_CHECKING:
    from tinyconv.nn.module import Module

_KEY = "tinyconv_location"


@dataclass
class _Location:
    """What is known so far about the place of an error that is on its way out through nested modules."""

    message: str  # of the operation alone
    layer: Module  # the innermost module: the one whose forward failed
    reached: Module  # the outermost module left so far
    path: str = ""  # of `layer` inside `reached`


def locate(error: TinyconvError, module: Module) -> None:
    """Note on ``error`` that it is leaving ``module``, and name the layer by its path in its message.

    No module knows its own name: the path grows as the error passes each parent, which looks up the child it came from.
    """
    location: _Location | None = vars(error).get(_KEY)
    if location is None:
        location = vars(error)[_KEY] = _Location(str(error), module, module)
    else:
        path = next((name for name, child in module.named_modules() if child is location.reached), "")
        location.path = ".".join(part for part in (path, location.path) if part)
        location.reached = module
    layer = location.layer
    description = type(layer).__name__ if any(True for _ in layer.children()) else repr(layer)
    name = f"{location.path} ({description})" if location.path else description
    error.args = (f"layer {name}: {location.message}",)
