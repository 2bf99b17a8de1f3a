"""A harvest from the index to the data file, and everything that may go wrong on the way."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from envcheck.errors import UsageError
from envcheck.index import PipConfig, WebError
from envcheck.kb import KnowledgeError, load
from envcheck.kb.builds import Build
from envcheck.kb.harvest import Result, harvest
from tests.harvest.server import Index
from tests.harvest.wheels import BALLAST, FATBINS, METADATA, archive, torch_wheel, wheel_name

NAME = wheel_name()


class Silent:
    """A monitor that only counts."""

    def __init__(self) -> None:
        self.count = self.bytes = 0
        self.begun: list[str] = []
        self.done: list[Result] = []

    def wheels(self, count: int) -> None:
        self.count = count

    def reading(self, wheel: str) -> None:
        self.begun.append(wheel)

    def received(self, size: int) -> None:
        self.bytes += size

    def finished(self, result: Result) -> None:
        self.done.append(result)


def run(
    index: Index, out: Path, requirement: str | None = "torch==9.1.0", **more: object
) -> Result:
    (result,) = run_all(index, out, requirement, **more)
    return result


def run_all(
    index: Index, out: Path, requirement: str | None = "torch==9.1.0", **more: object
) -> tuple[Result, ...]:
    folder = out / "builds"
    options = {"config": index.config, "pauses": (0.0, 0.0, 0.0), **more}
    return harvest(requirement, Silent(), folder=folder, **options)  # type: ignore[arg-type]


def row(out: Path, release: str = "9.1.0") -> Build:
    (build,) = load(out).builds.of(release)
    return build


def test_a_wheel_becomes_a_measured_row(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel(), wheel_name(python="cp312"): b"not looked at"}
    result = run(index, tmp_path)
    build = row(tmp_path)
    assert result.outcome == "read" and result.build is not None
    assert (build.torch, build.cuda, build.platform) == ("9.1.0", "12.4", "linux-x86_64")
    assert (build.sass, build.ptx, build.partial) == (("sm_80", "sm_90"), ("compute_90",), ())
    assert build.python == ("3.11", "3.12")
    assert (build.cudnn, build.nccl, build.triton) == ("9.1.0.70", "2.20.5", "3.0.0")
    assert build.requires == ("nvidia-cudnn-cu12==9.1.0.70", "nvidia-nccl-cu12==2.20.5")
    assert (build.manylinux, build.glibc) == ("manylinux_2_28_x86_64", "2.28")
    assert (build.wheel, build.sha256) == (NAME, hashlib.sha256(index.files[NAME]).hexdigest())
    assert (build.method, build.kind, build.default) == ("arch flags", "measured", True)


def test_only_the_members_needed_are_fetched(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    result = run(index, tmp_path)
    assert result.received < 2 * len(BALLAST) < len(index.files[NAME])
    assert result.requests == len(index.file_requests) <= 6
    assert all(wanted.startswith("bytes=") for _, wanted in index.file_requests)


def test_no_address_is_written(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    run(index, tmp_path)
    text = (tmp_path / "builds/9.1.0.toml").read_text()
    assert "127.0.0.1" not in text and "http" not in text
    assert row(tmp_path).source == f"the wheel {NAME}"


def test_glibc_is_the_newest_asked_for_where_the_tag_promises_less(
    index: Index, tmp_path: Path
) -> None:
    index.files = {wheel_name(platform="manylinux1_x86_64"): torch_wheel(glibc="2.17")}
    run(index, tmp_path)
    assert row(tmp_path).glibc == "2.17"


def test_a_cpu_build(index: Index, tmp_path: Path) -> None:
    name = wheel_name(platform="win_amd64")
    index.files = {name: torch_wheel(cuda=None, replaced={"torch/lib/libc10.so": None})}
    run(index, tmp_path, platforms=["windows-x86_64"])
    build = row(tmp_path)
    assert (build.cuda, build.platform, build.sass) == (None, "windows-x86_64", ())
    assert (build.cudnn, build.glibc, build.requires) == (None, None, ())


def test_windows_line_ends_in_version_py(index: Index, tmp_path: Path) -> None:
    text = b"__version__ = '9.1.0+cpu'\r\ncuda: Optional[str] = None\r\n"
    index.files = {
        wheel_name(platform="win_amd64"): torch_wheel(replaced={"torch/version.py": text})
    }
    run(index, tmp_path, platforms=["windows-x86_64"])
    assert row(tmp_path).cuda is None


def test_full_walks_the_fatbins(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel(fatbins=FATBINS)}
    run(index, tmp_path, full=True)
    build = row(tmp_path)
    assert (build.sass, build.partial, build.ptx) == (
        ("sm_80", "sm_90"), ("sm_90a",), ("compute_90",),
    )  # fmt: skip
    assert build.libraries == {"libtorch_cuda_linalg.so": ("sm_80",)}
    assert (build.method, build.note) == ("fatbins", "")


def test_full_says_when_the_embedded_list_is_another(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel(flags="sm_70 sm_80", fatbins=FATBINS)}
    run(index, tmp_path, full=True)
    build = row(tmp_path)
    assert build.sass == ("sm_80", "sm_90")
    assert build.note == "libtorch_python.so lists sm_70 sm_80"


def test_one_wheel_a_release_and_platform(index: Index, tmp_path: Path) -> None:
    index.files = {
        "torch-9.1.0-cp313-cp313t-manylinux_2_28_x86_64.whl": b"",
        wheel_name(python="cp310"): b"",
        "torch-9.1.0-1-cp310-cp310-manylinux_2_28_x86_64.whl": torch_wheel(),
        wheel_name(python="cp39", platform="macosx_11_0_arm64"): b"",
        wheel_name(platform="manylinux_2_28_aarch64"): torch_wheel(cuda=None),
        wheel_name("9.2.0"): b"",
        wheel_name("9.1.0rc1"): b"",
        "torch-9.1.0.tar.gz": b"",
        "torch-nonsense.whl": b"",
    }
    results = run_all(index, tmp_path, platforms=["linux-x86_64", "linux-aarch64"])
    assert [result.wheel for result in results] == [
        "torch-9.1.0-1-cp310-cp310-manylinux_2_28_x86_64.whl",
        wheel_name(platform="manylinux_2_28_aarch64"),
    ]
    rows = load(tmp_path).builds.of("9.1.0")
    assert {build.platform: build.python for build in rows} == {
        "linux-x86_64": ("3.10", "3.13t"),
        "linux-aarch64": ("3.11",),
    }


def test_all_since(index: Index, tmp_path: Path) -> None:
    index.files = {wheel_name(v): torch_wheel(v) for v in ("9.0.1", "9.1.0", "9.10.0", "10.0.0")}
    results = run_all(index, tmp_path, None, since="9.1")
    assert [result.build.torch for result in results if result.build] == [
        "9.1.0", "9.10.0", "10.0.0",
    ]  # fmt: skip


def test_what_is_measured_is_not_read_again(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel(fatbins=FATBINS)}
    assert run(index, tmp_path).outcome == "read"
    requests = len(index.file_requests)
    assert run(index, tmp_path).outcome == "known"
    assert len(index.file_requests) == requests
    assert run(index, tmp_path, force=True).outcome == "read"
    assert run(index, tmp_path, full=True).outcome == "read", "arch flags are less than fatbins"
    assert run(index, tmp_path, full=True).outcome == "known"
    index.files[wheel_name(python="cp312")] = b""
    assert run(index, tmp_path).outcome == "read", "another Python came"
    assert row(tmp_path).python == ("3.11", "3.12")


def test_the_same_harvest_writes_the_same_file(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    run(index, tmp_path)
    first = (tmp_path / "builds/9.1.0.toml").read_text()
    run(index, tmp_path, force=True)
    assert (tmp_path / "builds/9.1.0.toml").read_text() == first


def test_documented_rows_stay_and_are_contradicted(index: Index, tmp_path: Path) -> None:
    """torch 2.4.0 is packaged: the row of CUDA 12.4 is documented, without PTX."""
    name = wheel_name("2.4.0", platform="manylinux1_x86_64")
    index.files = {name: torch_wheel("2.4.0")}
    before = {(b.cuda, b.platform): b for b in load().builds.of("2.4.0")}
    assert run(index, tmp_path, "torch==2.4.0").outcome == "read"
    after = {(b.cuda, b.platform): b for b in load(tmp_path).builds.of("2.4.0")}
    new = after.pop(("12.4", "linux-x86_64"))
    assert (new.kind, new.ptx, new.default) == ("measured", ("compute_90",), True)
    assert "documented ptx: none" in new.contradicts
    assert not after["12.1", "linux-x86_64"].default, "one default a platform"
    assert after["11.8", "linux-x86_64"] == before["11.8", "linux-x86_64"]


def test_a_vendors_own_wheel_does_not_replace_what_pip_brings(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    run(index, tmp_path)
    index.files = {
        NAME: index.files[NAME],
        "torch-9.1.0+cu124-cp311-cp311-linux_x86_64.whl": torch_wheel(flags="sm_50"),
        "torch-9.1.0+cu118-cp311-cp311-linux_x86_64.whl": torch_wheel(cuda="11.8", flags="sm_37"),
    }
    run_all(index, tmp_path)
    rows = {build.cuda: build for build in load(tmp_path).builds.of("9.1.0")}
    assert (rows["12.4"].sass, rows["12.4"].default) == (("sm_80", "sm_90"), True)
    assert (rows["11.8"].sass, rows["11.8"].default) == (("sm_37",), False)


# ---- METADATA beside the wheel --------------------------------------------------------------


@pytest.mark.parametrize("page", ["html", "json"])
def test_metadata_beside_the_wheel(index: Index, tmp_path: Path, page: str) -> None:
    index.page = page  # type: ignore[assignment]
    index.files = {NAME: torch_wheel(replaced={"torch-9.1.0.dist-info/METADATA": None})}
    index.metadata = {NAME: METADATA.format(version="9.1.0").encode()}
    run(index, tmp_path)
    assert row(tmp_path).cudnn == "9.1.0.70"


def test_metadata_with_another_checksum(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    index.metadata = {NAME: METADATA.encode()}
    index.hashes = {f"{NAME}.metadata": "0" * 64}
    assert "checksum" in failure(index, tmp_path)


# ---- servers --------------------------------------------------------------------------------


def test_a_server_that_sends_whole_files_only(index: Index, tmp_path: Path) -> None:
    index.files, index.ranges = {NAME: torch_wheel()}, "no"
    result = run(index, tmp_path)
    assert result.outcome == "read" and "whole wheel" in result.warning
    assert row(tmp_path).sass == ("sm_80", "sm_90")


def test_a_whole_wheel_with_another_checksum(index: Index, tmp_path: Path) -> None:
    index.files, index.ranges = {NAME: torch_wheel()}, "no"
    index.hashes = {NAME: "0" * 64}
    assert "checksum" in failure(index, tmp_path)


def test_a_whole_wheel_too_large_to_be_downloaded_unasked(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("envcheck.kb.harvest._WHOLE", 1000)
    index.files, index.ranges = {NAME: torch_wheel(fatbins=FATBINS)}, "no"
    assert "--full" in failure(index, tmp_path)
    assert run(index, tmp_path, full=True).outcome == "read"


def test_a_server_without_ranges_from_the_end(index: Index, tmp_path: Path) -> None:
    index.files, index.ranges = {NAME: torch_wheel()}, "no-suffix"
    result = run(index, tmp_path)
    assert (result.outcome, result.warning) == ("read", "")


def test_a_server_that_sends_other_bytes_than_asked_for(index: Index, tmp_path: Path) -> None:
    index.files, index.ranges = {NAME: torch_wheel()}, "wrong"
    assert "other bytes" in failure(index, tmp_path)


@pytest.mark.parametrize("ranges", ["yes", "no"])
def test_connections_that_drop_midway(index: Index, tmp_path: Path, ranges: str) -> None:
    index.files, index.drop_after = {NAME: torch_wheel()}, 1500
    index.ranges = ranges  # type: ignore[assignment]
    index.drops = 3
    assert run(index, tmp_path).outcome == "read"
    assert index.drops == 0
    assert row(tmp_path).sass == ("sm_80", "sm_90")


@pytest.mark.parametrize("ranges", ["yes", "no"])
def test_connections_that_always_drop(index: Index, tmp_path: Path, ranges: str) -> None:
    index.files, index.drop_after, index.drops = {NAME: torch_wheel()}, 0, 10**6
    index.ranges = ranges  # type: ignore[assignment]
    assert "(4 attempts)" in failure(index, tmp_path)


def test_a_server_that_is_busy_for_a_while(index: Index, tmp_path: Path) -> None:
    index.files, index.statuses = {NAME: torch_wheel()}, [503, 429, 500]
    assert run(index, tmp_path).outcome == "read"


def test_a_wheel_that_is_gone(index: Index, tmp_path: Path) -> None:
    index.body = "text/html", f'<a href="/files/{NAME}">x</a>'.encode()
    assert "404" in failure(index, tmp_path)


def test_a_failure_does_not_stop_the_others(index: Index, tmp_path: Path) -> None:
    index.files = {wheel_name("9.1.0"): b"", wheel_name("9.2.0"): torch_wheel("9.2.0")}
    first, second = run_all(index, tmp_path, "torch>=9")
    assert (first.outcome, second.outcome) == ("failed", "read")
    assert not load(tmp_path).builds.of("9.1.0") and row(tmp_path, "9.2.0")


# ---- wheels ---------------------------------------------------------------------------------

GOOD = torch_wheel()


def bomb() -> bytes:
    """Half a gigabyte of zeros in half a megabyte."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        zipped.writestr("torch/version.py", "__version__ = '9.1.0'\ncuda = '12.4'\n")
        zipped.writestr("torch-9.1.0.dist-info/METADATA", METADATA)
        with zipped.open("torch/lib/libc10.so", "w") as member:
            for _ in range(512):
                member.write(bytes(1 << 20))
    return file.getvalue()


def damaged(member: str) -> bytes:
    """The wheel with one byte of a member's data changed."""
    with zipfile.ZipFile(io.BytesIO(GOOD)) as zipped:
        info = zipped.getinfo(member)
    at = info.header_offset + 30 + len(member) + info.compress_size // 2
    return GOOD[:at] + bytes([GOOD[at] ^ 0xFF]) + GOOD[at + 1 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no zip file"),
        (b"<html>not found</html>", "no zip file"),
        (GOOD[:-30], "no zip file"),
        (GOOD[len(GOOD) // 2 :], "before the start of the file"),
        (GOOD[: len(GOOD) // 2], "no zip file"),
        (bomb(), "would unpack to 536870912 bytes"),
        (damaged("torch/lib/libtorch_python.so"), "libtorch_python.so"),
        (damaged("torch/version.py"), "version.py"),
        (archive({"a": b"b"}), "it has no"),
        (torch_wheel("9.1.1"), "says 9.1.1"),
        (torch_wheel(replaced={"torch/version.py": b"print('hello')"}), "does not say version"),
        (torch_wheel(replaced={"torch/lib/libc10.so": b"\0"}), "no ELF header"),
        (torch_wheel(replaced={"torch/lib/libc10.so": None}), "it has no torch/lib/libc10.so"),
        (torch_wheel(flags="cpu"), "no list of architectures"),
        (torch_wheel(flags="sm_80 sm_90\0sm_70 sm_80"), "more than one list"),
        (torch_wheel(cuda="twelve"), "Expected `str` matching regex"),
        (
            torch_wheel(replaced={"torch-9.1.0.dist-info/METADATA": b"Requires-Dist: ==\n"}),
            "METADATA",
        ),
        (
            torch_wheel(replaced={"torch-9.1.0.dist-info/METADATA": None}),
            "it has no METADATA",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wheels_that_are_none(index: Index, tmp_path: Path, data: bytes, said: str) -> None:
    index.files = {NAME: data}
    assert said in failure(index, tmp_path)


def failure(index: Index, out: Path) -> str:
    """Why the only wheel could not be read; nothing may have been written."""
    result = run(index, out)
    assert result.outcome == "failed" and result.build is None
    assert list((out / "builds").iterdir()) == []
    return result.reason


# ---- usage and files ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "since", "said"),
    [
        ("torch==8.0", None, "newest release there is 9.1.0"),
        ("torch=>2", None, "no requirement"),
        ("torch 2.4", None, "no requirement"),
        ("numpy==1.0", None, "only torch"),
        ("torch @ https://example.org/x.whl", None, "only torch"),
        (None, "later", "write =="),
    ],
)
def test_what_cannot_be_meant(
    index: Index, tmp_path: Path, requirement: str | None, since: str | None, said: str
) -> None:
    index.files = {NAME: torch_wheel()}
    with pytest.raises(UsageError, match=said):
        run(index, tmp_path, requirement, since=since)


def test_an_index_that_does_not_know_torch(index: Index, tmp_path: Path) -> None:
    index.project = "numpy"
    with pytest.raises(WebError, match="no index that pip is configured with has torch"):
        run(index, tmp_path)


def test_nobody_answers(tmp_path: Path) -> None:
    config = PipConfig(indexes=("http://127.0.0.1:9/simple",), timeout=1)
    with pytest.raises(WebError, match="4 attempts"):
        run(Index(), tmp_path, config=config)


def test_a_yanked_wheel_is_not_harvested(index: Index, tmp_path: Path) -> None:
    index.files, index.yanked = {NAME: torch_wheel()}, {NAME}
    with pytest.raises(UsageError, match="no such wheel"):
        run(index, tmp_path)


def test_a_data_file_that_is_broken_stays_as_it_is(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    path = tmp_path / "builds/9.1.0.toml"
    path.parent.mkdir()
    path.write_text("[[build]]\nnothing = 1\n")
    with pytest.raises(KnowledgeError, match=r"9\.1\.0\.toml"):
        run(index, tmp_path)
    assert path.read_text() == "[[build]]\nnothing = 1\n"


def test_a_folder_that_cannot_be_written(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    (tmp_path / "builds").write_text("a file")
    with pytest.raises(OSError):
        run(index, tmp_path)
    assert not index.file_requests, "found out before the index is asked"


def test_the_knowledge_base_in_use_is_the_default(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVCHECK_KB", str(tmp_path))
    index.files = {NAME: torch_wheel()}
    harvest("torch==9.1.0", Silent(), config=index.config)
    assert row(tmp_path).kind == "measured"


def test_the_monitor_is_told(index: Index, tmp_path: Path) -> None:
    index.files = {NAME: torch_wheel()}
    monitor = Silent()
    (result,) = harvest("torch", monitor, folder=tmp_path, config=index.config)
    assert (monitor.count, monitor.begun, monitor.done) == (1, [NAME], [result])
    assert monitor.bytes > result.received > 0
