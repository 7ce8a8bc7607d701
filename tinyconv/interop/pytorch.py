"""State dicts, ours as PyTorch's and PyTorch's as ours: the same names, and the same memory where that is possible.

Layers and networks keep PyTorch's (and torchvision's) names of parameters and buffers, so only the tensors change.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from tinyconv.core.errors import DTypeError, ExchangeError, UnsupportedError
from tinyconv.ops.creation.creation import as_tensor
from tinyconv.ops.tensor import Tensor


def from_pytorch(state: Any) -> Any:
    """PyTorch's ``state`` with its tensors as ours, over the same memory where that is on the CPU or our GPU.

    ``state``: ``module.state_dict()``, ``optimizer.state_dict()``, or dictionaries, lists and tuples of such, which
    keep their kind; numbers, texts, truth values and None stay as they are. A parameter comes without its gradient.
    ``load_state_dict`` copies them; with ``assign=True`` two models share their weights.

    Shape: of each tensor its own.
    Dtype: of each tensor its own.
    Raises: ``DTypeError``, with the key path, for a tensor of a type that tinyconv does not have, such as half;
        ``UnsupportedError`` for what is neither of the above.

    >>> from tinyconv.interop.pytorch import from_pytorch
    >>> layer = nn.Linear(2, 1)
    >>> layer.load_state_dict(from_pytorch({"weight": np.ones((1, 2), np.float32), "bias": np.zeros(1, np.float32)}))
    <All keys matched successfully>
    """
    return _converted(state, _ours, "from_pytorch", "state")


def to_pytorch(state: Any) -> Any:
    """Our ``state`` with its tensors as PyTorch's, over the same memory: for ``load_state_dict`` of a module there.

    ``state``: as for ``from_pytorch``, of ours.

    Shape: of each tensor its own.
    Dtype: of each tensor its own.
    Raises: ``UnsupportedError`` where PyTorch is not installed, and for what has no place in a state dict.

    >>> from tinyconv.interop.pytorch import to_pytorch
    >>> to_pytorch({"epoch": 3, "names": ["a", "b"]})
    {'epoch': 3, 'names': ['a', 'b']}
    """
    return _converted(state, _theirs, "to_pytorch", "state")


def _converted(value: Any, convert: Callable[[Any], Any], name: str, path: str) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        kind = OrderedDict if isinstance(value, OrderedDict) else dict
        return kind((key, _converted(item, convert, name, f"{path}[{key!r}]")) for key, item in value.items())
    if isinstance(value, list | tuple):
        return type(value)(_converted(item, convert, name, f"{path}[{place}]") for place, item in enumerate(value))
    try:
        found = convert(value)
    except ExchangeError as error:
        raise DTypeError(f"{name}: {path}, of {value.dtype}, cannot come as it is ({error}); .float() it") from None
    except DTypeError as error:
        raise DTypeError(f"{name}: {path}: {error}") from None
    if found is None:
        raise UnsupportedError(
            f"{name}: {path} is a {type(value).__name__}; a state dict holds tensors, numbers, texts and dictionaries"
        )
    return found


def _ours(value: Any) -> Tensor | None:
    if isinstance(value, Tensor) or not hasattr(value, "__array__"):
        return None
    return as_tensor(value.detach() if hasattr(value, "detach") else value)


def _theirs(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return None
    try:
        from torch.utils.dlpack import from_dlpack
    except ImportError:
        raise UnsupportedError(
            "to_pytorch: PyTorch is not installed: pip install torch; or save the state dict with tinyconv.save, as "
            "safetensors, which PyTorch reads elsewhere"
        ) from None
    return from_dlpack(value.detach())
