"""Which code runs on which GPU: a table of what is true."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck.compat import runs
from envcheck.kb import Sm, SmError, load

SMS = [row.sm for row in load().gpus.archs]


@pytest.mark.parametrize(
    ("code", "sm", "how"),
    [
        ("sm_90", "9.0", "native"),
        ("sm_86", "8.9", "binary"),  # Ada runs Ampere's code
        ("sm_80", "8.9", "binary"),
        ("sm_80", "8.6", "binary"),
        ("sm_86", "8.0", "no"),  # never upwards
        ("sm_60", "6.1", "binary"),  # GTX 10xx
        ("sm_50", "5.2", "binary"),
        ("sm_70", "7.5", "binary"),
        ("sm_75", "7.0", "no"),
        ("sm_90", "10.0", "no"),  # another major
        ("sm_80", "9.0", "no"),
        ("sm_100", "10.3", "binary"),
        ("sm_100", "12.0", "no"),
        ("sm_120", "12.1", "binary"),  # GB10
        ("sm_90a", "9.0", "native"),
        ("sm_100a", "10.3", "no"),  # "a": this architecture only
        ("sm_100f", "10.3", "binary"),  # "f": its family
        ("sm_120f", "12.1", "binary"),
        ("sm_103f", "10.0", "no"),
        ("sm_50", "5.3", "no"),  # Jetson's GPUs run none of the discrete ones' code
        ("sm_60", "6.2", "no"),
        ("sm_70", "7.2", "no"),
        ("sm_80", "8.7", "no"),
        ("sm_86", "8.7", "no"),
        ("sm_87", "8.7", "native"),
        ("sm_87", "8.9", "no"),  # nor these theirs
        ("sm_72", "7.5", "no"),
        ("sm_53", "5.3", "native"),
        ("sm_100", "11.0", "no"),
        ("sm_101", "11.0", "native"),  # Thor under its two names
        ("sm_110", "10.1", "native"),
        ("sm_100", "10.1", "no"),
    ],
)
def test_machine_code(code: str, sm: str, how: str) -> None:
    verdict = runs([code], [], sm)
    assert (verdict.how, verdict.runs) == (how, how != "no")
    assert verdict.code == (code if verdict.runs else None)


@pytest.mark.parametrize(
    ("cuda", "sm", "code", "expected"),
    [
        ("13.2", "8.7", "sm_80", True),
        ("13.2.1", "8.7", "sm_86", True),
        ("13.0", "8.7", "sm_80", False),
        (None, "8.7", "sm_80", False),
        ("13.2", "8.7", "sm_75", False),
        ("13.2", "8.9", "sm_87", False),
    ],
)
def test_code_for_servers_runs_on_orin_since_cuda_13_2(
    cuda: str | None, sm: str, code: str, expected: bool
) -> None:
    assert runs([code], [], sm, cuda=cuda).runs is expected


@pytest.mark.parametrize(
    ("code", "sm", "expected"),
    [
        ("compute_90", "12.0", True),
        ("compute_90", "9.0", True),
        ("compute_120", "9.0", False),
        ("compute_90a", "9.0", True),
        ("compute_90a", "10.0", False),
        ("compute_100f", "10.3", True),
        ("compute_100f", "12.0", False),
        ("compute_70", "8.7", True),  # PTX knows no difference between discrete and Jetson
    ],
)
def test_ptx(code: str, sm: str, expected: bool) -> None:
    verdict = runs([], [code], sm)
    assert verdict.runs is expected
    assert verdict.how == ("ptx" if expected else "no")


def test_ptx_needs_the_driver_of_its_cuda() -> None:
    old = runs([], ["compute_90"], "12.0", cuda="12.8", driver="535.104.05")
    assert not old.runs
    assert "570.26" in old.reason
    assert runs([], ["compute_90"], "12.0", cuda="12.8", driver="570.26").runs
    assert runs([], ["compute_90"], "12.0", cuda="12.8", driver="572.16", windows=True).runs


def test_machine_code_comes_before_ptx() -> None:
    assert runs(["sm_80"], ["compute_80"], "8.9").how == "binary"
    assert runs(["sm_80", "sm_89"], ["compute_80"], "8.9").code == "sm_89"
    assert runs(["sm_80", "sm_86"], [], "8.9").code == "sm_86"


def test_why_it_does_not_run() -> None:
    reason = runs(["sm_75", "sm_80"], [], "6.1").reason
    assert "sm_75, sm_80" in reason
    assert "6.1 needs sm_60 to sm_61" in reason
    assert "no GPU code" in runs([], [], "9.0").reason
    assert (
        "only some of its kernels have sm_103"
        in runs(["sm_90"], [], "10.3", partial=["sm_103", "sm_90a"]).reason
    )


@pytest.mark.parametrize("bad", [(["gfx90a"], [], "9.0"), ([], ["x"], "9.0"), ([], [], "H100")])
def test_what_is_no_architecture(bad: tuple[list[str], list[str], str]) -> None:
    with pytest.raises(SmError):
        runs(*bad)


@given(st.sets(st.sampled_from(SMS)), st.sampled_from(SMS))
def test_more_code_never_runs_less(sms: set[str], sm: str) -> None:
    names = [Sm.parse(text).sass for text in sms]
    whole = runs(names, [], sm).runs
    assert whole is any(runs([name], [], sm).runs for name in names)
    if any(name == Sm.parse(sm).sass for name in names):
        assert whole


@given(st.integers(1, 30), st.integers(0, 9), st.integers(1, 30), st.integers(0, 9))
def test_code_never_crosses_majors(
    code_major: int, code_minor: int, major: int, minor: int
) -> None:
    verdict = runs([Sm(code_major, code_minor).sass], [], Sm(major, minor))
    renamed = {(code_major, code_minor), (major, minor)} == {(10, 1), (11, 0)}
    if verdict.runs and not renamed:
        assert code_major == major
        assert code_minor <= minor
