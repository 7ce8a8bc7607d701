"""Everything that the next step of a training depends on, taken out of a ``Trainer`` and put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tinyconv.core.errors import RunError
from tinyconv.core.random import default_generator
from tinyconv.train.callbacks.callback import Callback
from tinyconv.train.records import EpochRecord, Evaluation

if TYPE_CHECKING:
    from tinyconv.train.trainer import Trainer

PARTS = {"scheduler": "a scheduler", "ema": "an average of weights (ema)"}
"""What a trainer may lack, in words; a state fits only where it has the same ones."""


def taken(trainer: Trainer) -> dict[str, Any]:
    """The state of ``trainer``: nested dictionaries and lists of tensors, arrays, numbers and text."""
    trainer.steps.finish()  # a GPU may still be counting
    evaluation = trainer.evaluation
    return {
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        **{name: None if (part := getattr(trainer, name)) is None else part.state_dict() for name in PARTS},
        "generator": list(default_generator.get_state()),
        "generator_at_epoch_start": list(trainer.generator_at_epoch_start),
        "epoch": trainer.epoch,
        "batch": trainer.batch,
        "step": trainer.step,
        "rate_at_epoch_start": trainer.rate_at_epoch_start,
        "sums": trainer.steps.sums,
        "seconds": {name: watch.seconds for name, watch in trainer.watches.items()},
        "history": [asdict(record) for record in trainer.history],
        "evaluation": None if evaluation is None else asdict(evaluation),
        "callbacks": {name: state for name, callback in _named(trainer.callbacks) if (state := callback.state_dict())},
    }


def put_back(trainer: Trainer, state: dict[str, Any]) -> None:
    """Let ``trainer`` go on from ``state``. Raises ``RunError`` where it is of a trainer made otherwise."""
    for name in PARTS:
        if (state[name] is None) != (getattr(trainer, name) is None):
            has, lacks = ("trainer", "state") if state[name] is None else ("state", "trainer")
            raise RunError(f"Trainer cannot load this state: the {has} has {PARTS[name]}, the {lacks} has none")
    callbacks = dict(_named(trainer.callbacks))
    if unknown := sorted(state["callbacks"].keys() - callbacks.keys()):
        raise RunError(
            f"Trainer cannot load this state: it has that of a callback {unknown[0]}, which this trainer lacks; "
            "give it the callbacks it was saved with"
        )
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    for name in PARTS:
        if state[name] is not None:
            getattr(trainer, name).load_state_dict(state[name])
    trainer.epoch, trainer.batch, trainer.step = (int(state[name]) for name in ("epoch", "batch", "step"))
    trainer.rate_at_epoch_start = float(state["rate_at_epoch_start"])
    trainer.steps.sums = state["sums"]
    for name, watch in trainer.watches.items():
        watch.seconds = float(state["seconds"][name])
    trainer.history = [EpochRecord(**record) for record in state["history"]]
    evaluation = state["evaluation"]
    trainer.evaluation = None if evaluation is None else Evaluation(**evaluation)
    for name, callback_state in state["callbacks"].items():
        callbacks[name].load_state_dict(callback_state)
    trainer.generator_at_epoch_start = tuple(state["generator_at_epoch_start"])
    # Last: what was called on the way may have drawn.
    default_generator.set_state(tuple(state["generator"]))


def _named(callbacks: Iterable[Callback]) -> Iterator[tuple[str, Callback]]:
    """The callbacks by their kind, and from the second of a kind on its number: "Notes", "Notes 2"."""
    seen: Counter[str] = Counter()
    for callback in callbacks:
        kind = type(callback).__name__
        seen[kind] += 1
        yield (kind if seen[kind] == 1 else f"{kind} {seen[kind]}"), callback
