"""Streams: blocks of lines, reading ahead, writing wholly or not at all."""

import sys
import threading
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from wordladder.errors import DataError, OutputError
from wordladder.files import streams
from wordladder.files.streams import (
    ByteReader,
    atomic_write,
    disk_errors,
    line_blocks,
    prefetch,
    write_errors,
)


@given(
    st.binary(max_size=60) | st.text("ab \n", max_size=60).map(str.encode), st.integers(1, 9), st.booleans()
)
@settings(max_examples=150, deadline=None)
def test_blocks_end_lines(tmp_path_factory, content, size, whole_lines) -> None:
    path = tmp_path_factory.mktemp("blocks") / "file"
    path.write_bytes(b"." + content)  # a point first: never the mark of a compressed file
    with ByteReader(path) as reader:
        blocks = list(line_blocks(reader, size, whole_lines=whole_lines))
        assert reader.done == reader.size == len(content) + 1
    assert b"".join(blocks) == b"." + content
    ends = b"\n" if whole_lines else b"\n "
    assert all(block[-1] in ends for block in blocks[:-1])


def test_missing_file_and_folder(tmp_path) -> None:
    with pytest.raises(DataError, match="no such file"):
        ByteReader(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"is a folder|cannot be read"):
        ByteReader(tmp_path)


def test_prefetch_gives_the_same_items_and_errors() -> None:
    def items(stop):
        yield from range(5)
        if stop:
            raise DataError("here")

    assert list(prefetch(items(False))) == list(range(5))
    seen = []
    with pytest.raises(DataError, match="here"):
        seen.extend(prefetch(items(True)))
    before = threading.active_count()
    early = prefetch(items(True))
    assert list(islice(early, 2)) == [0, 1]
    early.close()
    assert threading.active_count() == before


def write_and_raise(path, error) -> None:
    with atomic_write(path) as file:
        file.write(b"new")
        raise error


def test_write_wholly_or_not_at_all(tmp_path) -> None:
    path = tmp_path / "file"
    with atomic_write(path) as file:
        file.write(b"old")
    with pytest.raises(KeyError):
        write_and_raise(path, KeyError())
    assert path.read_bytes() == b"old"
    with pytest.raises(OutputError, match="file: the disk is full"):
        write_and_raise(path, OSError(28, "No space left on device"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    with pytest.raises(OutputError, match="cannot be written"), atomic_write(tmp_path / "no" / "file"):
        pass


WRITERS = {
    "bytes": lambda path: path.write_bytes(b"0" * 500_000),
    "numpy": lambda path: np.save(path, np.zeros(100_000)),
    "safetensors": lambda path: save_file({"a": np.zeros(100_000)}, path),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size")
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("guard", ["disk_errors", "write_errors"])
def test_where_the_disk_is_full_it_is_said(writer, guard, tmp_path) -> None:
    """A limit on a file's size is met by the same calls as the end of a disk."""
    import resource

    known = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, known[1]))
    try:
        with pytest.raises(OutputError, match="out: the disk is full"), getattr(streams, guard)("out"):
            WRITERS[writer](tmp_path / "file.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, known)


def test_other_errors_pass(tmp_path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors("out"):
        (tmp_path / "missing").read_bytes()
    with pytest.raises(OutputError, match="out cannot be written: No such file"), write_errors("out"):
        (tmp_path / "missing" / "file").write_bytes(b"")
