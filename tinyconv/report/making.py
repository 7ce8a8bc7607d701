"""A report of a run: gathered, computed, drawn, and kept below its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tinyconv.core.errors import RunError
from tinyconv.features.archive import tinyconv_version
from tinyconv.models.summary import Summary, readable_bytes, summary
from tinyconv.report import architecture, overview
from tinyconv.report.arithmetic import arithmetic_data, follow, strongest
from tinyconv.report.encoding import photograph
from tinyconv.report.material import Material, gather
from tinyconv.report.page import Section, page, section
from tinyconv.report.provenance import provenance
from tinyconv.train import LoadedRun, load_run
from tinyconv.utils.files import write_atomically

SIZE_LIMIT = 15_000_000
"""Bytes: what still opens at once, and passes most mail servers."""

CHANNELS = 16


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
    size_limit: int = SIZE_LIMIT,
) -> Report:
    """The report of ``run``, a run folder or one that was loaded.

    ``checkpoint``: "last" or "best", of a folder. ``seed``: of everything that is random. ``message``: is told of what
    is missing or left out. ``size_limit``: of the file, in bytes. The same run and seed give the same bytes.

    Raises: ``RunError`` where the run cannot be loaded, ``DataError`` where it has no image to show.

    >>> from tinyconv.report import make_report
    >>> try:
    ...     make_report("runs/0001")
    ... except RuntimeError as error:
    ...     "runs/0001" in str(error)
    True
    """
    loaded = run if isinstance(run, LoadedRun) else load_run(run, checkpoint)
    material = gather(loaded, message)
    sections = _sections(material, seed)
    html = _page(material, sections)
    if len(html.encode()) > size_limit:
        raise RunError(f"the report takes {readable_bytes(len(html.encode()))}")
    return Report(html, material.absent)


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


def _sections(material: Material, seed: int) -> list[Section]:
    run = material.run
    followed = follow(material)
    channels = strongest(followed, CHANNELS)
    stacks = architecture.stacks_of(run.model, material.inputs[0], material.pictures[0])
    size = run.preprocessing.image_size
    return [
        section(
            "overview",
            "Overview",
            "How good it became",
            curves=overview.curves(material),
            confusion=overview.confusion(material),
            mistakes=overview.mistakes(material),
        ),
        section(
            "architecture",
            "Architecture",
            "The network",
            net=architecture.drawing(stacks),
            fields=architecture.fields(stacks, size),
            image_size=size,
            picture=photograph(material.pictures[0]),
            rows=_layer_rows(material),
        ),
        section(
            "arithmetic",
            "Arithmetic",
            "How one number comes about",
            data=arithmetic_data(followed, channels, run.classes),
        ),
        section("made", "How it was made", "How this page was made", trimmed=[], **provenance(material, seed)),
    ]


def _layer_rows(material: Material) -> list[dict[str, str]]:
    rows = []
    for layer in _summary(material).root.walk():
        if layer.children or layer.output_shape is None:
            continue
        row = layer.to_dict()
        seen = row["receptive_field"]
        rows.append(
            {
                "layer": layer.path,
                "type": layer.type,
                "shape": "×".join(map(str, layer.output_shape[1:])),
                "parameters": f"{row['parameters']:,}" if row["parameters"] else "",
                "work": f"{row['multiply_adds']:,}" if row["multiply_adds"] else "",
                "sees": "" if seen is None else "×".join(f"{length:g}" for length in seen),
            }
        )
    return rows


def _summary(material: Material) -> Summary:
    one = material.run.preprocessing
    return summary(material.run.model, (one.channels, *one.image_size))


def _page(material: Material, sections: list[Section]) -> str:
    run = material.run
    data = run.record.get("data", {})
    source = Path(str(data.get("source", "images"))).name
    model = run.record.get("model", {}).get("name", type(run.model).__name__)
    return page(
        sections,
        title=f"What {model} learnt from {source}",
        kicker=f"run {run.path.name} · {run.checkpoint.name}",
        heading=f"What {model} learnt from {source}",
        lead=(
            f"A convolutional network that tells {len(run.classes)} classes apart, seen from the inside: what it "
            "consists of, what it looks for, how that came about from epoch to epoch, and why it decides as it does."
        ),
        tiles=overview.tiles(material, _summary(material)),
        absent=material.absent,
        version=tinyconv_version(),
    )
