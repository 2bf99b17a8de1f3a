"""Role cuda_toolkit: runfile and apt, the host compiler, what is refused, what verify catches."""

from pathlib import Path

import pytest

from tests.provisioning.conftest import MakeRoot
from tests.provisioning.nvidia import machine as with_repositories
from tests.provisioning.nvidia import os_release
from tests.provisioning.repository import Deb, Key, Server
from tests.provisioning.scenario import Root
from tests.provisioning.stack import ARCH, NVCC, cudart, refusals, runfile, serve_runfile, tools

pytestmark = pytest.mark.provisioning

PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [cuda_toolkit]
"""


@pytest.fixture
def machine(scenario: MakeRoot, server: Server, key: Key) -> Root:
    root = scenario()
    source = tools(server, "cuda-tools", key).source
    root.write("/etc/apt/sources.list.d/fixture.list", source)
    root.run("apt-get", "update")
    return root


def test_runfile(machine: Root, server: Server, tmp_path: Path) -> None:
    library = cudart(tmp_path)
    machine.vars.update(serve_runfile(server, "cuda-whole", runfile(library)))

    checked = machine.play(PLAY, check=True)
    assert not checked.failed, checked.output
    assert "cuda_toolkit : Install the toolkit alone" in checked.changed
    assert not machine.exists("/usr/local/cuda-12.1")
    assert "g++" not in machine.packages()

    first = machine.play(PLAY)
    assert not first.failed, first.output
    words = machine.read("/var/log/runfile-words").split()
    assert "--toolkit" in words
    assert "--driver" not in words
    assert "g++" in machine.packages()
    assert "/usr/local/cuda-12.1/lib64/libcudart.so.12" in machine.run("ldconfig", "-p").stdout
    shell = ("bash", "-lc", "echo $CUDA_HOME; command -v nvcc; echo ${NVCC_PREPEND_FLAGS-none}")
    assert machine.run(*shell).stdout.split() == [
        "/usr/local/cuda-12.1",
        "/usr/local/cuda-12.1/bin/nvcc",
        "none",
    ]
    assert not list(machine.file("/var/cache/cuda_toolkit").glob("*.run"))

    again = machine.play(PLAY)
    assert (again.failed, again.changed) == (False, []), again.output
    assert len(machine.read("/var/log/runfile-words").splitlines()) == 1


def test_interrupted_and_upgraded(machine: Root, server: Server, tmp_path: Path) -> None:
    library = cudart(tmp_path)
    broken = runfile(library, broken="mkdir -p $to/bin; touch $to/bin/nvcc; kill -9 $$")
    machine.vars.update(serve_runfile(server, "cuda-broken", broken))
    stopped = machine.play(PLAY)
    assert stopped.failed
    assert machine.exists("/usr/local/cuda-12.1/bin/nvcc")

    machine.vars.update(serve_runfile(server, "cuda-repaired", runfile(library)))
    resumed = machine.play(PLAY)
    assert not resumed.failed, resumed.output
    assert "release 12.1" in machine.run("/usr/local/cuda-12.1/bin/nvcc", "--version").stdout

    newer = runfile(library, broken="touch $to/newer")
    upgraded = machine.play(PLAY, vars=serve_runfile(server, "cuda-newer", newer))
    assert not upgraded.failed, upgraded.output
    assert machine.exists("/usr/local/cuda-12.1/newer")


def test_verify_catches_another_release(machine: Root, server: Server, tmp_path: Path) -> None:
    wrong = runfile(cudart(tmp_path), release="12.0")
    run = machine.play(PLAY, vars=serve_runfile(server, "cuda-wrong", wrong))
    assert run.failed
    assert "CUDA 12.1.1 is not there" in run.message
    assert "release 12.0" in run.message


def test_verify_catches_a_compiler_that_does_not_compile(
    machine: Root, server: Server, tmp_path: Path
) -> None:
    machine.vars.update(serve_runfile(server, "cuda-whole", runfile(cudart(tmp_path))))
    assert not machine.play(PLAY).failed
    machine.file("/usr/bin/g++").unlink()
    run = machine.play(PLAY, tags="verify")
    assert run.failed
    assert "nvcc fatal: no g++" in run.message


def test_older_host_compiler_on_ubuntu_24_04(machine: Root, server: Server, tmp_path: Path) -> None:
    os_release(machine, "ubuntu", "24.04", "Ubuntu 24.04")
    machine.vars.update(serve_runfile(server, "cuda-whole", runfile(cudart(tmp_path))))
    run = machine.play(PLAY)
    assert not run.failed, run.output
    assert {"gcc-12", "g++-12"} <= set(machine.packages())
    assert "g++" not in machine.packages()
    shell = machine.run("bash", "-lc", "echo $CUDAHOSTCXX $NVCC_PREPEND_FLAGS").stdout
    assert shell.split() == ["/usr/bin/g++-12", "-ccbin", "/usr/bin/g++-12"]


def test_refused_before_anything_changes(machine: Root, server: Server) -> None:
    served = serve_runfile(server, "cuda-none", b"")
    other = dict(served, cuda_toolkit_runfile_url=f"{server.url}/nowhere")
    wrong = {"12.1.1": {ARCH: {"file": "cuda.run", "sha256": "0" * 64}}}
    nothing = {"12.1.1": {ARCH: {"file": "cuda.run"}}}
    cases: list[tuple[dict[str, object], str]] = [
        ({"cuda_toolkit_versions": ["12.1"]}, "give full releases such as 12.1.1"),
        ({"cuda_toolkit_versions": ["99.1.0"]}, "Known are 8.0"),
        ({"cuda_toolkit_versions": ["12.1.1", "12.1.0"]}, "one of each minor release"),
        ({"cuda_toolkit_default": "12.4.1"}, "the default among them"),
        ({"cuda_toolkit_versions": {"a": 1}}, "cannot be converted to a list"),
        ({"cuda_toolkit_method": "conda"}, "value of cuda_toolkit_method must be one of"),
        ({"cuda_toolkit_method": "apt"}, "begins with CUDA 12.3"),
        ({"cuda_toolkit_components": ["cuda"]}, "would replace the NVIDIA driver"),
        ({"cuda_toolkit_compute_capabilities": ["12.0"]}, "CUD003 nvcc_too_old_for_gpu: nvcc of"),
        ({"cuda_toolkit_extra_runfiles": nothing}, "is known by its SHA-256"),
        ({**served, "cuda_toolkit_min_free_gib": 9999}, "GiB are free below /usr/local"),
        ({**served, "cuda_toolkit_extra_runfiles": wrong}, "checksum"),
        (other, "Request failed"),
    ]
    run, said = refusals(machine, "cuda_toolkit", [case for case, _ in cases])
    assert len(said) == len(cases), run.output
    for (case, wanted), message in zip(cases, said, strict=True):
        assert wanted in message, case
    assert not machine.exists("/usr/local/cuda-12.1")
    assert not machine.exists("/etc/profile.d/cuda_toolkit.sh")


def test_debian_13_compiles_with_a_newer_release_only(
    scenario: MakeRoot, server: Server, key: Key
) -> None:
    root = scenario("trixie")
    run = root.play(PLAY)
    assert run.failed
    assert "CUD004 host_compiler_too_new_for_nvcc: nvcc of CUDA 12.1.1 compiles" in run.message
    assert "Use CUDA 13.0 or 13.1" in run.message
    assert run.changed == []


def test_apt_on_ubuntu_22_04(scenario: MakeRoot, server: Server, key: Key, tmp_path: Path) -> None:
    root = scenario()
    os_release(root, "ubuntu", "22.04", "Ubuntu 22.04")
    with_repositories(root, server, key, packages(cudart(tmp_path)), distro="ubuntu2204")
    driver = Deb("cuda-drivers", "580.95.05-1")
    source = tools(server, "cuda-apt-tools", key, [driver]).source
    root.write("/etc/apt/sources.list.d/tools.list", source)
    root.run("apt-get", "update")
    root.run("apt-get", "-qy", "install", "cuda-drivers")

    checked = root.play(PLAY, check=True)
    assert not checked.failed, checked.output
    assert "cuda-toolkit-12-1" not in root.packages()
    side_by_side = {"cuda_toolkit_versions": ["12.1.1", "12.4.1"]}
    first = root.play(PLAY, vars=side_by_side)
    assert not first.failed, first.output
    assert root.packages()["cuda-toolkit-12-1"] == "12.1.1-1"
    assert "g++" in root.packages()
    assert "release 12.4" in root.run("/usr/local/cuda-12.4/bin/nvcc", "--version").stdout
    assert root.run("bash", "-lc", "echo $CUDA_HOME").stdout.strip() == "/usr/local/cuda-12.1"
    again = root.play(PLAY, vars=side_by_side)
    assert (again.failed, again.changed) == (False, []), again.output
    other = root.play(PLAY, vars={**side_by_side, "cuda_toolkit_default": "12.4.1"})
    assert not other.failed, other.output
    assert "/usr/local/cuda-12.4/lib64" in root.run("ldconfig", "-p").stdout
    assert root.packages()["cuda-drivers"] == "580.95.05-1"


def packages(library: bytes) -> list[Deb]:
    """Toolkits as NVIDIA packs them, and the metapackage that brings a newer driver."""
    debs = [
        Deb("cuda-drivers", "615.10-1"),
        Deb("cuda-12-1", "12.1.1-1", fields={"Depends": "cuda-drivers (>= 615)"}),
    ]
    for version in ("12.1.1", "12.4.1"):
        release = version.rpartition(".")[0]
        name, place = release.replace(".", "-"), f"/usr/local/cuda-{release}"
        nvcc = NVCC.replace("RELEASE", release)
        depends = f"cuda-compiler-{name} (>= {version})"
        debs += [
            Deb(f"cuda-toolkit-{name}", f"{version}-1", fields={"Depends": depends}),
            Deb(
                f"cuda-compiler-{name}",
                f"{version}-1",
                files={f"{place}/bin/nvcc": nvcc, f"{place}/lib64/libcudart.so.12": library},
            ),
        ]
    return debs
