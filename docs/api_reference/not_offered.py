"""The page of PyTorch's names that tinyconv does not have."""

from __future__ import annotations

from tinyconv.core.absent import NOT_OFFERED


def not_offered() -> str:
    """Each name that scripts use and that is missing, with the reason or the way out."""
    lines = [
        "<!-- Made by `python docs/build.py` from tinyconv/core/absent.py. Edit that. -->",
        "",
        "# What tinyconv does not offer",
        "",
        "Names that scripts for PyTorch use and that are missing here. Each raises an `AttributeError` with these "
        "words. What there is: the [API reference](reference/index.md).",
    ]
    for module, names in NOT_OFFERED.items():
        reasons: dict[str, list[str]] = {}
        for name, reason in names.items():
            reasons.setdefault(reason, []).append(name)
        lines += ["", f"## {module}", "", "| not offered | reason, or way out |", "|---|---|"]
        rows = [(sorted(group, key=str.lower), reason) for reason, group in reasons.items()]
        for group, reason in sorted(rows, key=lambda row: row[0][0].lower()):
            lines.append(f"| {', '.join(f'`{name}`' for name in group)} | {_escaped(reason)} |")
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    for sign in "*_|":
        text = text.replace(sign, f"\\{sign}")
    return text
