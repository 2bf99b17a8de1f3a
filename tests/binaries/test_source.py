import errno
import io
import os
import socket
from pathlib import Path

import pytest

from envcheck.binaries.errors import BinaryError, NotAFile, OpenFailed, TooLarge, Truncated
from envcheck.binaries.source import BytesSource, FileSource, spool


def test_file_is_read_by_position(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(b"0123456789")
    with FileSource(path) as source:
        assert source.size == 10
        assert source.read_at(7, 3) == b"789"
        assert source.read_at(0, 2) == b"01"
        with pytest.raises(Truncated, match="past the end"):
            source.read_at(8, 3)
    with pytest.raises(BinaryError):
        source.read_at(0, 1)  # closed


def test_a_file_that_shrinks_while_open_is_told(tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(b"x" * 100)
    with FileSource(path) as source:
        os.truncate(path, 10)
        with pytest.raises(Truncated, match="shorter"):
            source.read_at(0, 100)


def test_what_is_no_regular_file_never_blocks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "link-to-folder").symlink_to(tmp_path)
    cases = {
        str(tmp_path): "a directory",
        str(tmp_path / "link-to-folder"): "a directory",
        str(tmp_path / "fifo"): "a fifo",
        str(tmp_path / "socket"): "a socket",
        "/dev/zero": "a character device",
    }
    for path, kind in cases.items():
        with pytest.raises(NotAFile, match=kind):
            FileSource(path)


def test_refusals_of_the_system_carry_their_errno(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, number in (
        (str(loop), errno.ELOOP),
        (str(tmp_path / "absent"), errno.ENOENT),
        (str(tmp_path / "a\0b"), errno.EINVAL),
        ("/" + "n" * 5000, errno.ENAMETOOLONG),
    ):
        with pytest.raises(OpenFailed) as caught:
            FileSource(path)
        assert caught.value.errno == number


def test_a_descriptor_of_a_pipe_is_refused_and_closed() -> None:
    reading, writing = os.pipe()
    with pytest.raises(NotAFile, match="a fifo"):
        FileSource.from_fd(reading)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)
    os.close(writing)


def test_a_stream_is_spooled_with_its_zeros_as_holes(tmp_path: Path) -> None:
    data = b"head" + bytes(8 << 20) + b"tail"
    with spool(io.BytesIO(data), limit=len(data), directory=str(tmp_path)) as source:
        assert source.size == len(data)
        assert source.read_at(0, 5) == b"head\0"
        assert source.read_at(len(data) - 5, 5) == b"\0tail"
        assert os.fstat(source._fd).st_blocks * 512 < 2 << 20
    assert not list(tmp_path.iterdir())


def test_a_stream_of_zeros_keeps_its_length() -> None:
    with spool(io.BytesIO(bytes(3 << 20)), limit=3 << 20) as source:
        assert source.read_at(source.size - 1, 1) == b"\0"
        assert source.size == 3 << 20


def test_a_stream_above_the_limit_is_not_read_to_its_end() -> None:
    class Endless:
        given = 0

        def read(self, n: int, /) -> bytes:
            self.given += n
            return b"\0" * n

    stream = Endless()
    with pytest.raises(TooLarge, match="more than 1000000 bytes"):
        spool(stream, limit=1_000_000)
    assert stream.given < 3_000_000


def test_a_place_that_cannot_hold_the_stream_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OpenFailed, match="No such file"):
        spool(io.BytesIO(b"data"), limit=10, directory=str(tmp_path / "absent"))


def test_bytes_are_checked_like_a_file() -> None:
    source = BytesSource(b"0123")
    assert source.read_at(1, 3) == b"123"
    for offset, n in ((2, 3), (-1, 1), (5, 0), (0, -1)):
        with pytest.raises(Truncated):
            source.read_at(offset, n)
