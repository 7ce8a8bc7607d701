"""Whether a function of ours takes what PyTorch's takes: the same names, in the same order, with the same defaults."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

NOT_OFFERED = {
    "out", "layout", "pin_memory", "memory_format", "names", "size_average", "reduce", "foreach", "fused",
    "capturable", "differentiable", "generator", "device", "dtype", "requires_grad", "_stacklevel", "_random_samples",
    "verbose",
}  # fmt: skip
"""Parameters of PyTorch's that need not be offered. Where ours has one of them, its default must be PyTorch's."""


def parameters_of(function: Any) -> dict[str, Any] | None:
    """Names and defaults in order; from PyTorch's docstring where the function is compiled. None if neither tells."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return from_docstring(function)
    named = {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    if not named and signature.parameters:  # (*args, **kwargs): PyTorch's wrappers of compiled functions
        return from_docstring(function)
    return named


def from_docstring(function: Any) -> dict[str, Any] | None:
    """``add(input, other, *, alpha=1, out=None) -> Tensor``, as the first line of PyTorch's docstring has it."""
    text = " ".join((function.__doc__ or "").split())
    found = re.match(r"\w+\((.*?)\)\s*->", text)
    if found is None:
        return None
    named: dict[str, Any] = {}
    for part in re.split(r",\s*(?![^()\[\]]*[)\]])", found[1]):
        name, _, default = part.strip().partition("=")
        name = name.split(":")[0].split()[-1] if name.split() else ""
        if name in ("", "*", "/") or name.startswith("*"):
            continue
        named[name] = literal(default) if default else inspect.Parameter.empty
    return named


def literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return text.strip()


def difference(ours: Any, theirs: Any) -> str | None:
    """What our signature lacks or does differently; None if nothing, or if PyTorch's cannot be known."""
    expected, actual = parameters_of(theirs), parameters_of(ours)
    if expected is None or actual is None:
        return None
    wanted = [name for name in expected if name not in NOT_OFFERED and name != "self"]
    offered = [name for name in actual if name not in NOT_OFFERED and name != "self"]
    aliases = {"self": "input"}
    if offered and offered[0] == "input" and len(offered) == len(wanted) + 1:
        offered = offered[1:]  # a method of ours is the function; PyTorch's docstring leaves the tensor out
    if [aliases.get(name, name) for name in wanted] != offered:
        return f"parameters {offered}, PyTorch's {wanted}"
    for name, default in expected.items():
        if name in actual and name != "self" and not same_default(actual[name], default):
            return f"default of {name}: {actual[name]!r}, PyTorch's {default!r}"
    return None


def same_default(ours: Any, theirs: Any) -> bool:
    if ours is theirs or ours == theirs:
        return True
    if isinstance(theirs, str):  # from a docstring that names a type or a constant
        return str(ours).rpartition(".")[2] == theirs.rpartition(".")[2]
    return repr(ours).rpartition(".")[2] == repr(theirs).rpartition(".")[2]
