"""Fixtures of the roles for CUDA, Python environments and source packages: what they download.

Must not know what a test expects of it.
"""

import base64
import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.provisioning.repository import Deb, Key, Repository, Server
from tests.provisioning.scenario import Root, Run

ARCH = platform.machine()
NVCC = """#!/bin/sh
# Says its release and its targets; compiles with the compiler that -ccbin names, else with g++.
case "$1" in
    --version) echo "Cuda compilation tools, release RELEASE, V0"; exit ;;
    --list-gpu-code) printf "sm_80\\nsm_86\\nsm_89\\nsm_90\\n"; exit ;;
esac
set -- $NVCC_PREPEND_FLAGS "$@"
compiler=g++
while [ $# -gt 0 ]; do
    case "$1" in -ccbin) compiler=$2; shift ;; -o) output=$2; shift ;; esac
    shift
done
command -v "$compiler" > /dev/null || { echo "nvcc fatal: no $compiler" >&2; exit 1; }
"$compiler" > "$output"
"""
RUNFILE = """#!/bin/sh
# A self-extracting installer: only its own name is as NVIDIA's, and the words it takes.
echo "$@" >> /var/log/runfile-words
for word in "$@"; do case "$word" in --toolkitpath=*) to=${word#*=} ;; esac; done
mkdir -p "$to/bin" "$to/lib64"
BREAK
cat > "$to/bin/nvcc" <<'EOF'
NVCC
EOF
chmod 755 "$to/bin/nvcc"
base64 -d > "$to/lib64/libcudart.so.12" <<'EOF'
LIBRARY
EOF
"""


def cudart(folder: Path) -> bytes:
    """A shared library that calls itself libcudart.so.12."""
    target = folder / "libcudart.so.12"
    soname = "-Wl,-soname,libcudart.so.12"
    command = ["gcc", "-shared", "-nostdlib", soname, "-x", "c", "/dev/null", "-o", str(target)]
    subprocess.run(command, check=True)
    return target.read_bytes()


def runfile(library: bytes, *, release: str = "12.1", broken: str = "") -> bytes:
    """An installer of a toolkit; `broken` is shell that runs before nvcc is there."""
    text = RUNFILE.replace("NVCC", NVCC.replace("RELEASE", release).rstrip())
    text = text.replace("LIBRARY", base64.encodebytes(library).decode().rstrip())
    return text.replace("BREAK", broken).encode()


def serve_runfile(server: Server, name: str, data: bytes) -> dict[str, object]:
    """Variables that name a runfile on loopback HTTP as the one of CUDA 12.1.1."""
    folder = server.folder / name / "12.1.1/local_installers"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cuda.run").write_bytes(data)
    known = {"file": "cuda.run", "sha256": hashlib.sha256(data).hexdigest()}
    return {
        "cuda_toolkit_runfile_url": f"{server.url}/{name}",
        "cuda_toolkit_extra_runfiles": {"12.1.1": {ARCH: known}},
        "cuda_toolkit_min_free_gib": 0.01,
    }


def compiler(name: str) -> Deb:
    """A compiler's package: the program is there and says so."""
    return Deb(name, "1.0-1", files={f"/usr/bin/{name}": "#!/bin/sh\necho compiled\n"})


def tools(server: Server, path: str, key: Key, debs: Sequence[Deb] = ()) -> Repository:
    """An apt repository with the compilers and small tools that the roles ask the system for."""
    names = ("gcc", "g++", "gcc-12", "g++-12")
    small = (Deb("libxml2", "2.9-1"), Deb("bzip2", "1.0-1"))
    return Repository(server, path, key, [*map(compiler, names), *small, *debs])


def refusals(root: Root, role: str, cases: Sequence[Mapping[str, Any]]) -> tuple[Run, list[str]]:
    """Play the role once with each set of variables; what it refused with, one text a case."""
    tasks = [
        {
            "name": f"Case {number}",
            "block": [{"ansible.builtin.include_role": {"name": role}, "vars": dict(case)}],
            "rescue": [{"ansible.builtin.debug": {"msg": f"refused {number}"}}],
        }
        for number, case in enumerate(cases)
    ]
    play = [{"hosts": "gpu_machines", "gather_facts": False, "tasks": tasks}]
    run = root.play(json.dumps(play) + "\n")
    return run, [one["msg"] for one in run.outcomes if one["status"] == "failed"]
