"""Which driver serves which CUDA and which GPU: tables of what is true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.compat import cuda_for_driver, driver_serves, driver_supports_gpu
from envcheck.kb import load


@pytest.mark.parametrize(
    ("driver", "cuda", "how", "needed"),
    [
        ("580.95.05", "13.0", "native", None),
        ("580.95.05", "12.1", "backward", None),
        ("535.104.05", "12.2", "native", None),
        ("535.54.03", "12.2.2", "minor", None),  # 535.104.05 is the newer one
        ("535.183.01", "12.2.2", "native", None),
        ("535.104.05", "12.9", "minor", None),
        ("525.60.13", "12.8", "minor", None),
        ("525.60.11", "12.8", "no", "525.60.13"),
        ("535.104.05", "13.0", "no", "580.65.06"),
        ("470.256.02", "11.8", "minor", None),
        ("450.80.02", "11.8", "minor", None),
        ("450.51.06", "11.8", "no", "450.80.02"),
        ("450.51.06", "11.0", "native", None),
        ("440.100", "11.0", "no", "450.36.06"),
        ("440.33", "10.2", "native", None),
        ("418.87", "10.2", "no", "440.33"),  # no minor-version compatibility before CUDA 11
        ("418.39", "10.1", "native", None),
        ("390.157", "9.2", "no", "396.26"),
        ("615.71.09", "13.4", "native", None),
        ("615.71.09", "13.9", "minor", None),
        ("615.71.09", "14.0", "unknown", None),
        ("999.1", "13.4", "native", None),
        ("", "12.1", "unknown", None),
        ("N/A", "12.1", "unknown", None),
        ("580.95.05", "cu130", "unknown", None),
    ],
)
def test_drivers_on_linux(driver: str, cuda: str, how: str, needed: str | None) -> None:
    verdict = driver_serves(driver, cuda)
    assert (verdict.how, verdict.needed) == (how, needed)
    assert verdict.serves is {"no": False, "unknown": None}.get(how, True)


@pytest.mark.parametrize(
    ("driver", "cuda", "how"),
    [
        ("566.14", "12.6", "backward"),
        ("551.61", "12.4", "native"),
        ("528.33", "12.9", "minor"),
        ("527.41", "12.0", "native"),
        ("527.41", "12.1", "no"),
        ("591.86", "13.1", "native"),
        ("591.86", "13.2", "minor"),
        ("591.86", "13.0", "backward"),
        ("572.61", "13.0", "no"),
    ],
)
def test_drivers_on_windows(driver: str, cuda: str, how: str) -> None:
    assert driver_serves(driver, cuda, windows=True).how == how


@pytest.mark.parametrize(
    ("driver", "cuda", "serves", "needed"),
    [
        ("535.104.05", "12.4", False, "550.54.14"),
        ("550.54.14", "12.4", True, None),
        ("535.104.05", "12.1", True, None),
        ("615.71.09", "13.9", None, None),
    ],
)
def test_minor_version_compatibility_compiles_no_ptx(
    driver: str, cuda: str, serves: bool | None, needed: str | None
) -> None:
    verdict = driver_serves(driver, cuda, has_ptx=True)
    assert (verdict.serves, verdict.needed) == (serves, needed)


@pytest.mark.parametrize(
    ("driver", "gpu_class", "compat"),
    [
        ("535.104.05", "datacenter", "cuda-compat-13-0"),
        ("535.104.05", "workstation", "cuda-compat-13-0"),
        ("535.104.05", None, "cuda-compat-13-0"),
        ("535.104.05", "geforce", None),
        ("535.104.05", "laptop", None),
        ("550.163.01", "datacenter", None),  # past its end: no package for it
        ("525.147.05", "datacenter", None),
    ],
)
def test_where_a_compat_package_would_help(
    driver: str, gpu_class: str | None, compat: str | None
) -> None:
    verdict = driver_serves(driver, "13.0", gpu_class=gpu_class)
    assert verdict.serves is False
    assert verdict.compat == compat


@pytest.mark.parametrize(
    ("driver", "cuda", "package", "gpu_class", "serves"),
    [
        ("535.104.05", "13.0", "13.0", "datacenter", True),
        ("535.104.05", "12.9", "13.0", "datacenter", True),
        ("535.104.05", "13.2", "13.0", "datacenter", True),  # minor-version compatibility on top
        ("535.104.05", "13.0", "12.9", "datacenter", False),
        ("535.104.05", "13.0", "13.0", "workstation", None),
        ("535.104.05", "13.0", "13.0", "geforce", False),  # error 804
        ("535.104.05", "13.0", "13.0", None, None),
        ("550.163.01", "13.0", "13.0", "datacenter", False),
        ("580.95.05", "12.1", "12.8", "datacenter", False),  # error 803: hides the newer libcuda
        ("535.104.05", "99.0", "99.0", "datacenter", None),
        ("535.104.05", "13.0", "thirteen", "datacenter", None),
    ],
)
def test_with_a_compat_package_in_use(
    driver: str, cuda: str, package: str, gpu_class: str | None, serves: bool | None
) -> None:
    verdict = driver_serves(driver, cuda, compat_package=package, gpu_class=gpu_class)
    assert verdict.serves is serves


def test_a_compat_package_older_than_the_driver_hides_it() -> None:
    verdict = driver_serves("580.95.05", "12.1", compat_package="12.8", gpu_class="datacenter")
    assert "hides its libcuda" in verdict.reason


def test_a_compat_package_compiles_ptx_of_its_own_cuda_only() -> None:
    for cuda, serves in (("13.0", True), ("13.1", False)):
        verdict = driver_serves(
            "535.104.05", cuda, has_ptx=True, compat_package="13.0", gpu_class="datacenter"
        )
        assert verdict.serves is serves


def test_compat_packages_are_for_linux() -> None:
    verdict = driver_serves(
        "537.13", "13.0", compat_package="13.0", gpu_class="datacenter", windows=True
    )
    assert verdict.serves is False
    assert driver_serves("537.13", "13.0", gpu_class="datacenter", windows=True).compat is None


@given(
    st.lists(st.integers(300, 700), min_size=2, max_size=2),
    st.integers(0, 300),
    st.sampled_from(load().cuda.minors),
    st.booleans(),
)
def test_a_newer_driver_never_serves_less(
    majors: list[int], rest: int, cuda: str, has_ptx: bool
) -> None:
    older, newer = (f"{major}.{rest}.1" for major in sorted(majors))
    if driver_serves(older, cuda, has_ptx=has_ptx).serves:
        assert driver_serves(newer, cuda, has_ptx=has_ptx).serves


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_has_a_verdict(driver: str, cuda: str) -> None:
    assert driver_serves(driver, cuda).reason
    assert driver_serves(driver, cuda, compat_package=cuda).reason
    assert driver_supports_gpu(driver, "9.0").reason
    assert driver_serves(driver, cuda, has_ptx=True, windows=True).reason


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("418.67", "10.1"), ("440.100", "10.2"), ("470.63.01", "11.4"), ("525.147.05", "12.0"),
        ("535.129.03", "12.2"), ("550.120", "12.4"), ("565.57.01", "12.7"), ("570.172.08", "12.8"),
        ("580.95.05", "13.0"), ("590.48.01", "13.1"), ("591.86", "13.1"), ("595.71.05", "13.2"),
        ("610.57.04", "13.3"), ("304.137", None), ("not a driver", None),
    ],
)  # fmt: skip
def test_the_cuda_version_nvidia_smi_prints(driver: str, cuda: str | None) -> None:
    assert cuda_for_driver(driver) == cuda


@pytest.mark.parametrize(
    ("driver", "sm", "how", "branch"),
    [
        ("470.256.02", "3.7", "ok", None),
        ("535.104.05", "3.7", "dropped", 470),  # K80
        ("580.95.05", "7.0", "ok", None),
        ("590.48.01", "7.0", "dropped", 580),  # V100
        ("610.43.02", "6.1", "dropped", 580),
        ("591.86", "6.1", "dropped", 580),
        ("581.57", "6.1", "ok", None),
        ("590.48.01", "7.5", "ok", None),
        ("535.104.05", "12.0", "too-new", 570),
        ("570.86.16", "12.0", "ok", None),
        ("570.211.01", "10.3", "too-new", 580),
        ("470.256.02", "9.0", "too-new", 520),
        ("535.104.05", "9.0", "ok", None),
        ("540.4.0", "8.7", "unknown", None),  # JetPack
        ("580.95.05", "77.0", "unknown", None),
        ("garbage", "9.0", "unknown", None),
    ],
)
def test_gpus_and_driver_branches(driver: str, sm: str, how: str, branch: int | None) -> None:
    verdict = driver_supports_gpu(driver, sm)
    assert (verdict.how, verdict.branch) == (how, branch)
    assert verdict.supports is {"ok": True, "unknown": None}.get(how, False)
