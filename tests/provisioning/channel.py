"""A conda channel of hand-made packages, its installer, and a Python package index, on loopback.

`mamba` here is a small program around py-rattler, which resolves and links for real.
Must not know what the roles install.
"""

import asyncio
import hashlib
import io
import json
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pip

from tests.provisioning.repository import Server
from tests.provisioning.scenario import Root, mount

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
RATTLER = "/opt/rattler"  # where a root sees this Python's py-rattler
MAMBA = '''#!/usr/bin/python3
"""mamba: `create` and `install`, the words that the role says."""
import argparse, asyncio, sys
sys.path.insert(0, "RATTLER")
from rattler import Gateway, install, solve

parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["create", "install"])
parser.add_argument("--yes", action="store_true", required=True)
parser.add_argument("--override-channels", action="store_true", required=True)
parser.add_argument("--prefix", required=True)
parser.add_argument("--channel", action="append", required=True)
parser.add_argument("specs", nargs="+")
words = parser.parse_args()

async def main():
    platforms = ["linux-64", "noarch"]
    records = await solve(words.channel, words.specs, gateway=Gateway(), platforms=platforms)
    await install(records, words.prefix, show_progress=False)

try:
    asyncio.run(main())
except Exception as error:
    sys.exit(f"error    libmamba {error}")
'''
INSTALLER = """#!/bin/bash
# Installs a mamba; takes the words that Miniforge's own installer takes.
[ "$1 $2" = "-b -p" ] || { echo "usage: $0 -b -p PREFIX"; exit 1; }
[ -e "$3" ] && { echo "ERROR: File or directory already exists: '$3'"; exit 1; }
echo "$3" >> /var/log/installer-runs
mkdir -p "$3/bin"
BREAK
cat > "$3/bin/mamba" <<'EOF'
MAMBA
EOF
chmod 755 "$3/bin/mamba"
"""


class Channel:
    """A channel that a `Server` serves at `url`."""

    def __init__(self, server: Server, path: str) -> None:
        self.folder = server.folder / path
        self.url = f"{server.url}/{path}"

    def add(
        self, name: str, version: str, files: Mapping[str, str | bytes], links: Mapping[str, str]
    ) -> None:
        """A package: files by path, and symbolic links by path."""
        folder = self.folder / "linux-64"
        folder.mkdir(parents=True, exist_ok=True)
        listing = sorted([*files, *links])
        index = {"name": name, "version": version, "build": "0", "build_number": 0}
        index |= {"subdir": "linux-64", "depends": [], "timestamp": 1}
        described = [
            {"_path": path, "path_type": "softlink" if path in links else "hardlink"}
            | _digest(b"" if path in links else _bytes(files[path]))
            for path in listing
        ]
        meta = {
            "info/index.json": json.dumps(index),
            "info/files": "".join(f"{path}\n" for path in listing),
            "info/paths.json": json.dumps({"paths": described, "paths_version": 1}),
        }
        target = folder / f"{name}-{version}-0.tar.bz2"
        with tarfile.open(target, "w:bz2", compresslevel=1) as archive:
            for path, content in {**meta, **files}.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(_bytes(content)), 0o755 if "bin/" in path else 0o644
                archive.addfile(member, io.BytesIO(_bytes(content)))
            for path, to in links.items():
                member = tarfile.TarInfo(path)
                member.type, member.linkname = tarfile.SYMTYPE, to
                archive.addfile(member)

    def add_python(self, version: str) -> None:
        """Python as a package: the root's own interpreter, in an environment of its own."""
        settings = "home = /usr/bin\ninclude-system-site-packages = false\n"
        links = {"bin/python": "/usr/bin/python3", "bin/python3": "/usr/bin/python3"}
        site = f"lib/{PYTHON}/site-packages/README"
        self.add("python", version, {"pyvenv.cfg": settings, site: ""}, links)

    def add_pip(self) -> None:
        """This Python's pip, as a package."""
        home = Path(pip.__file__).parent
        found = [*home.rglob("*"), *home.parent.glob(f"pip-{pip.__version__}.dist-info/*")]
        files = {
            f"lib/{PYTHON}/site-packages/{path.relative_to(home.parent)}": path.read_bytes()
            for path in found
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".exe"
        }
        self.add("pip", pip.__version__, files, {})

    def publish(self) -> None:
        """Write the channel's index anew."""
        from rattler.index import index_fs

        (self.folder / "noarch").mkdir(exist_ok=True)
        asyncio.run(index_fs(self.folder, write_zst=False, write_shards=False, force=True))


class PackageIndex:
    """A Python package index that a `Server` serves; pip takes `url`."""

    def __init__(self, server: Server, path: str) -> None:
        self.folder = server.folder / path
        self.url = f"{server.url}/{path}"

    def add(
        self,
        name: str,
        version: str,
        files: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
    ) -> None:
        """A wheel of Python files; without any, of an empty module of that name."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        wanted = "".join(f"Requires-Dist: {one}\n" for one in requires)
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wanted}"
        members = {
            **(files or {f"{module}/__init__.py": f'__version__ = "{version}"\n'}),
            f"{info}/METADATA": meta,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*members, f"{info}/RECORD"))
        with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as wheel:
            for path, text in members.items():
                wheel.writestr(path, text)
        self._page(folder)

    def copy(self, wheels: Iterable[Path]) -> None:
        """Serve wheels that are there already."""
        for wheel in wheels:
            folder = self.folder / wheel.name.split("-")[0].lower().replace("_", "-")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(wheel, folder / wheel.name)
            self._page(folder)

    def _page(self, folder: Path) -> None:
        links = (
            f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">'
            f"{path.name}</a>\n"
            for path in sorted(folder.glob("*.whl"))
        )
        (folder / "index.html").write_text("".join(links), encoding="utf-8")


def add_torch(index: PackageIndex, cuda: str | None = "12.1", release: str = "2.4.0") -> None:
    """torch and what belongs to it, as far as versions go."""
    said = f'__version__ = "{release}"\nfrom torch import version\n'
    files = {"torch/__init__.py": said, "torch/version.py": f"cuda = {cuda!r}\n"}
    index.add("torch", release, files, ["numpy"])
    index.add("torchvision", "0.19.0", requires=[f"torch=={release}"])
    index.add("torchaudio", "2.4.0", requires=[f"torch=={release}"])
    index.add("numpy", "1.26.4")
    index.add("numpy", "2.1.0")


def serve_installer(server: Server, name: str, broken: str = "") -> dict[str, object]:
    """Variables that name an installer on loopback HTTP; `broken` is shell that runs midway."""
    text = INSTALLER.replace("MAMBA", MAMBA.replace("RATTLER", RATTLER).rstrip())
    data = text.replace("BREAK", broken).encode()
    folder = server.folder / name / "1.0"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Miniforge3-1.0-Linux-x86_64.sh").write_bytes(data)
    return {
        "mamba_env_miniforge_url": f"{server.url}/{name}",
        "mamba_env_miniforge_release": "1.0",
        "mamba_env_miniforge_sha256": {"x86_64": hashlib.sha256(data).hexdigest()},
    }


def lend_rattler(root: Root) -> None:
    """Let the root see this Python's py-rattler."""
    import rattler

    place = root.file(f"{RATTLER}/rattler")
    place.mkdir(parents=True)
    mount("--bind", str(Path(rattler.__file__).parent), str(place))


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _digest(data: bytes) -> dict[str, object]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
