"""Images made by hand: layers out of entries, as an OCI layout or as `docker save` writes them."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.roots import Link

Content = str | bytes | Link | None  # None: a folder
Files = Mapping[str, Content]


def layer(files: Files, *, kind: str = "") -> bytes:
    """A layer with these files, plain, or packed by "gzip" or "zstd"."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755
            if content is None:
                member.type = tarfile.DIRTYPE
            elif isinstance(content, Link):
                member.type, member.linkname = tarfile.SYMTYPE, content.target
            else:
                data = content.encode() if isinstance(content, str) else content
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
                continue
            archive.addfile(member)
    data = buffer.getvalue()
    if kind == "gzip":
        return gzip.compress(data, 1)
    if kind == "zstd":
        import zstandard

        return zstandard.compress(data, 1)
    return data


def oci(
    folder: Path, *layers: bytes, environ: Mapping[str, str] | None = None, archive: bool = False
) -> Path:
    """An OCI layout, or an archive of one."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(data: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"digest": f"sha256:{digest}", "size": len(data)}

    config = {"config": {"Env": [f"{k}={v}" for k, v in (environ or {}).items()]}}
    manifest = {
        "schemaVersion": 2,
        "config": blob(json.dumps(config).encode()),
        "layers": [blob(data) for data in layers],
    }
    row = {**blob(json.dumps(manifest).encode()), "platform": {"architecture": "amd64"}}
    row["annotations"] = {"org.opencontainers.image.ref.name": "app:1"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [row]}))
    if not archive:
        return folder
    packed = folder.with_suffix(".tar")
    with tarfile.open(packed, "w") as out:
        out.add(folder, ".")
    return packed


def saved(path: Path, *layers: bytes, environ: Mapping[str, str] | None = None) -> Path:
    """An archive as `docker save` wrote it before it learned OCI."""
    config = {"config": {"Env": [f"{k}={v}" for k, v in (environ or {}).items()]}}
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["app:latest"], "Layers": names}]
    files: dict[str, bytes] = {
        **dict(zip(names, layers, strict=True)),
        "config.json": json.dumps(config).encode(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    path.write_bytes(layer(files))
    return path
