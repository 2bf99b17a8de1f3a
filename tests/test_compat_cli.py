"""`envcheck compat` as a user runs it: formats, exit codes, bad usage, the package index."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from envcheck.cli.app import app
from envcheck.errors import UsageError
from envcheck.kb import load
from envcheck.resolve.judge import judge
from envcheck.resolve.published import Indexes, check
from envcheck.resolve.whatif import ask
from tests.make_docs import ROOT

KB = load()


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "compat", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def answer(*arguments: str, code: int = 0) -> dict[str, Any]:
    ran = run(*arguments, "--format", "json")
    assert ran.returncode == code, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_json_is_what_its_schema_says_and_no_more() -> None:
    found = answer("--gpu", "H100", "--driver", "535.104.05", "--python", "3.9")
    schema = json.loads((ROOT / "envcheck/schema/compat.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema)
    assert set(found) == {"schema_version", "request", "builds", "best"}
    assert found["request"] == {
        "gpus": [{"name": "NVIDIA H100", "sm": "9.0"}],
        "driver": "535.104.05",
        "python": "3.9",
        "glibc": None,
        "platform": "linux-x86_64",
    }
    assert found["best"] == found["builds"][0]
    for build in found["builds"]:
        assert set(build) == {
            "torch", "cuda", "platform", "verdict", "how", "reasons", "install",
        }  # fmt: skip
        assert set(build["install"]) == {"pip", "uv", "conda"}
    assert (found["best"]["torch"], found["best"]["cuda"]) == ("2.8.0", "12.8")
    assert {build["verdict"] for build in found["builds"]} == {"runs", "no"}


def test_nothing_runs_is_exit_code_1_and_says_what_would_help() -> None:
    found = answer("--gpu", "H100", "--driver", "450.80.02", code=1)
    assert found["best"] is None and found["builds"]
    text = run("--gpu", "H100", "--driver", "450.80.02")
    assert text.returncode == 1 and "What would help" in text.stdout
    assert "driver 520 or newer" in text.stdout
    quiet = run("--gpu", "H100", "--driver", "450.80.02", "--format", "requirements")
    assert quiet.returncode == 1 and quiet.stdout == "" and "driver 520" in quiet.stderr


def test_text_names_the_build_its_commands_and_why() -> None:
    ran = run("--gpu", "GTX 1080 Ti", "--driver", "580.65.06")
    assert ran.returncode == 0
    first = ran.stdout.splitlines()[0]
    assert "torch 2.14.1 for CUDA 12.6 runs on NVIDIA GeForce GTX 1080 Ti (sm_61)" in first
    assert "--index-url https://download.pytorch.org/whl/cu126" in ran.stdout
    assert "sm_60 code runs on 6.1" in ran.stdout
    assert "CUDA 13" not in ran.stdout
    every = run("--gpu", "GTX 1080 Ti", "--driver", "580.65.06", "--all")
    assert "13.2   no" in every.stdout


def test_several_gpus_by_name_and_by_capability() -> None:
    found = answer("--gpu", "RTX 4090", "--sm", "sm_61")
    assert [gpu["sm"] for gpu in found["request"]["gpus"]] == ["8.9", "6.1"]
    assert found["best"]["cuda"] == "12.6"


@pytest.mark.parametrize(
    ("gpu", "platform"),
    [
        ("Jetson AGX Thor", "linux-aarch64"),
        ("GH200", "linux-aarch64"),
        ("DGX Spark", "linux-aarch64"),
        ("H200", "linux-x86_64"),
    ],
)
def test_a_gpu_with_an_arm_cpu_is_looked_up_on_its_platform(gpu: str, platform: str) -> None:
    assert answer("--gpu", gpu)["request"]["platform"] == platform


@pytest.mark.parametrize(
    ("spec", "releases"),
    [
        ("2.4.*", {"2.4.0", "2.4.1"}),
        ("2.4", {"2.4.0", "2.4.1"}),
        ("2.4.0", {"2.4.0"}),
        ("2.4.0+cu121", {"2.4.0"}),
        (">=2.3,<2.4", {"2.3.0", "2.3.1"}),
    ],
)
def test_only_the_releases_asked_about(spec: str, releases: set[str]) -> None:
    found = answer("--gpu", "A100", "--torch", spec)
    assert {build["torch"] for build in found["builds"]} == releases


def test_requirements_are_a_file_for_pip() -> None:
    ran = run("--gpu", "V100", "--torch", "2.2.2", "--cuda", "11.8", "--format", "requirements")
    assert ran.stdout.splitlines()[1:] == [
        "--index-url https://download.pytorch.org/whl/cu118",
        "torch==2.2.2",
        "torchvision==0.17.2",
        "torchaudio==2.2.2",
        "numpy<2",
    ]
    plain = run("--gpu", "V100", "--torch", "2.4.0", "--format", "requirements")
    assert "index-url" not in plain.stdout


def test_versions_are_pinned_lines_only() -> None:
    ran = run("--gpu", "V100", "--torch", "2.2.2", "--cuda", "11.8", "--format", "versions")
    assert ran.stdout.split() == ["torch==2.2.2", "torchvision==0.17.2", "torchaudio==2.2.2"]


def test_an_environment_takes_conda_packages_where_there_are_any() -> None:
    ran = run("--gpu", "RTX 5090", "--torch", "2.7.1", "--cuda", "12.8", "--python", "3.11",
              "--format", "environment.yml")  # fmt: skip
    assert "  - conda-forge\n" in ran.stdout and '  - "pytorch=2.7.1=cuda129*"\n' in ran.stdout
    assert '  - "python=3.11"\n' in ran.stdout and "pip" not in ran.stdout
    inside = run("--gpu", "V100", "--torch", "2.14.1", "--format", "environment.yml").stdout
    assert '  - pip:\n      - "--index-url https://download.pytorch.org/whl/cu126"\n' in inside


def test_ansible_is_a_task() -> None:
    ran = run("--gpu", "V100", "--torch", "2.14.1", "--format", "ansible")
    assert ran.stdout.startswith("- name: Install torch 2.14.1 for CUDA 12.6")
    assert '      - "torch==2.14.1"\n' in ran.stdout
    assert 'extra_args: "--index-url https://download.pytorch.org/whl/cu126"' in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--gpu"),
        (("--driver", "535.104.05"), "--gpu"),
        (("--gpu", "H1000"), "did you mean NVIDIA H100"),
        (("--gpu", "RTX 4000"), "several GPUs"),
        (("--gpu", ""), "no such GPU"),
        (("--gpu", "H100", "--driver", "new"), "not a version"),
        (("--gpu", "H100", "--driver", "12.4"), "--cuda"),
        (("--gpu", "H100", "--python", "three"), "3.11"),
        (("--gpu", "H100", "--glibc", "x"), "--glibc"),
        (("--gpu", "H100", "--cuda", "twelve"), "--cuda"),
        (("--gpu", "H100", "--cuda", "12.7"), "12.6"),
        (("--gpu", "H100", "--torch", "2.4.7"), "2.4.1"),
        (("--gpu", "H100", "--torch", "latest"), "--torch"),
        (("--gpu", "H100", "--torch", "2.4", "--cuda", "13.0"), "there are 11.8, 12.1, 12.4"),
        (("--sm", "9.9"), "near: "),
        (("--sm", "hopper"), "capability"),
        (("--gpu", "Jetson AGX Orin", "--platform", "linux-x86_64"), "linux-aarch64"),
        (("--gpu", "GH200", "--platform", "windows-x86_64"), "linux-aarch64"),
        (("--gpu", "H100", "--platform", "windows-x86_64", "--glibc", "2.31"), "--glibc"),
        (("--gpu", "H100", "--platform", "macos"), "linux-x86_64"),
        (("--gpu", "H100", "--offline"), "--check-index"),
        (("--gpu", "H100", "--with", "detectron"), "detectron2"),
        (("--gpu", "H100", "--format", "yaml"), "environment.yml"),
    ],
)
def test_bad_usage_is_one_clear_error(arguments: tuple[str, ...], words: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2 and ran.stdout == ""
    assert words in ran.stderr and "Traceback" not in ran.stderr


def test_here_without_a_gpu_asks_for_one_and_takes_the_rest_from_the_machine() -> None:
    found = answer("--here", "--gpu", "A100", code=run("--here", "--gpu", "A100").returncode)
    assert found["request"]["python"].startswith("3.")
    assert found["request"]["platform"].startswith(("linux-", "windows-"))


_TEXT = st.sampled_from(["", "0", "9", "2.4", "12.1", "H100", "5090", "-1", "9.0", "é", "1" * 40])


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["--gpu", "--sm", "--driver", "--python", "--glibc", "--torch", "--cuda", "--with"]
        ),
        _TEXT,
    ),
    st.sampled_from(["text", "json", "requirements", "environment.yml", "ansible", "versions"]),
)
def test_no_combination_of_options_ends_in_a_traceback(options: dict[str, str], fmt: str) -> None:
    words = [word for option, value in options.items() for word in (f"{option}={value}",)]
    result = CliRunner().invoke(app, ["compat", *words, "--format", fmt])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        assert isinstance(result.exception, UsageError)  # main prints it and exits with 2
    else:
        assert result.exit_code in (0, 1, 2)


def index(folder: Path, *wheels: str) -> dict[str, str]:
    """Environment variables under which pip knows one index, on disk, with these wheels."""
    page = folder / "simple/torch/index.html"
    page.parent.mkdir(parents=True)
    page.write_text("".join(f'<a href="{name}">{name}</a>\n' for name in wheels))
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": (folder / "simple").as_uri(),
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
    }


def checked(environ: dict[str, str], *, offline: bool = False, python: str = "3.11") -> list[str]:
    """Release, verdict and last reason of the newest two default builds of torch 2.4."""
    request = ask(KB, gpu=["A100"], python=python, torch="2.4", cuda="12.1")
    judged = check(judge(request, KB), request, KB, Indexes(offline=offline, environ=environ))
    return [f"{one.build.torch} {one.verdict}: {one.reasons[-1]}" for one in judged]


def test_the_index_is_asked_for_that_very_wheel(tmp_path: Path) -> None:
    environ = index(
        tmp_path,
        "torch-2.4.1-cp310-cp310-manylinux1_x86_64.whl",  # another Python
        "torch-2.4.1-cp311-none-macosx_11_0_arm64.whl",
        "torch-2.4.0-cp311-cp311-manylinux1_x86_64.whl",
    )
    best, absent = checked(environ)
    assert best.startswith("2.4.0 runs: the configured package index has torch-2.4.0-cp311")
    assert absent.startswith("2.4.1 no: the configured package index has no such wheel")


def test_an_answer_is_kept_for_offline_use_without_addresses(tmp_path: Path) -> None:
    environ = index(tmp_path, "torch-2.4.1-cp311-cp311-manylinux1_x86_64.whl")
    assert "was not asked" in checked(environ, offline=True)[0]
    online = checked(environ)
    (tmp_path / "simple/torch/index.html").unlink()
    assert checked(environ, offline=True) == online
    (kept,) = (tmp_path / "cache/envcheck/index").iterdir()
    assert str(tmp_path) not in kept.read_text()


def test_an_index_that_cannot_be_asked_is_said_so(tmp_path: Path) -> None:
    environ = index(tmp_path) | {"PIP_INDEX_URL": "http://127.0.0.1:9"}
    best, *_ = checked(environ)
    assert "runs: the configured package index was not asked" in best


def test_the_printed_commands_are_what_a_shell_reads(tmp_path: Path) -> None:
    best = answer("--gpu", "V100", "--torch", "2.2.2", "--cuda", "11.8")["best"]
    assert "numpy<2" in shlex.split(best["install"]["pip"])
    assert "mkl<2024.1" in shlex.split(best["install"]["conda"])


def test_help_fits_80_columns() -> None:
    ran = run("--help", COLUMNS="80", TERMINAL_WIDTH="80")
    assert ran.returncode == 0 and max(map(len, ran.stdout.splitlines())) <= 80
