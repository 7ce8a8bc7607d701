"""Which operation of the tape is written as which ONNX operators: filled by the files beside this one, by family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyconv.core.errors import UnsupportedError
from tinyconv.interop.onnx.writing.draft import Draft
from tinyconv.models.tracing import Step

Writer = Callable[..., str]
"""``writer(draft, step, *names)``: adds nodes for a step, and gives the name of its result.

``names``: those of the step's inputs, "" for one left out.
"""

WRITERS: dict[type[Any], Writer] = {}


def writes(*operations: type[Any]) -> Callable[[Writer], Writer]:
    """Decorates the writer of these operations, and of no others: a subclass may compute something else."""

    def add(writer: Writer) -> Writer:
        WRITERS.update(dict.fromkeys(operations, writer))
        return writer

    return add


def as_operator(operator: str, *operations: type[Any]) -> None:
    """Operations that are one ONNX operator without attributes."""

    def write(draft: Draft, step: Step, *names: str) -> str:
        return draft.node(operator, *names)

    writes(*operations)(write)


def write(draft: Draft, step: Step) -> None:
    """Add what ``step`` computes to the draft. Raises ``UnsupportedError`` for what has no place in a file."""
    writer = WRITERS.get(type(step.operation))
    if writer is None:
        raise refused(step, "has no counterpart among the ONNX operators that tinyconv writes")
    draft.begin(step)
    draft.bind(step.output, writer(draft, step, *map(draft.name_of, step.inputs)))


def refused(step: Step, why: str) -> UnsupportedError:
    """The error for a step that cannot be written."""
    return UnsupportedError(f"export: {step.where} {why}; write that part of the model with other operations")
