"""docker/Dockerfile, really built by buildah; its images run, and judged from outside."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.provisioning.buildah import BASES, Buildah, Container, context, locked_wheels

pytestmark = pytest.mark.provisioning


@pytest.fixture(scope="module")
def buildah(private_mounts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    """A store with the base, gone after the tests: it takes gigabytes."""
    if not shutil.which("buildah"):
        pytest.skip("not installed: buildah")
    store = Buildah(tmp_path_factory.mktemp("buildah"))
    store.make_base()
    store.lend(locked_wheels("build", "doctor"))
    yield store
    shutil.rmtree(store.folder)


@pytest.fixture(scope="module")
def doctor(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image."""
    return buildah.build("doctor", context(tmp_path_factory.mktemp("doctor")), BASES)


@pytest.fixture(scope="module")
def container(buildah: Buildah, doctor: str) -> Container:
    return buildah.container(doctor)


def judged(path: Path) -> dict[str, Any]:
    """What doctor says of an exported image, from outside and without an engine."""
    command = [sys.executable, "-m", "envcheck", "doctor", "--image", str(path), "--format", "json"]
    cache = {**os.environ, "XDG_CACHE_HOME": str(path.parent / "cache")}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=cache)
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def findings(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["code"], one["severity"]) for one in report["findings"]}


def test_doctor_is_not_root_and_brings_no_installer(container: Container) -> None:
    assert container.run("id", "-u").stdout.strip() == "10001"
    written = container.run("sh", "-c", "find / -xdev -writable -type f -not -path '/proc/*'")
    assert [path for path in written.stdout.split() if not path.startswith("/home/")] == []
    assert container.run("/opt/envcheck/bin/python", "-m", "pip").returncode == 1
    exporter = "import prometheus_client, envcheck.watch.prometheus"
    assert container.run("/opt/envcheck/bin/python", "-c", exporter).returncode == 0


def test_health_check(buildah: Buildah, doctor: str, container: Container) -> None:
    settings = buildah.settings(doctor)
    assert (settings["Entrypoint"], settings["Cmd"]) == (["envcheck"], ["doctor"])
    word, *command = settings["Healthcheck"]["Test"]
    healthy = container.run(*command)
    assert (word, healthy.returncode) == ("CMD", 0), healthy.stdout


def test_judged_from_outside_as_from_inside(
    buildah: Buildah, doctor: str, container: Container, tmp_path: Path
) -> None:
    inside = json.loads(container.run("envcheck", "doctor", "--format", "json").stdout)
    assert findings(inside)
    for transport in ("oci", "docker-archive"):
        outside = judged(buildah.export(doctor, transport, tmp_path / transport))
        assert findings(outside) == findings(inside)
        distributions = [
            report["snapshot"]["python"]["distributions"] for report in (inside, outside)
        ]
        assert distributions[0] == distributions[1]


def test_nothing_of_the_build_remains(buildah: Buildah, doctor: str, container: Container) -> None:
    assert container.run("sh", "-c", "ls -A /src /wheels /locks 2> /dev/null").stdout == ""
    assert container.run("cat", "/etc/pip.conf").stdout == ""  # the place of a mount
    said = json.dumps(buildah.settings(doctor))
    assert "10001:10001" in said and "index" not in said
