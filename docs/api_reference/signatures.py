"""How a function or a class is called, as a line of Python."""

from __future__ import annotations

import inspect
from typing import Any

WIDTH = 100


def signature(name: str, thing: Any, drop_self: bool = False) -> str:
    """``name(parameters) -> result``, one parameter to a line where it would be long."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return f"{name}(...)"
    parameters = list(found.parameters.values())
    if drop_self and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    shown = _with_markers(parameters)
    result = "" if inspect.isclass(thing) else _annotation(found.return_annotation, " -> ")
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in shown) + f"){result}"


def value(thing: Any) -> str:
    """``thing`` as text that is the same in every process: of what ``repr`` shows by its address, only the name."""
    if isinstance(thing, dict):
        return "{" + ", ".join(f"{key!r}: {value(held)}" for key, held in thing.items()) + "}"
    if type(thing) in (tuple, list):
        opening, closing = "()" if isinstance(thing, tuple) else "[]"
        return opening + ", ".join(map(value, thing)) + ("," if closing == ")" and len(thing) == 1 else "") + closing
    text = repr(thing)
    if " at 0x" not in text:
        return text
    name = getattr(thing, "__name__", "")
    return name if name.isidentifier() else f"{type(thing).__name__}(...)"


def _with_markers(parameters: list[inspect.Parameter]) -> list[str]:
    """The parameters with the ``/`` and ``*`` that separate their kinds."""
    shown: list[str] = []
    kinds = [parameter.kind for parameter in parameters]
    for number, parameter in enumerate(parameters):
        starred = inspect.Parameter.VAR_POSITIONAL in kinds[:number]
        before = kinds[number - 1] if number else None
        if parameter.kind is parameter.KEYWORD_ONLY and before is not parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
        shown.append(_parameter(parameter))
        last = number + 1 == len(parameters) or kinds[number + 1] is not parameter.POSITIONAL_ONLY
        if parameter.kind is parameter.POSITIONAL_ONLY and last:
            shown.append("/")
    return shown


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    annotation = _annotation(parameter.annotation, ": ")
    if parameter.default is parameter.empty:
        return f"{stars}{parameter.name}{annotation}"
    default = getattr(parameter.default, "__name__", None) or repr(parameter.default)
    return f"{parameter.name}{annotation}{' = ' if annotation else '='}{default}"


def _annotation(annotation: Any, before: str) -> str:
    if annotation is inspect.Parameter.empty or annotation is Any:
        return ""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))
    text = text.replace("builtins.", "")
    return "" if text == "Any" else before + text
