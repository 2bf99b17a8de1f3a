"""Which Python is the patient, and where it would look for packages. Never imports its packages."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from envcheck import patient
from envcheck.facts import Missing, absent, failed
from envcheck.probes.host import Host

# An interpreter that was never used, on a slow disk, takes a second or two to say what it is.
PATIENT_LIMIT = 4.0
SCRIPT = Path(patient.__file__).with_name("describe.py")
# Where an interpreter lives in an image whose environment variables we do not know.
USUAL_PLACES = (
    "/opt/conda/bin/python3",
    "/opt/venv/bin/python3",
    "/venv/bin/python3",
    "/usr/local/bin/python3",
    "/usr/bin/python3",
)


class Interpreter(msgspec.Struct, frozen=True, kw_only=True):
    """What the patient's interpreter says of itself, or what its files say in another root."""

    executable: str
    chosen_by: str
    version: str
    implementation: str
    tag: str
    platform: str
    prefix: str
    manager: str
    path: tuple[str, ...]  # sys.path as a plain start would have it, `.pth` path lines included


def read_interpreter(host: Host, wanted: str | None) -> Interpreter | Missing:
    """The interpreter named by `--python`, else the active environment's, else PATH's python3."""
    chosen = _choose(host, wanted)
    if isinstance(chosen, Missing):
        return chosen
    executable, chosen_by = chosen
    said = _ask(host, executable) if host.live else _from_files(host, executable)
    if isinstance(said, Missing):
        return said
    folders = _search_path(host, said)
    return Interpreter(
        executable=str(said.get("executable") or executable),  # behind a pyenv shim, say
        chosen_by=chosen_by,
        version=str(said["version"]),
        implementation=str(said["implementation"]),
        tag=_tag(said),
        platform=f"{said['platform']}-{said['machine']}",
        prefix=str(said["prefix"]),
        manager="conda" if said["conda"] else "venv" if said["venv"] else "system",
        path=folders,
    )


def _choose(host: Host, wanted: str | None) -> tuple[str, str] | Missing:
    if wanted:
        path = wanted
        if host.live and not path.startswith("/") and "/" in path:
            path = os.path.abspath(path)
        elif host.live and "/" not in path:
            found = host.which(path)
            if isinstance(found, Missing):
                return found
            path = found
        if host.is_dir(path):  # an environment's folder will do
            path = f"{path.rstrip('/')}/bin/python"
        return (path, "--python") if host.is_file(path) else absent(f"{path} is not an interpreter")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = host.environ.get(variable)
        if folder and host.is_file(f"{folder}/bin/python"):
            return f"{folder}/bin/python", variable
    found = host.which("python3")
    if not isinstance(found, Missing):
        return found, "first python3 on PATH"
    for path in USUAL_PLACES:
        if host.is_file(path):
            return path, "usual place"
    return absent("no python3 on PATH")


def _ask(host: Host, executable: str) -> dict[str, Any] | Missing:
    ran = host.run([executable, "-I", "-S", "-"], PATIENT_LIMIT, stdin=SCRIPT.read_bytes())
    if isinstance(ran, Missing):
        return ran
    if ran.code != 0:
        last = (ran.err.strip().splitlines() or ["no message"])[-1]
        return failed(f"{executable} ended with {ran.code}: {last[:200]}")
    for line in reversed(ran.out.splitlines()):  # whatever a start-up banner printed above
        try:
            said = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(said, dict) and {"version", "site", "path", "prefix"} <= said.keys():
            return said
    return failed(f"{executable} answered no description of itself")


def _from_files(host: Host, executable: str) -> dict[str, Any] | Missing:
    """The same description for an interpreter that must not be run (another root)."""
    prefix = os.path.dirname(os.path.dirname(executable))
    config = host.read(f"{prefix}/pyvenv.cfg")
    venv = not isinstance(config, Missing)
    base = prefix
    system = True
    if not isinstance(config, Missing):
        keys = {
            key.strip().lower(): value.strip()
            for key, _, value in (line.partition("=") for line in config.splitlines())
        }
        base = os.path.dirname(keys.get("home", "/usr/bin").rstrip("/"))
        system = keys.get("include-system-site-packages", "").lower() == "true"
    real = host.realpath(executable)
    version = _version_in_files(host, os.path.basename(real), (prefix, base))
    if version is None:
        return failed(f"{executable}: its version cannot be told from its files")
    minor = ".".join(version.split(".")[:2])
    prefixes = ([prefix] if venv else []) + ([base] if system or not venv else [])
    if "/usr" in prefixes:
        prefixes.insert(prefixes.index("/usr"), "/usr/local")
    folders = [
        folder
        for each in prefixes
        for folder in (
            f"{each}/lib/python{minor}/site-packages",
            f"{each}/lib64/python{minor}/site-packages",
            f"{each}/lib/python{minor}/dist-packages",
            f"{each}/lib/python3/dist-packages",
        )
        if host.is_dir(folder)
    ]
    folders = list({host.realpath(folder): folder for folder in reversed(folders)}.values())[::-1]
    arch = "aarch64" if host.glob("/lib/ld-linux-aarch64.so.1") else "x86_64"
    return {
        "version": version,
        "implementation": "cpython",
        "abiflags": "",
        "platform": "linux",
        "machine": arch,
        "prefix": prefix,
        "venv": venv,
        "conda": host.is_dir(f"{prefix}/conda-meta"),
        "path": [f"{base}/lib/python{minor}"],
        "site": folders,
        "user_site": "",
    }


def _version_in_files(host: Host, name: str, prefixes: tuple[str, ...]) -> str | None:
    for prefix in prefixes:
        names = host.names(f"{prefix}/conda-meta")
        for entry in () if isinstance(names, Missing) else names:
            match = re.fullmatch(r"python-(3\.\d+\.\d+)-.*\.json", entry)
            if match:
                return match.group(1)
        config = host.read(f"{prefix}/pyvenv.cfg")
        if not isinstance(config, Missing):
            match = re.search(r"(?m)^version(?:_info)?\s*=\s*(3\.\d+(?:\.\d+)?)", config)
            if match:
                return match.group(1)
    match = re.fullmatch(r"python(3\.\d+)", name)
    if match:
        return match.group(1)
    for prefix in prefixes:
        found = host.glob(f"{prefix}/lib/python3.*")
        if found:
            return os.path.basename(found[-1]).removeprefix("python")
    return None


def _tag(said: dict[str, Any]) -> str:
    """Interpreter and ABI tag as wheels write them, "cp311-cp311"."""
    major, minor = str(said["version"]).split(".")[:2]
    if said["implementation"] != "cpython":
        return f"{said['implementation']}{major}{minor}"
    python = f"cp{major}{minor}"
    return f"{python}-{python}{said.get('abiflags') or ''}"


def _search_path(host: Host, said: dict[str, Any]) -> tuple[str, ...]:
    """sys.path of a plain start: PYTHONPATH, the standard library, user site, site folders.

    Path lines of `.pth` files are added as data; their `import` lines, which a real start would
    run, are not.
    """
    before = [entry for entry in host.environ.get("PYTHONPATH", "").split(":") if entry]
    sites = [str(folder) for folder in said["site"]]
    user = str(said.get("user_site") or "")
    if user and not host.environ.get("PYTHONNOUSERSITE") and host.is_dir(user):
        sites.insert(0, user)
    path = list(dict.fromkeys([*before, *map(str, said["path"])]))
    for site in sites:
        for folder in (site, *_pth_folders(host, site)):
            if folder not in path:
                path.append(folder)
    return tuple(path)


def _pth_folders(host: Host, site: str) -> list[str]:
    names = host.names(site)
    folders = []
    for name in () if isinstance(names, Missing) else names:
        if not name.endswith(".pth") or name.startswith("."):
            continue
        text = host.read(f"{site}/{name}", 1 << 16)
        for line in [] if isinstance(text, Missing) else text.splitlines():
            entry = line.strip()
            if not entry or entry.startswith(("#", "import ", "import\t")) or "\0" in entry:
                continue
            folder = os.path.normpath(os.path.join(site, entry))
            if host.is_dir(folder):
                folders.append(folder)
    return folders
