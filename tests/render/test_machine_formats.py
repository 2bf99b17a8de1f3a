"""What programs are given: SARIF, JUnit, workflow commands and a plug-in's line, read back."""

import json
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from envcheck.finding import NOTE, WARNING
from envcheck.render import render
from envcheck.render.style import Style
from envcheck.report import Report
from tests.render.reading import annotation, schema, validate_junit
from tests.render.samples import FIT, FULL, SAMPLES, UNSURE
from tests.test_machines import EXPECTED, examine

replace = msgspec.structs.replace


def sarif(report: Report) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(render(report, "sarif", Style()))
    schema().validate(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def junit(report: Report) -> ElementTree.Element:
    text = render(report, "junit", Style())
    validate_junit(text)
    return ElementTree.fromstring(text.encode())[0]


@pytest.mark.parametrize("name", EXPECTED)
def test_every_recorded_machine_is_valid_in_both(name: str) -> None:
    report = examine(name)
    assert len(sarif(report)["results"]) == len(report.findings)
    assert int(junit(report).attrib["failures"]) == len(report.at_least(report.fail_on))


def test_the_validators_refuse_what_is_wrong() -> None:
    log = json.loads(render(FULL, "sarif", Style()))
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not schema().is_valid(log)
    with pytest.raises(Exception, match="testcase"):
        validate_junit(render(FULL, "junit", Style()).replace(' name="torch_missing"', ""))


def test_sarif_rules_are_described_and_pointed_at() -> None:
    run = sarif(FULL)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["DRV002", "POL001", "GPU020", "HST004"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    assert rules[0]["helpUri"].startswith("https://docs.nvidia.com/")
    assert "envcheck explain DRV002" in rules[0]["help"]["text"]
    assert rules[0]["shortDescription"]["text"].startswith("The NVIDIA driver is older")
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "warning"]


def test_sarif_points_at_the_policy_else_at_the_machines_file_else_at_the_subject() -> None:
    places = [result["locations"][0] for result in sarif(FULL)["results"]]
    assert [place["logicalLocations"][0]["name"] for place in places] == [
        *("driver", "gpu.count", "GPU 0-3", "host"),
    ]
    physical = [place["physicalLocation"] for place in places]
    assert [place["artifactLocation"] for place in physical] == [
        {"uri": "proc/driver/nvidia/version", "uriBaseId": "MACHINE"},
        {"uri": "ci/envcheck.toml"},
        {"uri": "GPU%200-3", "uriBaseId": "MACHINE"},
        {"uri": "dev/shm", "uriBaseId": "MACHINE"},
    ]
    assert [place["region"]["startLine"] for place in physical] == [1, 5, 1, 1]


def test_sarif_ignored_findings_are_suppressed_with_the_reason() -> None:
    suppressed = [one for one in sarif(FULL)["results"] if "suppressions" in one]
    (only,) = suppressed
    assert only["ruleId"] == "HST004"
    said = only["suppressions"][0]["justification"]
    assert said == "one loader only (until 2026-12-31, ci/envcheck.toml:12)"


def test_sarif_tells_what_was_not_judged_apart_from_results() -> None:
    invocation = sarif(UNSURE)["invocations"][0]
    assert invocation["executionSuccessful"] is False and invocation["exitCode"] == 3
    levels = [one["level"] for one in invocation["toolExecutionNotifications"]]
    assert levels == ["warning", "note"]  # forbidden, and not told
    assert sarif(FULL)["invocations"][0]["executionSuccessful"] is True


def test_sarif_fingerprints_are_of_check_and_subject_not_of_numbers() -> None:
    first = FULL.findings[0]

    def prints(*findings: Any) -> list[str]:
        run = sarif(replace(FULL, findings=findings, ignored=()))
        return [one["partialFingerprints"]["envcheckFinding/v1"] for one in run["results"]]

    (before,) = prints(first)
    (after,) = prints(replace(first, message="Driver 450.119 serves CUDA 11.0.", evidence=()))
    assert before == after
    (other,) = prints(replace(first, subject="GPU 1"))
    assert other != before
    assert len(set(prints(first, replace(first, message="another")))) == 2


def test_junit_has_a_case_for_every_check() -> None:
    suite = junit(FULL)
    cases = {f"{case.get('classname')} {case.get('name')}": list(case) for case in suite[1:]}
    outcome = {name: [part.tag for part in parts] for name, parts in cases.items()}
    assert outcome == {
        "envcheck.DRV002 driver_too_old [driver]": ["failure"],
        "envcheck.POL001 requirement_unmet [gpu.count]": ["system-out"],
        "envcheck.GPU020 persistence_off [GPU 0-3]": ["system-out"],
        "envcheck.HST004 shm_too_small [host]": ["skipped"],
        "envcheck.PIN001 torch_pins_violated": ["error"],
        "envcheck.EXT001 extension_arch_missing": ["skipped"],
        "envcheck.EXT002 extension_built_for_other_torch": ["skipped"],
        "envcheck.GPU003 gpu_memory_wrong": ["skipped"],
        "envcheck.TCH001 torch_missing": [],
        "envcheck.TCH003 arch_not_in_build": [],
    }
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "10", "failures": "1", "errors": "1", "skipped": "4"}
    assert "sudo reboot" in (suite.findall("testcase/failure")[0].text or "")


@pytest.mark.parametrize(("limit", "failures"), [(WARNING, 2), (NOTE, 3)])
def test_junit_fails_from_the_same_severity_as_the_exit_code(limit: Any, failures: int) -> None:
    assert len(junit(replace(FULL, fail_on=limit)).findall("testcase/failure")) == failures


def test_junit_of_a_machine_that_could_not_be_checked_is_no_success() -> None:
    assert junit(UNSURE).get("errors") == "1"
    assert junit(FIT).get("errors") == "0" and not junit(FIT).findall("testcase/*")


def test_github_annotates_each_finding_worst_first() -> None:
    lines = [annotation(line) for line in render(FULL, "github", Style()).splitlines()]
    assert [one.command for one in lines] == ["error", "warning", "notice", "warning"]
    first, second, third, _ = lines
    assert first.properties == {"title": "DRV002 driver_too_old [driver]"}
    assert first.message.splitlines()[-1] == "    sudo reboot"
    assert second.properties["file"] == "ci/envcheck.toml" and second.properties["line"] == "5"
    assert "50% are missing" in second.message
    assert third.message.startswith("Persistence mode is off | the first start")


def test_github_says_nothing_of_a_fit_machine() -> None:
    assert render(FIT, "github", Style()) == ""


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({}, 2, "CRITICAL"),
        ({"exit_code": 0, "verdict": "fit", "findings": FULL.findings[1:]}, 1, "WARNING"),
        ({"exit_code": 0, "verdict": "fit", "findings": FULL.findings[2:]}, 0, "OK"),
        ({"exit_code": 0, "verdict": "unknown", "findings": ()}, 0, "OK"),
        ({"exit_code": 3, "verdict": "unknown", "findings": ()}, 3, "UNKNOWN"),
        ({"exit_code": 3, "verdict": "unknown", "findings": FULL.findings[1:]}, 3, "UNKNOWN"),
        ({"fail_on": NOTE, "findings": FULL.findings[2:]}, 2, "CRITICAL"),
    ],
)
def test_nagios_codes(changes: dict[str, Any], code: int, word: str) -> None:
    report = replace(FULL, **changes)
    assert report.nagios_code == code
    assert render(report, "nagios", Style()).startswith(f"ENVCHECK {word}: ")


def test_nagios_is_ascii_where_asked() -> None:
    assert render(FULL, "nagios", Style(unicode=False)).isascii()


def test_all_samples_in_all_machine_formats_end_in_one_newline() -> None:
    for report in SAMPLES.values():
        for fmt in ("sarif", "junit", "nagios", "markdown", "html"):
            text = render(report, fmt, Style())
            assert text.endswith("\n") and not text.endswith("\n\n")
