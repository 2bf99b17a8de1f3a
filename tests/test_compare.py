"""Snapshots as files, and what differs between two of them."""

import json
import subprocess
import sys
from pathlib import Path

from envcheck.compare import compare
from envcheck.comparison import Comparison
from envcheck.facts import Distribution, Snapshot, encode
from envcheck.kb import load
from envcheck.rules import choose
from tests.readers.texts import COLLECT_ENV, CPU_BUILD_WITH_GPU
from tests.rules.machine import change, gpu, healthy


def compared(a: Snapshot, b: Snapshot) -> Comparison:
    return compare(a, b, load(), choose([], []))


def run(*arguments: str) -> tuple[int, str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "envcheck", *arguments], capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_equal_machines_do_not_differ() -> None:
    result = compared(healthy(), healthy())
    assert not result.differences and not result.only_a and not result.only_b


def test_what_is_another_for_every_machine_is_left_out() -> None:
    other = change(healthy(), gpus__devices=(gpu(uuid="GPU-x", temperature_c=80),))
    assert not compared(healthy(), other).differences


def test_the_difference_that_changes_the_verdict_comes_first() -> None:
    other = change(
        healthy(),
        driver__version="470.57.02",
        host__cpu_count=8,
        python__distributions=(Distribution("numpy", "1.25.0"),),
    )
    result = compared(healthy(), other)
    assert result.verdict_a == "fit" and result.verdict_b == "unfit"
    assert "driver_too_old" in result.only_b and not result.only_a
    first, *rest = result.differences
    assert (first.path, first.a, first.b) == ("driver.version", "550.54.15", "470.57.02")
    assert "driver_too_old" in first.changes
    paths = {difference.path: difference for difference in rest}
    assert paths["host.cpu_count"].changes == ()
    assert paths["python.distributions.numpy"].b == "1.25.0"
    assert paths["python.distributions.torch"].b == "none"


def test_gpus_are_compared_one_by_one() -> None:
    two = change(healthy(), gpus__devices=(gpu(0), gpu(1, sm="12.0", name="RTX 5090")))
    paths = {difference.path: difference for difference in compared(healthy(), two).differences}
    assert set(paths) == {"gpus.devices.1"}
    assert "arch_not_in_build" in paths["gpus.devices.1"].changes
    ecc = change(healthy(), gpus__devices=(gpu(0, row_remap_pending=True),))
    paths = {difference.path: difference for difference in compared(healthy(), ecc).differences}
    assert paths["gpus.devices.0.row_remap_pending"].changes == ("row_remap_pending",)


def test_diff_reads_snapshots_and_pasted_reports(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(healthy()))
    (tmp_path / "b").write_text(CPU_BUILD_WITH_GPU)
    code, out, _ = run("diff", str(tmp_path / "a"), str(tmp_path / "b"))
    assert code == 1 and "only here: cpu_only_build" in out
    code, out, _ = run("diff", str(tmp_path / "a"), str(tmp_path / "b"), "--format", "json")
    answer = json.loads(out)
    assert code == 1 and answer["only_b"] == ["cpu_only_build"] and answer["schema_version"] == 1
    (tmp_path / "c").write_text(COLLECT_ENV)
    assert run("diff", str(tmp_path / "a"), str(tmp_path / "c"))[0] == 0
    assert run("diff", str(tmp_path / "a"), str(tmp_path / "none"))[0] == 2


def test_a_snapshot_is_written_and_judged_again(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    code, out, err = run("snapshot", "-o", str(file))
    assert (code, out, err) == (0, "", "")
    assert file.stat().st_mode & 0o077 == 0
    here = json.loads(run("doctor", "--format", "json")[1])
    again = json.loads(run("doctor", "--snapshot", str(file), "--format", "json")[1])
    assert [f["name"] for f in again["findings"]] == [f["name"] for f in here["findings"]]
    code, _, err = run("snapshot", "-o", str(tmp_path / "no" / "where"))
    assert code == 2 and "Traceback" not in err
    whole = json.loads(run("snapshot", "--no-redact")[1])
    assert whole["origin"] == "live"
