"""ci/kubernetes: the DaemonSet's program against an API server, and what its pods may do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.cluster import READY, Cluster, cluster
from tests.ci.runners import ROOT, load, place
from tests.test_cli import saved

FOLDER = ROOT / "ci/kubernetes"
PROGRAM = FOLDER / "node_condition.py"


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def pod() -> Any:
    return documents("daemonset.yaml")[0]["spec"]["template"]["spec"]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Cluster]:
    place(tmp_path / "bin")
    with cluster(tmp_path) as made:
        yield made


def given(api: Cluster, command: str = "") -> dict[str, str]:
    """The environment of the DaemonSet's container."""
    (container,) = pod()["containers"]
    said = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    bin_folder = api.folder / "bin"
    asked = {"ENVCHECK_COMMAND": command} if command else {}
    return said | {"PATH": f"{bin_folder}:/usr/bin:/bin"} | api.environ | asked


def run(api: Cluster, command: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    """The program, once."""
    return subprocess.run(
        [sys.executable, PROGRAM, "--once"],
        env=given(api, command) | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_node_that_is_not_as_asked_is_marked_with_the_code(api: Cluster) -> None:
    ran = run(api, 'preflight --select POL --require "package:no-such-package"')
    assert ran.returncode == 0, ran.stderr
    found = api.condition
    assert (found["status"], found["reason"]) == ("True", "POL001")
    assert "no-such-package" in found["message"] and found["message"] in ran.stdout
    assert api.label == "false" and READY in api.node["status"]["conditions"]


def test_the_command_that_is_shipped_is_one_envcheck_takes(api: Cluster) -> None:
    ran = run(api)
    assert ran.returncode == 0, ran.stderr
    # a machine with GPUs may be fit
    assert api.condition["reason"] != "NotJudged" and api.label in ("true", "false")


def test_time_of_the_transition_is_kept_while_nothing_changes(api: Cluster) -> None:
    fit = f"doctor --snapshot {saved(api.folder)}"
    run(api, fit)
    assert (api.condition["status"], api.label) == ("False", "true")
    then = "2026-01-01T00:00:00Z"
    api.node["status"]["conditions"][1] |= {"lastTransitionTime": then, "lastHeartbeatTime": then}
    again = run(api, fit)
    assert api.condition["lastTransitionTime"] == then < api.condition["lastHeartbeatTime"]
    assert again.stdout == "", "a pod's log holds changes only"
    run(api, "doctor --select NONE")
    assert api.condition["lastTransitionTime"] == api.condition["lastHeartbeatTime"] > then


@pytest.mark.parametrize(
    ("command", "said"),
    [("preflight --require gpu.cuont", "gpu.count"), ("doctor --select NONE", "NONE")],
)
def test_what_nobody_judged_is_unknown(api: Cluster, command: str, said: str) -> None:
    assert run(api, command).returncode == 0
    found = api.condition
    assert (found["status"], found["reason"], api.label) == ("Unknown", "NotJudged", "unknown")
    assert said in found["message"]


def test_an_image_without_envcheck_is_unknown(api: Cluster) -> None:
    run(api, PATH="/nonexistent")
    assert api.condition["status"] == "Unknown" and "envcheck" in api.condition["message"]


def test_it_ends_when_the_pod_is_told_to(api: Cluster) -> None:
    command = [sys.executable, str(PROGRAM)]
    with subprocess.Popen(
        command, env=given(api, "doctor --select NONE"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("EnvcheckUnfit=Unknown")
        process.terminate()
        assert process.wait(timeout=30) == 0


@pytest.mark.parametrize("refused", ["token", "node", "certificate", "server"])
def test_an_api_server_that_refuses_is_said(api: Cluster, refused: str) -> None:
    account = Path(api.environ["SERVICE_ACCOUNT"])
    changes = {}
    if refused == "token":
        (account / "token").write_text("stolen")
    elif refused == "node":
        changes["NODE_NAME"] = "gpu-18"
    elif refused == "certificate":
        other = api.folder / "other"
        other.mkdir()
        with cluster(other) as stranger:
            changes["KUBERNETES_SERVICE_PORT"] = stranger.environ["KUBERNETES_SERVICE_PORT"]
            ran = run(api, f"doctor --snapshot {saved(api.folder)}", **changes)
    else:
        changes["KUBERNETES_SERVICE_PORT"] = "1"
    if refused != "certificate":
        ran = run(api, f"doctor --snapshot {saved(api.folder)}", **changes)
    assert ran.returncode == 1 and "the API server: " in ran.stderr
    assert "Traceback" not in ran.stderr and api.label is None


def test_the_pod_may_do_nothing_else() -> None:
    rules = [rule for one in documents("access.yaml") for rule in one.get("rules", [])]
    assert rules == [{"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["get", "patch"]}]
    (container,) = pod()["containers"]
    secured = container["securityContext"]
    assert secured["readOnlyRootFilesystem"] and not secured["allowPrivilegeEscalation"]
    assert secured["capabilities"] == {"drop": ["ALL"]} and pod()["securityContext"]["runAsNonRoot"]
    assert not any("hostPath" in volume for volume in pod()["volumes"])
    assert "nvidia.com/gpu" not in str(container["resources"]), "no GPU is taken from the jobs"


def test_the_kustomization_names_files_that_are_there() -> None:
    said = load("ci/kubernetes/kustomization.yaml")
    (generated,) = said["configMapGenerator"]
    assert all((FOLDER / name).is_file() for name in said["resources"] + generated["files"])
    (volume,) = (one["configMap"]["name"] for one in pod()["volumes"] if "configMap" in one)
    (container,) = pod()["containers"]
    (image,) = said["images"]
    assert (volume, container["image"]) == (generated["name"], image["name"])
    folder, _, program = container["command"][1].rpartition("/")
    assert folder in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert program in generated["files"]


def test_the_init_containers_command_is_one_envcheck_takes(tmp_path: Path) -> None:
    (example,) = documents("init-container.yaml")
    (init,) = example["spec"]["initContainers"]
    program = place(tmp_path) / "envcheck"
    ran = subprocess.run(
        [program, *init["command"][1:]],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode in (0, 1), ran.stderr  # whatever this machine is
    (train,) = example["spec"]["containers"]
    assert init["resources"] == train["resources"] and init["image"] == train["image"]
