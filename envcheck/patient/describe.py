"""Says what this interpreter is and where it would look for packages, as one JSON object.

Run with `-I -S`, so that neither the working directory nor any `.pth` file runs code: the site
folders are worked out here as data, by the rules of the `site` module.
"""

import json
import os
import sys


def site_folders(prefixes):
    folders = []
    version = library_folder()
    for prefix in prefixes:
        if os.name == "nt":
            folders.append(os.path.join(prefix, "Lib", "site-packages"))
            continue
        for lib in ("lib", "lib64") if sys.platlibdir == "lib64" else ("lib",):
            folders.append(os.path.join(prefix, lib, version, "site-packages"))
        # Debian keeps distribution packages of its own interpreter beside site-packages
        if prefix in ("/usr", "/usr/local"):
            if prefix == "/usr/local":
                folders.append(os.path.join(prefix, "lib", version, "dist-packages"))
            else:
                folders.append(os.path.join(prefix, "lib", "python3", "dist-packages"))
    return [folder for folder in folders if os.path.isdir(folder)]


def library_folder():
    """ "python3.13", or "python3.13t" for a free-threaded build."""
    threaded = "t" if "t" in getattr(sys, "abiflags", "") else ""
    return "python%d.%d%s" % (sys.version_info[0], sys.version_info[1], threaded)


def venv():
    """(prefix of the virtual environment or None, whether it sees the system's packages)."""
    beside = os.path.dirname(sys.executable)
    for folder in (beside, os.path.dirname(beside)):
        config = os.path.join(folder, "pyvenv.cfg")
        try:
            with open(config, encoding="utf-8", errors="replace") as lines:
                text = lines.read(65536)
        except OSError:
            continue
        system = "true" in [
            line.partition("=")[2].strip().lower()
            for line in text.splitlines()
            if line.partition("=")[0].strip().lower() == "include-system-site-packages"
        ]
        return folder, system
    return None, True


def describe():
    prefix, system = venv()
    base = sys.base_prefix
    # Debian's interpreter looks in /usr/local first
    bases = ["/usr/local", "/usr"] if base == "/usr" else [base]
    prefixes = ([prefix] if prefix else []) + (bases if system or not prefix else [])
    return {
        "executable": sys.executable,
        "version": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "abiflags": getattr(sys, "abiflags", ""),
        "platform": sys.platform,
        "machine": os.uname().machine if hasattr(os, "uname") else "",
        "prefix": prefix or sys.prefix,
        "base_prefix": base,
        "venv": prefix is not None,
        "conda": os.path.isdir(os.path.join(prefix or sys.prefix, "conda-meta")),
        "path": [entry for entry in sys.path if entry],
        "site": site_folders(prefixes),
        "user_site": user_site() if system or not prefix else "",
    }


def user_site():
    if os.name == "nt":
        return ""
    base = os.environ.get("PYTHONUSERBASE") or os.path.join(os.path.expanduser("~"), ".local")
    return os.path.join(base, "lib", library_folder(), "site-packages")


if not hasattr(sys, "platlibdir"):
    sys.platlibdir = "lib"  # before 3.9

if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(describe()) + "\n")
