"""What all optimisers share: groups of parameters with their hyperparameters, and a state for each parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.core import layout
from tinyconv.core.devices import array_module
from tinyconv.core.errors import ArgumentError, RunError, ShapeError, UnsupportedError
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import Scratch


class Optimizer:
    """Base of the optimisers. A derived class writes ``update(parameter, group)`` and ``check(group)``, or ``step``.

    ``params``: tensors, or groups ``{"params": tensors, "lr": ..., ...}`` whose hyperparameters override ``defaults``.
    ``param_groups`` and ``state`` are laid out as in PyTorch. Raises ``ArgumentError``.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor | dict):
            raise ArgumentError(
                f"{self._name}: params must be a list of tensors or of groups, got a single {type(params).__name__}; "
                "put it into a list"
            )
        if not isinstance(params, Iterable) or callable(getattr(params, "parameters", None)):
            raise ArgumentError(
                f"{self._name}: params must be a list of tensors or of groups, got a {type(params).__name__}; "
                "pass model.parameters()"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self.step_count = 0
        self.scratch = Scratch()
        groups = list(params)
        if not groups:
            raise ArgumentError(f"{self._name}: params is empty, there is nothing to optimise; pass model.parameters()")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise further parameters, such as those of a layer that is no longer frozen."""
        given = param_group["params"]
        parameters = [given] if isinstance(given, Tensor) else list(given)
        known = {id(parameter) for group in self.param_groups for parameter in group["params"]}
        for position, parameter in enumerate(parameters):
            if not isinstance(parameter, Tensor):
                raise ArgumentError(
                    f"{self._name}: can only optimise Tensors, but params[{position}] is a {type(parameter).__name__}"
                )
            if not parameter.is_leaf:
                raise ArgumentError(
                    f"{self._name}: params[{position}], of shape {tuple(parameter.shape)}, was computed by "
                    f"{parameter.grad_fn}; only leaves can be optimised"
                )
            if not parameter.dtype.is_floating_point:
                raise ArgumentError(
                    f"{self._name}: params[{position}] is of type {parameter.dtype}; it must be floating point"
                )
            if id(parameter) in known:
                raise ArgumentError(
                    f"{self._name}: params[{position}], of shape {tuple(parameter.shape)}, appears twice; "
                    "each parameter belongs to one group, once"
                )
            known.add(id(parameter))
        group = {**self.defaults, **param_group, "params": parameters}
        self.check(group)
        self.param_groups.append(group)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ``ArgumentError`` if a hyperparameter of ``group`` is outside its domain."""

    def check_at_least_zero(self, group: dict[str, Any], *names: str) -> None:
        """``check`` for hyperparameters that are plain numbers, 0 or larger."""
        for name in names:
            value = group[name]
            if isinstance(value, Tensor):
                raise UnsupportedError(f"{self._name}: {name} as a Tensor is not offered; pass {name}.item()")
            if not value >= 0:
                raise ArgumentError(f"{self._name}: {name} must be at least 0, got {value!r}")

    def refuse(self, **arguments: Any) -> None:
        """Raise ``UnsupportedError`` if one of PyTorch's choices of implementation is asked for."""
        for name, value in arguments.items():
            if value:
                raise UnsupportedError(f"{self._name}: {name}={value!r} is not offered; leave {name} out")

    # --- a step -----------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. ``closure`` computes the loss anew; it is called once, first.

        Returns what ``closure`` returns. NaN and infinity pass through: who watches the loss sees them.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with np.errstate(all="ignore"):
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is None:
                        continue
                    if tuple(parameter.grad.shape) != tuple(parameter.shape):
                        raise ShapeError(
                            f"{self._name}: a parameter of shape {tuple(parameter.shape)} has a gradient of shape "
                            f"{tuple(parameter.grad.shape)}; they must be equal"
                        )
                    self.update(parameter, group)
        self.step_count += 1
        return loss

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Change ``parameter`` in place, by its gradient and the hyperparameters of its group."""
        raise UnsupportedError(f"{self._name} has no update rule; write its update(parameter, group) or step()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or with ``set_to_none=False`` set them to zero in place."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    if set_to_none:
                        parameter.grad = None
                    else:
                        parameter.grad = parameter.grad.detach()
                        parameter.grad.zero_()

    # --- saving and loading -----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """``{"state": {index: {...}}, "param_groups": [{..., "params": [index, ...]}]}``: tensors and plain numbers.

        Parameters are numbered through all groups. The tensors are the optimiser's own, not copies.
        """
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [
            {**group, "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(p)]: dict(entry) for p, entry in self.state.items() if id(p) in numbers}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` (its tensors may be NumPy arrays); values are copied.

        Raises ``RunError`` where it was made for other groups or shapes; then nothing has been changed.
        """
        groups = state_dict["param_groups"]
        sizes, own_sizes = ([len(group["params"]) for group in of] for of in (groups, self.param_groups))
        if sizes != own_sizes:
            raise RunError(
                f"{self._name} cannot load this state: it is for groups of {sizes} parameters, the optimiser has "
                f"groups of {own_sizes}; build the optimiser with the parameters it was saved with"
            )
        numbers = [number for group in groups for number in group["params"]]
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, parameter in zip(numbers, self._parameters(), strict=True):
            if number in state_dict["state"]:
                entry = state_dict["state"][number]
                state[parameter] = {name: self._loaded(name, entry[name], parameter, number) for name in entry}
        self.state = state
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update({name: value for name, value in group.items() if name != "params"})

    def _loaded(self, name: str, value: Any, parameter: Tensor, number: int) -> Any:
        """``value`` of a loaded state, as it belongs beside ``parameter``."""
        if not isinstance(value, Tensor | np.ndarray):
            return value
        if value.ndim == 0:
            return value.item()
        if tuple(value.shape) != tuple(parameter.shape):
            raise RunError(
                f'{self._name} cannot load this state: "{name}" of parameter {number} has shape {tuple(value.shape)}, '
                f"the parameter {tuple(parameter.shape)}"
            )
        copy = self.zeros_like(parameter)
        copy.array[...] = value.array if isinstance(value, Tensor) else value
        return copy

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zeros_like(self, parameter: Tensor) -> Tensor:
        """A moment that starts at zero, in engine order, as ``blocks`` needs it."""
        array = layout.zeros(tuple(parameter.shape), parameter.array.dtype, array_module(parameter.device))
        return Tensor(array, device=parameter.device)

    def __repr__(self) -> str:
        lines = [f"{self._name} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])
