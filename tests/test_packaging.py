"""What is installed: every folder of the package, the command inside it, the type marker, nothing else at the top."""

import importlib.metadata
import tomllib
from pathlib import Path

import tinyconv

ROOT = Path(__file__).resolve().parent.parent


def test_the_package_list_names_every_folder():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {
        ".".join(("tinyconv", *path.parent.relative_to(ROOT / "tinyconv").parts))
        for path in (ROOT / "tinyconv").rglob("__init__.py")
    }
    assert listed == folders | {"tinyconv.cli"}


def test_the_command_is_installed_inside_the_package():
    from tinyconv import cli

    assert cli.__name__ == "tinyconv.cli"
    assert callable(cli.main)
    command = [entry for entry in importlib.metadata.entry_points(group="console_scripts") if entry.name == "tinyconv"]
    assert [entry.value for entry in command] == ["tinyconv.cli:main"]


def test_the_type_marker_is_installed():
    assert (Path(tinyconv.__file__).parent / "py.typed").is_file()


def test_the_version_is_the_installed_one():
    assert tinyconv.__version__ == importlib.metadata.version("tinyconv")


def test_every_public_name_exists():
    missing = [name for name in tinyconv.__all__ if not hasattr(tinyconv, name)]
    assert not missing
