"""Functions that an optimiser calls before and after each step."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import ArgumentError

if TYPE_CHECKING:
    from tinyconv.optim.optimizer import Optimizer

Step = Callable[..., Any]
StepPreHook = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], tuple[Any, dict[str, Any]] | None]
StepPostHook = Callable[["Optimizer", tuple[Any, ...], dict[str, Any]], None]


def hooked(step: Step) -> Step:
    """``step`` with the optimiser's hooks around it, and its calls counted.

    Every ``step`` that a class defines is wrapped. One that calls its base class's runs the hooks once.
    """

    @functools.wraps(step)
    def with_hooks(self: Optimizer, *given: Any, **keywords: Any) -> Any:
        if self.is_stepping:
            return step(self, *given, **keywords)
        self.is_stepping = True
        try:
            args: tuple[Any, ...] = (self, *given)  # PyTorch's hooks see, and may replace, the optimiser as well
            for pre_hook in tuple(self.step_pre_hooks.values()):
                replaced = pre_hook(self, args, keywords)
                if replaced is None:
                    continue
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise ArgumentError(
                        f"{type(self).__name__}: a hook before the step returns None, or a pair (args, kwargs) to step "
                        f"with; got {replaced!r}"
                    )
                args, keywords = replaced
            result = step(*args, **keywords)
            self.step_count += 1
            for post_hook in tuple(self.step_post_hooks.values()):
                post_hook(self, args, keywords)
            return result
        finally:
            self.is_stepping = False

    return with_hooks
