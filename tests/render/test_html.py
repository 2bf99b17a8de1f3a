"""The page as it is written: complete, folded where it may be, and unable to act."""

import base64
import hashlib
import re

from envcheck.render import render
from envcheck.render.style import Style
from tests.render.samples import FIT, FULL, UNSURE
from tests.render.test_hostile import Page

HTML = render(FULL, "html", Style())


def test_every_finding_is_there_with_evidence_mend_and_links() -> None:
    said = Page(HTML).text
    for finding in FULL.findings:
        assert finding.message in said and finding.code in said and finding.subject in said
        for evidence in finding.evidence:
            assert evidence.what in said and evidence.value in said and evidence.source in said
        if finding.remedy:
            assert all(command in said for command in finding.remedy.commands)
    assert set(FULL.findings[0].links) < set(Page(HTML).links)
    assert "one loader only" in said and "ValueError: no version" in said


def test_a_command_is_selected_as_a_whole_without_a_script() -> None:
    assert re.search(r"pre code\{[^}]*user-select:all", HTML)
    assert "<code>sudo apt-get install --yes cuda-drivers-580</code>" in HTML
    assert "<code>sudo reboot</code>" in HTML
    assert "<script" not in HTML


def test_what_was_not_judged_is_open_only_where_it_decides() -> None:
    assert re.search(r"<details open><summary>Could not be judged", render(UNSURE, "html", Style()))
    assert re.search(r"<details><summary>Could not be judged", HTML)
    assert "Findings" not in Page(render(FIT, "html", Style())).text


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', HTML)
    (style,) = re.findall(r"<style>(.*?)</style>", HTML, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert not re.search(r"url\(|@import|src=|style=", HTML)


def test_it_is_made_for_small_and_dark_screens() -> None:
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in HTML
    assert "prefers-color-scheme:dark" in HTML
