"""A setting of the process that a ``with`` statement can change for its block."""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Self


class Setting:
    """Changes a setting at once; where it is used in a ``with`` statement, until its block ends.

    A subclass is one setting: it holds the present value, and checks a new one before it calls this.
    """

    _value: ClassVar[str]

    def __init__(self, value: str) -> None:
        self._before = self._value
        type(self)._value = value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        type(self)._value = self._before
