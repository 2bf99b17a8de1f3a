"""Layers laid over one another, in a folder that doctor examines as it would a chroot.

A path is followed as inside the root, never out of it, whatever links the layers hold.
"""

import hashlib
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envcheck.images.archive import Image, Layer
from envcheck.images.errors import ImageError
from envcheck.images.layer import NOTES, OPAQUE, WHITEOUT, extract
from envcheck.probes.host import Host

VERSION = 1  # of what is kept of a layer: another one is not taken from the cache


@contextmanager
def unpacked(image: Image) -> Iterator[str]:
    """A folder with the wanted files of all layers; it vanishes afterwards.

    Raises:
        ImageError: a damaged or hostile layer.
    """
    base = _base()
    # Beside what is kept of the layers, so that its files need not be copied but only linked.
    with tempfile.TemporaryDirectory(prefix="image-", dir=base) as temporary:
        root = Path(temporary) / "root"
        root.mkdir()
        try:
            for number, layer in enumerate(image.layers):
                _lay(_kept(layer, base, Path(temporary) / f"layer-{number}"), root)
        except OSError as error:
            raise ImageError(f"{temporary}: {error.strerror or error}") from error
        yield str(root)


def _base() -> Path | None:
    """Where layers are kept; None: nowhere, the home cannot be written."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    base = Path(home) / "envcheck" / "layers"
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return base if os.access(base, os.W_OK) else None


def _kept(layer: Layer, base: Path | None, temporary: Path) -> Path:
    """The layer's files: from the cache, or taken out of it now."""
    key = layer.digest or _fingerprint(layer)
    kept = base / f"v{VERSION}-{key.replace(':', '-')}" if base is not None else temporary
    if (kept / NOTES).is_file():
        return kept
    extract(layer.data, temporary)
    if base is None:
        return temporary
    try:
        temporary.rename(kept)
    except OSError:  # another process was quicker
        return kept if (kept / NOTES).is_file() else temporary
    return kept


def _fingerprint(layer: Layer) -> str:
    """A name for a layer without a digest: its bytes at both ends, and its size."""
    size = layer.data.size
    ends = layer.data.read_at(0, min(size, 1 << 16))
    ends += layer.data.read_at(max(0, size - (1 << 16)), min(size, 1 << 16))
    return f"ends-{hashlib.sha256(ends).hexdigest()}-{size}"


def _lay(layer: Path, root: Path) -> None:
    notes: dict[str, Any] = json.loads((layer / NOTES).read_text())
    inside = Host(str(root))
    for path in notes["removed"]:
        _remove(path, root, inside)
    files = layer / "files"
    for folder, names, plain in os.walk(files):
        names.sort()
        here = posixpath.relpath(folder, files)
        target = _place(here, root, inside)
        if target is None:
            names[:] = []
            continue
        if target.is_file():  # a folder takes its place
            target.unlink()
        target.mkdir(parents=True, exist_ok=True)
        for name in plain:
            _put(Path(folder) / name, target / name)
    for path, mode in notes["modes"].items():
        placed = _place(path, root, inside)
        if placed is not None and placed.is_file() and not placed.is_symlink():
            placed.chmod(mode)
    for path, target_text in notes["links"].items():
        placed = _place(path, root, inside, last=False)
        if placed is not None and not (placed.is_dir() and not placed.is_symlink()):
            placed.parent.mkdir(parents=True, exist_ok=True)
            placed.unlink(missing_ok=True)
            placed.symlink_to(target_text)
    for path, original in notes["hard"].items():
        placed, source = _place(path, root, inside, last=False), _place(original, root, inside)
        if placed is not None and source is not None and source.is_file():
            placed.parent.mkdir(parents=True, exist_ok=True)
            placed.unlink(missing_ok=True)
            _put(source, placed)


def _place(path: str, root: Path, inside: Host, *, last: bool = True) -> Path | None:
    """Where a path of a layer lies, links followed inside the root; None: nowhere."""
    try:
        if last:
            located = inside.locate(f"/{path}")
        else:
            folder, name = posixpath.split(path)
            located = f"{inside.locate(f'/{folder}')}/{name}"
        found = Path(located)
        parent = found if last else found.parent
        for above in (parent, *parent.parents):
            if above == root:
                return found
            if above.exists() and not above.is_dir() and above != found:
                return None
    except OSError:
        return None
    return None


def _put(source: Path, target: Path) -> None:
    """The file at another place, without copying its bytes where the file system can."""
    if target.is_dir() and not target.is_symlink():
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(path: str, root: Path, inside: Host) -> None:
    folder, name = posixpath.split(path)
    placed = _place(folder or ".", root, inside)
    if placed is None or not placed.is_dir():
        return
    if name == OPAQUE:
        for child in placed.iterdir():
            _delete(child)
        return
    gone = name.removeprefix(WHITEOUT)
    if gone and gone not in (".", "..") and "/" not in gone:
        _delete(placed / gone)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
