"""No dead link in the Markdown of the repository: every file and every heading linked to exists."""

import html
import re
import runpy
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

ROOT = Path(__file__).parent.parent
WRITTEN = ("README.md", "docs", "ansible", "docker", "tests/nvmlstub")
PAGES = sorted(
    page
    for place in WRITTEN
    for page in ([ROOT / place] if place.endswith(".md") else (ROOT / place).rglob("*.md"))
)


def rendered(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return str(cmarkgfm.github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE))


def links(page: Path) -> list[str]:
    """Where links and pictures of the page point to."""
    found = re.findall(r"<(?:a|img)\b[^>]*?\s(?:href|src)=\"([^\"]*)\"", rendered(page))
    return [html.unescape(link) for link in found]


def anchors(page: Path) -> set[str]:
    """The names of the page's headings, as GitHub and the site give them."""
    names: set[str] = set()
    for heading in re.findall(r"<h[1-6]>(.*?)</h[1-6]>", rendered(page), re.DOTALL):
        words = html.unescape(re.sub(r"<[^>]*>", "", heading)).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        twins = sum(
            name == slug or re.fullmatch(rf"{slug}-\d+", name) is not None for name in names
        )
        names.add(f"{slug}-{twins}" if twins else slug)
    return names


def dead(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        lives = target.exists()
        if lives and parts.fragment:
            lives = target.suffix == ".md" and parts.fragment in anchors(target)
        if not lives:
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("place", ["README.md", "docs/rules", "rest"])
def test_no_dead_link(place: str) -> None:
    def belongs(page: Path) -> bool:
        name = str(page.relative_to(ROOT))
        if place == "rest":
            return not name.startswith(("README.md", "docs/rules/"))
        return name.startswith(place)

    pages = [page for page in PAGES if belongs(page)]
    assert pages
    found = {str(page.relative_to(ROOT)): dead(page) for page in pages}
    assert not {page: wrong for page, wrong in found.items() if wrong}


def test_links_lead_to_what_is_tracked() -> None:
    ran = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:  # a source archive holds what is tracked, and nothing else
        return
    tracked = {ROOT / name for name in ran.stdout.split("\0")}
    for page in PAGES:
        for link in links(page):
            parts = urlsplit(link)
            if parts.path and not parts.scheme:
                target = (page.parent / unquote(parts.path)).resolve()
                assert target in tracked or target.is_dir(), f"{page.name}: {link}"


def test_the_lists_of_the_readme_are_the_sites_menu_and_hold_every_page() -> None:
    made = runpy.run_path(str(ROOT / "docs/conf.py"))["home"]((ROOT / "README.md").read_text())
    menu = set(re.findall(r"^\S.* <(.*)>$", made, re.MULTILINE))
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert menu == pages | {"rules/README"}, "the lists stand at README's end"


def test_the_list_of_checks_links_every_check() -> None:
    index = ROOT / "docs/rules/README.md"
    linked = {(index.parent / link).resolve() for link in links(index)}
    assert set(index.parent.glob("*.md")) - {index} <= linked


def test_the_checker_tells_dead_links(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b`, c\n## x\n## x\n[1](page.md#a-b-c) [2](#x-1) [3](https://example.org/no)\n\n"
        "[4](gone.md) [5](#x-2) [6](page.md#y) ![7](gone.svg)\n\n```\n[8](gone.md)\n```\n",
        encoding="utf-8",
    )
    assert dead(page) == ["gone.md", "#x-2", "page.md#y", "gone.svg"]
