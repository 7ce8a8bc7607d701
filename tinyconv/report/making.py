"""A report of a run: gathered, computed, drawn, and kept below its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinyconv.core.errors import RunError
from tinyconv.models.summary import readable_bytes
from tinyconv.report.assembly import Computed, assemble, compute
from tinyconv.report.material import gather
from tinyconv.report.trimming import TRIM_ORDER, Plan
from tinyconv.train import LoadedRun, load_run
from tinyconv.utils.files import write_atomically

SIZE_LIMIT = 15_000_000
"""Bytes: what still opens at once, and passes most mail servers."""


@dataclass(frozen=True)
class Report:
    """One HTML file about a run. ``notes``: what it could not show, and what was left out to keep it small.

    Raises: nothing of its own; ``save`` raises ``RunError`` where the file cannot be written.

    >>> from tinyconv.report import Report
    >>> Report("<!doctype html>", ()).save("report.html").name
    'report.html'
    """

    html: str
    notes: tuple[str, ...]

    def save(self, path: str | Path) -> Path:
        """Write the file, whole or not at all. Returns its path."""
        path = Path(path)
        write_atomically(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        """In a notebook: the page in a frame of its own."""
        from html import escape

        return f'<iframe srcdoc="{escape(self.html)}" style="width:100%;height:80vh;border:1px solid #ccc"></iframe>'


def make_report(
    run: LoadedRun | str | Path,
    *,
    checkpoint: str = "last",
    seed: int = 0,
    message: Callable[[str], None] = lambda _: None,
    data: str | None = None,
    size_limit: int = SIZE_LIMIT,
) -> Report:
    """The report of ``run``, a run folder or one that was loaded.

    ``checkpoint``: "last" or "best", of a folder. ``seed``: of everything that is random. ``message``: is told what is
    being computed, and what is missing or left out. ``data``: images to show in the place of those that the run held
    out, as ``tinyconv train --data`` names them; their classes are matched by name. ``size_limit``: of the file, in
    bytes; what does not fit is left out in the order of ``trimming.TRIM_ORDER``, and the page says what. The same run
    and seed give the same bytes.

    Raises: ``RunError`` where the run cannot be loaded, ``DataError`` where it has no image to show.

    >>> from tinyconv.report import make_report
    >>> try:
    ...     make_report("runs/0001")
    ... except RuntimeError as error:
    ...     "runs/0001" in str(error)
    True
    """
    loaded = run if isinstance(run, LoadedRun) else load_run(run, checkpoint)
    material = gather(loaded, message, data)
    html, trimmed = fitting(compute(material, seed, message), size_limit)
    if trimmed:
        message("to keep the file small: " + "; ".join(trimmed))
    if len(html.encode()) > size_limit:
        message(f"the report takes {readable_bytes(len(html.encode()))}: no more can be left out")
    return Report(html, (*material.absent, *trimmed))


def fitting(computed: Computed, size_limit: int) -> tuple[str, list[str]]:
    """The page with as much as fits, and what was left out."""
    plan, trimmed = Plan(), list[str]()
    html = assemble(computed, plan, trimmed)
    for step in TRIM_ORDER:
        if len(html.encode()) <= size_limit:
            break
        plan = step.applied(plan)
        if step.words:
            others = [words for words in trimmed if not words.startswith(step.subject)]
            trimmed = [*others, f"{step.subject}: {step.words}"]
        html = assemble(computed, plan, trimmed)
    return html, trimmed


def check_file(path: Path, force: bool = False) -> None:
    """Raise ``RunError`` where a report cannot be written to ``path``; before anything is computed.

    Raises: ``RunError`` for a folder, for a file that exists unless ``force``, and where there is no folder for it.

    >>> from pathlib import Path
    >>> from tinyconv.report import check_file
    >>> check_file(Path("new.html"))
    """
    if path.is_dir():
        raise RunError(f"{path} is a folder; give the report a file (--out)")
    if path.exists() and not force:
        raise RunError(f"{path} exists; choose another file (--out), or replace it (--force)")
    if not path.absolute().parent.is_dir():
        raise RunError(
            f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another (--out)"
        )
