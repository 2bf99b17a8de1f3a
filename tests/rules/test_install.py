"""Remedies that install torch: the build fits the whole machine and brings its companions."""

import pytest

from envcheck.facts import Companion, Snapshot, absent
from envcheck.facts.paths import replace
from envcheck.finding import Remedy
from tests.rules.machine import change, fires, gpu, healthy, passes, report


def broken(sm: str, **changes: object) -> Snapshot:
    """A machine whose torch has no code for its GPU."""
    base = change(healthy(), gpus__devices=(gpu(0, sm=sm, name=f"Card {sm}"),))
    return change(base, torch__sass=("sm_20",), torch__ptx=(), **changes)


def remedy(machine: Snapshot) -> Remedy:
    found = fires("arch_not_in_build", machine).remedy
    assert found
    return found


def mended(machine: Snapshot) -> Snapshot:
    """The machine after the remedy, on paper."""
    for effect in remedy(machine).effects:
        machine = replace(machine, effect.path, effect.value)
    return machine


@pytest.mark.parametrize(
    ("sm", "driver", "python", "words"),
    [
        ("12.0", "570.124.06", "3.11", "torch==2.11.0 torchvision==0.26.0 --index-url"),
        ("12.0", "570.124.06", "3.11", "/whl/cu128"),
        ("7.0", "580.65.06", "3.11", "/whl/cu126"),
        ("6.1", "580.95.05", "3.10", "/whl/cu126"),
        ("3.7", "470.82.01", "3.9", "/whl/cu118"),
        # 12.8 is what PyPI has: no index is named.
        ("9.0", "535.104.05", "3.9", "--force-reinstall torch==2.8.0 torchvision==0.23.0"),
    ],
)
def test_the_build_fits_the_machine(sm: str, driver: str, python: str, words: str) -> None:
    machine = broken(sm, driver__version=driver, python__version=f"{python}.1")
    (command,) = remedy(machine).commands
    assert words in command and command.startswith("/venv/bin/python -m pip install")
    after = mended(machine)
    for name in ("arch_not_in_build", "driver_too_old", "torchvision_mismatch"):
        passes(name, after)
    passes("torchvision_cuda_mismatch", after)


def test_only_companions_that_are_installed_come_along() -> None:
    assert "torchaudio" not in remedy(broken("7.0")).commands[0]
    audio = Companion(name="torchaudio", version="2.4.0+cu121", cuda="12.1", torch_pin="==2.4.0")
    both = broken("7.0", torch__companions=(*_companions(healthy()), audio))
    assert "torchvision==" in remedy(both).commands[0]
    assert "torchaudio==" in remedy(both).commands[0]
    assert "torchvision" not in remedy(broken("7.0", torch__companions=())).commands[0]


def _companions(machine: Snapshot) -> tuple[Companion, ...]:
    found = machine.torch.companions  # type: ignore[union-attr]
    return tuple(one for one in found if isinstance(one, Companion))  # type: ignore[union-attr]


def test_a_driver_in_wsl_is_numbered_as_in_windows() -> None:
    """CUDA 12 needs 525.60.13 on Linux and 528.33 on Windows."""
    linux = broken("8.6", driver__version="528.24")
    assert "for CUDA 12." in remedy(linux).text
    assert "for CUDA 11.8" in remedy(change(linux, container__wsl=2)).text


def test_glibc_of_the_host_limits_the_wheels() -> None:
    old = broken("8.0", host__glibc="2.17")
    assert "torch==2.6.0" in remedy(old).commands[0]


def test_where_no_build_fits_the_remedy_says_what_would_help() -> None:
    found = remedy(broken("12.0", driver__version="550.54.15"))
    assert not found.commands and "driver 570 or newer" in found.text
    thor = remedy(broken("7.2", python__platform="linux-aarch64"))
    assert "JetPack" in thor.text


def test_garbage_in_a_snapshot_does_not_crash_the_remedy() -> None:
    for path, value in (
        ("driver__version", "new"), ("host__glibc", "musl"), ("python__version", "three"),
        ("python__platform", "plan9"), ("driver__version", absent("none")),
    ):  # fmt: skip
        assert not report(change(broken("12.0"), **{path: value}), "arch_not_in_build").crashed
