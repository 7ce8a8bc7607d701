"""Mistakes that a user makes, and what the message must name.

``COMMANDS``: on the command line; ``CALLS``: in a script. ``python tests/support/mistakes`` prints them all with what
tinyconv says; with ``--beside`` as Markdown, beside what PyTorch says to the same script.
"""

from mistakes import layers, modules, tensors, training
from mistakes.commands import COMMANDS, prepare
from mistakes.table import CALLS, Mistake, said

__all__ = ["CALLS", "COMMANDS", "Mistake", "layers", "modules", "prepare", "said", "tensors", "training"]
