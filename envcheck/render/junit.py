"""A test case for every check, as Jenkins, GitLab and others read results of tests (JUnit XML).

The schema is the one of Jenkins' xUnit plug-in, junit-10.xsd.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from envcheck.errors import EXIT_UNCHECKABLE
from envcheck.finding import NOTE, Finding
from envcheck.render.style import Style, plain
from envcheck.render.summary import summary
from envcheck.render.words import tally, told
from envcheck.report import Report

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def render(report: Report, style: Style) -> str:
    """One suite: a finding at or above `fail_on` is a failure, a lesser one passes and is told.

    What could not be judged, or is ignored by a policy, is skipped; a check that crashed is an
    error. Checks that had nothing to judge are left out.
    """
    suite = Element("testsuite", name="envcheck")
    properties = SubElement(suite, "properties")
    for name, value in (
        ("verdict", report.verdict),
        ("tool", report.tool),
        *summary(report.snapshot),
    ):
        SubElement(properties, "property", name=plain(name), value=plain(value))
    cases = list(_cases(report))
    suite.extend(cases)
    count = {
        "tests": len(cases),
        "failures": len(suite.findall("testcase/failure")),
        "errors": len(suite.findall("testcase/error")),
        "skipped": len(suite.findall("testcase/skipped")),
    }
    suite.attrib.update({name: str(number) for name, number in count.items()})
    if "total" in report.durations:
        suite.set("time", f"{report.durations['total']:.3f}")
    if moment := _MOMENT.match(report.snapshot.taken):
        suite.set("timestamp", moment.group())
    root = Element("testsuites", name="envcheck")
    root.append(suite)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _cases(report: Report) -> Iterator[Element]:
    if report.exit_code == EXIT_UNCHECKABLE:  # else nothing but skipped cases would say so
        case = _case("verdict", "machine could be checked")
        _outcome(case, "error", "unknown", "The machine could not be checked", tally(report))
        yield case
    for finding in report.findings:
        yield _finding(report, finding)
    for one in report.ignored:
        case = _case(one.finding.code, _name(one.finding))
        why = f"ignored until {one.until}: {one.reason} ({one.where})"
        _outcome(case, "skipped", "ignored", why, told(one.finding))
        yield case
    for crash in report.crashed:
        case = _case(crash.code, crash.name)
        _outcome(case, "error", "crash", crash.error, ["a defect of envcheck, please report it"])
        yield case
    held: dict[tuple[str, str], list[str]] = {}
    for skip in report.skipped:
        held.setdefault((skip.code, skip.name), []).append(skip.because)
    for (code, name), reasons in held.items():
        case = _case(code, name)
        _outcome(case, "skipped", "unknown", "; ".join(dict.fromkeys(reasons)), [])
        yield case
    for ran in report.passed:
        yield _case(ran.code, ran.name)


def _finding(report: Report, finding: Finding) -> Element:
    case = _case(finding.code, _name(finding))
    severity = finding.severity or NOTE
    if severity >= report.fail_on:
        _outcome(case, "failure", severity.value, finding.message, told(finding))
    else:
        SubElement(case, "system-out").text = _lines([severity.value, *told(finding)])
    return case


def _case(code: str, name: str) -> Element:
    return Element("testcase", classname=f"envcheck.{plain(code)}", name=plain(name))


def _name(finding: Finding) -> str:
    return f"{finding.name} [{finding.subject}]" if finding.subject else finding.name


def _outcome(case: Element, tag: str, kind: str, message: str, lines: list[str]) -> None:
    SubElement(case, tag, type=kind, message=plain(message)).text = _lines(lines)


def _lines(lines: list[str]) -> str | None:
    return "\n".join(map(plain, lines)) or None
