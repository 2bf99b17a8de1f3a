"""Known error messages: every row is recognised by its example and not by its near miss."""

import pytest

from envcheck.diagnose import diagnose
from envcheck.kb import load
from envcheck.kb.known_issues import GAP, Issue
from envcheck.rules import RULES

ISSUES = load().issues


def ids(issue: Issue) -> str:
    return issue.id


@pytest.mark.parametrize("issue", ISSUES.rows, ids=ids)
def test_the_example_is_recognised_and_the_near_miss_is_not(issue: Issue) -> None:
    assert issue.id in {hit.issue.id for hit in ISSUES.match(issue.example)}
    assert issue.id not in {hit.issue.id for hit in ISSUES.match(issue.counterexample)}
    # A message may have several causes: each is among those a person would look at.
    assert issue.name in [match.name for match in diagnose(issue.example, load()).matches[:5]]


@pytest.mark.parametrize("issue", ISSUES.rows, ids=ids)
def test_row_is_whole(issue: Issue) -> None:
    assert issue.source.startswith("https://")
    assert issue.cause.endswith(".") and issue.fix.endswith(".")
    assert not issue.title.endswith(".") and len(issue.title) < 80
    assert 0 < issue.weight <= 100
    assert bool(issue.versions) <= bool(issue.package)
    for command in issue.commands:
        assert "\n" not in command and command == command.strip()
        assert issue.safety in ("root", "reboot") or not command.startswith("sudo "), command


def test_there_are_enough_and_each_area_has_some() -> None:
    assert len(ISSUES.rows) >= 150
    components = {issue.component for issue in ISSUES.rows}
    assert components >= {
        "torch", "nccl", "driver", "apt", "dkms", "conda", "pip", "uv", "extension", "torchvision",
        "pytorchvideo", "slowfast", "detectron2", "ffmpeg", "container", "wsl", "nvcc",
    }  # fmt: skip


def test_what_convicts_a_report_is_a_check() -> None:
    checks = {rule.name for rule in RULES}
    assert {issue.name for issue in ISSUES.rows if issue.certain} <= checks


@pytest.mark.parametrize("issue", ISSUES.rows, ids=ids)
def test_patterns_are_tried_a_bounded_number_of_times(issue: Issue) -> None:
    """A text made of a pattern's beginning, again and again; backtracking would never end."""
    for pattern in issue.find:
        first, *rest = pattern.split("*")
        text = (first + "x" * (GAP - 10)) * 2000
        found = [hit for hit in ISSUES.match(text) if hit.issue.id == issue.id]
        assert not (rest and found and not issue.also and len(issue.find) == 1)
        assert all(len(hit.spans) <= 3 * len(issue.find) for hit in found)


def test_a_message_broken_over_lines_is_recognised() -> None:
    text = (
        "RuntimeError: The detected CUDA version (12.4)\nmismatches the version that was used\nto"
    )
    text += " compile PyTorch (11.8)."
    assert diagnose(text, load()).matches[0].name == "nvcc_toolkit_mismatch"


def test_a_star_spans_no_more_than_one_message() -> None:
    issue = next(row for row in ISSUES.rows if row.id == "wsl-four-gpus")
    far = issue.find[0].replace("*", " " * (GAP + 5)) + " WSL2"
    near = issue.find[0].replace("*", " " * (GAP - 5)) + " WSL2"
    assert issue.id not in {hit.issue.id for hit in ISSUES.match(far)}
    assert issue.id in {hit.issue.id for hit in ISSUES.match(near)}
