"""Carries out the safe steps of a plan, and keeps what is needed to take them back."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from envcheck.errors import UsageError
from envcheck.facts import Snapshot, encode
from envcheck.files import write_whole
from envcheck.mending import Ran, Step

# Which role of the playbook mends what rules of a subject find.
TAGS = {
    "driver": "nvidia_driver",
    "gpu": "nvidia_driver",
    "cuda": "cuda_toolkit",
    "ffmpeg": "ffmpeg_cuda",
}


def run_steps(steps: tuple[Step, ...], tell: Callable[[str], None]) -> tuple[tuple[Ran, ...], bool]:
    """What was run, and whether it was interrupted. Ends at the first command that fails."""
    ran: list[Ran] = []
    for step in steps:
        for command in step.remedy.commands if step.how == "run" else ():
            tell(command)
            begun = time.monotonic()
            code = _run(command)
            ran.append(Ran(command, code, time.monotonic() - begun))
            if code:
                return tuple(ran), code == 130
    return tuple(ran), False


def hand_over(steps: tuple[Step, ...], playbook: str, tell: Callable[[str], None]) -> int:
    """Runs the playbook for what needs root; its exit code, 0 where there is nothing for it.

    Raises:
        UsageError: no ansible-playbook, or no such playbook.
    """
    command = playbook_command(steps, playbook)
    if command is None:
        return 0
    if not Path(playbook).is_file():
        raise UsageError(f"--playbook {playbook}: no such file")
    if shutil.which("ansible-playbook") is None:
        raise UsageError("ansible-playbook is not on PATH: python -m pip install ansible-core")
    tell(command)
    return _run(command)


def playbook_command(steps: tuple[Step, ...], playbook: str) -> str | None:
    """`ansible-playbook` with the tags of the steps that need root; None: there are none."""
    subjects = [name for step in steps if step.how in ("root", "reboot") for name in step.subjects]
    tags = list(dict.fromkeys(TAGS[name] for name in subjects if name in TAGS))
    if not tags:
        return None
    return f"ansible-playbook {shlex.quote(playbook)} --tags {','.join(tags)}"


def keep(snapshot: Snapshot) -> str:
    """Writes the machine as it was before anything is run; the file's path.

    Raises:
        UsageError: it cannot be written, so that nothing should be run.
    """
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(state) / "envcheck"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}") from error
    file = folder / f"before-fix-{time.strftime('%Y%m%d-%H%M%S')}.json"
    write_whole(str(file), encode(snapshot).decode() + "\n", private=True)
    return str(file)


def _run(command: str) -> int:
    """A command's exit code. It has this terminal; Ctrl-C reaches it, and is waited for."""
    sys.stdout.flush()
    try:
        child = subprocess.Popen(command, shell=True, stdout=sys.stderr)
    except OSError:
        return 127
    while True:
        try:
            code = child.wait()
            return 130 if code == -2 else code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            try:
                child.wait(timeout=30)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.kill()
                child.wait()
            return 130
