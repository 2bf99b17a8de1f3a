"""Which layers an image has, and where their bytes lie: OCI layouts and archives, `docker save`.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import json
import os
import posixpath
import re
import tarfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from envcheck.binaries.errors import BinaryError
from envcheck.images.errors import ImageError
from envcheck.images.window import Window

MANIFEST = 4 << 20  # bytes of a manifest or configuration
LAYERS = 500
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_DOCKER = ("application/vnd.docker.distribution.manifest.list.v2+json",)
_INDEXES = ("application/vnd.oci.image.index.v1+json", *_DOCKER)


@dataclass(frozen=True)
class Layer:
    """One layer: its bytes, and its digest where the image states one."""

    name: str
    data: Window
    digest: str  # "sha256:…" of the bytes as they lie there; "": not stated


@dataclass
class Image:
    """An image that is open: use it in a `with`."""

    path: str
    name: str  # "app:latest", as the archive says; else the file's name
    config: dict[str, Any]
    layers: list[Layer]
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def environment(self) -> dict[str, str]:
        """The variables a container starts with."""
        given = (self.config.get("config") or {}).get("Env") or []
        pairs = (entry.partition("=") for entry in given if isinstance(entry, str))
        return {name: value for name, _, value in pairs}

    def __enter__(self) -> "Image":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()


def open_image(path: str, arch: str) -> Image:
    """The image in a folder or an archive.

    Args:
        arch: "amd64" or "arm64", chosen where there are several.

    Raises:
        ImageError: there is none that can be read.
    """
    stack = ExitStack()
    try:
        blobs = _Folder(path, stack) if Path(path).is_dir() else _Archive(path, stack)
        name, config, layers = _image(blobs, arch)
        shown = name or Path(path).name
        return Image(path, shown, config, layers, stack)
    except OSError as error:
        stack.close()
        raise ImageError(f"{path}: {error.strerror or error}") from error
    except (ImageError, BinaryError) as error:
        stack.close()
        raise ImageError(f"{path}: {error}") from error
    except BaseException:
        stack.close()
        raise


class _Folder:
    """The files of an OCI layout, or of an unpacked archive."""

    def __init__(self, path: str, stack: ExitStack) -> None:
        self._root, self._stack = Path(path), stack

    def find(self, name: str) -> Window | None:
        target = self._root / name
        try:
            if not target.resolve().is_relative_to(self._root.resolve()) or not target.is_file():
                return None
        except (OSError, ValueError):
            return None
        fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        self._stack.callback(os.close, fd)
        return Window(fd, 0, os.fstat(fd).st_size)


class _Archive:
    """The members of a tar archive."""

    def __init__(self, path: str, stack: ExitStack) -> None:
        if not Path(path).is_file():
            raise ImageError("not there" if not Path(path).exists() else "not a file")
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, fd)
        whole = Window(fd, 0, os.fstat(fd).st_size)
        start = whole.read_at(0, min(6, whole.size))
        if start.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ")):
            raise ImageError("a compressed archive: unpack it first (gunzip, unzstd)")
        self._members: dict[str, Window] = {}
        try:
            with tarfile.open(fileobj=whole, mode="r:") as archive:
                for member in archive:
                    name = posixpath.normpath(member.name)
                    if member.isfile():
                        self._members[name] = whole.part(member.offset_data, member.size)
                    elif member.issym() or member.islnk():  # docker save: layers shared by link
                        base = posixpath.dirname(name) if member.issym() else ""
                        target = posixpath.normpath(posixpath.join(base, member.linkname))
                        if target in self._members:
                            self._members[name] = self._members[target]
                    if len(self._members) > 10 * LAYERS:
                        raise ImageError("more files than an image's archive has")
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
            raise ImageError(f"no sound tar archive: {error}") from error

    def find(self, name: str) -> Window | None:
        return self._members.get(posixpath.normpath(name))


_Blobs = _Folder | _Archive


def _image(blobs: _Blobs, arch: str) -> tuple[str, dict[str, Any], list[Layer]]:
    manifest = blobs.find("manifest.json")
    if manifest is not None:
        return _docker(blobs, _json(manifest, "manifest.json"))
    index = blobs.find("index.json")
    if index is None:
        raise ImageError(
            "no image: neither index.json (OCI layout) nor manifest.json (docker save)"
        )
    return _oci(blobs, _json(index, "index.json"), arch)


def _docker(blobs: _Blobs, manifest: Any) -> tuple[str, dict[str, Any], list[Layer]]:
    """https://github.com/moby/moby/blob/master/image/spec/spec.md"""
    if not isinstance(manifest, list) or not manifest or not isinstance(manifest[0], dict):
        raise ImageError("manifest.json names no image")
    first = manifest[0]
    names = first.get("Layers")
    if not isinstance(names, list) or len(names) > LAYERS:
        raise ImageError("manifest.json names no layers")
    config = _json(_blob(blobs, str(first.get("Config"))), "its configuration")
    layers = []
    for name in names:
        window = _blob(blobs, str(name))
        digest = re.fullmatch(r"blobs/sha256/([0-9a-f]{64})", str(name))
        layers.append(Layer(str(name), window, f"sha256:{digest[1]}" if digest else ""))
    tags = first.get("RepoTags")
    shown = str(tags[0]) if isinstance(tags, list) and tags else ""
    return shown, _table(config), layers


def _oci(blobs: _Blobs, index: Any, arch: str) -> tuple[str, dict[str, Any], list[Layer]]:
    name = ""
    for _ in range(5):
        rows = _rows(index, "manifests")
        if not rows:
            break
        fitting = [row for row in rows if _table(row.get("platform")).get("architecture") == arch]
        chosen = (fitting or rows)[0]
        notes = _table(chosen.get("annotations"))
        name = name or str(notes.get("org.opencontainers.image.ref.name", ""))
        index = _json(_digest(blobs, chosen), "a manifest")
        if chosen.get("mediaType") not in _INDEXES and _rows(index, "layers"):
            break
    layers = _rows(index, "layers")
    if not layers or len(layers) > LAYERS:
        raise ImageError("its manifest names no layers")
    config = _json(_digest(blobs, _table(_table(index).get("config"))), "its configuration")
    return (
        name,
        _table(config),
        [Layer(str(row["digest"]), _digest(blobs, row), str(row["digest"])) for row in layers],
    )


def _digest(blobs: _Blobs, row: dict[str, Any]) -> Window:
    match = _DIGEST.fullmatch(str(row.get("digest")))
    if match is None:
        raise ImageError(f"a digest that is none: {str(row.get('digest'))[:80]!r}")
    window = _blob(blobs, f"blobs/sha256/{match[1]}")
    if isinstance(row.get("size"), int) and row["size"] != window.size:
        raise ImageError(f"{match[0][:19]}… has {window.size} bytes, {row['size']} are stated")
    return window


def _blob(blobs: _Blobs, name: str) -> Window:
    window = blobs.find(name)
    if window is None:
        raise ImageError(f"{name[:100]} is missing: the image is not whole")
    return window


def _json(window: Window, what: str) -> Any:
    if window.size > MANIFEST:
        raise ImageError(f"{what} is larger than {MANIFEST >> 20} MiB")
    try:
        return json.loads(window.read_at(0, window.size))
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{what} is not JSON: {error}") from error


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(value: Any, name: str) -> list[dict[str, Any]]:
    rows = _table(value).get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
