"""A kernel's body as one list of instructions: names resolved by scope, calls of functions written out in place.

A PTX function is called with parameters that are variables of the caller's scope. Writing its body out in place, with
its own parameters standing for the caller's, needs no stack, and no GPU program of ours recurses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ptx.errors import PtxError
from ptx.operands import NUMBER, Both, Negated, Number, Place, Register, Sink, Special, Symbol, Vector
from ptx.parsing import Function, Module, Token, Variable, matching, variable
from ptx.types import TYPES

# Instructions that end a run of straight code, because threads may part or wait there.
JUMPS = ("bra", "ret", "exit", "trap")


@dataclass(eq=False)
class Instruction:
    opcode: str
    modifiers: tuple[str, ...]
    operands: list[Any]
    guard: Register | Negated | None
    words: list[str]
    line: int
    target: int = -1  # of a branch
    members: Any = None  # of a warp, that must execute it together
    execute: Any = None  # set when it is first met

    @cached_property
    def name(self) -> str:
        return ".".join((self.opcode, *self.modifiers))

    def __str__(self) -> str:
        return f"line {self.line}: {_written(self.words)}"


@dataclass
class Scope:
    """What names mean inside a pair of braces."""

    parent: Scope | None = None
    names: dict[str, Any] = field(default_factory=dict)

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None


class Assembler:
    """Lays out one entry function: ``instructions``, ``registers``, and ``frame``: each thread's own variables."""

    def __init__(self, module: Module, entry: Function):
        self.module = module
        self.instructions: list[Instruction] = []
        self.registers: list[Register] = []
        self.labels: dict[str, int] = {}
        self.frame: dict[str, int] = {}
        self.frame_bytes = 16  # a null pointer to local memory points at nothing
        self.calls = 0
        self.parameters: dict[str, Variable] = {parameter.name: parameter for parameter in entry.parameters}
        scope = Scope(names={name: Symbol(name) for name in self.parameters})
        for declared in module.variables:
            scope.names[declared.name] = Symbol(declared.name)
        self.outermost = scope
        self._body(entry.body, Scope(scope), "", None)
        for instruction in self.instructions:
            if instruction.opcode == "bra":
                name = instruction.operands[0]
                if name not in self.labels:
                    raise PtxError(f"{instruction}: no such label")
                instruction.target = self.labels[name]

    def _body(self, tokens: list[Token], scope: Scope, prefix: str, returns: str | None) -> None:
        """``returns``: the label behind a call that is written out here; None in the kernel itself."""
        at = 0
        while at < len(tokens):
            word = tokens[at].text
            if word == "{":
                scope = Scope(scope)
                at += 1
            elif word == "}":
                assert scope.parent is not None
                scope = scope.parent
                at += 1
            elif at + 1 < len(tokens) and tokens[at + 1].text == ":":
                self.labels[prefix + word] = len(self.instructions)
                at += 2
            else:
                end = at
                while tokens[end].text != ";":
                    end = matching(tokens, end) + 1 if tokens[end].text == "{" else end + 1
                if word.startswith("."):
                    self._declare([token.text for token in tokens[at:end]], scope)
                elif end > at:
                    self._statement(tokens[at:end], scope, prefix, returns)
                at = end + 1

    def _declare(self, words: list[str], scope: Scope) -> None:
        if words[0] == ".reg":
            dtype = TYPES[next(word[1:] for word in words if word[1:] in TYPES)]
            for name in words[words.index(next(word for word in words if word[1:] in TYPES)) + 1 :]:
                span = re.fullmatch(r"(.+)<(\d+)>", name)
                for each in [f"{span[1]}{i}" for i in range(int(span[2]))] if span else [name]:
                    if each != ",":
                        self.registers.append(Register(len(self.registers), each, dtype))
                        scope.names[each] = self.registers[-1]
        elif words[0] in (".local", ".param"):
            declared = variable(words)
            place = f"{declared.name} #{len(self.frame)}"
            self.frame[place] = -(-self.frame_bytes // declared.align) * declared.align
            self.frame_bytes = self.frame[place] + (declared.bytes or 0)
            scope.names[declared.name] = Symbol(place)
        elif words[0] == ".shared":
            declared = variable(words)
            self.module.variables.append(declared)
            scope.names[declared.name] = Symbol(declared.name)
        elif words[0] not in (".pragma", ".loc", ".file"):
            raise PtxError(f"the interpreter does not know the directive {' '.join(words)}")

    def _statement(self, tokens: list[Token], scope: Scope, prefix: str, returns: str | None) -> None:
        words, line = [token.text for token in tokens], tokens[0].line
        written, guard = words, None
        if words[0] == "@":
            negated = words[1] == "!"
            guard = scope.find(words[2] if negated else words[1])
            guard = Negated(guard) if negated else guard
            words = words[3 if negated else 2 :]
        opcode, *modifiers = words[0].replace("::", ":").split(".")
        if opcode == "call":
            self._call(words[1:], scope, line)
            return
        if opcode == "ret" and returns is not None:
            opcode, modifiers, words = "bra", ["uni"], ["bra.uni", returns]
            prefix = ""
        if opcode == "bra":
            operands: list[Any] = [prefix + words[1]]
        else:
            operands = [self._operand(part, scope, line) for part in _parts(words[1:])]
        self.instructions.append(Instruction(opcode, tuple(modifiers), operands, guard, written, line))

    def _call(self, words: list[str], scope: Scope, line: int) -> None:
        """``call (result), function, (parameter, ...)``."""
        parts = _parts(words)
        results = _parts(parts.pop(0)[1:-1]) if parts[0][0] == "(" else []
        name = parts[0][0]
        arguments = _parts(parts[1][1:-1]) if len(parts) > 1 else []
        function = self.module.functions.get(name)
        if function is None:
            raise PtxError(f"line {line}: the function {name} is called and has no body here")
        self.calls += 1
        prefix = f"{name} #{self.calls} "
        inner = Scope(self.outermost)
        formal = [*function.results, *function.parameters]
        for parameter, actual in zip(formal, [*results, *arguments], strict=True):
            inner.names[parameter.name] = scope.find(actual[0])
        self._body(function.body, Scope(inner), prefix, f"{prefix}end")
        self.labels[f"{prefix}end"] = len(self.instructions)

    def _operand(self, words: list[str], scope: Scope, line: int) -> Any:
        if words[0] == "{":
            return Vector(tuple(self._operand(part, scope, line) for part in _parts(words[1:-1])))
        if words[0] == "[":
            base, offset = _offset("".join(words[1:-1]))
            return Place(self._operand([base], scope, line), offset)
        if "|" in words:
            place = words.index("|")
            return Both(self._operand(words[:place], scope, line), self._operand(words[place + 1 :], scope, line))
        if words[0] == "!":
            return Negated(self._operand(words[1:], scope, line))
        word = "".join(words)
        found = scope.find(word)
        if found is not None:
            return found
        if word == "_":
            return Sink()
        if NUMBER.match(word):
            return Number(word)
        if word == "WARP_SZ":
            return Number("32")
        if word.startswith("%"):
            return Special(word)
        base, offset = _offset(word)
        if offset and scope.find(base) is not None:
            return Place(scope.find(base), offset)
        raise PtxError(f"line {line}: {word} is declared nowhere")


def _offset(word: str) -> tuple[str, int]:
    """``base+8``, ``base+-8``, ``base-8``."""
    match = re.fullmatch(r"(.+?)(?:\+(-?\w+)|(-\d\w*))?", word)
    assert match is not None
    return match[1], int(match[2] or match[3] or "0", 0)


def _parts(words: list[str]) -> list[list[str]]:
    """Split at the commas that stand in no bracket."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word in "{[(") - (word in "}])")
        if word == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _written(words: list[str]) -> str:
    text = " ".join(words)
    text = (
        re.sub(r" ?([,\]})|]) ?", r"\1 ", re.sub(r"([\[{(!@|]) ", r"\1", text))
        .replace(" ,", ",")
        .replace("| ", "|")
        .strip()
    )
    return text if len(text) <= 160 else text[:157] + "..."
