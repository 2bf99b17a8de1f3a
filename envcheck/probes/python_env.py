"""The patient's distributions, from metadata files only. Must not import or run any of them."""

import re

import msgspec

from envcheck.facts import Distribution, Missing, PythonEnv
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter

METADATA_LIMIT = 16 << 10  # name and version stand in the first lines


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_python_env(host: Host, interpreter: Interpreter | Missing) -> PythonEnv | Missing:
    """The environment of this interpreter: what it is and every distribution on its path."""
    if isinstance(interpreter, Missing):
        return interpreter
    found: list[Distribution] = []
    broken: list[str] = []
    for folder in interpreter.path:
        names = host.names(folder)
        if isinstance(names, Missing):
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                dist = _distribution(host, f"{folder}/{name}")
                if dist is None:
                    broken.append(f"{folder}/{name}")
                else:
                    found.append(dist)
    found = _with_conda(host, interpreter.prefix, found)
    return PythonEnv(
        executable=interpreter.executable,
        chosen_by=interpreter.chosen_by,
        version=interpreter.version,
        implementation=interpreter.implementation,
        tag=interpreter.tag,
        platform=interpreter.platform,
        prefix=interpreter.prefix,
        manager=interpreter.manager,
        path=interpreter.path,
        distributions=tuple(found),
        broken=tuple(broken),
        sources={"*": interpreter.executable, "distributions": "metadata folders on its path"},
    )


def _distribution(host: Host, path: str) -> Distribution | None:
    """One distribution, or None when its metadata is gone: half installed or half removed."""
    folder = path.rsplit("/", 1)[1]
    file = path if host.is_file(path) else None
    if file is None:
        file = f"{path}/METADATA" if folder.endswith(".dist-info") else f"{path}/PKG-INFO"
    text = host.read(file, METADATA_LIMIT)
    if isinstance(text, Missing):
        return None
    name = re.search(r"(?mi)^Name:[ \t]*(\S+)", text)
    version = re.search(r"(?mi)^Version:[ \t]*(\S+)", text)
    if not name or not version:
        return None
    installer = host.read(f"{path}/INSTALLER", 256) if file != path else ""
    return Distribution(
        normalise(name.group(1)),
        version.group(1),
        path,
        "" if isinstance(installer, Missing) else installer.strip().lower()[:40],
    )


def _with_conda(host: Host, prefix: str, found: list[Distribution]) -> list[Distribution]:
    """Adds conda's own records, which also know packages that are not Python's (mkl, cuda-nvcc)."""
    names = host.names(f"{prefix}/conda-meta")
    if isinstance(names, Missing):
        return found
    result = list(found)
    for entry in names:
        match = re.fullmatch(r"(.+)-([^-]+)-([^-]+)\.json", entry)
        if not match:
            continue
        name, version, build = normalise(match.group(1)), match.group(2), match.group(3)
        for position, dist in enumerate(result):
            if dist.name == name and dist.version == version and dist.installer in ("", "conda"):
                result[position] = msgspec.structs.replace(dist, build=build, installer="conda")
                break
        else:
            path = f"{prefix}/conda-meta/{entry}"
            result.append(Distribution(name, version, path, "conda", build))
    return result
