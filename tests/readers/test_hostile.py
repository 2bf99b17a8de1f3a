"""No text crashes a reader, and none makes it slow."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envcheck.diagnose import diagnose
from envcheck.finding import WARNING
from envcheck.judge import judge
from envcheck.kb import load
from envcheck.readers.report import read_report
from envcheck.readers.text import clean
from envcheck.rules import RULES
from tests.readers.texts import REPORTS

PIECES = st.sampled_from([line for text in REPORTS.values() for line in text.splitlines()])
NOISE = st.text(max_size=40)
MIXED = st.lists(st.one_of(PIECES, NOISE), max_size=60).map("\n".join)
FUZZ = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(MIXED)
def test_mixed_up_reports_crash_nothing(text: str) -> None:
    snapshot = read_report(text, load())
    if snapshot is not None:
        assert not judge(snapshot, load(), RULES).crashed
    diagnose(text, load())


@FUZZ
@given(st.sampled_from(sorted(REPORTS)), st.data())
def test_damaged_reports_crash_nothing(name: str, data: st.DataObject) -> None:
    text = REPORTS[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    damaged = text[:start] + data.draw(NOISE) + text[end:]
    snapshot = read_report(damaged, load())
    if snapshot is not None:
        assert not judge(snapshot, load(), RULES).crashed


@FUZZ
@given(st.text())
def test_clean_text_holds_nothing_that_steers_a_terminal(text: str) -> None:
    steering = {chr(code) for code in range(32)} - {"\n", "\t"} | {"\x7f", "\x9b", "\u202e"}
    assert not steering & set(clean(text))


ADVERSARIAL = {
    "labels": "PyTorch version: " * 40_000,
    "gpus": "PyTorch version: 2.4.0\nIs CUDA available: True\nOS: x\nGPU models and configuration: "
    + "GPU 1: x " * 40_000,
    "blanks": "PyTorch version" + " " * 400_000 + ": 2",
    "bars": "| NVIDIA-SMI 550.54 Driver Version: 550.54.15 |\n" + "|   0  " + "A " * 200_000,
    "quotes": "> " * 200_000,
    "escapes": "\x1b[" * 200_000,
    "versions": "torch==" * 60_000,
    "commas": "name, " * 100_000 + "\n" + "a, " * 100_000,
    "table": "Package Version\n" + "a 1\n" * 100_000,
    "digits": "1" * 500_000,
    "conda": "# packages in environment\n" + "a" * 300 + " 1.0 x\n" * 50_000,
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_text_is_read_to_its_end(name: str) -> None:
    """What takes time by the square of these texts' length would never come back."""
    snapshot = read_report(ADVERSARIAL[name], load())
    assert snapshot is None or snapshot.origin == "report"
    assert not diagnose(ADVERSARIAL[name], load()).matches


def test_a_report_from_elsewhere_never_gets_a_wrong_verdict() -> None:
    other = "lspci -v\n01:00.0 VGA compatible controller: Intel Corporation UHD Graphics 630\n" * 30
    snapshot = read_report(other, load())
    assert snapshot is None or not judge(snapshot, load(), RULES).at_least(WARNING)
