"""Checks of what the loader finds for torch."""

import pytest

from envcheck.facts import NOT_ASKED, Distribution, Library, absent, failed
from envcheck.facts.paths import replace
from envcheck.finding import ERROR, NOTE, WARNING, Finding
from tests.rules.machine import change, fires, healthy, not_applicable, passes, skips

SITE = "/venv/lib/python3.11/site-packages"
TOOLKIT = "/usr/local/cuda-12.0/lib64"


def library(name: str, got: str, meant: str, **fields: object) -> Library:
    """`name` taken from a toolkit in version `got` ("" : unknown), meant from torch's wheels."""
    room = name.removeprefix("lib").partition(".")[0].partition("_")[0].lower()
    return Library(
        name,
        f"{TOOLKIT}/{name}",
        "LD_LIBRARY_PATH",
        wanted_by=str(fields.get("wanted_by", "libcusparse.so.12")),
        meant=f"{SITE}/nvidia/{room}/lib/{name}",
        version=got or absent("no version in its name"),
        meant_version=meant,
        lacks=fields.get("lacks", NOT_ASKED),  # type: ignore[arg-type]
    )


def with_libraries(*libraries: Library, path: tuple[str, ...] = (TOOLKIT,)):  # type: ignore[no-untyped-def]
    return change(healthy(), loader__libraries=libraries, loader__ld_library_path=path)


# ---- ld_library_path_shadow ------------------------------------------------------------------


def test_an_older_library_of_a_toolkit_shadows_torchs() -> None:
    finding = fires(
        "ld_library_path_shadow",
        with_libraries(library("libnvJitLink.so.12", "12.0.76", "12.1.105")),
    )
    assert finding.severity is ERROR
    for said in ("libnvJitLink.so.12", "libcusparse.so.12", TOOLKIT, "12.0.76", "12.1.105"):
        assert said in finding.message
    assert finding.remedy and finding.remedy.commands == ("unset LD_LIBRARY_PATH",)


def test_only_the_folder_at_fault_leaves_the_path() -> None:
    machine = with_libraries(
        library("libnvJitLink.so.12", "12.0.76", "12.1.105"),
        path=("/opt/my tools/lib", TOOLKIT + "/", "/opt/mpi/lib"),
    )
    finding = fires("ld_library_path_shadow", machine)
    assert finding.remedy
    assert finding.remedy.commands == ("export LD_LIBRARY_PATH='/opt/my tools/lib:/opt/mpi/lib'",)


@pytest.mark.parametrize(
    ("got", "severity"),
    [
        ("11.8.89", ERROR),  # another major version
        ("12.0.76", ERROR),
        ("", WARNING),  # unknown
        ("12.1.55", NOTE),  # an earlier update of one release
        ("12.4.127", NOTE),
    ],
)
def test_how_bad_a_shadow_is(got: str, severity: object) -> None:
    finding = fires(
        "ld_library_path_shadow", with_libraries(library("libcufft.so.11", got, "12.1.105"))
    )
    assert finding.severity is severity


@pytest.mark.parametrize(
    ("got", "lacks", "severity"),
    [
        ("12.0.76", ("__nvJitLinkComplete_12_1",), ERROR),
        ("", ("__nvJitLinkComplete_12_1",), ERROR),
        ("12.0.76", (), NOTE),  # older, and has all that is asked of it
        ("", (), NOTE),
    ],
)
def test_symbols_say_more_than_versions(got: str, lacks: object, severity: object) -> None:
    shadow = library("libnvJitLink.so.12", got, "12.9.86", lacks=lacks)
    finding = fires("ld_library_path_shadow", with_libraries(shadow))
    assert finding.severity is severity
    assert ("lacks __nvJitLinkComplete_12_1" in finding.message) is (severity is ERROR)


def test_several_libraries_of_one_folder_are_one_finding_the_worst_first() -> None:
    finding = fires(
        "ld_library_path_shadow",
        with_libraries(
            library("libcufft.so.11", "12.4.127", "12.1.105"),
            library("libnvJitLink.so.12", "12.0.76", "12.1.105"),
        ),
    )
    assert finding.severity is ERROR
    assert finding.message.startswith("libnvJitLink.so.12")
    assert "libcufft.so.11" in finding.message


def test_the_remedy_undoes_the_shadow() -> None:
    machine = with_libraries(library("libnvJitLink.so.12", "12.0.76", "12.1.105"))
    finding = fires("ld_library_path_shadow", machine)
    passes("ld_library_path_shadow", mended(machine, finding))


def mended(machine, finding: Finding):  # type: ignore[no-untyped-def]
    """The machine with the remedy's effects."""
    assert finding.remedy and finding.remedy.effects
    for effect in finding.remedy.effects:
        machine = replace(machine, effect.path, effect.value)
    return machine


def test_the_same_version_elsewhere_is_no_matter() -> None:
    passes(
        "ld_library_path_shadow",
        with_libraries(library("libnvJitLink.so.12", "12.1.105", "12.1.105.3")),
    )


def test_a_toolkit_on_the_path_that_replaces_nothing_is_no_matter() -> None:
    own = Library("libcublas.so.12", f"{SITE}/nvidia/cublas/lib/libcublas.so.12", "RPATH")
    passes("ld_library_path_shadow", with_libraries(own))


def test_cudnn_is_left_to_its_own_check() -> None:
    machine = with_libraries(library("libcudnn_ops.so.9", "9.0.0", "9.1.0.70"))
    passes("ld_library_path_shadow", machine)
    fires("cudnn_shadowed", machine)


# ---- cudnn_shadowed --------------------------------------------------------------------------

MAIN = Library(
    "libcudnn.so.9", f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", "RPATH", version="9.1.0.70"
)


def part(got: str) -> Library:
    return library("libcudnn_ops.so.9", got, "9.1.0.70", wanted_by="libcudnn.so.9")


@pytest.mark.parametrize(("got", "severity"), [("9.0.0", ERROR), ("9.5.1", ERROR), ("", WARNING)])
def test_parts_of_another_cudnn(got: str, severity: object) -> None:
    finding = fires("cudnn_shadowed", with_libraries(MAIN, part(got)))
    assert finding.severity is severity
    assert "libcudnn.so.9 needs" in finding.message


@pytest.mark.parametrize(("got", "severity"), [("9.0.0", ERROR), ("9.5.1", NOTE)])
def test_a_whole_other_cudnn_may_be_newer(got: str, severity: object) -> None:
    whole = library("libcudnn.so.9", got, "9.1.0.70", wanted_by="libtorch_cuda.so")
    assert fires("cudnn_shadowed", with_libraries(whole, part(got))).severity is severity


def test_the_same_cudnn_elsewhere_is_no_matter() -> None:
    passes("cudnn_shadowed", with_libraries(MAIN, part("9.1.0")))


def test_torch_without_cudnn_is_not_judged() -> None:
    not_applicable("cudnn_shadowed", with_libraries())


# ---- glibc_too_old ---------------------------------------------------------------------------


def test_glibc_older_than_torchs_libraries_need() -> None:
    machine = change(healthy(), host__glibc="2.17", loader__glibc_needed="2.28")
    finding = fires("glibc_too_old", machine)
    assert "2.28" in finding.message and "2.17" in finding.message


def test_glibc_of_exactly_the_version_needed() -> None:
    passes("glibc_too_old", change(healthy(), host__glibc="2.28", loader__glibc_needed="2.28"))


def test_glibc_versions_are_numbers() -> None:
    passes("glibc_too_old", change(healthy(), host__glibc="2.28", loader__glibc_needed="2.5"))


def test_without_the_libraries_the_known_wheel_tells() -> None:
    unread = {"loader": absent("from a report"), "torch__version": "2.13.0+cu126"}
    machine = change(healthy(), torch__cuda="12.6", **unread)
    assert "2.17" in fires("glibc_too_old", change(machine, host__glibc="2.17")).message
    passes("glibc_too_old", machine)


def test_an_unknown_wheel_is_not_judged() -> None:
    machine = change(healthy(), loader=absent("from a report"), torch__version="1.0.0a0+git1")
    assert skips("glibc_too_old", machine)


# ---- libstdcxx_too_old -----------------------------------------------------------------------


def test_an_old_libstdcxx_on_the_path() -> None:
    machine = change(
        healthy(),
        loader__ld_library_path=("/opt/old/lib",),
        loader__libstdcxx=Library(
            "libstdc++.so.6", "/opt/old/lib/libstdc++.so.6.0.21", "LD_LIBRARY_PATH"
        ),
        loader__libstdcxx_glibcxx="3.4.21",
    )
    finding = fires("libstdcxx_too_old", machine)
    assert "3.4.21" in finding.message and "3.4.22" in finding.message
    assert finding.remedy and finding.remedy.commands == ("unset LD_LIBRARY_PATH",)


def test_an_old_libstdcxx_of_conda() -> None:
    machine = change(
        healthy(),
        python__manager="conda",
        python__prefix="/opt/conda/envs/my env",
        loader__libstdcxx_glibcxx="3.4.21",
    )
    finding = fires("libstdcxx_too_old", machine)
    assert finding.remedy
    assert finding.remedy.commands == (
        "conda install -p '/opt/conda/envs/my env' -c conda-forge libstdcxx-ng",
    )


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        ("/opt/conda/lib/libstdc++.so.6.0.21", "update"),
        ("/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.21", "install --force-reinstall"),
    ],
)
def test_condas_own_libstdcxx_is_updated_or_repaired(path: str, verb: str) -> None:
    machine = change(
        healthy(),
        python__manager="conda",
        python__prefix="/opt/conda",
        python__distributions=(Distribution("libstdcxx-ng", "11.2.0"),),
        loader__libstdcxx=Library("libstdc++.so.6", path, "RPATH"),
        loader__libstdcxx_glibcxx="3.4.21",
    )
    remedy = fires("libstdcxx_too_old", machine).remedy
    assert remedy
    assert remedy.commands == (f"conda {verb} -p /opt/conda -c conda-forge libstdcxx-ng",)


def test_an_old_libstdcxx_that_is_preloaded() -> None:
    old = "/opt/old/libstdc++.so.6"
    machine = change(
        healthy(),
        loader__ld_preload=(old,),
        loader__libstdcxx=Library("libstdc++.so.6", old, "path"),
        loader__libstdcxx_glibcxx="3.4.21",
    )
    remedy = fires("libstdcxx_too_old", machine).remedy
    assert remedy and remedy.commands == ("unset LD_PRELOAD",)


def test_libstdcxx_of_exactly_the_version_needed() -> None:
    passes("libstdcxx_too_old", change(healthy(), loader__libstdcxx_glibcxx="3.4.22"))


def test_an_unreadable_libstdcxx_is_not_judged() -> None:
    machine = change(healthy(), loader__libstdcxx_glibcxx=failed("not an ELF file"))
    assert "not an ELF file" in skips("libstdcxx_too_old", machine)


# ---- cuda_library_not_found ------------------------------------------------------------------


def test_an_uninstalled_pin() -> None:
    machine = change(
        healthy(),
        loader__not_found=("libcudnn.so.9",),
        torch__pins__0__installed=None,
    )
    finding = fires("cuda_library_not_found", machine)
    assert "libcudnn.so.9" in finding.message
    assert finding.remedy and finding.remedy.commands == (
        "/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-cudnn-cu12==9.1.0.70",
    )
    passes("cuda_library_not_found", mended(machine, finding))
