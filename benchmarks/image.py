"""`envcheck doctor --image` beside unpacking the same image with tar.

    python benchmarks/image.py ENVIRONMENT [RUNS]

ENVIRONMENT is a virtual environment with torch; it becomes a layer of an image, once as a plain tar
and once compressed with gzip. The first run has no cache of the layer, `again` has it.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HOST = ("--gpu", "H100 SXM", "--driver", "550.54.15", "--exit-zero", "--timeout", "60")


def build(environment: Path, folder: Path, *, compressed: bool) -> Path:
    """An OCI layout with the environment at /opt/venv."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    plain = folder / "layer"
    with tarfile.open(plain, "w") as archive:
        archive.add(environment, "opt/venv")
        base = (environment / "bin" / "python").resolve().parent.parent
        archive.add(base, str(base).lstrip("/"))
    layer = folder / "layer.gz"
    if compressed:
        with plain.open("rb") as data, gzip.open(layer, "wb", compresslevel=1) as packed:
            shutil.copyfileobj(data, packed, 1 << 20)
        plain.unlink()
    else:
        plain.rename(layer)

    def keep(path: Path) -> dict[str, object]:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        size = path.stat().st_size
        path.rename(blobs / digest)
        return {"digest": f"sha256:{digest}", "size": size}

    def note(name: str, value: object) -> dict[str, object]:
        path = folder / name
        path.write_text(json.dumps(value))
        return keep(path)

    config = note("config", {"config": {"Env": ["PATH=/opt/venv/bin:/usr/bin:/bin"]}})
    manifest = note("manifest", {"schemaVersion": 2, "config": config, "layers": [keep(layer)]})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return folder


def timed(command: list[str], **environ: str) -> float:
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, **environ})
    return time.perf_counter() - begin


def main() -> None:
    environment = Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for compressed in (False, True):
        with tempfile.TemporaryDirectory() as temporary:
            image = build(environment, Path(temporary) / "image", compressed=compressed)
            layer = max((image / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
            ours, cached, unpacked = [], [], []
            doctor = [sys.executable, "-m", "envcheck", "doctor", "--image", str(image), *HOST]
            for number in range(runs):
                cache = f"{temporary}/cache-{number}"
                ours.append(timed(doctor, XDG_CACHE_HOME=cache))
                cached.append(timed(doctor, XDG_CACHE_HOME=cache))
                kept = subprocess.run(
                    ["du", "-sm", cache], capture_output=True, text=True, check=True
                ).stdout.split()[0]
                target = Path(temporary) / "unpacked"
                target.mkdir()
                unpacked.append(timed(["tar", "xf", str(layer), "-C", str(target)]))
                shutil.rmtree(target)
            kind = "gzip" if compressed else "plain"
            print(
                f"{kind:6} {layer.stat().st_size / 1e6:6.0f} MB  doctor {min(ours):6.2f} s"
                f"  again {min(cached):5.2f} s  tar {min(unpacked):6.2f} s"
                f"  ratio {min(unpacked) / min(ours):5.1f}  cache {kept} MB"
            )


if __name__ == "__main__":
    main()
