"""`envcheck preflight` as people run it: exit codes, streams, every source of a Snapshot."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from envcheck.doctor import examine
from envcheck.facts import NOT_ASKED, encode
from envcheck.preflight import preflight
from tests.make_docs import ROOT
from tests.policy.files import written
from tests.rules.machine import change, healthy
from tests.test_sysroot import root

EXPIRED = '[[ignore]]\ncode = "GPU"\nreason = "x"\nuntil = 2020-01-01\n'


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "preflight", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
    )


def machine(folder: Path, **changes: object) -> str:
    file = folder / "machine.json"
    file.write_bytes(encode(change(healthy(), **changes)))
    return str(file)


def judged(*arguments: str, folder: Path) -> dict[str, Any]:
    ran = run(folder, "--format", "json", *arguments)
    report: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == report["exit_code"] and not report["crashed"], ran
    return report


def test_the_policy_of_the_folder_is_met_or_not(tmp_path: Path) -> None:
    below = tmp_path / "a"
    below.mkdir()
    file = machine(tmp_path)
    written(tmp_path, envcheck='require = ["driver >= 535"]')
    met = judged("--snapshot", file, folder=below)
    assert (met["verdict"], met["exit_code"], met["findings"]) == ("fit", 0, [])
    assert met["snapshot"]["policy"]["requirements"][0]["where"] == "../envcheck.toml:1"
    more = judged("--snapshot", file, "--require", "gpu.count >= 8", folder=below)
    assert [finding["code"] for finding in more["findings"]] == ["POL001"]
    assert (more["verdict"], more["exit_code"]) == ("unfit", 1)


def test_text_says_line_and_requirement(tmp_path: Path) -> None:
    written(tmp_path, envcheck='require = [\n  "gpu.count >= 8",\n]')
    ran = run(tmp_path, "--snapshot", machine(tmp_path), "--format", "concise")
    assert ran.returncode == 1
    assert "gpu.count is 1; the policy asks for gpu.count >= 8" in ran.stdout
    ran = run(tmp_path, "--snapshot", machine(tmp_path))
    assert "envcheck.toml:2" in ran.stdout


def test_an_annotation_stands_at_the_line_of_the_policy(tmp_path: Path) -> None:
    written(tmp_path, envcheck='require = [\n  "gpu.count >= 8",\n]')
    ran = run(tmp_path, "--snapshot", machine(tmp_path), "--format", "github")
    assert ran.stdout.startswith("::error file=envcheck.toml,line=2,title=POL001 ")


def test_a_named_policy_is_the_only_file(tmp_path: Path) -> None:
    written(tmp_path, envcheck='require = ["gpu.count >= 8"]', other="")
    report = judged("--policy", "other.toml", "--snapshot", machine(tmp_path), folder=tmp_path)
    assert report["snapshot"]["policy"]["files"] == ["other.toml"] and not report["findings"]


def test_the_doctor_knows_no_policy(tmp_path: Path) -> None:
    written(tmp_path, envcheck="this is no TOML")
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "doctor", "--snapshot", machine(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        ({}, (), "no policy: there is no envcheck.toml"),
        ({"envcheck": "require = [\n'gpu.cuont >= 8']"}, (), "envcheck.toml:2: no fact"),
        ({}, ("--require", "gpu.count >= 8GiB"), "--require 'gpu.count >= 8GiB': "),
        ({}, ("--require", "torch==2.4", "--require", "torch==2.5"), "nothing can meet both"),
        ({"envcheck": ""}, ("--policy", "gone.toml"), "gone.toml: No such file"),
        ({"envcheck": "extends = 'envcheck.toml'"}, (), "envcheck.toml:1: these policies"),
        ({"envcheck": ""}, ("--select", "DRV", "--ignore", "DRV,POL"), "leave no check"),
        ({"envcheck": ""}, ("--policy", ""), "No such file"),
    ],
)
def test_what_cannot_be_used(
    files: dict[str, str], arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    written(tmp_path, **files)
    ran = run(tmp_path, *arguments)
    assert (ran.returncode, ran.stdout) == (2, ""), ran
    assert ran.stderr.startswith("envcheck: ") and said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_an_expired_exception_is_a_warning(tmp_path: Path) -> None:
    written(tmp_path, envcheck=EXPIRED)
    report = judged("--snapshot", machine(tmp_path), folder=tmp_path)
    assert [finding["code"] for finding in report["findings"]] == ["POL003"]
    assert report["exit_code"] == 0


def test_ignored_findings_are_in_the_json_and_the_schema(tmp_path: Path) -> None:
    written(
        tmp_path,
        envcheck='[[ignore]]\ncode = "TCH"\nreason = "CPU job"\nuntil = 9999-12-31\n',
    )
    file = machine(tmp_path, torch__cuda=None)
    report = judged("--snapshot", file, folder=tmp_path)
    assert report["exit_code"] == 0 and report["findings"] == []
    assert {one["finding"]["name"] for one in report["ignored"]} >= {"cpu_only_build"}
    assert {one["where"] for one in report["ignored"]} == {"envcheck.toml:1"}
    schema = json.loads((ROOT / "envcheck/schema/report.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema)


def test_what_is_asked_for_is_looked_up(tmp_path: Path) -> None:
    """--select leaves only rules of the policy: nothing else would look at disks or Python."""
    disk = f"disk:{tmp_path} >= 1B"
    report = judged(
        "--select", "POL", "--require", disk, "--require", "python > 3", folder=tmp_path
    )
    assert report["findings"] == [] and report["verdict"] == "fit"
    assert str(tmp_path) in {disk["path"] for disk in report["snapshot"]["host"]["disks"]}
    assert report["snapshot"]["extensions"]["why"] == "not_asked"
    gone = judged("--select", "POL", "--require", "disk:/no/such >= 1B", folder=tmp_path)
    assert "/no/such is not there" in gone["findings"][0]["message"]


def test_another_root(tmp_path: Path) -> None:
    base = tmp_path / "root"
    base.mkdir()
    written(tmp_path, envcheck='require = ["torch == 2.8.*", "disk:/data >= 1GiB"]')
    arguments = ("--sysroot", root(base, "sm_70"), "--python", "/venv", "--select", "POL")
    report = judged(*arguments, folder=tmp_path)
    assert [finding["code"] for finding in report["findings"]] == ["POL002"]
    assert "disk:/data" in report["findings"][0]["message"]


def test_a_pasted_report(tmp_path: Path) -> None:
    paste = tmp_path / "paste.txt"
    paste.write_text("Package Version\n------- -------\nnumpy   2.1.0\ntorch   2.4.0+cu121\n")
    arguments = ("--report", str(paste), "--select", "POL", "--require", "package:numpy < 2")
    report = judged(*arguments, "--require", "gpu.count >= 1", folder=tmp_path)
    assert {finding["code"] for finding in report["findings"]} == {"POL001", "POL002"}


def test_a_saved_report_is_judged_by_the_policy_of_today(tmp_path: Path) -> None:
    """Not by the one saved with it: whoever made the file could excuse everything."""
    ran = run(
        tmp_path, "--snapshot", machine(tmp_path), "--require", "gpu.count >= 8", "--format", "json"
    )
    tmp_path.joinpath("saved.json").write_text(ran.stdout)
    again = judged("--snapshot", "saved.json", "--require", "gpu.count >= 1", folder=tmp_path)
    assert again["findings"] == [] and len(again["snapshot"]["policy"]["requirements"]) == 1
    doctor = examine(snapshot=str(tmp_path / "saved.json"))
    assert doctor.verdict == "fit" and doctor.snapshot.policy == NOT_ASKED


def test_a_requirement_is_judged_whatever_is_selected(tmp_path: Path) -> None:
    arguments = ("--snapshot", machine(tmp_path), "--require", "gpu.count >= 8")
    report = judged(*arguments, "--select", "DRV", folder=tmp_path)
    assert [finding["code"] for finding in report["findings"]] == ["POL001"]


def test_as_a_library(tmp_path: Path) -> None:
    report = preflight(require=["gpu.count == 1"], snapshot=machine(tmp_path))
    assert report.verdict == "fit"


def test_editors_accept_what_we_accept_and_refuse_what_we_refuse() -> None:
    schema = json.loads((ROOT / "envcheck/schema/policy.json").read_text(encoding="utf-8"))
    good = {
        "extends": "base.toml",
        "require": ["gpu.count >= 8", {"expr": "torch", "severity": "note"}],
        "severity": {"DRV002": "warning"},
        "ignore": [{"code": "GPU", "reason": "x", "until": "2027-01-31"}],
    }
    jsonschema.validate(good, schema)
    refused: list[dict[str, object]] = [
        {"requires": []},
        {"require": [{"severity": "note"}]},
        {"severity": {"DRV002": "fatal"}},
        {"ignore": [{"code": "GPU", "reason": "x"}]},
    ]
    for bad in refused:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
