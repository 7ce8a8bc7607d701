"""The mistakes as text, and as Markdown beside what PyTorch says to the same script.

PyTorch's messages are kept in ``pytorch_says.json``, so that the table is the same where PyTorch is not installed;
``python tests/support/mistakes --ask-pytorch`` writes them anew.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from mistakes.commands import COMMANDS, prepare
from mistakes.table import CALLS, Mistake, said

FILE = Path(__file__).with_name("pytorch_says.json")
LONGEST = 400
MACHINE = {"more threads than the machine has"}
"""Mistakes on the command line whose message depends on the machine."""
NO_GPU = "devices: a GPU that is not there"
"""The mistake whose message gives the reason why this machine has none."""
FOREIGN = {"weights: a file of weights that holds something else"}
"""Mistakes whose message quotes another library, in brackets at its end, whose next version may word it otherwise."""
COMMAND_LINE = "## On the command line"


def shown(error: Exception | None) -> str:
    """An error in one line."""
    if error is None:
        return ""
    words = " ".join(str(error).split())
    # A set of strings is printed in another order by every process.
    words = re.sub(r"\{('[^{}]*')\}", lambda found: f"{{{', '.join(sorted(found[1].split(', ')))}}}", words)
    return f"{type(error).__name__}: {words if len(words) <= LONGEST else words[:LONGEST].rstrip() + ' …'}"


def ask_pytorch() -> dict[str, str]:
    """What the installed PyTorch says to each script, under its version; "" where it accepts it."""
    import torch

    answers = {key: shown(said(mistake, "torch")) for key, mistake in CALLS.items()}
    return {"version": torch.__version__.partition("+")[0], **answers}


def remembered() -> dict[str, str]:
    answers: dict[str, str] = json.loads(FILE.read_text(encoding="utf-8"))
    return answers


def command_messages() -> dict[str, str]:
    """What the command says to each mistake, without the folder's name."""
    messages = {}
    with tempfile.TemporaryDirectory() as name:
        folder = prepare(Path(name))
        for title, (mistake, _) in COMMANDS.items():
            message = mistake(folder).stderr.strip().splitlines()[-1]
            messages[title] = message.replace(f"{folder}/", "").replace(str(folder), ".")
    return messages


def markdown() -> str:
    """The table of all mistakes."""
    theirs = remembered()
    lines = [
        "<!-- Made by `python docs/build.py` from tests/support/mistakes. -->",
        "",
        "# Mistakes, and what tinyconv says",
        "",
        f"Each of these {len(CALLS) + len(COMMANDS)} mistakes is made by the tests, which check that the message names "
        "what is wrong, the actual values and a way out.",
        f"Beside each script stands what PyTorch {theirs['version']} says to the same one, with its own import; the "
        "mistakes on the command line, in the last table, have no counterpart there.",
    ]
    family = ""
    for key, mistake in CALLS.items():
        if mistake.family != family:
            family = mistake.family
            lines += ["", f"## {family[0].upper()}{family[1:]}"]
        lines += ["", f"### {mistake.title}", "", "```python", *mistake.code.split("\n"), "```", ""]
        message = shown(said(mistake, "tinyconv"))
        if key in FOREIGN:
            message = message.rpartition(" (")[0]
        if key == NO_GPU:
            message = re.sub("available: .*; device", "available: (the reason on this machine); device", message)
        lines += [f"- **tinyconv:** {_inline(message)}"]
        lines += [f"- **PyTorch:** {_inline(theirs[key]) or _accepted(mistake)}"]
    lines += ["", COMMAND_LINE, "", "| mistake | message |", "|---|---|"]
    for title, message in command_messages().items():
        text = "(names the machine's own limit)" if title in MACHINE else _inline(message)
        lines.append(f"| {title} | {text.replace('|', chr(92) + '|')} |")
    return "\n".join([*lines, ""])


def _accepted(mistake: Mistake) -> str:
    return f"accepts it: {mistake.accepted}."


def _inline(text: str) -> str:
    """Markdown that shows the text as it is."""
    for sign in "\\`*_<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def plain() -> str:
    """Every mistake with what tinyconv says, as lines of text."""
    lines = [f"{title}\n    {message}" for title, message in command_messages().items()]
    lines += [f"{key}\n    {shown(said(mistake, 'tinyconv'))}" for key, mistake in CALLS.items()]
    return "\n".join(lines)
