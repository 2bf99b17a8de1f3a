"""The documentation as a site: `make site`. Its first page and its menu are made of README.md."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

README = Path(__file__).parent.parent / "README.md"
TREE = "```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n"

project = "envcheck"
html_title = project
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True
smartquotes = False  # options begin with two hyphens
highlight_language = "text"
html_use_index = False
suppress_warnings = ["misc.highlighting_failure"]  # SQL of one kind only is known to it


def setup(app: "Sphinx") -> None:
    """Called by sphinx."""
    app.connect("source-read", _read)


def _read(app: "Sphinx", page: str, source: list[str]) -> None:
    if page == "index":
        source[0] = home(README.read_text(encoding="utf-8"))
    elif page.startswith("rules/") and page != "rules/README":
        source[0] = f"---\norphan: true\n---\n{source[0]}"  # in their list, not in every menu


def home(readme: str) -> str:
    """The readme with its links as the site has them, and a menu of the lists at its end."""
    text = readme.replace("](docs/", "](")
    menu = ""
    for caption, pages in re.findall(r"^- ([^:\n]+): (.*?)(?=^- |\Z)", text, re.M | re.S):
        links = re.findall(r"\[([^\]]+)\]\(([^)]+)\.md\)", pages)
        entries = "\n".join(f"{name[0].upper()}{name[1:]} <{page}>" for name, page in links)
        menu += TREE.format(caption=caption, entries=entries)
    return f"{text}\n{menu}"
