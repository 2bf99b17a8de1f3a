"""torch releases, companions, guards, driver branches, nvcc: the look-ups."""

import pytest

from envcheck.kb import load


@pytest.mark.parametrize(
    ("torch", "vision", "audio", "codec"),
    [
        ("2.4.0", "0.19.0", "2.4.0", "0.0.3"),
        ("2.4.1+cu124", "0.19.1", "2.4.1", "0.0.3"),
        ("2.0.1", "0.15.2", "2.0.2", None),
        ("1.13.1", "0.14.1", "0.13.1", None),
        ("2.10.0", "0.25.0", "2.10.0", "0.10.0"),
        ("2.13.0", "0.28.0", "2.11.0", "0.17.0"),
        ("2.15.0", "0.29.2", "2.11.0", "0.17.0"),
    ],
)
def test_pairs(torch: str, vision: str, audio: str, codec: str | None) -> None:
    table = load().torch
    found = [table.pair(name, torch) for name in ("torchvision", "torchaudio", "torchcodec")]
    assert found == [vision, audio, codec]


@pytest.mark.parametrize(
    ("package", "version", "torch", "fits"),
    [
        ("torchvision", "0.19.0+cu121", "2.4.0+cu121", True),
        ("torchvision", "0.19.0", "2.4.1", False),
        ("torchvision", "0.29.1", "2.15.0", True),
        ("torchvision", "0.29.0", "2.15.0", False),
        ("torchaudio", "2.11.0", "2.14.1", True),
        ("torchaudio", "2.10.0", "2.11.0", False),
        ("torchvision", "99.0", "2.15.0", None),
        ("torchvision", "built by hand", "2.15.0", None),
        ("torchtext", "0.18.0", "2.4.0", None),
    ],
)
def test_whether_a_companion_fits(
    package: str, version: str, torch: str, fits: bool | None
) -> None:
    assert load().torch.fits(package, version, torch) is fits


def test_a_release_by_the_version_a_wheel_calls_itself() -> None:
    table = load().torch
    release = table.release("2.4.0+cu121")
    assert release is not None
    assert (release.cuda, release.variants) == ("12.1", ("11.8", "12.1", "12.4"))
    assert table.release("2.4.99") is None
    assert table.release("2.4.0a0+git1234") is None


def test_wheel_indexes() -> None:
    table = load().torch
    assert table.index_url("12.1") == "https://download.pytorch.org/whl/cu121"
    assert table.index_url(None) == "https://download.pytorch.org/whl/cpu"


def test_linear_algebra_lacks_turing_in_some_releases() -> None:
    table = load().torch
    assert [gap.lacks for gap in table.gaps_of("2.13.0+cu130")] == [("sm_75",)]
    assert table.gaps_of("2.10.0") == table.gaps_of("2.15.0") == ()


@pytest.mark.parametrize(
    ("subject", "version", "package", "installed", "broken"),
    [
        ("torch", "2.2.2", "numpy", "2.1.0", True),
        ("torch", "2.2.2", "numpy", "1.26.4", False),
        ("torch", "2.5.0", "numpy", "2.1.0", False),
        ("torch", "2.2.0.dev20231001+cu121", "numpy", "2.1.0", True),
        ("torch", "1.13.1", "setuptools", "70.3.0", True),
        ("torch", "1.13.1", "setuptools", "75.0.0", False),
        ("torch", "1.13.1", "setuptools", "82.0.0", True),
        ("torch", "2.4.0", "setuptools", "82.0.0", False),
        ("torch", "1.10.2", "setuptools", "59.6.0", True),
        ("torch", "1.10.2", "setuptools", "59.5.0", False),
        ("detectron2", "0.6", "setuptools", "84.2.1", True),
        ("detectron2", None, "setuptools", "84.2.1", True),
        ("torch", "2.1.0", "mkl", "2024.1.0", True),
        ("torch", "2.1.0", "mkl", "2024.0.0", False),
        ("torch", None, "numpy", "2.1.0", False),
        ("torch", "self-built", "numpy", "2.1.0", False),
    ],
)
def test_guards(
    subject: str, version: str | None, package: str, installed: str, broken: bool
) -> None:
    table = load().packages
    hits = [
        guard
        for guard in table.guards_for(subject, version)
        if guard.package == package and table.broken_by(guard, installed)
    ]
    assert bool(hits) is broken


def test_what_a_guard_asks_for_instead_is_not_broken() -> None:
    from packaging.specifiers import SpecifierSet

    for guard in load().packages.guards:
        edge = guard.pin.removeprefix("<")
        assert SpecifierSet(guard.breaks).contains(edge), guard
        assert not SpecifierSet(guard.pin).contains(edge), guard


def test_numpy_on_windows_needs_a_later_torch() -> None:
    guards = load().packages.guards_for("torch", "2.4.0")
    assert {guard.platform for guard in guards if guard.package == "numpy"} == {"windows"}


@pytest.mark.parametrize(
    ("driver", "branch"),
    [("535.104.05", 535), ("591.86", 590), ("572.61", 570), ("580.95.05", 580), ("999.1", 615)],
)
def test_driver_branches(driver: str, branch: int) -> None:
    found = load().drivers.branch_of(driver)
    assert found is not None
    assert found.branch == branch


def test_before_every_branch_and_the_first_one_for_a_cuda() -> None:
    drivers = load().drivers
    assert drivers.branch_of("173.14.39") is None
    first = drivers.first_for_cuda("12.4")
    assert first is not None
    assert first.branch == 550
    assert drivers.first_for_cuda("99.0") is None


@pytest.mark.parametrize(
    ("cuda", "sm", "how", "instead"),
    [
        ("11.7", "8.9", "too-old", "11.8"),
        ("12.1", "12.0", "too-old", "12.8"),
        ("13.0", "7.0", "dropped", "12.9"),
        ("12.8.1", "7.0", "ok", None),
        ("13.0", "12.0", "ok", None),
        ("12.0", "sm_90a", "ok", None),
        ("11.8", "sm_90a", "too-old", "12.0"),
        ("13.4", "99.9", "unknown", None),
    ],
)
def test_what_nvcc_compiles(cuda: str, sm: str, how: str, instead: str | None) -> None:
    verdict = load().cuda.nvcc_targets(cuda, sm)
    assert (verdict.how, verdict.cuda) == (how, instead)


def test_what_nvcc_accepts() -> None:
    cuda = load().cuda
    row = cuda.nvcc("12.1.1")
    assert row is not None
    assert (row.gcc, row.clang, row.glibc) == (12, 15, "2.40")
    newest = cuda.nvcc("13.3")
    assert newest is not None
    assert newest.glibc is None
    assert cuda.nvcc("99.0") is None
