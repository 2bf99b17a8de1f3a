"""`envcheck fix` on an environment of its own: planned, run, judged again, taken back."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pip
import pytest

from envcheck.facts import encode
from tests.rules.machine import change, healthy

NAME = "numpy2_with_torch_built_for_numpy1"
TORCH = "torch-2.2.1+cpu.dist-info"


def wheel(folder: Path, name: str, version: str) -> None:
    """A wheel that holds its metadata only."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"__version__ = '{version}'\n")
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", metadata)
        tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tags)
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels, pip's only index."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.26.4", "2.1.0"):
        wheel(folder, "numpy", version)
    return folder


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Path:
    """An environment with pip, numpy 2 and what looks like a torch compiled for numpy 1."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "pip").symlink_to(Path(pip.__file__).parent)  # ensurepip would take ten seconds
    for path, text in {
        "torch/__init__.py": "",
        "torch/version.py": "__version__ = '2.2.1+cpu'\ncuda = None\nhip = None\n",
        f"{TORCH}/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 2.2.1+cpu\n",
        f"{TORCH}/INSTALLER": "pip\n",
        f"{TORCH}/RECORD": "torch/__init__.py,,\ntorch/version.py,,\n",
    }.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    install(folder, shop, "numpy==2.1.0")
    return folder


def install(venv: Path, shop: Path, requirement: str) -> None:
    command = [str(venv / "bin/python"), "-m", "pip", "install", "-q", "--force-reinstall"]
    subprocess.run([*command, "--no-index", "-f", str(shop), requirement], check=True)


def numpy(venv: Path) -> str:
    (info,) = venv.glob("lib/python*/site-packages/numpy-*.dist-info")
    return info.name.split("-")[1].removesuffix(".dist")


def fix(*arguments: str, home: Path, shop: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "envcheck", "fix", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(home, shop),
    )


def environment(home: Path, shop: Path) -> dict[str, str]:
    return {
        **os.environ,
        "XDG_STATE_HOME": str(home),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(shop),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def test_a_safe_step_is_shown_run_judged_and_taken_back(
    pristine: Path, shop: Path, tmp_path: Path
) -> None:
    here = ("--python", str(pristine))
    shown = fix(*here, home=tmp_path, shop=shop)
    assert NAME in shown.stdout and "Nothing was changed" in shown.stdout
    assert numpy(pristine) == "2.1.0" and not list(tmp_path.iterdir())

    done = fix(NAME, "--yes", "--format", "json", *here, home=tmp_path, shop=shop)
    answer = json.loads(done.stdout)
    assert numpy(pristine) == "1.26.4", done.stderr
    assert [ran["code"] for ran in answer["ran"]] == [0]
    assert NAME not in {finding["name"] for finding in answer["report"]["findings"]}
    assert json.loads(Path(answer["before"]).read_text())["python"]["kind"] == "python"
    assert Path(answer["before"]).stat().st_mode & 0o077 == 0

    for command in answer["undo"]:
        subprocess.run(command, shell=True, check=True, env=environment(tmp_path, shop))
    assert numpy(pristine) == "2.1.0"


def test_a_command_that_fails_is_said_and_ends_it(pristine: Path, tmp_path: Path) -> None:
    empty = tmp_path / "no-wheels"
    empty.mkdir()
    failed = fix(NAME, "--yes", "--python", str(pristine), home=tmp_path, shop=empty)
    assert "A command failed" in failed.stdout and "No package was changed" in failed.stdout
    assert failed.returncode == 1 and numpy(pristine) == "2.1.0"


def test_an_interruption_leaves_a_judged_machine(
    pristine: Path, shop: Path, tmp_path: Path
) -> None:
    started = tmp_path / "started"  # by a pip that does not end
    site = next(pristine.glob("lib/python*/site-packages"))
    hook = site / "zz_slow.pth"
    hook.write_text(
        "import sys, os, time; 'pip' in sys.orig_argv and"
        f" (open({str(started)!r}, 'w').close(), time.sleep(60))\n"
    )
    try:
        running = subprocess.Popen(
            [sys.executable, "-m", "envcheck", "fix", "--yes", "--python", str(pristine), NAME],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path, shop),
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        hook.unlink()
    assert "Interrupted" in out and "Traceback" not in err.partition("$ ")[0]
    assert running.returncode == 3 and numpy(pristine) == "2.1.0"


def test_what_needs_root_is_printed_and_named_for_ansible(tmp_path: Path) -> None:
    saved = tmp_path / "machine.json"
    saved.write_bytes(encode(change(healthy(), driver__version="450.80.02")))
    shown = fix("--snapshot", str(saved), home=tmp_path, shop=tmp_path)
    assert "needs root" in shown.stdout and shown.returncode == 1
    assert "ansible-playbook provision.yml --tags nvidia_driver" in shown.stdout
    refused = fix("--snapshot", str(saved), "--yes", home=tmp_path, shop=tmp_path)
    assert refused.returncode == 2 and "this machine" in refused.stderr


def test_wrong_usage_is_a_sentence(tmp_path: Path) -> None:
    for arguments in (("XYZ123",), ("--snapshot", "/nowhere")):
        failed = fix(*arguments, home=tmp_path, shop=tmp_path)
        assert failed.returncode == 2 and failed.stderr.count("\n") == 1
