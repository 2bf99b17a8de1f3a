"""Checks of the patient's Python and of packages that clash with torch."""

from typing import Any

import msgspec
import pytest

from envcheck.facts import Distribution, Snapshot, absent, failed
from envcheck.finding import ERROR, NOTE, WARNING
from tests.rules.machine import change, fires, healthy, not_applicable, passes, skips

SITE = "/venv/lib/python3.11/site-packages"
CONDA = "/opt/conda/envs/a"
CONDA_SITE = f"{CONDA}/lib/python3.11/site-packages"


def dist(name: str, version: str, folder: str = SITE, installer: str = "pip") -> Distribution:
    suffix = ".json" if folder.endswith("conda-meta") else ".dist-info"
    return Distribution(name, version, f"{folder}/{name}-{version}{suffix}", installer)


def having(*dists: Distribution, **by_path: Any) -> Snapshot:
    return change(healthy(), python__distributions=dists, **by_path)


def building(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, purpose="build")


# ---- python_too_new --------------------------------------------------------------------------


def python(version: str, tag: str = "") -> dict[str, str]:
    plain = "cp" + "".join(version.split(".")[:2])
    return {"python__version": version, "python__tag": f"{plain}-{plain}{tag}"}


def test_no_torch_release_has_wheels_for_this_python() -> None:
    machine = change(healthy(), torch=absent("not installed"), **python("3.99.0"))
    finding = fires("python_too_new", machine)
    assert finding.severity is ERROR
    assert "3.99" in finding.message and "No torch release" in finding.message


def test_a_python_of_the_newest_release_is_fine() -> None:
    passes("python_too_new", change(healthy(), torch=absent("not installed"), **python("3.14.0")))


def test_an_old_python_is_not_too_new() -> None:
    passes("python_too_new", change(healthy(), torch=absent("not installed"), **python("3.5.2")))


def test_this_torch_has_no_wheel_for_this_python() -> None:
    finding = fires("python_too_new", change(healthy(), **python("3.13.0")))
    assert finding.severity is WARNING
    assert "torch 2.4.0" in finding.message and "3.12" in finding.message
    passes("python_too_new", change(healthy(), **python("3.12.4")))


def test_a_free_threaded_python_is_another_python() -> None:
    machine = change(healthy(), torch__version="2.6.0+cu124")
    passes("python_too_new", change(machine, **python("3.13.0")))
    assert "3.13t" in fires("python_too_new", change(machine, **python("3.13.0", "t"))).message


def test_others_build_torch_for_newer_pythons() -> None:
    not_applicable(
        "python_too_new", change(healthy(), torch__installer="conda", **python("3.13.0"))
    )


def test_a_conda_user_gets_a_conda_command() -> None:
    machine = change(
        healthy(), torch=absent("not installed"), python__manager="conda", **python("3.99.0")
    )
    remedy = fires("python_too_new", machine).remedy
    assert remedy and remedy.commands[0].startswith("conda create -n torch python=3.")


def test_a_torch_that_could_not_be_read_is_not_judged() -> None:
    assert "no answer" in skips("python_too_new", change(healthy(), torch=failed("no answer")))


# ---- numpy2_with_torch_built_for_numpy1 ------------------------------------------------------

NUMPY = "numpy2_with_torch_built_for_numpy1"


def test_numpy_2_with_an_old_torch() -> None:
    machine = having(dist("numpy", "2.0.1"), torch__version="2.2.2+cu121")
    finding = fires("numpy2_with_torch_built_for_numpy1", machine)
    assert finding.severity is ERROR
    assert "2.0.1" in finding.message and "2.2.2+cu121" in finding.message
    assert finding.remedy and finding.remedy.commands == (
        "/venv/bin/python -m pip install 'numpy<2'",
    )


def test_numpy_and_torch_of_one_age() -> None:
    machine = having(dist("numpy", "1.26.4"), torch__version="2.2.2+cu121")
    passes("numpy2_with_torch_built_for_numpy1", machine)
    not_applicable(NUMPY, having(dist("numpy", "2.0.1"), torch__version="2.3.0+cu121"))


def test_on_windows_numpy_1_lasted_longer() -> None:
    machine = having(dist("numpy", "2.0.1"), torch__version="2.3.1+cu121")
    fires(NUMPY, change(machine, python__platform="win32-AMD64"))
    not_applicable(NUMPY, machine)


@pytest.mark.parametrize(
    ("installer", "command"),
    [
        ("conda", "conda install -p /venv 'numpy<2'"),
        ("uv", "uv pip install --python /venv/bin/python 'numpy<2'"),
        ("pip", "/venv/bin/python -m pip install 'numpy<2'"),
    ],
)
def test_who_installed_it_installs_the_other(installer: str, command: str) -> None:
    numpy = dist("numpy", "2.0.1", installer=installer)
    remedy = fires(NUMPY, having(numpy, torch__version="2.2.2")).remedy
    assert remedy and remedy.commands == (command,)


# ---- setuptools_too_new ----------------------------------------------------------------------


def test_setuptools_that_lost_what_torch_compiles_with() -> None:
    machine = having(dist("setuptools", "70.0.0"), torch__version="2.1.2+cu118")
    assert fires("setuptools_too_new", building(machine)).severity is ERROR
    not_applicable("setuptools_too_new", machine)  # nothing is compiled


def test_setuptools_that_lost_what_tensorboard_uses() -> None:
    machine = having(dist("setuptools", "59.6.0"), torch__version="1.10.2+cu113")
    finding = fires("setuptools_too_new", machine)
    assert finding.severity is WARNING
    assert finding.remedy and "'setuptools<59.6'" in finding.remedy.commands[0]
    passes(
        "setuptools_too_new", having(dist("setuptools", "59.5.0"), torch__version="1.10.2+cu113")
    )


def test_setuptools_that_lost_what_detectron2_uses() -> None:
    machine = having(dist("setuptools", "82.0.0"), dist("detectron2", "0.6"))
    assert "detectron2 0.6" in fires("setuptools_too_new", machine).message
    not_applicable("setuptools_too_new", having(dist("setuptools", "82.0.0")))


# ---- mkl_too_new -----------------------------------------------------------------------------


def test_mkl_under_an_older_conda_torch() -> None:
    mkl = dist("mkl", "2024.1.0", f"{CONDA}/conda-meta", "conda")
    machine = having(mkl, torch__version="2.0.1", torch__installer="conda", python__prefix=CONDA)
    finding = fires("mkl_too_new", machine)
    assert finding.severity is ERROR
    assert finding.remedy and finding.remedy.commands == (f"conda install -p {CONDA} 'mkl<2024.1'",)


def test_torch_from_pip_carries_mkl_in_itself() -> None:
    mkl = dist("mkl", "2024.1.0", f"{CONDA}/conda-meta", "conda")
    not_applicable("mkl_too_new", having(mkl, torch__version="2.0.1"))


# ---- mixed_pip_conda -------------------------------------------------------------------------


def conda_env(*dists: Distribution) -> Snapshot:
    return having(
        *dists,
        python__manager="conda",
        python__prefix=CONDA,
        python__executable=f"{CONDA}/bin/python",
    )


def test_pip_over_conda() -> None:
    machine = conda_env(
        dist("torch", "2.4.0", CONDA_SITE),
        dist("pytorch", "2.1.0", f"{CONDA}/conda-meta", "conda"),
    )
    finding = fires("mixed_pip_conda", machine)
    assert finding.severity is WARNING
    assert "2.4.0" in finding.message and "2.1.0" in finding.message
    assert finding.remedy and finding.remedy.commands == (
        f"{CONDA}/bin/python -m pip uninstall -y torch",
        f"conda install -p {CONDA} --force-reinstall pytorch=2.1.0",
    )


def test_condas_record_of_its_own_torch_is_no_second_copy() -> None:
    """conda-forge's metadata says 2.1.0.post300 where its record says 2.1.0."""
    passes(
        "mixed_pip_conda",
        conda_env(
            dist("torch", "2.1.0.post300", CONDA_SITE, "conda"),
            dist("pytorch", "2.1.0", f"{CONDA}/conda-meta", "conda"),
            dist("torchvision", "0.16.1+abc", CONDA_SITE, ""),
            dist("torchvision", "0.16.1", f"{CONDA}/conda-meta", "conda"),
        ),
    )


def test_a_copy_in_the_users_site_folder_hides_the_environments() -> None:
    user = "/home/me/.local/lib/python3.11/site-packages"
    machine = conda_env(
        dist("torchvision", "0.19.0", user), dist("torchvision", "0.16.0", CONDA_SITE)
    )
    finding = fires("mixed_pip_conda", machine)
    assert finding.message.index(user) < finding.message.index(CONDA_SITE)


def test_two_copies_of_one_version_are_only_noted() -> None:
    user = "/home/me/.local/lib/python3.11/site-packages"
    machine = conda_env(dist("torch", "2.4.0", user), dist("torch", "2.4.0", CONDA_SITE))
    assert fires("mixed_pip_conda", machine).severity is NOTE


def test_a_virtual_environment_may_hide_the_systems_torch() -> None:
    system = dist("torch", "1.13.1", "/usr/lib/python3/dist-packages", "")
    passes("mixed_pip_conda", having(dist("torch", "2.4.0"), system))


def test_what_pip_left_behind_is_no_copy() -> None:
    left = Distribution("torch", "2.3.0", f"{SITE}/~orch-2.3.0.dist-info", "pip")
    passes("mixed_pip_conda", having(left, dist("torch", "2.4.0")))
