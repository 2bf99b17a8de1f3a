"""Role mamba_env: a real solve and link from a channel, pip from an index, what is refused."""

from typing import Any

import pytest

from tests.provisioning.channel import (
    PYTHON,
    Channel,
    PackageIndex,
    add_torch,
    lend_rattler,
    serve_installer,
)
from tests.provisioning.conftest import MakeRoot
from tests.provisioning.repository import Server
from tests.provisioning.scenario import Root
from tests.provisioning.stack import refusals

pytestmark = pytest.mark.provisioning

PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [mamba_env]
"""
TORCH = {"release": "2.4.0", "cuda": "12.1"}
VERSION = PYTHON.removeprefix("python")


@pytest.fixture(scope="module")
def channel(server: Server) -> Channel:
    channel = Channel(server, "channel")
    channel.add_python(f"{VERSION}.2")
    channel.add_python("3.9.20")  # a lie: what verify must catch
    channel.add_pip()
    channel.add("ninja", "1.12.1", {"bin/ninja": "#!/bin/sh\n"}, {})
    channel.add("make", "4.4", {"bin/make": "#!/bin/sh\n"}, {})
    channel.publish()
    return channel


@pytest.fixture(scope="module")
def index(server: Server) -> PackageIndex:
    index = PackageIndex(server, "simple")
    add_torch(index)
    index.add("simplejson", "3.19.0")
    index.add("wants-new-numpy", "1.0", requires=["numpy>=2"])
    return index


@pytest.fixture
def machine(scenario: MakeRoot, server: Server, channel: Channel, index: PackageIndex) -> Root:
    root = scenario()
    lend_rattler(root)
    root.vars.update(serve_installer(server, "miniforge"))
    root.vars["mamba_env_channels"] = [channel.url]
    root.vars["mamba_env_pip_index_url"] = index.url
    return root


def env(**more: Any) -> dict[str, Any]:
    """Variables with one environment."""
    one = {"name": "video", "python": VERSION, "conda": ["ninja"], "torch": TORCH}
    return {"mamba_env_envs": [{**one, "pip": ["simplejson", "numpy<2"], **more}]}


def test_environment(machine: Root) -> None:
    machine.vars.update(env())
    checked = machine.play(PLAY, check=True)
    assert not checked.failed, checked.output
    assert "mamba_env : Resolve and install" in checked.changed
    assert not machine.exists("/opt/miniforge3")
    assert not machine.exists("/opt/envs")

    first = machine.play(PLAY)
    assert not first.failed, first.output
    said = machine.run("/opt/envs/video/bin/python", "-m", "pip", "freeze").stdout.split()
    assert {"torch==2.4.0", "torchvision==0.19.0", "torchaudio==2.4.0", "numpy==1.26.4"} <= set(
        said
    )
    assert machine.exists("/opt/envs/video/bin/ninja")
    assert machine.exists("/opt/envs/video/conda-meta/ninja-1.12.1-0.json")
    for file in ("/root/.bashrc", "/etc/bash.bashrc"):
        assert "conda" not in machine.read(file)

    again = machine.play(PLAY)
    assert (again.failed, again.changed) == (False, []), again.output

    more = env(conda=["ninja", "make"], pip=["simplejson", "numpy<2", "wants-new-numpy==1.0"])
    refused = machine.play(PLAY, vars=more)
    assert refused.failed
    assert "conflict" in refused.output
    assert machine.exists("/opt/envs/video/bin/make")

    other = machine.play(PLAY, vars=env(python="3.9"))
    assert "its packages would break" in other.message


def test_interrupted(machine: Root, server: Server) -> None:
    midway = serve_installer(server, "miniforge-killed", "touch $3/half; kill -9 $$")
    stopped = machine.play(PLAY, vars={**env(), **midway})
    assert stopped.failed
    assert machine.exists("/opt/miniforge3/half")
    # As if mamba had been killed too.
    machine.write("/opt/envs/video/half", "")
    machine.write("/opt/envs/video/conda-meta/history", "")
    machine.write("/opt/envs/video.incomplete", "")

    resumed = machine.play(PLAY, vars=env())
    assert not resumed.failed, resumed.output
    assert not machine.exists("/opt/miniforge3/half")
    assert not machine.exists("/opt/envs/video/half")
    assert not machine.exists("/opt/envs/video.incomplete")
    assert machine.run("/opt/envs/video/bin/python", "-c", "import torch").returncode == 0


def test_verify_catches_another_python(machine: Root) -> None:
    run = machine.play(PLAY, vars=env(python="3.9", pip=[]))
    assert run.failed
    assert "is not what was asked for" in run.message
    assert f'"python": "{VERSION}"' in run.message


def test_verify_catches_a_cpu_build(machine: Root, server: Server) -> None:
    index = PackageIndex(server, "simple-cpu")
    add_torch(index, cuda=None)
    run = machine.play(PLAY, vars={**env(pip=[]), "mamba_env_pip_index_url": index.url})
    assert run.failed
    assert '"cuda": null' in run.message


def test_refused_before_anything_changes(machine: Root) -> None:
    blackwell = {"mamba_env_compute_capabilities": ["12.0"]}
    cases: list[tuple[dict[str, Any], str]] = [
        (env(torch={**TORCH, "cuda": "12.8"}), "Of that release there are: CUDA 11.8"),
        (env(torch={**TORCH, "release": "2.4"}), "there are: none"),
        (env(torch={"release": "2.4.0"}), "missing required arguments: cuda"),
        (env(torch="2.4.0"), "dictionary"),
        (env(python="3.13"), "PYE001 python_too_new: torch 2.4.0"),
        (env(python=3.1), "no wheel for Python 3.1"),
        (env(python="three"), 'a Python such as "3.11"'),
        (env(name="../root"), "a name of its own"),
        ({"mamba_env_envs": [{"name": "nameless"}]}, "missing required arguments: python"),
        ({"mamba_env_envs": env()["mamba_env_envs"] * 2}, "a name of its own"),
        ({**env(), **blackwell}, "TCH003 arch_not_in_build: torch 2.4.0"),
        ({**env(), "mamba_env_miniforge_sha256": {}}, "is not known by its SHA-256"),
        ({**env(), "mamba_env_miniforge_sha256": {"x86_64": "0" * 64}}, "checksum"),
    ]
    run, said = refusals(machine, "mamba_env", [case for case, _ in cases])
    assert len(said) == len(cases), run.output
    for (case, wanted), message in zip(cases, said, strict=True):
        assert wanted in message, case
    assert not machine.exists("/opt/miniforge3")
