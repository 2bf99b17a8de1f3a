"""Machines that other checkers judge wrongly, against every build known."""

import pytest

from envcheck.compat import driver_serves, runs
from envcheck.kb import load
from envcheck.kb.builds import Build


def usable(sm: str, driver: str) -> list[Build]:
    """The Linux x86_64 builds that run on this GPU under this driver."""
    return [
        build
        for build in load().builds
        if build.platform == "linux-x86_64"
        and build.cuda is not None
        and runs(build.sass, build.ptx, sm, cuda=build.cuda, driver=driver).runs
        and driver_serves(driver, build.cuda).serves
    ]


def names(builds: list[Build]) -> set[tuple[str, str]]:
    return {(build.torch, str(build.cuda)) for build in builds}


def test_v100_with_driver_580_gets_no_cuda_13() -> None:
    found = usable("7.0", "580.95.05")
    assert not [build for build in found if str(build.cuda).startswith("13")]
    assert {("2.8.0", "12.8"), ("2.10.0", "12.8"), ("2.14.1", "12.6")} <= names(found)
    assert not names(found) & {("2.7.0", "12.8"), ("2.11.0", "12.8")}
    defaults = {build.torch for build in found if build.default}
    assert "2.10.0" in defaults
    assert "2.11.0" not in defaults


def test_gtx_1080_ti_with_driver_580() -> None:
    found = usable("6.1", "580.95.05")
    assert {str(build.cuda) for build in found} == {
        "10.2", "11.1", "11.3", "11.5", "11.6", "11.7", "11.8", "12.1", "12.4", "12.6",
    }  # fmt: skip
    assert max(tuple(map(int, build.torch.split("."))) for build in found) == (2, 14, 1)


def test_h100_with_driver_535() -> None:
    found = usable("9.0", "535.104.05")
    assert ("2.8.0", "12.8") in names(found)  # minor-version compatibility is real
    assert not [build for build in found if str(build.cuda).startswith("13")]
    first = min(tuple(map(int, build.torch.split("."))) for build in found)
    assert (first, str(found[0].cuda)) == ((2, 0, 0), "11.8")


def test_rtx_5090_needs_torch_2_7_with_cuda_12_8() -> None:
    found = usable("12.0", "580.95.05")
    assert min(tuple(map(int, build.torch.split("."))) for build in found) == (2, 7, 0)
    assert {build.cuda for build in found if build.torch.startswith("2.7.")} == {"12.8"}
    assert not names(usable("12.0", "580.95.05")) & {("2.8.0", "12.6")}


def test_rtx_4090_is_served_by_code_of_its_major() -> None:
    (build,) = [b for b in usable("8.9", "570.211.01") if (b.torch, b.cuda) == ("2.8.0", "12.8")]
    assert runs(build.sass, build.ptx, "8.9").how == "binary"


def test_a_k80_ends_with_the_cuda_11_builds() -> None:
    found = usable("3.7", "470.256.02")
    assert found
    assert {str(build.cuda).split(".")[0] for build in found} == {"10", "11"}


@pytest.mark.parametrize("sm", ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0", "12.1"])
def test_every_gpu_since_turing_has_a_build_of_the_newest_torch(sm: str) -> None:
    newest = load().torch.releases[-1].version
    assert newest in {build.torch for build in usable(sm, "615.71.09")}
