"""provision.yml as a whole: a bare machine with an H100 becomes the stack; verify.yml judges it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.provisioning import sources
from tests.provisioning.channel import PYTHON, Channel, PackageIndex, lend_rattler, serve_installer
from tests.provisioning.nvidia import debian_driver, machine
from tests.provisioning.repository import Key, Server
from tests.provisioning.scenario import ANSIBLE, HOST, Root, make_root, unmount
from tests.provisioning.stack import cudart, runfile, serve_runfile, tools
from tests.provisioning.test_envcheck_role import NEEDED, build_wheel
from tests.provisioning.wheelhouse import wheelhouse

pytestmark = pytest.mark.provisioning


@pytest.fixture
def bare(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, server: Server, key: Key
) -> Iterator[Root]:
    """An H100, no driver, and every address a mirror on loopback."""
    with sources.root_with_git(tmp_path_factory.mktemp("git"), key) as lower:
        work = tmp_path_factory.mktemp("bare")
        root = make_root(lower.path, work, megabytes=2048, archive=False, key=key)
        machine(root, server, key, debian_driver("580.126.20"))
        lend_rattler(root)
        root.write("/etc/apt/sources.list.d/tools.list", tools(server, "whole", key).source)
        root.run("apt-get", "update")
        channel, index = Channel(server, "whole-channel"), PackageIndex(server, "whole-simple")
        channel.add_python(f"{PYTHON.removeprefix('python')}.2")
        channel.add_pip()
        channel.add("ninja", "1.12.1", {"bin/ninja": "#!/bin/sh\n"}, {})
        channel.publish()
        sources.add_torch_modules(index)
        index.add("torchaudio", "2.4.0")
        root.vars |= sources.publish(server, work / "sources").vars
        root.vars |= serve_runfile(server, "whole-cuda", runfile(cudart(work)))
        root.vars |= serve_installer(server, "whole-miniforge")
        root.vars |= {
            "mamba_env_channels": [channel.url],
            "mamba_env_pip_index_url": index.url,
            "mamba_env_slowfast": environment(index),
            "envcheck_wheel": str(build_wheel(work / "wheel")),
            "envcheck_wheelhouse": str(wheelhouse(*NEEDED)),
            "envcheck_reports": str(work / "reports"),
        }
        yield root
        unmount(root)


def environment(index: PackageIndex) -> dict[str, Any]:
    """The role's own SlowFast environment, of this Python; the index gets all that it asks for."""
    text = (ANSIBLE / "roles/mamba_env/defaults/main.yml").read_text(encoding="utf-8")
    wanted: dict[str, Any] = yaml.safe_load(text)["mamba_env_slowfast"]
    for requirement in wanted["pip"]:
        match = re.match(r"([\w-]+)(?:[=>]=([\d.]+))?", requirement)
        assert match
        if match[1] not in ("setuptools", "wheel", "numpy"):
            index.add(match[1], match[2] or "5.0")
    return {**wanted, "python": PYTHON.removeprefix("python")}


def test_provisioned_and_verified(bare: Root) -> None:
    checked = bare.play("provision.yml", check=True)
    assert not checked.failed, checked.output
    assert not bare.exists("/opt/src")
    assert not bare.exists("/usr/local/cuda-12.1")

    first = bare.play("provision.yml")
    assert not first.failed, first.output
    assert bare.packages()["nvidia-open"] == "580.126.20-1"
    python = "/opt/envs/slowfast/bin/python"
    code = "import slowfast.datasets.multigrid_helper, detectron2._C as c; print(c.ARCHES)"
    assert bare.run(python, "-c", code).stdout == "9.0\n"

    again = bare.play("provision.yml")
    assert (again.failed, again.changed) == (False, []), again.output

    verified = bare.play("verify.yml", vars={"envcheck_require": []})
    assert verified.failed
    assert "driver_not_loaded" in verified.message
    report = json.loads((bare.work / f"reports/doctor-slowfast/{HOST}.json").read_text())
    assert report["snapshot"]["torch"]["version"] == "2.4.0"
