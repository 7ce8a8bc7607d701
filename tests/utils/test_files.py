import threading

import pytest

from tinyconv.core.errors import RunError
from tinyconv.utils import files
from tinyconv.utils.files import write_atomically


def test_the_content_is_the_file_and_nothing_else_stays(tmp_path):
    write_atomically(tmp_path / "a.bin", b"first, and longer")
    write_atomically(tmp_path / "a.bin", b"second")
    assert (tmp_path / "a.bin").read_bytes() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_the_new_file_takes_the_name_over_and_the_old_one_is_not_written_into(tmp_path):
    write_atomically(tmp_path / "a.bin", b"old")
    (tmp_path / "other name").hardlink_to(tmp_path / "a.bin")
    write_atomically(tmp_path / "a.bin", b"new")
    assert (tmp_path / "other name").read_bytes() == b"old"


def test_a_crash_while_writing_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.bin", b"old")

    def crash(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_the_bytes_are_on_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.bin", b"old")
    seen = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: seen.append((tmp_path / "a.bin").read_bytes()))
    write_atomically(tmp_path / "a.bin", b"new")
    assert seen == [b"old"]


def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.bin", b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RunError, match=r"a\.bin cannot be written: no space left"):
        write_atomically(tmp_path / "a.bin", b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_a_missing_folder_is_one_sentence(tmp_path):
    with pytest.raises(RunError, match=r"cannot be written: no such file"):
        write_atomically(tmp_path / "no" / "a.bin", b"")


def test_a_folder_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "a.bin").mkdir()
    (tmp_path / "a.bin" / "x").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_atomically(tmp_path / "a.bin", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_threads_that_write_one_file_leave_one_of_their_contents(tmp_path):
    contents = [bytes([number]) * 50_000 for number in range(6)]
    threads = [threading.Thread(target=write_atomically, args=(tmp_path / "a.bin", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a.bin").read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
