"""Archives of class folders give what the folders give; hidden files and a folder around it all do not matter."""

import shutil
import tarfile
import zipfile

import numpy as np
import PIL.Image
import pytest

from tinyconv.core.errors import DataError
from tinyconv.data.sources import load

RANDOM = np.random.default_rng(0)


@pytest.fixture
def photos(tmp_path):
    for name in ("a", "a-b", "c"):
        for index in range(3):
            file = tmp_path / "photos" / name / ("deep" * (index == 1)) / f"{index}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(RANDOM.integers(0, 256, (6, 7, 3), np.uint8)).save(file)
    (tmp_path / "photos" / ".hidden").mkdir()
    (tmp_path / "photos" / ".hidden" / "x.png").write_text("")
    (tmp_path / "photos" / "notes.txt").write_text("")
    return tmp_path / "photos"


@pytest.mark.parametrize("kind", ["tar", "gztar", "xztar", "zip"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_archive_is_read_like_its_folder(photos, kind, wrapped):
    expected = load(f"folder:{photos}")
    if wrapped:
        (photos / "notes.txt").unlink()
        root, base = photos.parent, photos.name
    else:
        root, base = photos, "."
    path = shutil.make_archive(str(photos.parent / "archive"), kind, root, base)
    data = load(f"folder:{path}")
    np.testing.assert_array_equal(data.images, expected.images)
    np.testing.assert_array_equal(data.labels, expected.labels)
    assert data.classes == expected.classes == ("a", "a-b", "c")
    assert data.names == expected.names
    assert data.skipped == (0 if wrapped else expected.skipped)


def test_what_is_no_archive_is_named(tmp_path):
    for name, complaint in (("x.tar", "cannot be read as an archive"), ("x.zip", "cannot be read as an archive")):
        (tmp_path / name).write_text("text")
        with pytest.raises(DataError, match=complaint) as caught:
            load(f"folder:{tmp_path / name}")
        assert name in str(caught.value)
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(DataError, match=r"empty\.tar is empty"):
        load(f"folder:{tmp_path / 'empty.tar'}")


def test_a_damaged_member_of_a_zip_file_is_left_out(photos):
    path = photos.parent / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(photos.rglob("*.png")):
            archive.write(file, file.relative_to(photos).as_posix())
        place = archive.getinfo("c/0.png").header_offset
    content = bytearray(path.read_bytes())
    content[place + 60 : place + 70] = bytes(10)
    path.write_bytes(content)
    assert load(f"folder:{path}").damaged == ("c/0.png",)
