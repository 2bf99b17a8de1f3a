"""The seam to a machine: what it reads, what it refuses, what it kills."""

import os
import select
import shutil
import stat
import sys
from pathlib import Path

import pytest

from envcheck.facts import NOT_ASKED, Missing, Why
from envcheck.probes.host import OUTPUT_LIMIT, Host, Ran
from tests.roots import DIRECTORY, FIFO, HUGE, LOOP, Content, Link, build_root, host_of


def why(value: object) -> Why:
    assert isinstance(value, Missing), value
    return value.why


# ---- reading -------------------------------------------------------------------------------


def test_reads_text_inside_the_root(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"etc/os-release": "ID=debian\n", "etc/bytes": b"a\xffb"})
    assert host.read("/etc/os-release") == "ID=debian\n"
    assert host.read("/etc/bytes") == "a\ufffdb"
    assert host.names("/etc") == ("bytes", "os-release")


def test_reads_head_and_tail_of_a_large_file(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"big": b"head" + b"." * 300_000 + b"tail", "small": "abc"})
    assert host.read_bytes("/big", 4) == b"head"
    assert host.read_bytes("/big", 4, tail=True) == b"tail"
    assert host.read_bytes("/small", 10, tail=True) == b"abc"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(DIRECTORY, Why.FAILED), (FIFO, Why.FAILED), (LOOP, Why.FAILED), (None, Why.ABSENT)],
)
def test_says_why_a_file_gave_nothing(tmp_path: Path, content: Content | None, reason: Why) -> None:
    for host in (
        host_of(tmp_path, {"file": content} if content else {}),
        Host("/"),
    ):
        path = "/file" if not host.live else f"{tmp_path}/file"
        assert why(host.read(path)) is reason
        assert path in str(host.read(path))


def test_a_huge_file_is_read_to_the_limit_only(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"file": HUGE})
    assert host.read_bytes("/file", 1000) == bytes(1000)


def test_a_file_of_another_user_is_blocked(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"file": "secret", "folder": DIRECTORY})
    (tmp_path / "file").chmod(0)
    (tmp_path / "folder").chmod(0)
    if os.geteuid() != 0:
        assert why(host.read("/file")) is Why.BLOCKED
        assert why(host.names("/folder")) is Why.BLOCKED
        return
    # root may read anything: look at it as another user, in a child that gives root up
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        answers = (host.read("/file"), host.names("/folder"))
        os.write(write_end, " ".join(why(answer).value for answer in answers).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read_end, 100) == b"blocked blocked"
    os.close(read_end)
    os.close(write_end)


def test_names_no_file_can_have_are_absent(tmp_path: Path) -> None:
    for host in (host_of(tmp_path, {}), Host("/")):
        assert why(host.read("/etc/a\0b")) is Why.ABSENT
        assert why(host.names("/etc/a\0b")) is Why.ABSENT
        assert host.kind("/etc/a\0b") is None
        assert not host.usable("/etc/a\0b")
        assert host.realpath("/etc/a\0b") == "/etc/a\0b"
        assert why(host.read("/etc/" + "x" * 5000)) is Why.FAILED


def test_what_is_not_utf8_never_reaches_a_fact(tmp_path: Path) -> None:
    root = build_root(tmp_path, {"folder/good": ""})
    Path(os.fsdecode(os.fsencode(root) + b"/folder/b\xffd")).write_text("")
    host = Host(root, {"CUDA_HOME": os.fsdecode(b"/usr/\xff")})
    assert host.names("/folder") == ("good",)
    assert host.environ["CUDA_HOME"] == "/usr/\ufffd"


# ---- links ---------------------------------------------------------------------------------


def test_links_inside_a_root_cannot_leave_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("outside")
    root = tmp_path / "root"
    host = host_of(
        root,
        {
            "outside/file": "inside",
            "absolute": Link(str(outside / "file")),
            "upwards": Link("../../../../../../../../../../../../outside/file"),
            "folder": Link("/outside"),
            "deep/a": Link("b"),
            "deep/b": Link("../folder/./file"),
        },
    )
    assert why(host.read("/absolute")) is Why.ABSENT
    assert host.read("/upwards") == "inside"
    assert host.read("/folder/file") == "inside"
    assert host.read("/deep/a") == "inside"
    assert host.read("/../../outside/file") == "inside"
    assert host.realpath("/deep/a") == "/outside/file"
    assert host.names("/folder") == ("file",)


def test_a_link_loop_is_an_answer_not_a_hang(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"loop": LOOP, "a": Link("/b"), "b": Link("/a")})
    for path in ("/loop", "/a", "/a/file"):
        assert host.kind(path) is None
        assert host.realpath(path) == path
        assert why(host.names(path)) is Why.FAILED
        assert not host.usable(path)


# ---- finding -------------------------------------------------------------------------------


def test_glob_matches_in_any_part(tmp_path: Path) -> None:
    host = host_of(
        tmp_path,
        {
            "usr/local/cuda-12.1/bin/nvcc": "",
            "usr/local/cuda-11.8/version.txt": "",
            "usr/local/other/bin/nvcc": "",
        },
    )
    assert host.glob("/usr/local/cuda*") == ("/usr/local/cuda-11.8", "/usr/local/cuda-12.1")
    assert host.glob("/usr/local/cuda*/bin/nvcc") == ("/usr/local/cuda-12.1/bin/nvcc",)
    assert host.glob("/nowhere/*") == ()


def test_which_takes_the_first_executable_file(tmp_path: Path) -> None:
    host = host_of(
        tmp_path,
        {"a/nvcc": "not executable", "b/nvcc": DIRECTORY, "c/nvcc": "", "d/nvcc": ""},
        {"PATH": "relative::/a:/b:/c:/d"},
    )
    (tmp_path / "c/nvcc").chmod(0o755)
    (tmp_path / "d/nvcc").chmod(0o755)
    assert host.which("nvcc") == "/c/nvcc"
    assert why(host.which("gcc")) is Why.ABSENT


def test_kinds_of_files(tmp_path: Path) -> None:
    host = host_of(tmp_path, {"file": "", "dir": DIRECTORY, "fifo": FIFO, "to": Link("/dir")})
    kinds = [host.kind(f"/{name}") for name in ("file", "dir", "fifo", "to", "none")]
    assert kinds == ["file", "dir", "other", "dir", None]
    assert Host("/").kind("/dev/null") == "char"
    assert Host("/").usable("/dev/null")


def test_space_is_asked_of_a_live_machine_only(tmp_path: Path) -> None:
    assert host_of(tmp_path, {}).space("/") == NOT_ASKED
    space = Host("/").space(str(tmp_path))
    assert not isinstance(space, Missing)
    assert space[0] == shutil.disk_usage(tmp_path).total
    assert 0 <= space[1] <= space[0]
    assert why(Host("/").space("/nowhere")) is Why.ABSENT


# ---- running -------------------------------------------------------------------------------


def test_runs_a_program_and_keeps_its_answer() -> None:
    program = "import sys; print(sys.stdin.read()); print('no', file=sys.stderr); sys.exit(3)"
    ran = Host("/").run([sys.executable, "-c", program], timeout=30, stdin=b"asked")
    assert ran == Ran(3, "asked\n", "no\n")


def test_nothing_runs_for_another_root(tmp_path: Path) -> None:
    assert host_of(tmp_path, {}).run(["/bin/sh", "-c", "exit 0"], timeout=1) == NOT_ASKED


def test_a_program_that_is_not_there_is_absent() -> None:
    assert why(Host("/").run(["/nowhere/nvcc"], timeout=1)) is Why.ABSENT
    assert why(Host("/").run(["/etc"], timeout=1)) is Why.BLOCKED


def test_at_the_limit_the_program_and_its_children_are_killed(tmp_path: Path) -> None:
    """The grandchild alone holds the fifo open: end of file says that it is dead."""
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    handle = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    script = f'(echo alive; exec sleep 600) > "{fifo}" & wait'
    ran = Host("/").run(["/bin/sh", "-c", script], timeout=1)
    assert why(ran) is Why.FAILED
    assert "within 1 s" in str(ran)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    heard = b""
    while poll.poll(20_000):
        chunk = os.read(handle, 100)
        heard += chunk
        if not chunk:
            break
    else:
        pytest.fail("the grandchild outlived the time limit")
    os.close(handle)
    assert heard == b"alive\n"


def test_a_grandchild_that_keeps_the_pipe_does_not_hold_us_up() -> None:
    ran = Host("/").run(["/bin/sh", "-c", "echo done; sleep 600 & exit 0"], timeout=30)
    assert ran == Ran(0, "done\n", "")


def test_a_flood_of_output_is_cut(tmp_path: Path) -> None:
    flood = f"import sys; sys.stdout.write('x' * {OUTPUT_LIMIT * 3})"
    ran = Host("/").run([sys.executable, "-c", flood], timeout=30)
    assert isinstance(ran, Ran)
    assert ran.code == 0
    assert len(ran.out) == OUTPUT_LIMIT
