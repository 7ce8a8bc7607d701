"""The files below a folder, or in a .tar or .zip archive of one, by their names."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from tinyconv.core.errors import DataError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".zip")
MAC_LEFTOVERS = "__MACOSX"
ARCHIVE_ERRORS = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error)


class ImageFile(NamedTuple):
    """``name``: its path below the folder, with slashes. ``open()``: its content; any thread may call it."""

    name: str
    open: Callable[[], IO[bytes]]

    @property
    def suffix(self) -> str:
        """Of the name, in small letters."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass
class Tree:
    """Visible files, sorted by name, and the names of all folders."""

    files: list[ImageFile] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)

    def below(self, folder: str) -> Tree:
        """What is in ``folder``, by the names that it has there."""
        start = folder + "/"
        return Tree(
            [file._replace(name=file.name.removeprefix(start)) for file in self.files if file.name.startswith(start)],
            {name.removeprefix(start) for name in self.folders if name.startswith(start)},
        )

    @property
    def top_folders(self) -> list[str]:
        """The names of the folders at the top, sorted."""
        return sorted({name.partition("/")[0] for name in self.folders})


def tree(path: Path) -> Tree:
    """What is below the folder or in the archive ``path``; hidden files and folders are left out.

    An archive that holds nothing but one folder of folders is taken for that folder. Raises ``DataError``.
    """
    if not path.exists():
        raise DataError(f"folder {path} does not exist; give one that holds a subfolder of images per class")
    if path.is_dir():
        return _of_folder(path)
    if not path.name.lower().endswith(ARCHIVES):
        raise DataError(
            f"{path} is a file; give the folder that holds one subfolder of images per class, or a .tar or .zip of it"
        )
    try:
        files = _in_zip(path) if path.suffix.lower() == ".zip" else _in_tar(path)
    except ARCHIVE_ERRORS as error:
        raise DataError(f"{path} cannot be read as an archive ({' '.join(str(error).split())})") from None
    found = Tree()
    contents = {PurePosixPath(file.name).parts: file for file in files}  # of two files of one name the later counts
    for parts, file in sorted(contents.items(), key=lambda item: item[0]):
        if not any(part.startswith(".") or part == MAC_LEFTOVERS for part in parts):
            found.files.append(ImageFile("/".join(parts), file.open))
            found.folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    while len(found.top_folders) == 1 and found.below(found.top_folders[0]).folders:
        if any("/" not in file.name for file in found.files):
            break
        found = found.below(found.top_folders[0])
    return found


def _of_folder(path: Path) -> Tree:
    found = Tree()

    def walk(folder: Path, name: str) -> None:
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                found.folders.add(name + entry.name)
                walk(entry, f"{name}{entry.name}/")
            else:
                found.files.append(ImageFile(name + entry.name, partial(_open, entry)))

    try:
        walk(path, "")
    except PermissionError as error:
        raise DataError(f"folder {error.filename} may not be read (permission denied)") from None
    return found


def _open(path: Path) -> IO[bytes]:
    return path.open("rb")


def _in_tar(path: Path) -> list[ImageFile]:
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile()]
        if not _is_plain(path):
            # In a compressed archive, going to a file means unpacking all that stand before it: once for all.
            contents = {member.name: archive.extractfile(member) for member in members}
            unpacked = {name: file.read() for name, file in contents.items() if file is not None}
            return [ImageFile(name, partial(BytesIO, content)) for name, content in unpacked.items()]

    def read(start: int, size: int) -> IO[bytes]:
        with path.open("rb") as source:
            source.seek(start)
            return BytesIO(source.read(size))

    return [ImageFile(member.name, partial(read, member.offset_data, member.size)) for member in members]


def _is_plain(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:"):
            return True
    except tarfile.TarError:
        return False


def _in_zip(path: Path) -> list[ImageFile]:
    archive = zipfile.ZipFile(path)

    def read(name: str) -> IO[bytes]:
        return BytesIO(archive.read(name))

    names = [member.filename for member in archive.infolist() if not member.is_dir()]
    return [ImageFile(name, partial(read, name)) for name in names]
