"""One layer → the files of it that are wanted, in a folder; with what it takes away from below.

Uncompressed layers are read by seeking from header to header, compressed ones in one pass.
https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

import json
import os
import posixpath
import zlib
from pathlib import Path
from typing import Any

from envcheck.binaries.errors import BinaryError
from envcheck.binaries.source import spool
from envcheck.extras import install
from envcheck.images import skeleton, wanted
from envcheck.images.errors import ImageError
from envcheck.images.tar import Entry, Stream, Tar
from envcheck.images.window import Window

MEMBERS = 5_000_000
DEEP = 3  # folders; empty ones below say nothing
MOST = 400 << 30  # bytes that a compressed layer may become
RATIO = 2000  # times its compressed size; zeros shrink a thousandfold
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
NOTES = ".envcheck-layer.json"  # what a layer takes away, and its links


class _Inflated:
    """A compressed stream, unpacked piece by piece, within bounds."""

    def __init__(self, window: Window, unpack: Any) -> None:
        self._window, self._unpack = window, unpack
        self._limit = min(MOST, max(1 << 30, RATIO * window.size))
        self._out = 0
        self._rest = b""

    def skip(self, size: int) -> None:
        while size > 0:
            data = self.read(min(size, 1 << 20))
            if not data:
                raise ImageError("a layer ends in the middle of a file")
            size -= len(data)

    def read(self, size: int) -> bytes:
        parts = [self._rest]
        have = len(self._rest)
        while have < size:
            piece = self._window.read(1 << 18)
            data = self._unpack(piece) if piece else b""
            if not piece and not data:
                break
            parts.append(data)
            have += len(data)
            self._out += len(data)
            if self._out > self._limit:
                raise ImageError("a layer that unpacks to more than an image can hold")
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def extract(data: Window, folder: Path) -> None:
    """Writes the wanted files of a layer below `folder`, and its notes.

    Raises:
        ImageError: a damaged or hostile layer.
    """
    files = folder / "files"
    files.mkdir(parents=True)
    removed: list[str] = []
    links: dict[str, str] = {}
    hard: dict[str, str] = {}
    modes: dict[str, int] = {}
    stream = _opened(data)
    try:
        tar = Tar(stream)
        for number, entry in enumerate(tar):
            if number > MEMBERS:
                raise ImageError("a layer with more files than an image has")
            path = _inside(entry.path)
            if path is None:
                continue
            if posixpath.basename(path).startswith(WHITEOUT):
                removed.append(path)
            elif entry.kind == "symlink":
                links[path] = entry.link
            elif entry.kind == "hardlink":
                target = _inside(entry.link)
                if target is not None:
                    hard[path] = target
            elif entry.kind == "dir":
                if path.count("/") < DEEP:
                    (files / path).mkdir(parents=True, exist_ok=True)
            elif entry.kind == "file" and (kept := wanted.sort(path, entry.size)):
                _keep(kept, tar, entry, files / path, data if stream is data else None)
                if entry.executable:
                    modes[path] = 0o755
    except (zlib.error, ValueError, OverflowError, BinaryError) as error:
        raise ImageError(f"a damaged layer: {error}") from error
    notes = {"removed": removed, "links": links, "hard": hard, "modes": modes}
    (folder / NOTES).write_text(json.dumps(notes))


def _keep(sort: wanted.Sort, tar: Tar, entry: Entry, target: Path, data: Window | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        return
    target.unlink(missing_ok=True)
    with target.open("wb") as out:
        if sort == "named":
            os.ftruncate(out.fileno(), entry.size)
        elif sort == "text":
            while piece := tar.read(1 << 16):
                out.write(piece)
        elif data is not None:
            skeleton.copy(data.part(data.tell(), entry.size), out)
        else:
            with spool(tar, wanted.LARGEST) as source:
                skeleton.copy(source, out)


def _opened(data: Window) -> Stream:
    """The archive's bytes: the layer itself, or what it unpacks to."""
    data.seek(0)
    start = data.read(6) or b""
    data.seek(0)
    if start.startswith(b"\x1f\x8b"):
        return _Inflated(data, _members_of(zlib.decompressobj(wbits=31)))
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _Inflated(data, _zstd())
    if start.startswith((b"BZh", b"\xfd7zXZ")):
        raise ImageError("a layer compressed with bzip2 or xz, which no registry takes")
    return data


def _members_of(first: Any) -> Any:
    """Unpacks gzip members one after another, as `cat a.gz b.gz` gives."""
    state = [first]

    def unpack(piece: bytes) -> bytes:
        out = []
        while piece:
            out.append(state[0].decompress(piece))
            piece = state[0].unused_data
            if state[0].eof:
                if not piece.strip(b"\0"):
                    break
                state[0] = zlib.decompressobj(wbits=31)
        return b"".join(out)

    return unpack


def _zstd() -> Any:
    try:
        import zstandard
    except ModuleNotFoundError as error:
        raise ImageError(
            f"a layer compressed with zstd needs zstandard: {install('zstandard')}"
        ) from error
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj(
        read_across_frames=True
    )

    def unpack(piece: bytes) -> bytes:
        try:
            return bytes(unpacker.decompress(piece))
        except zstandard.ZstdError as error:
            raise ImageError(f"a damaged layer: {error}") from error

    return unpack


def _inside(name: str) -> str | None:
    """A member's path below the root; None for one that leads out of it."""
    if "\0" in name or len(name) > 4096:
        return None
    path = posixpath.normpath(name.lstrip("/"))
    if path.startswith("../") or path in ("..", "."):
        return None
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
