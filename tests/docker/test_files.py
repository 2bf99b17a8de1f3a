"""The files of docker/, without building: pinned, judged fit, and agreeing with each other."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
BIN = Path(sys.executable).parent
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]


def plan(file: str, part: str, driver: str) -> dict[str, Any]:
    """What doctor says of a plan for an H100 with this driver."""
    command = [sys.executable, "-m", "envcheck", "doctor", "--plan", str(DOCKER / file)]
    command += ["--part", part, "--gpu", "H100", "--driver", driver, "--format", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def locked(name: str) -> dict[str, str]:
    """Package → version, of a lock in which each has a checksum."""
    text = (DOCKER / f"locks/{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=\S)", text.replace("\\\n", ""))
    found = [re.match(r"([\w.-]+)==([\w.+]+).*--hash=sha256:", one) for one in entries if one]
    assert all(found), f"{name}.txt: not all has version and checksum"
    return {one[1]: one[2] for one in found if one}


def asked(file: str) -> list[str]:
    """The lines of an input of a lock."""
    lines = (DOCKER / "locks" / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "docker/Dockerfile"],
        ["shellcheck", "docker/checkout.sh"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker/compose.yaml"],
    ],
    ids=lambda command: command[0],
)
def test_linters(command: list[str]) -> None:
    words = [str(BIN / command[0]), *command[1:]]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("Dockerfile", "doctor"),
        ("Dockerfile", "slowfast"),
        ("compose.yaml", "doctor"),
        ("compose.yaml", "gpu-watch"),
    ],
)
def test_fit_for_an_h100(file: str, part: str) -> None:
    report = plan(file, part, "550.54.14")
    codes = {one["code"] for one in report["findings"]}
    # Checkouts, and files above the compose file's folder, are not read; that is said.
    assert codes <= {"PLN007"} and report["exit_code"] == 0, report["findings"]


def test_slowfast_needs_the_driver_that_its_torch_needs() -> None:
    report = plan("Dockerfile", "slowfast", "520.61.05")
    assert "driver_too_old" in {one["name"] for one in report["findings"]}
    assert report["snapshot"]["torch"]["version"] == "2.4.0+cu121"


def test_every_image_is_named_by_its_digest() -> None:
    bases = re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)
    stages = re.findall(r"(?m)^FROM \S+ AS (\S+)", DOCKERFILE)
    arguments = dict(re.findall(r"(?m)^ARG (\w+)=(.+)", DOCKERFILE))
    images = [arguments[base[2:-1]] for base in bases if base not in stages]
    images += [service["image"] for service in SERVICES.values() if "build" not in service]
    assert len(images) == 6
    for image in images:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image


def test_pip_installs_nothing_that_is_open() -> None:
    instructions = DOCKERFILE.replace("\\\n", " ")
    installs = re.findall(r"pip (?:install|wheel) ([^&\n]*)", instructions)
    assert installs
    for words in installs:
        assert "--require-hashes" in words or "--no-deps" in words, words


@pytest.mark.parametrize("name", ["build", "doctor", "slowfast"])
def test_locks_hold_what_is_asked_for(name: str) -> None:
    if name == "doctor":
        project = msgspec.toml.decode((ROOT / "pyproject.toml").read_bytes())["project"]
        wanted = project["dependencies"] + project["optional-dependencies"]["prometheus"]
    else:
        wanted = asked(f"{name}.in")
    have = locked(name)
    for one in map(Requirement, wanted):
        assert one.specifier.contains(have[one.name]), f"lock {name} anew: {one} (docs/docker.md)"


def test_packages_are_built_with_what_they_run_with() -> None:
    build, run = locked("build"), locked("slowfast")
    both = build.keys() & run.keys()
    assert {"setuptools", "wheel"} <= both
    assert {name: build[name] for name in both} == {name: run[name] for name in both}


def test_patches_are_those_of_the_roles() -> None:
    patches = re.findall(r"/patches/(\w+)/([\w-]+\.patch)", DOCKERFILE)
    assert len(patches) == 4
    for role, patch in patches:
        assert (ROOT / f"ansible/roles/{role}/files/{patch}").is_file()


@pytest.mark.parametrize("name", SERVICES)
def test_services_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert "privileged" not in service
    # The image of envcheck has a health check of its own, for one that runs once.
    assert "healthcheck" in service or name == "doctor"
    for volume in service.get("volumes", ()):
        source = volume.split(":")[0]
        assert (DOCKER / source).exists() if source[0] == "." else source in COMPOSE["volumes"]


def test_services_find_each_other() -> None:
    exporter = SERVICES["gpu-watch"]["command"]
    port = exporter[exporter.index("--prometheus") + 1].split(":")[1]
    scraping = yaml.safe_load((DOCKER / "prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = scraping["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"gpu-watch:{port}"]}]
    assert f":{port}/metrics" in "".join(SERVICES["gpu-watch"]["healthcheck"]["test"])

    sources = DOCKER / "grafana/datasources/prometheus.yaml"
    (source,) = yaml.safe_load(sources.read_text(encoding="utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    board = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    folders = {
        volume.split(":")[1]: volume.split(":")[0] for volume in SERVICES["grafana"]["volumes"]
    }
    assert (DOCKER / folders[str(Path(board).parent)] / Path(board).name).is_file()
