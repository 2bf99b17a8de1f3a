"""Policies that extend one another: who counts, what contradicts, loops."""

from pathlib import Path

import pytest

from envcheck.policy.errors import PolicyError
from tests.policy.files import places, policy, read, written

IGNORE = '[[ignore]]\ncode = "{}"\nreason = "{}"\nuntil = {}\n'


def test_requirements_add_up(tmp_path: Path) -> None:
    tmp_path.joinpath("team").mkdir()
    written(tmp_path / "team", base='require = ["driver >= 535"]')
    written(tmp_path, own='extends = "team/base.toml"\nrequire = ["torch"]')
    found = read(tmp_path, "own", "gpu.count >= 1")
    assert [one.text for one in found.requirements] == ["driver >= 535", "torch", "gpu.count >= 1"]
    assert [Path(name).name for name in found.files] == ["base.toml", "own.toml"]
    assert found.requirements[2].where == "--require"


def test_a_requirement_said_again_has_the_nearer_severity(tmp_path: Path) -> None:
    written(
        tmp_path,
        base='require = ["driver>=535"]',
        own='extends = "base.toml"\nrequire = [{expr = "driver >= 535", severity = "note"}]',
    )
    (one,) = read(tmp_path).requirements
    assert one.severity == "note" and places(one.where) == {"own.toml:2"}


def test_the_nearest_severity_counts(tmp_path: Path) -> None:
    written(
        tmp_path,
        base='[severity]\nDRV002 = "note"\nGPU = "note"',
        left='extends = "base.toml"\n[severity]\nDRV002 = "warning"',
        right='extends = "base.toml"\n',
        own='extends = ["left.toml", "right.toml"]\n[severity]\nGPU003 = "error"',
    )
    found = read(tmp_path)
    assert found.severity("DRV002") == "warning"
    assert (found.severity("GPU003"), found.severity("GPU004")) == ("error", "note")


def test_the_narrower_entry_of_a_file_counts(tmp_path: Path) -> None:
    text = '[severity]\nGPU003 = "error"\nGPU = "note"'
    assert policy(text, tmp_path).severity("GPU003") == "error"


def test_an_ignore_is_said_anew_by_the_file_that_extends(tmp_path: Path) -> None:
    written(
        tmp_path,
        base=IGNORE.format("GPU003", "old", "2026-01-01"),
        own='extends = "base.toml"\n' + IGNORE.format("GPU003", "new", "2027-01-01"),
    )
    assert [one.reason for one in read(tmp_path).ignores] == ["new"]


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        (  # two bases that nobody settles
            {
                "a": '[severity]\nDRV002 = "note"',
                "b": '[severity]\ndriver_too_old = "error"',
                "own": 'extends = ["a.toml", "b.toml"]',
            },
            {"a.toml:2", "b.toml:2"},
        ),
        (  # a code and its name in one file
            {"own": '[severity]\nDRV002 = "note"\ndriver_too_old = "error"'},
            {"own.toml:2", "own.toml:3"},
        ),
        (
            {
                "base": 'require = [\n"torch == 2.4.*"]',
                "own": 'extends = "base.toml"\n\nrequire = ["torch >= 2.5"]',
            },
            {"base.toml:2", "own.toml:3"},
        ),
        (
            {
                "a": 'require = ["torch"]',
                "b": 'require = [{expr = "torch", severity = "note"}]',
                "own": 'extends = ["a.toml", "b.toml"]',
            },
            {"a.toml:1", "b.toml:1"},
        ),
    ],
)
def test_contradiction(files: dict[str, str], lines: set[str], tmp_path: Path) -> None:
    written(tmp_path, **files)
    with pytest.raises(PolicyError) as error:
        read(tmp_path)
    assert places(str(error.value)) == lines


def test_the_command_line_contradicts_too(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"--require: gpu.count <= 4 contradicts gpu.count >= 8"):
        policy('require = ["gpu.count >= 8"]', tmp_path, "gpu.count <= 4")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("torch == 2.4.*", "torch == 2.5.*"),
        ("torch == 2.4.*", "torch >= 2.5"),
        ("torch ~= 2.4.1", "torch < 2.4"),
        ("torch == 2.4.0", "torch != 2.4.0"),
        ("python < 3.12", "python >= 3.12"),
        ("python == 1!2.*", "python == 1!3.*"),
        ("shm >= 8GiB", "shm < 8GiB"),
        ("gpu.count > 8", "gpu.count <= 8"),
        ("gpu.name == *H100*", "gpu.name == Tesla V100"),
        ("container.runtime == docker", "container.runtime != dock*"),
        ("driver.uvm_loaded", "driver.uvm_loaded == no"),
        ("package:numpy", "package:numpy == none"),
        ("package:numpy < 2", "python.distributions.numpy.version == none"),
        ("torch != none", "torch == none"),
    ],
)
def test_cannot_be_met_together(one: str, other: str, tmp_path: Path) -> None:
    for pair in ((one, other), (other, one)):
        with pytest.raises(PolicyError, match="nothing can meet both"):
            policy("", tmp_path, *pair)


def test_cannot_be_met_alone(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="can ever meet"):
        policy("", tmp_path, "torch >= 2.5, < 2.4")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("torch == 2.4.*", "torch >= 2.4.1"),
        ("torch == 2.4.*", "torch != 2.4.1"),
        ("torch == 2.4.0+cu121", "torch == 2.4.0"),
        ("torch >= 2.4", "torch <= 2.4"),
        ("torch ~= 2.4", "torch == 2.9.*"),
        ("gpu.count >= 8", "gpu.count <= 8"),
        ("gpu.name == *H100*", "gpu.name == *80GB*"),
        ("container.runtime == none", "container.runtime != docker"),
        ("gpus.devices.0.sm == 9.0", "gpus.devices.1.sm == 8.0"),
        ("disk:/a >= 1TB", "disk:/b < 1TB"),
        ("torch.sass:sm_80", "torch.sass:sm_90"),
    ],
)
def test_can_be_met_together(one: str, other: str, tmp_path: Path) -> None:
    assert len(policy("", tmp_path, one, other).requirements) == 2


def test_loops_are_told_with_their_way(tmp_path: Path) -> None:
    written(
        tmp_path,
        own='extends = "b.toml"',
        b='extends = [\n"c.toml"]',
        c='\n\nextends = "./own.toml"',
    )
    with pytest.raises(PolicyError) as error:
        read(tmp_path)
    assert places(str(error.value)) == {"c.toml:3"}
    assert str(error.value).count("->") == 3
    written(tmp_path, own='extends = "own.toml"')
    with pytest.raises(PolicyError, match="extend one another"):
        read(tmp_path)


def test_a_chain_without_end_is_given_up(tmp_path: Path) -> None:
    files = {f"p{i}": f'extends = "p{i + 1}.toml"' for i in range(60)}
    written(tmp_path, **files, p60="")
    with pytest.raises(PolicyError, match="more than 50 policies"):
        read(tmp_path, "p0")


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        policy('# x\nextends = "gone.toml"', tmp_path)
    assert places(str(error.value)) == {"own.toml:2"} and "No such file" in str(error.value)


def test_a_policy_without_end_is_given_up(tmp_path: Path) -> None:
    many = "".join(f'"disk:/{i} >= 1GiB",' for i in range(501))
    with pytest.raises(PolicyError, match="more than 500 entries"):
        policy(f"require = [{many}]", tmp_path)
    assert len(policy(f"require = [{many.partition(',')[2]}]", tmp_path).requirements) == 500
