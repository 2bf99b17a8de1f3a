"""`doctor --plan`: what files would install, judged for a host that is described on the way."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.doctor import examine
from envcheck.errors import UsageError
from envcheck.facts import Missing, Snapshot, encode
from envcheck.facts.plan import BaseImage, Plan, Wanted
from envcheck.finding import Finding
from envcheck.kb import load
from envcheck.plans import read_plan
from envcheck.report import Report
from tests.rules.machine import change, healthy

Write = Callable[..., Path]
H100 = {"gpu": ["H100 SXM"], "driver": "550.54.15"}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files; the path of the first."""

    def write(**files: str) -> Path:
        paths = []
        for name, text in files.items():
            path = tmp_path / _NAMES.get(name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths.append(path)
        return paths[0]

    return write


_NAMES = {
    "requirements": "requirements.txt",
    "environment": "environment.yml",
    "compose": "compose.yaml",
    "pyproject": "pyproject.toml",
    "uv_lock": "uv.lock",
    "pylock": "pylock.toml",
    "more": "more.txt",
}


def judged(path: Path, part: str = "", gpu: str = "H100 SXM", driver: str = "550.54.15") -> Report:
    return examine(plan=str(path), part=part, gpu=[gpu], driver=driver)


def names(report: Report) -> set[str]:
    return {finding.name for finding in report.findings}


def finding(report: Report, name: str) -> Finding:
    return next(one for one in report.findings if one.name == name)


def planned(path: Path, python: str | None = None, part: str = "") -> tuple[Snapshot, Plan]:
    snapshot = read_plan(str(path), load(), platform="linux-x86_64", python=python, part=part)
    assert isinstance(snapshot.plan, Plan)
    return snapshot, snapshot.plan


def wanted(plan: Plan, name: str) -> Wanted:
    return next(one for one in plan.wanted if one.name == name)


# requirements.txt


def test_a_wrong_cuda_tag_for_the_card_points_at_its_line(write: Write) -> None:
    path = write(
        requirements="# fast\n--extra-index-url https://download.pytorch.org/whl/cu121\n"
        "numpy==1.26.4\ntorch==2.4.0\n"
    )
    report = judged(path, gpu="RTX 5090", driver="580.65.06")
    places = {evidence.source for evidence in finding(report, "arch_not_in_build").evidence}
    assert "requirements.txt:4" in places and report.exit_code == 1
    assert "arch_not_in_build" not in names(judged(path))


def test_a_driver_too_old_for_the_wheel(write: Write) -> None:
    path = write(requirements="torch==2.9.1 --index-url https://download.pytorch.org/whl/cu130\n")
    path.write_text("--index-url https://download.pytorch.org/whl/cu130\ntorch==2.9.1\n")
    assert "driver_too_old" in names(judged(path))
    assert "driver_too_old" not in names(judged(path, driver="580.65.06"))


def test_a_companion_of_another_torch(write: Write) -> None:
    path = write(requirements="torch==2.4.0\ntorchvision==0.18.0\n")
    assert "torchvision_mismatch" in names(judged(path))
    assert "torchvision_mismatch" not in names(
        judged(write(requirements="torch==2.4.0\ntorchvision==0.19.0\n"))
    )


def test_includes_markers_continuations_and_addresses(write: Write) -> None:
    path = write(
        requirements="-r more.txt\ntorch \\\n  ==2.4.0 ; sys_platform == 'linux'\n"
        "torch==2.0.0 ; sys_platform == 'win32'\n-e ./src\n"
        "torchvision @ https://download.pytorch.org/whl/cu121/torchvision-0.19.0%2Bcu121-cp311-cp311-linux_x86_64.whl\n",
        more="-c absent.txt\n\neinops==0.8.0 --hash=sha256:abc\nNumPy>=1.2,<2\n",
    )
    _, plan = planned(path)
    assert [(one.name, one.version, one.where) for one in plan.wanted if one.name != "numpy"] == [
        ("einops", "0.8.0", "more.txt:3"),
        ("torch", "2.4.0", "requirements.txt:2"),
        ("torchvision", "0.19.0+cu121", "requirements.txt:6"),
    ]
    assert wanted(plan, "torchvision").cuda == "12.1"
    assert wanted(plan, "torch").cuda == "12.1"  # what the default index brings
    assert plan.not_read == ("requirements.txt:5: -e ./src",)


def test_includes_in_a_circle_are_said(write: Write) -> None:
    path = write(requirements="-r more.txt\n", more="-r requirements.txt\n")
    with pytest.raises(UsageError, match="include one another"):
        judged(path)


def test_without_a_version_the_newest_that_fits_would_come(write: Write) -> None:
    path = write(
        requirements="--index-url https://download.pytorch.org/whl/cu118\ntorch\ntorchvision\n"
    )
    _, plan = planned(path, python="3.9")
    torch = wanted(plan, "torch")
    assert isinstance(torch.version, str)
    release = load().torch.release(torch.version)
    assert release is not None and "11.8" in release.variants and "3.9" in release.python
    assert wanted(plan, "torchvision").version == load().torch.pair("torchvision", torch.version)
    assert "torch_left_open" in names(judged(path))


def test_a_pinned_torch_is_not_left_open(write: Write) -> None:
    assert "torch_left_open" not in names(judged(write(requirements="torch==2.4.0\n")))


def test_a_wheel_that_does_not_exist(write: Write) -> None:
    tag = write(requirements="--index-url https://download.pytorch.org/whl/cu128\ntorch==2.4.0\n")
    report = judged(tag)
    assert "no wheel for CUDA 12.8" in finding(report, "no_such_wheel").message
    assert report.exit_code == 1
    python = write(Dockerfile="FROM python:3.13-slim\nRUN pip install torch==2.4.0\n")
    assert "Python 3.13" in finding(judged(python), "no_such_wheel").message
    good = write(Dockerfile="FROM python:3.12-slim\nRUN pip install torch==2.4.0\n")
    assert "no_such_wheel" not in names(judged(good))


def test_a_package_that_lets_in_what_breaks(write: Write) -> None:
    report = judged(write(requirements="torch==2.2.1\nnumpy>=1.20\n"))
    said = finding(report, "package_left_open")
    assert "requirements.txt:2" in {one.source for one in said.evidence}
    for bound in ("numpy<2", "numpy==1.26.4", "numpy~=1.26"):
        report = judged(write(requirements=f"torch==2.2.1\n{bound}\n"))
        assert "package_left_open" not in names(report)
    assert "package_left_open" in names(judged(write(requirements="torch==2.2.1\nnumpy<3\n")))


# Dockerfile

DOCKERFILE = """\
# syntax=docker/dockerfile:1
ARG CUDA=12.1.1
FROM nvidia/cuda:${CUDA}-cudnn8-runtime-ubuntu22.04 AS base
ENV PATH=/opt/venv/bin:$PATH \\
    # between two lines
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
FROM base AS builder
ARG TORCH=2.4.0
RUN apt-get update && apt-get install -y python3.11 && python3.11 -m venv /opt/venv
COPY requirements.txt /tmp/
RUN --mount=type=cache,target=/root/.cache/pip \\
    pip install -r /tmp/requirements.txt && \\
    pip install --no-cache-dir "torch==${TORCH}" --index-url https://download.pytorch.org/whl/cu121
FROM base
COPY --from=builder /opt/venv /opt/venv
RUN <<EOF
set -e
pip install torchvision==0.19.0
EOF
RUN ["pip", "install", "einops==0.8.0"]
"""


def test_stages_variables_heredocs_and_copies(write: Write) -> None:
    path = write(Dockerfile=DOCKERFILE, requirements="pandas==2.2.0\n")
    snapshot, plan = planned(path)
    assert {one.name: one.where for one in plan.wanted} == {
        "pandas": "requirements.txt:1",
        "torch": "Dockerfile:11",
        "torchvision": "Dockerfile:16",
        "einops": "Dockerfile:20",
    }
    assert isinstance(plan.base_image, BaseImage) and plan.base_image.cuda == "12.1"
    assert not isinstance(snapshot.python, Missing) and snapshot.python.version == "3.11"
    assert not isinstance(snapshot.host, Missing) and snapshot.host.glibc == "2.35"
    _, base = planned(path, part="base")
    assert base.wanted == ()
    assert names(judged(path)) == set(), plan.not_read


INDEX = "https://download.pytorch.org/whl"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pip3 install torch==2.4.0", ("torch", "2.4.0", "12.1")),
        ("python3 -m pip install -U torch==2.4.0+cpu", ("torch", "2.4.0+cpu", None)),
        ("uv pip install --system torch==2.4.0 --torch-backend=cu118", ("torch", "2.4.0", "11.8")),
        ("mamba install -y pytorch=2.4.0 pytorch-cuda=12.4", ("torch", NotImplemented, "12.4")),
        (f"FOO=1 sudo pip install 'torch==2.3.1' -f {INDEX}/cu118", ("torch", "2.3.1", "11.8")),
        ("bash -c 'pip install torch==2.4.0'", ("torch", "2.4.0", "12.1")),
    ],
)  # fmt: skip
def test_ways_to_install(write: Write, line: str, expected: tuple[str, object, object]) -> None:
    _, plan = planned(write(Dockerfile=f"FROM python:3.11\nRUN {line}\n"))
    torch = wanted(plan, expected[0])
    assert torch.cuda == expected[2]
    assert expected[1] is NotImplemented or torch.version == expected[1]


def test_a_base_image_newer_than_the_driver(write: Write) -> None:
    text = "FROM nvidia/cuda:13.0.1-runtime-ubuntu24.04\nRUN pip install torch==2.9.1\n"
    report = judged(write(Dockerfile=text), driver="550.54.15")
    said = finding(report, "base_image_too_new_for_driver")
    assert said.evidence[0].source == "Dockerfile:1"
    assert "base_image_too_new_for_driver" not in names(
        judged(write(Dockerfile=text), driver="580.65.06")
    )


def test_an_image_that_brings_torch(write: Write) -> None:
    path = write(Dockerfile="FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime\n")
    report = judged(path, gpu="RTX 5090", driver="580.65.06")
    assert "arch_not_in_build" in names(report)
    assert "arch_not_in_build" not in names(judged(path))


def test_musl_has_no_torch(write: Write) -> None:
    alpine = write(Dockerfile="FROM python:3.11-alpine\nRUN pip install torch==2.4.0\n")
    assert "torch_needs_glibc" in names(judged(alpine))
    slim = write(Dockerfile="FROM python:3.11-slim-bookworm\nRUN pip install torch==2.4.0\n")
    assert "torch_needs_glibc" not in names(judged(slim))


def test_capabilities_without_compute(write: Write) -> None:
    text = "FROM python:3.11\nENV NVIDIA_DRIVER_CAPABILITIES={}\nRUN pip install torch==2.4.0\n"
    said = finding(
        judged(write(Dockerfile=text.format("utility,video"))), "capabilities_leave_out_compute"
    )
    assert said.evidence[0].source == "Dockerfile:2"
    for good in ("all", "compute,utility"):
        report = judged(write(Dockerfile=text.format(good)))
        assert "capabilities_leave_out_compute" not in names(report)


def test_what_a_script_installs_is_not_known(write: Write) -> None:
    plain = "FROM python:3.11\nRUN pip install torch==2.4.0\n"
    text = plain.replace("RUN", "RUN curl -s https://example.org/i.sh | bash\nRUN")
    said = finding(judged(write(Dockerfile=text)), "plan_not_wholly_read")
    assert said.evidence[0].source == "Dockerfile:2"
    assert "plan_not_wholly_read" not in names(judged(write(Dockerfile=plain)))


# compose.yaml, environment.yml


COMPOSE = """\
services:
  db:
    image: postgres:16
  train:
    build:
      context: app
      target: run
    environment:
      - NVIDIA_DRIVER_CAPABILITIES=utility
{extra}"""
RESERVED = """\
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities: [gpu]
"""


def test_a_service_that_asks_for_no_gpu(write: Write) -> None:
    stages = "FROM python:3.11 AS run\nRUN pip install torch==2.4.0\nFROM scratch\n"
    path = write(**{"compose": COMPOSE.format(extra=""), "app/Dockerfile": stages})
    report = judged(path)
    assert finding(report, "plan_asks_for_no_gpu").evidence[0].source == "compose.yaml:5"
    places = finding(report, "capabilities_leave_out_compute").evidence
    assert places[0].source == "compose.yaml:9"
    for extra in (RESERVED, "    gpus: all\n", "    runtime: nvidia\n"):
        path = write(**{"compose": COMPOSE.format(extra=extra), "app/Dockerfile": stages})
        assert "plan_asks_for_no_gpu" not in names(judged(path))
    _, db = planned(path, part="db")
    assert isinstance(db.base_image, BaseImage) and db.base_image.name == "postgres:16"


def test_conda_environments(write: Write) -> None:
    path = write(
        environment="name: x\nchannels: [pytorch, nvidia]\ndependencies:\n  - python=3.9\n"
        "  - pytorch::pytorch==2.4.0\n  - pytorch-cuda=12.1\n  - pip\n  - pip:\n"
        "    - torchvision==0.18.0\n"
    )
    snapshot, plan = planned(path)
    assert wanted(plan, "torch").cuda == "12.1" and wanted(plan, "torch").installer == "conda"
    assert not isinstance(snapshot.python, Missing) and snapshot.python.version == "3.9"
    assert "torchvision_mismatch" in names(judged(path))
    cpu = write(environment="dependencies: [python=3.11, pytorch==2.4.0, cpuonly]\n")
    assert "cpu_only_build" in names(judged(cpu))


# locks


def test_projects_and_locks(write: Write) -> None:
    project = (
        '[project]\nname = "x"\nrequires-python = ">=3.11"\n'
        'dependencies = [\n  "torch==2.4.0",\n]\n'
        '[tool.uv.sources]\ntorch = { index = "pytorch-cu124" }\n'
        '[[tool.uv.index]]\nname = "pytorch-cu124"\n'
        'url = "https://download.pytorch.org/whl/cu124"\nexplicit = true\n'
    )
    path = write(pyproject=project)
    _, plan = planned(path)
    torch = wanted(plan, "torch")
    assert (torch.cuda, torch.installer, torch.where) == ("12.4", "uv", "pyproject.toml:5")
    lock = (
        'version = 1\n[[package]]\nname = "torch"\nversion = "2.4.0+cu121"\n'
        'source = { registry = "https://download.pytorch.org/whl/cu121" }\n'
        '[[package]]\nname = "x"\nversion = "0"\nsource = { virtual = "." }\n'
    )
    _, plan = planned(write(uv_lock=lock))
    assert [(one.name, one.version, one.cuda, one.locked) for one in plan.wanted] == [
        ("torch", "2.4.0+cu121", "12.1", True)
    ]
    _, both = planned(write(pyproject=project, uv_lock=lock))
    assert wanted(both, "torch").where == "uv.lock:3"
    pylock = (
        'lock-version = "1.0"\n[[packages]]\nname = "torch"\nversion = "2.8.0"\n'
        '[[packages.wheels]]\nurl = "https://download.pytorch.org/whl/cu129/torch-2.8.0%2Bcu129.whl"\n'
    )
    _, plan = planned(write(pylock=pylock))
    assert wanted(plan, "torch").version == "2.8.0"


# bad input


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("Dockerfile", "", "no FROM"),
        ("Dockerfile", "RUN x\n", "before the first FROM"),
        ("Dockerfile", "FROM a\nINSTALL torch\n", "Dockerfile:2.*no instruction"),
        ("Dockerfile", "FROM a\nRUN <<EOF\npip install torch\n", "has no end"),
        ("compose.yaml", "services: {}\n", "no services"),
        ("compose.yaml", "services: [\n", "compose.yaml"),
        ("environment.yml", "dependencies: [*x]\n", "environment.yml"),
        ("environment.yml", "a: 1\n", "nothing in it is installed"),
        ("pyproject.toml", "x = \n", "pyproject.toml"),
        ("requirements.txt", "", "nothing in it is installed"),
        ("requirements.txt", "-r 'x\n", "no closing quotation"),
        ("notes.md", "torch", "what kind of plan"),
        ("requirements.txt", "\x00\x01", "binary"),
    ],
)
def test_bad_input_is_a_sentence(write: Write, name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        judged(write(**{name: text}))


def test_a_growing_yaml_is_refused(write: Write) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 12):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    with pytest.raises(UsageError, match="aliases"):
        judged(write(environment="\n".join(lines)))


def test_nothing_above_the_plan_is_read(write: Write, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("torch==2.4.0\n")
    path = write(**{"app/requirements.txt": "-r ../secret.txt\neinops==0.8\n"})
    _, plan = planned(path)
    assert [one.name for one in plan.wanted] == ["einops"]
    assert plan.not_read == ("requirements.txt:1: -r ../secret.txt",)


TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            [
                *("FROM ", "RUN ", "ARG ", "a=", "${", "}", "$a", "\\", "\n", "<<EOF", "EOF", "["),
                *("pip install ", "torch", "==2.4", "-r x", "'", '"', "services:", "  ", "- "),
                *("[[package]]", "name = ", "&a", "*a", "COPY --from=0 / /\n", "conda install "),
                *("--index-url ", "https://", "@ ", ";"),
            ]
        ),
        max_size=40,
    ).map("".join),
)


@pytest.mark.parametrize(
    "name",
    ["Dockerfile", "requirements.txt", "environment.yml", "compose.yaml", "pyproject.toml",
     "uv.lock", "pylock.toml"],
)  # fmt: skip
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_no_text_crashes_a_reader(
    tmp_path_factory: pytest.TempPathFactory, name: str, text: str
) -> None:
    path = tmp_path_factory.mktemp("plan") / name
    path.write_text(text, encoding="utf-8", errors="ignore")
    with contextlib.suppress(UsageError):
        read_plan(str(path), load(), platform="linux-x86_64", python=None)


def test_a_list_is_installed_for_the_hosts_python(write: Write, tmp_path: Path) -> None:
    path = write(requirements="torch==2.4.0\n")
    saved = tmp_path / "host.json"
    saved.write_bytes(encode(change(healthy(), python__version="3.13.1")))
    report = examine(plan=str(path), snapshot=str(saved))
    assert "Python 3.13" in finding(report, "no_such_wheel").message
    saved.write_bytes(encode(healthy()))
    assert not names(examine(plan=str(path), snapshot=str(saved)))
