"""A job's process that crashes, hangs or talks nonsense becomes a trial that says so."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.facts import Trial
from envcheck.smoke.run import Job, run

BEGIN = json.dumps({"event": "begin", "name": "matmul", "check": "compute", "device": "cuda:0"})
TRIAL = json.dumps(
    {"event": "trial", "name": "matmul", "check": "compute", "device": "cuda:0", "status": "ok",
     "seconds": 0.1, "measured": 1e-6, "limit": 1e-4, "rates": {}, "details": {}}
)  # fmt: skip
END = json.dumps({"event": "end"})


def python(folder: Path, body: str) -> str:
    """An "interpreter" that ignores its script and says what the test wants."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def trials(interpreter: str, limit: float = 20.0) -> tuple[Trial, ...]:
    job = Job(script="smoke_torch.py", device="cuda:0", options={}, limit=limit)
    made, interrupted = run(interpreter, job, lambda text: None)
    assert not interrupted
    return made


def test_trials_come_as_they_were_told(tmp_path: Path) -> None:
    said: list[str] = []
    job = Job(script="smoke_torch.py", device="cuda:0", options={}, limit=20)
    body = f"echo '{BEGIN}'; echo '{TRIAL}'; echo '{END}'"
    made, _ = run(python(tmp_path, body), job, said.append)
    assert [(t.name, t.status, t.measured) for t in made] == [("matmul", "ok", 1e-6)]
    assert said == ["cuda:0 matmul"]


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        ("kill -SEGV $$", "crashed", "SIGSEGV"),
        ("kill -KILL $$", "killed", "memory ran out"),
        ("echo 'ImportError: no libc10.so' >&2; exit 1", "crashed", "no libc10.so"),
        ("exit 0", "crashed", "code 0"),
        ("echo nonsense; sleep 60", "garbled", "no list of trials"),
        ('echo \'{"event": "trial"}\'; sleep 60', "garbled", "no list of trials"),
        ("head -c 6000000 /dev/zero; sleep 60", "garbled", "no list of trials"),
    ],
)
def test_a_process_that_goes_names_the_proof_under_way(
    tmp_path: Path, body: str, reason: str, words: str
) -> None:
    (trial,) = trials(python(tmp_path, f"echo '{BEGIN}'; {body}"))
    assert (trial.name, trial.device, trial.status) == ("matmul", "cuda:0", "failed")
    assert trial.reason == reason and words in trial.detail


def test_what_was_proved_before_the_crash_is_kept(tmp_path: Path) -> None:
    body = f"echo '{BEGIN}'; echo '{TRIAL}'; kill -SEGV $$"
    first, last = trials(python(tmp_path, body))
    assert first.status == "ok" and last.reason == "crashed"


def test_the_time_limit_ends_it_and_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    body = f"echo '{BEGIN}'; sleep 600 & echo $! > {mark}; wait"
    (trial,) = trials(python(tmp_path, body), limit=0.5)
    assert trial.reason == "timeout" and "0.5 s" in trial.detail
    try:
        started = os.pidfd_open(int(mark.read_text()))
    except ProcessLookupError:  # gone already
        return
    assert select.select([started], [], [], 60)[0]
    os.close(started)


def test_no_such_interpreter() -> None:
    (trial,) = trials("/nonexistent/python")
    assert trial.reason == "not_started" and "No such file" in trial.detail


def test_a_flood_of_errors_is_bounded(tmp_path: Path) -> None:
    (trial,) = trials(python(tmp_path, "head -c 9000000 /dev/zero | tr '\\0' x >&2; exit 1"))
    assert trial.reason == "crashed" and len(trial.detail) < 4000


def test_ctrl_c_is_one_finding(tmp_path: Path) -> None:
    """While an import of torch hangs, as from a dead network share."""
    mark = tmp_path / "begun"
    os.mkfifo(mark)
    (tmp_path / "torch.py").write_text(
        f"import time\nopen({str(mark)!r}, 'w').write('x')\ntime.sleep(600)\n"
    )
    begun = os.open(mark, os.O_RDONLY | os.O_NONBLOCK)
    process = subprocess.Popen(
        [sys.executable, "-m", "envcheck", "smoke", "torch", "--python", sys.executable,
         "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert select.select([begun], [], [], 60)[0]
    os.close(begun)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    report = json.loads(out)
    assert [f["name"] for f in report["findings"]] == ["proofs_interrupted"]
    assert report["verdict"] == "unknown" and process.returncode == 3
    assert b"Traceback" not in err
