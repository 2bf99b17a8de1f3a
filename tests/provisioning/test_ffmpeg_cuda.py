"""Role ffmpeg_cuda with sources and packages made on the spot: what is built, what is refused."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.provisioning.base import base_root
from tests.provisioning.repository import KEY_PATH, Deb, Key, Repository, Server
from tests.provisioning.scenario import Root, Run, make_root, unmount
from tests.provisioning.sources import Upstream
from tests.provisioning.stack import refusals

pytestmark = pytest.mark.provisioning

PREFIX = "/opt/ffmpeg-cuda"
BUILT = f"{PREFIX}/bin/ffmpeg"
VERSION = "7.1.5"
PLAY = """
- hosts: gpu_machines
  gather_facts: false
  roles: [ffmpeg_cuda]
"""
HAS = ("h264_nvenc", "hevc_nvenc", "h264_cuvid", "hevc_cuvid", "cuda", "scale_cuda")
# Lists as ffmpeg prints them, whatever list is asked for.
FFMPEG = """#!/bin/sh
printf ' V....D %s       NVIDIA\\\\n' NAMES
"""
CONFIGURE = """#!/bin/sh
{broken}
pkg=$PKG_CONFIG_PATH/ffnvcodec.pc
[ -e "$pkg" ] || pkg=/usr/share/pkgconfig/ffnvcodec.pc
[ -e "$pkg" ] || {{ echo "ERROR: nvenc requested" >&2; exit 1; }}
for word in "$@"; do case "$word" in --prefix=*) prefix=${{word#*=}} ;; esac; done
printf '%s\\n' "$@" > words
cat "$pkg" > used
cat > ffmpeg.sh <<'EOF'
{program}EOF
cat > Makefile <<EOF
all:
	{make}
install:
	install -D ffmpeg.sh $prefix/bin/ffmpeg
	mkdir -p $prefix/lib $prefix/share && cp words used $prefix/share
EOF
"""
HEADERS = (
    "install:\n\tmkdir -p $(PREFIX)/lib/pkgconfig\n\tcp tag $(PREFIX)/lib/pkgconfig/ffnvcodec.pc\n"
)
TOOLS = ("gcc", "libc6-dev", "pkg-config", "nasm", "clang-14", "clang-18", "dpkg-dev")


def program(*names: str) -> str:
    return FFMPEG.replace("NAMES", " ".join(names))


def archive(*names: str, broken: str = "", make: str = "true") -> bytes:
    """A release whose program has these codecs and filters."""
    text = CONFIGURE.format(program=program(*(names or HAS)), broken=broken, make=make)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        member = tarfile.TarInfo(f"ffmpeg-{VERSION}/configure")
        member.size, member.mode = len(text), 0o755
        tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.fixture(scope="module")
def tools(
    private_mounts: None, tmp_path_factory: pytest.TempPathFactory, key: Key, server: Server
) -> Iterator[Root]:
    """A machine with make, git and xz; what else the role installs are dummies. Tests copy it."""
    work = tmp_path_factory.mktemp("tools")
    root = make_root(base_root("bookworm"), work, megabytes=2048, archive=True, key=key)
    real = ("make", "git", "xz-utils")
    root.run("apt-get", "-q", "update")
    root.run("apt-get", "-qy", "install", "--no-install-recommends", *real)
    dummies = [Deb(name, "99:1") for name in TOOLS]
    stock = Deb("ffmpeg", "99:5.1.9", files={"/usr/bin/ffmpeg": program(*HAS)})
    nvenc = Deb("libffmpeg-nvenc-dev", "99:11", files={"/usr/share/pkgconfig/ffnvcodec.pc": "own"})
    source = Repository(server, "ffmpeg-tools", key, [*dummies, stock, nvenc]).source
    root.write("/etc/apt/sources.list.d/fixture.list", source)
    root.run("apt-get", "-q", "update")
    assert root.exists(KEY_PATH)
    yield root
    unmount(root)


@pytest.fixture(scope="module")
def headers(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A mirror of nv-codec-headers; its commits are not those of the real one."""
    upstream = Upstream(server, "nv-codec-headers", tmp_path_factory.mktemp("headers"))
    commit = upstream.commit({"Makefile": HEADERS, "tag": "mirror\n"})
    return {"ffmpeg_cuda_headers_url": upstream.url, "ffmpeg_cuda_headers_commit": commit}


@pytest.fixture
def machine(
    tools: Root, tmp_path: Path, key: Key, server: Server, headers: dict[str, Any]
) -> Iterator[Root]:
    root = make_root(tools.path, tmp_path, megabytes=512, archive=False, key=key)
    source = tools.read("/etc/apt/sources.list.d/fixture.list")
    root.write("/etc/apt/sources.list.d/fixture.list", source)
    root.vars.update(headers, ffmpeg_cuda_build="always", ffmpeg_cuda_driver="580.95.05")
    root.vars["ffmpeg_cuda_min_free_gib"] = 0.01
    root.vars.update(serve(server, archive()))
    yield root
    unmount(root)


def serve(server: Server, data: bytes) -> dict[str, str]:
    """Variables that name a release on loopback HTTP."""
    digest = hashlib.sha256(data).hexdigest()
    folder = server.folder / "ffmpeg" / digest
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"ffmpeg-{VERSION}.tar.xz").write_bytes(data)
    url = f"{server.url}/ffmpeg/{digest}"
    return {"ffmpeg_cuda_releases_url": url, "ffmpeg_cuda_sha256": digest}


def record(root: Root) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(root.read(f"{PREFIX}/share/ffmpeg_cuda.json"))
    return said


def sound(run: Run) -> Run:
    assert not run.failed, run.output
    return run


# ---- built -----------------------------------------------------------------------------------


def test_built_beside_the_distributions(machine: Root) -> None:
    checked = sound(machine.play(PLAY, check=True))
    assert "ffmpeg_cuda : Make the folders" in checked.changed
    assert not machine.exists(PREFIX) and not machine.exists("/var/cache/ffmpeg_cuda")

    sound(machine.play(PLAY))
    words = machine.read(f"{PREFIX}/share/words").splitlines()
    assert {f"--prefix={PREFIX}", "--enable-nvenc", "--enable-cuda-llvm", "--nvcc=clang-14"} <= set(
        words
    )
    assert "--nvccflags=--cuda-gpu-arch=sm_60 -O2" in words
    assert "--enable-nonfree" not in words and "--disable-x86asm" not in words
    assert {"clang-14", "nasm"} <= set(machine.packages())
    assert not machine.exists("/usr/bin/ffmpeg") and not machine.exists("/var/cache/ffmpeg_cuda")

    again = sound(machine.play(PLAY))
    assert again.changed == []
    assert sound(machine.play(PLAY, check=True)).changed == []


def choices(root: Root, cases: list[dict[str, Any]]) -> list[str]:
    """What the role would build with each set of variables, in its own words."""
    role = {"ansible.builtin.include_role": {"name": "ffmpeg_cuda"}}
    tasks = [{**role, "vars": case} for case in cases]
    play = [{"hosts": "gpu_machines", "gather_facts": False, "tasks": tasks}]
    run = sound(root.play(json.dumps(play) + "\n", check=True))
    return [one["msg"] for one in run.outcomes if one["task"].endswith(": Say what is wanted")]


def test_headers_are_chosen_by_the_driver(machine: Root) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ffmpeg_cuda_driver": "535.104.05"}, "7.1.5 (release) with nv-codec-headers n12.1.14.0"),
        ({"ffmpeg_cuda_driver": "550.54.15"}, "n12.2.72.0"),
        ({"ffmpeg_cuda_driver": "610.10"}, "n13.0.19.0"),  # the newest this FFmpeg compiles with
        ({"ffmpeg_cuda_driver": "610.10", "ffmpeg_cuda_version": "9.0.2"}, "n13.1.15.0"),
        ({"ffmpeg_cuda_driver": ""}, "n13.0.19.0 for driver 580"),  # the long-term branch
        ({"ffmpeg_cuda_driver": "", "nvidia_driver_plan": {"branch": 535}}, "for driver 535"),
        ({"ffmpeg_cuda_headers": "n12.1.14.0"}, "n12.1.14.0 for driver 580.95.05"),
        ({"ffmpeg_cuda_headers": "distribution"}, "of the distribution"),
        (
            {"ffmpeg_cuda_source": "distribution"},
            "5.1.9 (distribution) with nv-codec-headers n12.0",
        ),
    ]
    messages = choices(machine, [case for case, _ in cases])
    assert len(messages) == len(cases)
    for (case, words), message in zip(cases, messages, strict=True):
        assert words in message, (case, message)


def test_another_driver_builds_anew(machine: Root) -> None:
    """The driver is read from the machine; nothing of the older build stays."""
    del machine.vars["ffmpeg_cuda_driver"]
    sound(machine.play(PLAY))
    assert record(machine)["headers"].startswith("n13.0.19.0 ")
    assert machine.read(f"{PREFIX}/share/used") == "mirror\n"
    machine.write(f"{PREFIX}/lib/libavcodec.so.60", "old")
    machine.write(f"{PREFIX}/notes.txt", "mine")
    machine.write("/sys/module/nvidia/version", "535.183.01\n")
    sound(machine.play(PLAY))
    assert record(machine)["headers"].startswith("n12.1.14.0 ")
    assert not machine.exists(f"{PREFIX}/lib/libavcodec.so.60")
    assert machine.exists(f"{PREFIX}/notes.txt")
    assert sound(machine.play(PLAY)).changed == []


def test_options_profile_and_the_distributions_headers(machine: Root) -> None:
    wishes: dict[str, Any] = {
        "ffmpeg_cuda_headers": "distribution",
        "ffmpeg_cuda_profile": "small",
        "ffmpeg_cuda_options": ["--enable-gpl"],
        "ffmpeg_cuda_packages": ["nasm"],
        "ffmpeg_cuda_prefix": "/opt/video/ffmpeg",
        "ffmpeg_cuda_keep_work": True,
        "ffmpeg_cuda_jobs": 1,
    }
    sound(machine.play(PLAY, vars=wishes))
    words = machine.read("/opt/video/ffmpeg/share/words").splitlines()
    assert {"--enable-gpl", "--disable-x86asm", "--disable-autodetect"} <= set(words)
    assert any("h264_nvenc,hevc_nvenc" in word for word in words)
    assert "libffmpeg-nvenc-dev" in machine.packages()
    assert machine.exists("/var/cache/ffmpeg_cuda/build/words")


# ---- the distribution's ----------------------------------------------------------------------


def test_the_distributions_serves(machine: Root) -> None:
    wishes = {"ffmpeg_cuda_build": "auto"}
    first = sound(machine.play(PLAY, vars=wishes))
    assert first.changed == ["ffmpeg_cuda : Install it, as it may serve"]
    assert machine.exists("/usr/bin/ffmpeg") and not machine.exists(PREFIX)
    assert sound(machine.play(PLAY, vars=wishes)).changed == []


def test_the_distributions_lacks_something(machine: Root) -> None:
    wishes = {"ffmpeg_cuda_build": "auto", "ffmpeg_cuda_filters": ["bwdif_cuda"]}
    run = machine.play(PLAY, vars=wishes)
    assert machine.exists(BUILT)
    assert run.failed and "has no bwdif_cuda among its filters" in run.message  # nor has this build


# ---- broken ----------------------------------------------------------------------------------


def test_a_run_that_breaks_can_be_run_again(machine: Root, server: Server) -> None:
    bad = archive(make="echo fatal error: no disk >&2; false")
    stopped = machine.play(PLAY, vars=serve(server, bad))
    assert stopped.failed and "fatal error: no disk" in stopped.message
    assert not machine.exists(f"{PREFIX}/share/ffmpeg_cuda.json")
    sound(machine.play(PLAY))
    bad = archive(broken="echo 'ERROR: libfoo not found'; exit 1")
    stopped = machine.play(PLAY, vars=serve(server, bad))
    assert stopped.failed and "ERROR: libfoo not found" in stopped.message
    assert machine.exists(BUILT)  # the old one still works
    sound(machine.play(PLAY, vars=serve(server, archive(*HAS, "av1_nvenc"))))
    assert "av1_nvenc" in machine.read(BUILT)


def test_an_archive_with_another_checksum(machine: Root) -> None:
    run = machine.play(PLAY, vars={"ffmpeg_cuda_sha256": "0" * 64})
    assert run.failed and "checksum" in run.message.lower()
    assert not machine.exists(PREFIX)


def test_verify_catches_a_build_without_a_filter(machine: Root, server: Server) -> None:
    names = [name for name in HAS if name != "scale_cuda"]
    run = machine.play(PLAY, vars=serve(server, archive(*names)))
    assert run.failed and f"{BUILT} has no scale_cuda among its filters" in run.message


def test_verify_catches_a_build_that_was_spoilt(machine: Root) -> None:
    sound(machine.play(PLAY))
    for does, said in (
        ("echo libx264.so.155: cannot open >&2; exit 127", "libx264.so.155"),
        ("echo WARNING: library configuration mismatch >&2", "another build"),
    ):
        machine.write(BUILT, f"#!/bin/sh\n{does}\n", 0o755)
        run = machine.play(PLAY, tags="verify")
        assert run.failed and said in run.message


# ---- refused ---------------------------------------------------------------------------------


def test_refused_before_anything_changes(machine: Root) -> None:
    for name in ("ffmpeg_cuda_headers_commit", "ffmpeg_cuda_sha256"):
        machine.vars.pop(name)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ffmpeg_cuda_prefix": "/usr/local"}, "a folder for this build alone"),
        ({"ffmpeg_cuda_prefix": "/usr/local/"}, "a folder for this build alone"),
        ({"ffmpeg_cuda_prefix": "/opt"}, "a folder for this build alone"),
        ({"ffmpeg_cuda_prefix": "/opt/ffmpeg/../../usr"}, "a folder for this build alone"),
        ({"ffmpeg_cuda_driver": "new"}, "is no version"),
        ({"ffmpeg_cuda_version": "6.0"}, "not known by its SHA-256"),
        ({"ffmpeg_cuda_version": "6.0", "ffmpeg_cuda_sha256": "0" * 64}, "set ffmpeg_cuda_headers"),
        ({"ffmpeg_cuda_headers": "n99.0"}, "commit of nv-codec-headers n99.0 is not known"),
        (
            {"ffmpeg_cuda_headers": "n13.1.15.0", "ffmpeg_cuda_driver": "610.10"},
            "does not compile with",
        ),
        (
            {"ffmpeg_cuda_headers": "n13.0.19.0", "ffmpeg_cuda_driver": "535.104.05"},
            "need driver 570.0",
        ),
        ({"ffmpeg_cuda_driver": "450.80.02"}, "FFM002 nvenc_needs_newer_driver"),
        ({"ffmpeg_cuda_headers": "distribution", "ffmpeg_cuda_driver": "460.32"}, "470.57.02"),
        ({"ffmpeg_cuda_build": "auto", "ffmpeg_cuda_driver": "460.32"}, "need driver 470.57.02"),
        ({"ffmpeg_cuda_npp": True}, "set ffmpeg_cuda_compiler: nvcc"),
        (
            {
                "ffmpeg_cuda_npp": True,
                "ffmpeg_cuda_compiler": "nvcc",
                "ffmpeg_cuda_version": "9.0.2",
            },
            "has no scale_npp any more",
        ),
        ({"ffmpeg_cuda_compiler": "nvcc"}, "install a CUDA toolkit"),
        ({"ffmpeg_cuda_min_free_gib": 99999}, "needs 99999"),
        ({"ffmpeg_cuda_compiler": "icc"}, "value of ffmpeg_cuda_compiler must be one of"),
        ({"ffmpeg_cuda_options": {"a": 1}}, "cannot be converted to a list"),
        ({"ffmpeg_cuda_jobs": "many"}, "cannot be converted to an int"),
    ]
    run, messages = refusals(machine, "ffmpeg_cuda", [case for case, _ in cases])
    assert len(messages) == len(cases), (run.output, messages)
    for (case, words), message in zip(cases, messages, strict=True):
        assert words in message, (case, message)
    assert run.changed == []
    assert not machine.exists(PREFIX)


def test_a_toolkit_too_new_for_npp(machine: Root) -> None:
    nvcc = "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.48'\n"
    machine.write("/usr/local/cuda/bin/nvcc", nvcc, 0o755)
    wishes = {"ffmpeg_cuda_npp": True, "ffmpeg_cuda_compiler": "nvcc"}
    run = machine.play(PLAY, vars=wishes)
    assert run.failed and "scale_npp needs CUDA older than 13.0" in run.message
    machine.write("/usr/local/cuda/bin/nvcc", nvcc.replace("13.0", "12.1"), 0o755)
    again = machine.play(PLAY, vars=wishes)
    assert again.failed and "has no scale_npp among its filters" in again.message
    words = machine.read(f"{PREFIX}/share/words")
    assert "--enable-libnpp" in words and "--enable-nonfree" in words


def test_systems_known_and_not(machine: Root) -> None:
    machine.write(
        "/etc/os-release",
        'ID=ubuntu\nNAME="Ubuntu"\nVERSION_ID="20.04"\nVERSION_CODENAME=focal\nID_LIKE=debian\n',
    )
    run = machine.play(PLAY)
    assert run.failed and "ubuntu2004 on x86_64 is not supported" in run.message
    release = machine.read("/etc/os-release").replace("20.04", "24.04").replace("focal", "noble")
    machine.write("/etc/os-release", release)
    sound(machine.play(PLAY))
    assert "--nvcc=clang-18" in machine.read(f"{PREFIX}/share/words")
