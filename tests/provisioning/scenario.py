"""One scenario: a root file system of its own, playbooks played on it, and what is there after.

Must not know what the roles do.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.provisioning.repository import KEY_PATH, Key

ANSIBLE = Path(__file__).parent.parent.parent / "ansible"
PLUGINS = Path(__file__).parent / "plugins"
BIN = Path(sys.executable).parent
HOST = "machine"
LIMIT = 900  # seconds for one playbook
NODES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}


@dataclass(frozen=True)
class Run:
    """What a playbook did."""

    code: int
    output: str
    outcomes: tuple[Mapping[str, Any], ...]  # task, host, status, changed, msg of each task

    @property
    def failed(self) -> bool:
        """Whether the playbook gave up."""
        return self.code != 0

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something, or would in check mode; handlers among them."""
        return [one["task"] for one in self.outcomes if one["changed"]]

    @property
    def tasks(self) -> list[str]:
        """The tasks that ran, in order, changed or not."""
        return [one["task"] for one in self.outcomes if one["status"] != "skipped"]

    @property
    def message(self) -> str:
        """What the failed task said; "" when none failed."""
        said = [one["msg"] for one in self.outcomes if one["status"] in ("failed", "unreachable")]
        return "\n".join(said)


@dataclass
class Root:
    """A machine that is a folder. Make one with the fixture `scenario`."""

    path: Path
    work: Path  # beside the root: inventory, records
    vars: dict[str, Any] = field(default_factory=dict)  # host variables of every play

    def play(
        self,
        playbook: str,
        *,
        tags: str = "",
        check: bool = False,
        vars: Mapping[str, Any] | None = None,
        arguments: tuple[str, ...] = (),
        facts: bool = True,
    ) -> Run:
        """Play a playbook of ansible/, or the text of one, on this machine.

        `vars` are this run's; they win over those of the scenario and the playbook. Without
        `facts` none are gathered, which saves a second where no role reads them.
        """
        inventory = self.work / "inventory.yml"  # JSON is YAML
        connection = {
            "ansible_connection": "fixture_root",
            "ansible_host": str(self.path),
            "ansible_become": False,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        host = {HOST: {**connection, **self.vars}}
        inventory.write_text(json.dumps({"gpu_machines": {"hosts": host}}), encoding="utf-8")
        if "\n" in playbook:
            book = self.work / "playbook.yml"
            book.write_text(playbook, encoding="utf-8")
        else:
            book = ANSIBLE / playbook
        command = [str(BIN / "ansible-playbook"), "-i", str(inventory), str(book), *arguments]
        command += ["--tags", tags] if tags else []
        command += ["--check", "--diff"] if check else []
        command += ["--extra-vars", json.dumps(vars)] if vars else []
        return run_ansible(command, self.work, facts=facts)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in the root."""
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            ["chroot", str(self.path), *command],
            capture_output=True,
            text=True,
            check=check,
            env={"PATH": path, "HOME": "/root", "LANG": "C.UTF-8"},
        )

    @contextmanager
    def start(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        """A program that runs in the root meanwhile, once it has printed a line."""
        running = subprocess.Popen(
            ["chroot", str(self.path), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert running.stdout is not None
            running.stdout.readline()
            yield running
        finally:
            running.communicate()  # closes its standard input, which ends it

    def resize(self, megabytes: int) -> None:
        """Give the machine's disk another size."""
        mount("-o", f"remount,size={megabytes}m", str(self.work / "layers"))

    def file(self, path: str) -> Path:
        """Where a path of the machine is on this one."""
        return self.path / path.lstrip("/")

    def read(self, path: str) -> str:
        """A file's text."""
        return self.file(path).read_text(encoding="utf-8")

    def exists(self, path: str) -> bool:
        """Whether there is such a file, folder or link."""
        return os.path.lexists(self.file(path))

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Put a file there, below /proc too."""
        if path.startswith("/proc/"):
            self._cover(path, content)
            return
        target = self.file(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)

    def packages(self) -> dict[str, str]:
        """What dpkg has installed: name → version."""
        listing = self.run("dpkg-query", "-W", "-f", "${Status}\t${Package}\t${Version}\n").stdout
        rows = [line.split("\t") for line in listing.splitlines()]
        return {name: version for status, name, version in rows if status.endswith(" installed")}

    def held(self) -> list[str]:
        """The packages on hold."""
        return sorted(self.run("apt-mark", "showhold").stdout.split())

    def enabled(self, unit: str) -> bool:
        """Whether systemd would start the unit at boot."""
        return self.run("systemctl", "is-enabled", unit, check=False).stdout.strip() == "enabled"

    def _cover(self, path: str, content: str | bytes) -> None:
        """A file of /proc replaced by one of ours; a folder of /proc/driver made of memory."""
        if path.startswith("/proc/driver/"):
            if not os.path.ismount(self.file("/proc/driver")):
                mount("-t", "tmpfs", "tmpfs", str(self.file("/proc/driver")))
            target = self.file(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
            return
        source = self.work / path.strip("/").replace("/", "-")
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        mount("--bind", str(source), str(self.file(path)))


def make_root(base: Path, work: Path, *, megabytes: int, archive: bool, key: Key) -> Root:
    """A writable copy of the base: an overlay whose upper layer is memory of this size.

    Without `archive` the machine knows no package source but those a test gives it.
    """
    layers, merged = work / "layers", work / "root"
    for folder in (layers, merged):
        folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(layers))
    (layers / "upper").mkdir()
    (layers / "work").mkdir()
    where = f"lowerdir={base},upperdir={layers}/upper,workdir={layers}/work"
    try:
        mount("-t", "overlay", "-o", where, "overlay", str(merged))
    except RuntimeError:  # some containers allow mounts, and no overlay
        subprocess.run(["cp", "-ax", f"{base}/.", str(layers / "upper")], check=True)
        mount("--bind", str(layers / "upper"), str(merged))
    root = Root(merged, work)
    mount("-t", "proc", "proc", str(merged / "proc"))
    mount("-t", "tmpfs", "-o", "mode=755,size=64m", "tmpfs", str(merged / "dev"))
    for name, (major, minor) in NODES.items():
        os.mknod(merged / "dev" / name, 0o20666, os.makedev(major, minor))
        (merged / "dev" / name).chmod(0o666)
    (merged / "dev/fd").symlink_to("/proc/self/fd")
    (merged / "dev/shm").mkdir(mode=0o1777)
    if archive:
        shutil.copyfile("/etc/resolv.conf", merged / "etc/resolv.conf")
    else:
        for old in (merged / "etc/apt").glob("sources.list*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        (merged / "etc/apt/sources.list.d").mkdir()
    shutil.copyfile(key.public, root.file(KEY_PATH))
    return root


def unmount(root: Root) -> None:
    """Give everything of the scenario back."""
    for folder in (root.path, root.work / "layers"):
        subprocess.run(["umount", "--recursive", "--lazy", str(folder)], check=False)


def mount(*arguments: str) -> None:
    """mount(8), its message when it fails."""
    ran = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"mount {' '.join(arguments)}: {ran.stderr.strip()}")


def run_ansible(command: list[str], work: Path, *, facts: bool = True) -> Run:
    """Run an Ansible program with the tests' plugins and none of this user's settings."""
    record = work / "outcomes.jsonl"
    record.unlink(missing_ok=True)
    keep = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = {
        **keep,
        "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
        "ANSIBLE_HOME": str(work / "ansible-home"),
        "ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS / "connection"),
        "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "recorded",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_GATHERING": "implicit" if facts else "explicit",
        "RECORDED_TO": str(record),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    ran = subprocess.run(
        command,
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=LIMIT,
        stdin=subprocess.DEVNULL,
    )
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    outcomes = tuple(json.loads(line) for line in lines)
    return Run(ran.returncode, ran.stdout + ran.stderr, outcomes)
