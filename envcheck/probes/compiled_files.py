"""Which compiled files belong to an installed distribution, by its own records.

Must not know what is in them. Bounded: no record, and no source tree, is followed without end.
"""

import posixpath
from collections.abc import Iterator

import msgspec

from envcheck.facts import Distribution, Missing
from envcheck.probes.host import Host

RECORD_LIMIT = 16 << 20  # bytes; the record of a package with 30,000 files has 4 MB
MAX_FOLDERS = 4000  # of one source tree
_NOT_INSTALLED = ("build", "dist", "node_modules", "__pycache__")  # beside the packages, in a tree


def compiled_files(host: Host, dist: Distribution, tag: str) -> tuple[str, ...]:
    """Its shared libraries, sorted; without copies that `auditwheel` put into `*.libs`.

    Args:
        tag: "cp311-cp311"; extension modules for another Python are left out.
    """
    folder = posixpath.dirname(dist.path)
    if dist.path.endswith(".dist-info"):
        found = _recorded(host, f"{dist.path}/RECORD", folder)
        tree = _editable(host, dist)
        if tree:
            found = [*found, *_walk(host, tree)]
    elif dist.path.endswith(".egg-info"):
        found = _recorded(host, f"{dist.path}/installed-files.txt", dist.path)
        if not found:  # `setup.py develop`: the metadata stands in the source tree
            found = _top_level(host, dist.path, folder)
    else:
        found = []
    copied = (path for path in found if ".libs/" not in path)  # a dependency's, by auditwheel
    return tuple(sorted({path for path in copied if meant_for(path, tag)}))


def origin(host: Host, dist: Distribution) -> tuple[str, bool]:
    """Where its source is, "git+https://…@commit" or a folder, and whether it runs from there.

    ("", False) for one from a package index, or from a file that was built elsewhere.
    """
    folder = posixpath.dirname(dist.path)
    if dist.path.endswith(".egg-info"):
        developed = host.is_file(f"{folder}/setup.py") or host.is_file(f"{folder}/pyproject.toml")
        return (folder, True) if developed else ("", False)
    tree = _editable(host, dist)
    if tree:
        return tree, True
    said = _direct_url(host, dist)
    url, vcs = said.get("url"), said.get("vcs_info")
    if not isinstance(url, str):
        return "", False
    if isinstance(vcs, dict) and isinstance(vcs.get("vcs"), str):
        commit = vcs.get("commit_id")
        return f"{vcs['vcs']}+{url}" + (f"@{commit}" if isinstance(commit, str) else ""), False
    return (_folder(url) or "" if "dir_info" in said else ""), False


def is_library(name: str) -> bool:
    """Whether a file's name is a shared library's: "_C.so", "libx.so.1"."""
    stem, dot, version = name.rpartition(".so")
    numbered = version.startswith(".") and version.replace(".", "").isdecimal()
    return bool(stem and dot) and (not version or numbered)


def meant_for(path: str, tag: str) -> bool:
    """Whether a library may be meant for the Python of a tag, "cp311-cp311".

    "_C.cpython-310-x86_64-linux-gnu.so" is not; a name without a tag may be for any.
    """
    python = tag.partition("-")[0].removeprefix("cp")
    named = path.partition(".cpython-")[2].partition("-")[0].removesuffix("t")
    return not named or not python or named == python


def _recorded(host: Host, record: str, base: str) -> list[str]:
    data = host.read_bytes(record, RECORD_LIMIT)
    if isinstance(data, Missing) or b".so" not in data:
        return []
    lines = (line for line in data.split(b"\n") if b".so" in line)
    names = (_first_field(line.decode("utf-8", "replace")) for line in lines)
    return [posixpath.normpath(f"{base}/{name}") for name in names if is_library(name)]


def _first_field(line: str) -> str:
    """The path of a line of RECORD (comma-separated, quoted where need be) or of a plain list."""
    line = line.rstrip("\r")
    return line[1:].partition('"')[0] if line.startswith('"') else line.partition(",")[0]


def _direct_url(host: Host, dist: Distribution) -> dict[str, object]:
    """direct_url.json: https://packaging.python.org/en/latest/specifications/direct-url/"""
    text = host.read(f"{dist.path}/direct_url.json", 1 << 16)
    try:
        said = {} if isinstance(text, Missing) else msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _editable(host: Host, dist: Distribution) -> str | None:
    """The source tree of an editable install."""
    said = _direct_url(host, dist)
    details, url = said.get("dir_info"), said.get("url")
    if isinstance(details, dict) and details.get("editable") is True and isinstance(url, str):
        return _folder(url)
    return None


def _folder(url: str) -> str | None:
    from urllib.parse import unquote, urlsplit  # late: few packages have an address

    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return unquote(parts.path) if parts.scheme == "file" and parts.path.startswith("/") else None


def _top_level(host: Host, info: str, folder: str) -> list[str]:
    text = host.read(f"{info}/top_level.txt", 1 << 16)
    found: list[str] = []
    for name in [] if isinstance(text, Missing) else text.split()[:64]:
        if "/" not in name:
            found += _walk(host, f"{folder}/{name}")
            found += (path for path in host.glob(f"{folder}/{name}.*so") if host.is_file(path))
    return found


def _walk(host: Host, tree: str) -> Iterator[str]:
    """Shared libraries below a folder; links to folders are not followed."""
    folders = [tree]
    for count, folder in enumerate(folders):
        names = host.names(folder)
        if count >= MAX_FOLDERS:
            return
        for name in () if isinstance(names, Missing) else names:
            path = f"{folder}/{name}"
            if is_library(name):
                if host.is_file(path):
                    yield path
            elif (
                "." not in name and name not in _NOT_INSTALLED and _real_folder(host, folder, name)
            ):
                folders.append(path)


def _real_folder(host: Host, folder: str, name: str) -> bool:
    path = f"{folder}/{name}"
    return host.is_dir(path) and host.realpath(path) == f"{host.realpath(folder)}/{name}"
