"""Write the API reference, the theory, and the tables of mistakes and of what is missing: ``docs/build.py [--check]``.

With ``--check`` nothing is written: it says which files are out of date, and fails if any is.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "tests" / "support")]


def pages() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    from api_reference.not_offered import not_offered
    from api_reference.pages import reference
    from mistakes.beside import markdown
    from theory.document import pages as theory

    texts = {FOLDER / "reference" / name: text for name, text in reference().items()}
    return texts | {FOLDER / "mistakes.md": markdown(), FOLDER / "not-offered.md": not_offered()} | theory()


def outdated(texts: dict[Path, str]) -> list[Path]:
    """The files that differ from what they should be, are missing, or should not be there."""
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    return sorted(stale + [path for path in (FOLDER / "reference").glob("*.md") if path not in texts])


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"usage: python docs/build.py [--check], not {' '.join(arguments)}\n")
        return 2
    texts = pages()
    stale = outdated(texts)
    for path in stale:
        sys.stdout.write(f"{'out of date' if arguments else 'written'}: {path.relative_to(FOLDER.parent)}\n")
        if not arguments and path in texts:
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
        elif not arguments:
            path.unlink()
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
