"""`envcheck fleet`: from the files of many machines to groups, outliers, drift and an exit code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from envcheck.errors import UsageError
from envcheck.facts import Snapshot, decode, encode
from envcheck.facts.paths import replace
from envcheck.fleet.judging import Judge
from envcheck.fleet.model import Fleet, Machine
from envcheck.fleet.nodeset import fold
from envcheck.fleet.run import FEW, judge_fleet
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.report import Report
from envcheck.rules import RULES

MACHINES = Path(__file__).parent.parent / "machines"


def recorded(name: str) -> Snapshot:
    return decode((MACHINES / f"{name}.json").read_bytes())


def write(folder: Path, name: str, snapshot: Snapshot) -> None:
    (folder / f"{name}.json").write_bytes(encode(snapshot))


def h100s(folder: Path, count: int = 6) -> None:
    for number in range(count):
        write(folder, f"n{number:02d}", recorded("h100"))


def run(*arguments: str) -> tuple[int, str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", "fleet", *arguments],
        capture_output=True,
        check=False,
        text=True,
    )
    return ran.returncode, ran.stdout, ran.stderr


def named(fleet: Fleet, host: str) -> Machine:
    return next(machine for machine in fleet.machines if machine.host == host)


def test_machines_of_a_kind_are_together_and_the_odd_ones_named(tmp_path: Path) -> None:
    h100s(tmp_path)
    write(tmp_path, "n06", replace(recorded("h100"), "driver.version", "570.86.15"))
    write(tmp_path, "ws1", recorded("rtx4090"))
    fleet = judge_fleet([str(tmp_path)])
    first, second = fleet.groups
    assert first.kind == "1 × NVIDIA H100 80GB HBM3, x86_64" and len(first.hosts) == 7
    assert second.kind.startswith("2 × NVIDIA GeForce RTX 4090") and second.hosts == ("ws1",)
    (outlier,) = first.outliers
    assert (outlier.path, outlier.common, outlier.share) == ("driver.version", "550.54.15", 6)
    assert [(odd.value, odd.hosts) for odd in outlier.odd] == [("570.86.15", ("n06",))]


def test_a_package_that_few_have_or_lack_is_an_outlier(tmp_path: Path) -> None:
    h100s(tmp_path)
    base = json.loads((MACHINES / "h100.json").read_text())
    base["python"]["distributions"] = [
        dist for dist in base["python"]["distributions"] if dist["name"] != "numpy"
    ]
    (tmp_path / "n09.json").write_text(json.dumps(base))
    (outlier,) = judge_fleet([str(tmp_path)]).groups[0].outliers
    assert outlier.path == "python.distributions.numpy"
    assert [(odd.value, odd.hosts) for odd in outlier.odd] == [("absent", ("n09",))]


def test_where_no_value_prevails_none_is_odd(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, f"n{number}", replace(recorded("h100"), "host.kernel", f"6.8.{number % 3}"))
    assert judge_fleet([str(tmp_path)]).groups[0].outliers == ()


def test_findings_are_told_once_with_their_machines_the_worst_first(tmp_path: Path) -> None:
    h100s(tmp_path)
    for number in (7, 8):
        write(tmp_path, f"n0{number}", recorded("h100_driver_450"))
    fleet = judge_fleet([str(tmp_path)])
    first = fleet.problems[0]
    assert first.severity.value == "error" and first.hosts == ("n07", "n08")
    assert fleet.exit_code == 1 and fleet.machines[0].verdict == "unfit"
    assert fleet.verdicts["unfit"] == 2


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*.json")), ids=lambda path: path.stem)
def test_a_machine_is_judged_as_alone_whatever_was_judged_before(path: Path) -> None:
    """What is remembered must not depend on what sets machines apart: two of a kind, both right."""
    rules = Judge(load(), RULES)
    raw: dict[str, Any] = json.loads(path.read_text())
    for place in (1, 2):
        for gpu in (raw.get("gpus") or {}).get("devices", []):
            if "uuid" in gpu:
                gpu["uuid"] = f"GPU-{place}{gpu['index']:07d}-0000-0000-0000-000000000000"
                gpu["temperature_c"] = 30 + place
                gpu["memory_used_bytes"] = place << 20
        for disk in raw["host"].get("disks") or []:
            disk["free_bytes"] = place << 33
        snapshot = decode(json.dumps(raw))
        alone = judge(snapshot, load(), RULES)
        verdict, exit_code, parts = rules.judge(snapshot)
        reports = (parts,) if isinstance(parts, Report) else parts
        found = [finding for report in reports for finding in report.findings]
        assert (verdict, exit_code) == (alone.verdict, alone.exit_code)
        assert sorted(map(repr, found)) == sorted(map(repr, alone.findings))


def test_drift_is_what_differs_from_the_golden_machine(tmp_path: Path) -> None:
    golden = tmp_path / "golden.json"
    golden.write_bytes(encode(recorded("h100")))
    fleet_folder = tmp_path / "fleet"
    fleet_folder.mkdir()
    h100s(fleet_folder, 3)
    write(fleet_folder, "n07", replace(recorded("h100"), "host.kernel", "6.8.0-45-generic"))
    fleet = judge_fleet([str(fleet_folder)], golden=decode(golden.read_bytes()))
    assert fleet.drift is not None
    assert [(row.path, [odd.hosts for odd in row.odd]) for row in fleet.drift] == [
        ("host.kernel", [("n07",)])
    ]
    assert judge_fleet([str(fleet_folder)]).drift is None
    _, out, _ = run(str(fleet_folder), "--golden", str(golden))
    assert "host.kernel: 5.15.0-105-generic; 6.8.0-45-generic on n07" in out


def test_reports_lines_and_silent_machines_are_read(tmp_path: Path) -> None:
    report = judge(recorded("h100"), load(), RULES)
    (tmp_path / "a.json").write_bytes(msgspec.json.encode(report))
    (tmp_path / "b.json").write_text('{"host": "gpu-b", "unreachable": "ssh: timed out"}')
    line = encode(recorded("rtx4090")).decode()
    named_line = json.dumps({"host": "gpu-d", "snapshot": json.loads(line)})
    (tmp_path / "c.jsonl").write_text(f"{line}\n\n{named_line}\nnot json\n")
    fleet = judge_fleet([str(tmp_path)])
    assert {machine.host for machine in fleet.machines} == {"a", "c:1", "gpu-d"}
    assert [(one.host, one.unreachable) for one in fleet.unread] == [
        ("gpu-b", True),
        ("c:4", False),
    ]
    assert fleet.exit_code == 3


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    h100s(tmp_path, 2)
    (tmp_path / "newer.json").write_text('{"schema_version": 99}')
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "binary.json").write_bytes(bytes(range(256)))
    (tmp_path / "deep.json").write_text('{"snapshot":' * 5000)
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "wrong.json").write_text('{"gpus": 7}')
    (tmp_path / "gone.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(1 << 30)
    fleet = judge_fleet([str(tmp_path)])
    assert len(fleet.machines) == 2 and len(fleet.unread) == 9
    why = {one.host: one.why for one in fleet.unread}
    assert "update envcheck" in why["newer"] and "larger than" in why["huge"]
    assert why["pipe"] == "not a regular file"


def test_nothing_to_read_is_a_sentence_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in ([str(tmp_path)], [str(empty)], ["nowhere/*.json"], ["nowhere"]):
        code, out, err = run(*arguments)
        assert code == 2 and not out and err.count("\n") == 1 and "Traceback" not in err


def test_many_files_are_judged_by_several_processes_as_by_one(tmp_path: Path) -> None:
    h100s(tmp_path, FEW + 20)
    write(tmp_path, "odd", recorded("h100_driver_450"))
    progress: list[tuple[int, int]] = []
    fleet = judge_fleet([str(tmp_path)], progress=lambda *done: progress.append(done))
    assert len(fleet.machines) == FEW + 21 and progress[-1] == (FEW + 21, FEW + 21)
    assert (
        named(fleet, "odd").findings
        == judge_fleet([str(tmp_path / "odd.json")]).machines[0].findings
    )


def test_select_and_ignore_choose_the_checks(tmp_path: Path) -> None:
    write(tmp_path, "old", recorded("h100_driver_450"))
    assert judge_fleet([str(tmp_path)], select=["HST"]).problems == ()
    with pytest.raises(UsageError):
        judge_fleet([str(tmp_path)], ignore=["nonsense"])


HOSTILE = '</script><img src=x onerror=alert(1)>\x1b[31m`|<b>\u202e"\n'


def test_hostile_words_reach_no_output(tmp_path: Path) -> None:
    snapshot = recorded("h100")
    for path in ("driver.version", "host.kernel", "host.os_name", "gpus.devices.0.name"):
        snapshot = replace(snapshot, path, HOSTILE)
    h100s(tmp_path, 4)
    write(tmp_path, "evil", snapshot)
    (tmp_path / "s.json").write_text(json.dumps({"host": HOSTILE, "unreachable": HOSTILE}))
    page = tmp_path / "page.html"
    for name in ("text", "markdown", "prometheus"):
        _, out, _ = run(str(tmp_path), "--format", name, "-v", "--html", str(page))
        assert "\x1b" not in out and "\u202e" not in out
        if name == "markdown":
            assert not re.search(r"(?<!\\)<(img|b|/?script)", out)
        if name == "prometheus":
            assert all(line.startswith(("#", "envcheck_")) for line in out.splitlines())
    assert "<img" not in page.read_text() and "\u202e" not in page.read_text()


def test_json_and_lines_hold_every_machine(tmp_path: Path) -> None:
    h100s(tmp_path, 3)
    (tmp_path / "s.json").write_text('{"host": "silent", "unreachable": true}')
    code, out, _ = run(str(tmp_path), "--format", "json")
    assert code == 3 and json.loads(out)["verdicts"]
    _, out, _ = run(str(tmp_path), "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["host"] for row in rows] == ["n00", "n01", "n02", "silent"]
    assert rows[0]["facts"]["driver.version"] == "550.54.15" and rows[0]["packages"]["torch"]
    assert rows[3]["verdict"] == "unreachable"


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["n1", "n2", "n3", "n7"], "n[1-3,7]"),
        (["n001", "n002", "n010"], "n[001-002,010]"),
        (["a", "b"], "a, b"),
        (["r1-gpu1.x", "r1-gpu2.x", "r2-gpu1.x"], "r1-gpu[1-2].x, r2-gpu1.x"),
        (["n9", "n10", "n09"], "n09, n[9-10]"),
        ([], ""),
    ],
)
def test_host_names_are_folded(names: list[str], folded: str) -> None:
    assert fold(names) == folded
