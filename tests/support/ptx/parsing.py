"""PTX's text as variables and functions, whose bodies are still tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ptx.errors import PtxError
from ptx.types import TYPES

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# A string, a sign that stands alone, or a word: a name, a number, an opcode with its modifiers (`L2::128B`), `%rd1+8`.
TOKEN = re.compile(r'"[^"]*"|[{}()\[\];,|!@=]|:(?!:)|(?:[^\s{}()\[\];,|!@=:"]|::)+')


@dataclass(frozen=True)
class Token:
    text: str
    line: int


@dataclass(frozen=True)
class Variable:
    """A declared array or scalar of some state space: ``bytes`` is None where the launch decides (dynamic shared)."""

    space: str
    name: str
    dtype: np.dtype
    align: int
    bytes: int | None
    values: np.ndarray | None = None


@dataclass(frozen=True)
class Function:
    name: str
    entry: bool
    results: list[Variable]
    parameters: list[Variable]
    body: list[Token]


@dataclass
class Module:
    variables: list[Variable] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)


def tokens_of(text: str) -> list[Token]:
    text = COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    lines = enumerate(text.split("\n"), 1)
    return [Token(word, number) for number, line in lines for word in TOKEN.findall(line)]


def parse(text: str) -> Module:
    """The variables and functions of a PTX module; a function that is only declared is left out."""
    module, tokens, at = Module(), tokens_of(text), 0
    while at < len(tokens):
        end = _end_of_statement(tokens, at)
        words = [token.text for token in tokens[at:end]]
        if words[0] in (".version", ".target", ".address_size"):
            end = _end_of_line(tokens, at)
        elif ".entry" in words or ".func" in words:
            if tokens[end].text == "{":
                close = matching(tokens, end)
                function = _function(words, tokens[end + 1 : close])
                module.functions[function.name] = function
                end = close + 1
            else:
                end += 1
        else:
            if set(words) & {".shared", ".global", ".const"}:
                module.variables.append(variable(words))
            end += 1
        at = end
    return module


def _end_of_line(tokens: list[Token], at: int) -> int:
    line = tokens[at].line
    while at < len(tokens) and tokens[at].line == line:
        at += 1
    return at


def _end_of_statement(tokens: list[Token], at: int) -> int:
    """Where the statement's `;` is, or the brace that opens a function's body (an initialiser's follows a `=`)."""
    while at < len(tokens) and tokens[at].text != ";":
        if tokens[at].text == "{":
            if tokens[at - 1].text != "=":
                return at
            at = matching(tokens, at)
        at += 1
    return at


def matching(tokens: list[Token], at: int) -> int:
    """Where the brace that opens at ``at`` closes."""
    depth = 0
    for place in range(at, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[place].text, 0)
        if depth == 0:
            return place
    raise PtxError(f"line {tokens[at].line}: a brace is never closed")


def variable(words: list[str]) -> Variable:
    """A declaration such as ``.global .align 4 .b8 table[24] = { 65 , 144 ...``."""
    space = next(word[1:] for word in words if word in (".shared", ".global", ".const", ".local", ".param"))
    align = int(words[words.index(".align") + 1]) if ".align" in words else 1
    kind = next(place for place, word in enumerate(words) if word[1:] in TYPES)
    dtype, name, rest = TYPES[words[kind][1:]], words[kind + 1], words[kind + 2 :]
    items: int | None = 1
    if rest[:1] == ["["]:
        items = int(rest[1]) if rest[1] != "]" else None
    values = None
    if "=" in rest:
        numbers = [int(word, 0) for word in rest[rest.index("=") :] if word not in ("=", "{", "}", ",")]
        values = np.zeros(items or 1, dtype)
        values[: len(numbers)] = numbers
    return Variable(
        space, name, dtype, max(align, dtype.itemsize), None if items is None else items * dtype.itemsize, values
    )


def _function(words: list[str], body: list[Token]) -> Function:
    """The head of a function: its results stand in parentheses before its name, its parameters behind it."""
    place = words.index(".entry") if ".entry" in words else words.index(".func")
    results: list[Variable] = []
    at = place + 1
    if words[at] == "(":
        close = words.index(")", at)
        results = _parameters(words[at + 1 : close])
        at = close + 1
    name, parameters = words[at], []
    if words[at + 1 : at + 2] == ["("]:
        parameters = _parameters(words[at + 2 : words.index(")", at)])
    return Function(name, words[place] == ".entry", results, parameters, body)


def _parameters(words: list[str]) -> list[Variable]:
    found, start = [], 0
    for place in [*(place for place, word in enumerate(words) if word == ","), len(words)]:
        if words[start:place]:
            found.append(variable(words[start:place]))
        start = place + 1
    return found
