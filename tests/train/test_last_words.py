"""What a process says before it ends its job reaches the launcher."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from tinyconv.train.parallel.last_words import wait_until_read


def test_a_pipe_is_waited_for_until_its_reader_has_taken_everything() -> None:
    reader, writer = os.pipe()
    taken = []

    def read_late() -> None:
        may_read.wait()
        taken.append(os.read(reader, 100))

    may_read = threading.Event()
    late = threading.Thread(target=read_late, daemon=True)  # a failure before it may read ends the test, too
    late.start()
    with os.fdopen(writer, "w") as stream:
        stream.write("a traceback")
        assert not wait_until_read(stream, 0.01)  # and by then it is in the pipe, though nobody flushed the stream
        may_read.set()
        assert wait_until_read(stream, 60)
        late.join()
        assert taken == [b"a traceback"]
    os.close(reader)


@pytest.mark.parametrize("kind", ["file", "memory", "null device", "none", "deaf"])
def test_what_is_no_pipe_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    if kind == "none":  # what Python has for a standard stream that was closed before it started
        assert wait_until_read(None, 60)
        return
    if kind == "deaf":
        reader, writer = os.pipe()
        os.close(reader)
        stream = os.fdopen(writer, "w")
        stream.write("a traceback")
        assert wait_until_read(stream, 60)
        with pytest.raises(BrokenPipeError):
            stream.close()
        return
    if kind == "memory":
        assert wait_until_read(io.StringIO("a traceback"), 60)
        return
    with (tmp_path / "log" if kind == "file" else Path(os.devnull)).open("w") as stream:
        stream.write("a traceback")
        assert wait_until_read(stream, 60)
