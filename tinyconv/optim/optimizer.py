"""What all optimisers share: groups of parameters with their hyperparameters, and a state for each parameter."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinyconv.autograd.grad_mode import enable_grad
from tinyconv.core import layout
from tinyconv.core.devices import CPU, array_module
from tinyconv.core.errors import ArgumentError, RunError, ShapeError, UnsupportedError
from tinyconv.core.transfer import moved, to_host
from tinyconv.nn.hooks import RemovableHandle
from tinyconv.ops.tensor import Tensor
from tinyconv.optim.blocks import Scratch
from tinyconv.optim.parameters import named_and_plain
from tinyconv.optim.step_hooks import StepPostHook, StepPreHook, hooked

IMPLEMENTATIONS = ("capturable", "differentiable", "foreach", "fused")
"""Entries of PyTorch's groups that choose between implementations of one formula; a loaded state may hold them."""

ELEMENTWISE_STATE = (
    *("acc_delta", "ax", "exp_avg", "exp_avg_sq", "exp_inf", "grad_avg", "max_exp_avg_sq", "momentum_buffer", "prev"),
    *("square_avg", "step_size", "sum"),
)
"""Entries of the state that have an element for each of the parameter; an optimiser of one's own may add others."""


class Optimizer:
    """Base of the optimisers. A derived class writes ``update(parameter, group)`` and ``check(group)``, or ``step``.

    ``params``: tensors, pairs of name and tensor as ``model.named_parameters()`` gives them, or groups
    ``{"params": tensors, "lr": ..., ...}`` whose hyperparameters override ``defaults``.
    ``param_groups``, ``state`` and ``state_dict()`` are laid out as in PyTorch.

    Dtype: float32 or float64 parameters; their state has their type.
    Raises: ``ArgumentError`` for no parameters, one that is no leaf or not floating point, one given twice, and
        hyperparameters outside their domain.

    >>> class SignDescent(optim.Optimizer):
    ...     def update(self, parameter, group):
    ...         parameter.data = parameter.data - group["lr"] * parameter.grad.sign()
    >>> weight = nn.Parameter(tc.tensor([1.0, -2.0]))
    >>> optimizer = SignDescent([weight], {"lr": 0.5})
    >>> weight.square().sum().backward()
    >>> optimizer.step()
    >>> [round(value, 4) for value in weight.tolist()]
    [0.5, -1.5]
    """

    scalar_state: tuple[str, ...] = ()
    """Entries of a parameter's state that are numbers, as "step" is, even where the parameter has no dimensions."""

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
        self.is_stepping = False
        self.step_pre_hooks: dict[int, StepPreHook] = {}
        self.step_post_hooks: dict[int, StepPostHook] = {}
        self.scratch = Scratch()
        groups = list(params)
        if not groups:
            raise ArgumentError(f"{self._name}: params is empty, there is nothing to optimise; pass model.parameters()")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "update" in cls.__dict__ and "update_all" not in cls.__dict__:
            cls.update_all = Optimizer.update_all  # type: ignore[method-assign]
        if "step" in cls.__dict__:
            cls.step = hooked(cls.__dict__["step"])  # type: ignore[method-assign]

    @property
    def _name(self) -> str:
        return type(self).__name__

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimise further parameters, such as those of a layer that is no longer frozen."""
        if not isinstance(param_group, dict) or "params" not in param_group:
            raise ArgumentError(
                f'{self._name}: a group is a dict {{"params": tensors, ...}}, got {type(param_group).__name__}'
            )
        names, parameters = named_and_plain(self._name, param_group["params"])
        if self.param_groups and (names is None) == ("param_names" in self.param_groups[0]):
            raise ArgumentError(f"{self._name}: either all groups have names for their parameters, or none")
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
        group = {**param_group, "params": parameters}
        if names is not None:
            group["param_names"] = names
        for name, default in self.defaults.items():
            group.setdefault(name, default)
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

    def check_betas(self, group: dict[str, Any]) -> None:
        """``check`` for the decay rates of two running means."""
        betas = group["betas"]
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ArgumentError(f"{self._name}: betas must be two numbers in [0, 1), got {betas!r}")

    def refuse(self, **arguments: Any) -> None:
        """Raise ``UnsupportedError`` if one of PyTorch's choices of implementation is asked for.

        None and False, their defaults, ask for nothing.
        """
        for name, value in arguments.items():
            if value:
                raise UnsupportedError(f"{self._name}: {name}={value!r} is not offered; leave {name} out")

    # --- a step -----------------------------------------------------------------------------------------------------

    @hooked
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
                parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
                for parameter in parameters:
                    if parameter.grad.shape != parameter.shape:
                        raise ShapeError(
                            f"{self._name}: a parameter of shape {tuple(parameter.shape)} has a gradient of shape "
                            f"{tuple(parameter.grad.shape)}; they must be equal"
                        )
                if parameters:
                    self.update_all(parameters, group)
        return loss

    def update_all(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Change ``parameters`` of ``group``, which have gradients: one by one, unless a derived class knows better."""
        for parameter in parameters:
            self.update(parameter, group)

    def update(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """Change ``parameter`` in place, by its gradient and the hyperparameters of its group."""
        raise UnsupportedError(f"{self._name} has no update rule; write its update(parameter, group) or step()")

    def register_step_pre_hook(self, hook: StepPreHook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return (args, kwargs) to step with instead.

        ``args`` begins with the optimiser. ``remove()`` of what is returned takes the hook off again.
        """
        return RemovableHandle(self.step_pre_hooks, hook)

    def register_step_post_hook(self, hook: StepPostHook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return RemovableHandle(self.step_post_hooks, hook)

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
            {name: value for name, value in group.items() if name != "params"}
            | {"params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        state = {numbers[id(p)]: dict(entry) for p, entry in self.state.items() if id(p) in numbers}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a ``state_dict`` (its tensors may be NumPy arrays); values are copied.

        Raises ``RunError`` where it was made for other groups or shapes; then nothing has been changed.
        """
        if not isinstance(state_dict, Mapping) or not {"state", "param_groups"} <= set(state_dict):
            raise RunError(f"{self._name} cannot load this state: it has no 'state' and 'param_groups'")
        groups = state_dict["param_groups"]
        sizes, own_sizes = ([len(group["params"]) for group in of] for of in (groups, self.param_groups))
        if sizes != own_sizes:
            raise RunError(
                f"{self._name} cannot load this state: it is for groups of {sizes} parameters, the optimiser has "
                f"groups of {own_sizes}; build the optimiser with the parameters it was saved with"
            )
        options = self.defaults.keys() - set(IMPLEMENTATIONS)
        if lacking := sorted({name for group in groups for name in options - group.keys()}):
            raise RunError(
                f"{self._name} cannot load this state: its groups lack {', '.join(map(repr, lacking))}; it was saved "
                "by another kind of optimiser"
            )
        numbers = [number for group in groups for number in group["params"]]
        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, parameter in zip(numbers, self._parameters(), strict=True):
            if number in state_dict["state"]:
                entry = state_dict["state"][number]
                state[parameter] = {name: self._loaded(name, entry[name], parameter, number) for name in entry}
        self.state = state
        for own, group in zip(self.param_groups, groups, strict=True):
            kept = {name: group[name] for name in group if name not in ("params", *IMPLEMENTATIONS)}
            names = {"param_names": own["param_names"]} if "param_names" in own else {}
            parameters = own["params"]
            own.clear()
            own.update({**names, **copy.deepcopy(kept), "params": parameters})

    def _loaded(self, name: str, value: Any, parameter: Tensor, number: int) -> Any:
        """``value`` of a loaded state, as it belongs beside ``parameter``."""
        array = to_host(value.array) if isinstance(value, Tensor) else value
        if not isinstance(array, np.ndarray):
            return self.scalar(value) if name in self.scalar_state else copy.deepcopy(value)
        if name in ("step", *self.scalar_state) and array.ndim == 0:
            return Tensor(array.copy())
        if name in ELEMENTWISE_STATE and array.shape != tuple(parameter.shape):
            raise RunError(
                f'{self._name} cannot load this state: "{name}" of parameter {number} has shape {array.shape}, '
                f"the parameter {tuple(parameter.shape)}"
            )
        return Tensor(moved(array.astype(parameter.array.dtype), CPU, parameter.device), device=parameter.device)

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zeros_like(self, parameter: Tensor) -> Tensor:
        """A moment that starts at zero, in engine order, as ``blocks`` needs it."""
        array = layout.zeros(tuple(parameter.shape), parameter.array.dtype, array_module(parameter.device))
        return Tensor(array, device=parameter.device)

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """State that starts at ``value``, in engine order."""
        tensor = self.zeros_like(parameter)
        tensor.array.fill(value)
        return tensor

    @staticmethod
    def scalar(value: float) -> Tensor:
        """A number of the state, such as the steps taken: without dimensions and in float32, as PyTorch keeps it."""
        return Tensor(np.array(value, np.float32))

    @staticmethod
    def next_step(state: dict[str, Any]) -> int:
        """The number of the step being taken, from 1, counted in ``state["step"]``."""
        step = state["step"]
        if not isinstance(step, Tensor):  # of a loaded state
            step = state["step"] = Optimizer.scalar(step)
        step.array += 1
        step.bump_version()
        return int(step.array)

    def __repr__(self) -> str:
        groups = []
        for number, group in enumerate(self.param_groups):
            names = sorted(name for name in group if name != "params")
            groups.append(f"Parameter Group {number}\n" + "".join(f"    {name}: {group[name]}\n" for name in names))
        return f"{self._name} (\n" + "\n".join(groups) + ")"
