"""Text from a machine is text in every format: it starts no line, command, tag, link or column."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.ci import for_actions
from envcheck.render import FORMATS, render
from envcheck.render.markdown import code, inline
from envcheck.render.style import Style, plain
from tests.render.hostile import TEXTS, holding
from tests.render.reading import annotation, schema, validate_junit

BENIGN = holding("word")
JSON = "json"  # its escapes are JSON's own


class Page(HTMLParser):
    """The tags in their order, with attributes; the text; where links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_comment(self, data: str) -> None:
        self.tags.append(f"<!--{data}")

    def handle_data(self, data: str) -> None:
        self.text += data

    def shape(self) -> list[str]:
        """The tags but those of links, which a text may add."""
        return [tag for tag in self.tags if tag not in ("a", "li", "ul")]


def gfm(text: str) -> Page:
    return Page(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))


def visible(text: str) -> str:
    """As a reader sees it: runs of blanks are one, signs of no width are none."""
    return " ".join(text.replace("\u200b", "").split())


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_no_control_character_is_printed(text: str) -> None:
    for fmt in FORMATS.keys() - {JSON}:
        printed = render(holding(text), fmt, Style(verbose=True))
        assert all(plain(line) == line for line in printed.split("\n")), fmt
        assert printed.encode("utf-8")


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_finding_is_one_line_of_concise_and_one_command(text: str) -> None:
    report = holding(text)
    assert render(report, "concise", Style()).count("\n") == 3
    *lines, end = render(report, "github", Style()).split("\n")
    assert len(lines) == 4 and not end
    for line, command in zip(lines, ("error", "warning", "notice", "warning"), strict=True):
        read = annotation(line)
        assert read.command == command
        assert read.properties.keys() <= {"title", "file", "line"}
        assert plain(text) in read.message and plain(text)[:50] in read.properties["title"]


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_a_runner_finds_no_command_in_the_text(text: str) -> None:
    report = holding(text)
    for fmt in ("text", "concise", "nagios"):
        own = render(report, "github", Style()) if fmt == "text" else ""
        shown = for_actions(report, fmt, render(report, fmt, Style(verbose=True)))
        for line in shown.removesuffix(own).split("\n"):
            assert not line.lstrip().startswith("::")
            assert not re.search(r"##\[", line)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_nagios_has_one_line_and_one_bar(text: str) -> None:
    line, end = render(holding(text), "nagios", Style()).split("\n")
    assert not end and len(line) < 4096
    status, bar, data = line.partition(" | ")
    assert status.startswith("ENVCHECK UNKNOWN: ") and bar and "|" not in status + data
    assert not set("<>") & set(line)
    assert re.fullmatch(r"(\w+=[\d.]+s?;;;0 ?)+", data)


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_junit_is_valid_and_says_the_same(text: str) -> None:
    printed = render(holding(text), "junit", Style())
    validate_junit(printed)
    suite = ElementTree.fromstring(printed.encode())[0]
    assert len(suite.findall("testcase")) == 8
    failure = suite.findall("testcase/failure")[0]
    assert failure.attrib["message"] == plain(text)
    assert failure.text and plain(text) in failure.text


@settings(max_examples=25, deadline=None)
@given(TEXTS)
def test_sarif_is_valid_and_says_the_same(text: str) -> None:
    log = json.loads(render(holding(text), "sarif", Style()))
    schema().validate(log)
    first = log["runs"][0]["results"][0]
    assert first["properties"]["evidence"][0]["value"] == plain(text)
    said = first["message"]["text"].replace("{{", "{").replace("}}", "}")
    assert said.startswith(plain(text).replace("](", "] ("))
    assert "](" not in first["message"]["text"]
    assert not re.search(r"(?<!\{)(\{\{)*\{\d", first["message"]["text"])


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_html_has_the_tags_of_any_report(text: str) -> None:
    page = Page(render(holding(text), "html", Style()))
    assert page.shape() == Page(render(BENIGN, "html", Style())).shape()
    assert all(link.startswith("https://") for link in page.links)
    assert not {name for name in page.attributes if name.startswith("on")}
    assert visible(plain(text)) in visible(page.text)


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_markdown_has_the_tags_of_any_report(text: str) -> None:
    page = gfm(render(holding(text), "markdown", Style()))
    benign = gfm(render(BENIGN, "markdown", Style()))
    assert Counter(page.shape()) == Counter(benign.shape())
    assert all(link.startswith("https://") for link in page.links)
    assert not {name for name in page.attributes if name.startswith("on")}


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_markdown_cells_show_the_very_text(text: str) -> None:
    page = gfm(f"| a | b | c |\n| --- | --- | --- |\n| {inline(text)} | {code(text)} | end |\n")
    assert page.tags == [
        *("table", "thead", "tr", "th", "th", "th", "tbody", "tr", "td", "td", "code", "td"),
    ]
    seen = plain(text).strip() or "–"
    assert visible(page.text) == visible(f"a b c {seen} {seen} end")
    assert not page.links


@pytest.mark.parametrize(
    "text",
    ["@someone", "see #12", "!3", "GH-4", "a/b#5", "https://evil.invalid", "www.evil.invalid"],
)
def test_markdown_notifies_nobody_and_leads_nowhere(text: str) -> None:
    shown = inline(text)
    assert shown != text and shown.replace("\u200b", "") == text
    assert not re.search(r"(@|#|!|GH-)\w", shown)
    assert not gfm(shown).links


@settings(max_examples=5, deadline=None)
@given(st.text(min_size=1, max_size=5).map(lambda text: (text * 5000)[:5000]))
def test_long_texts_are_cut_where_lines_have_limits(text: str) -> None:
    report = holding(text)
    assert len(render(report, "nagios", Style())) < 4096
    for line in render(report, "github", Style()).splitlines():
        read = annotation(line)
        assert len(read.message) <= 4000 and len(read.properties["title"]) <= 200
