"""What the pages tell people to type exists: commands, options and choices of every ```sh block.

Nothing is run here: the arguments are parsed as envcheck parses them, and that is all.
"""

import re
import shlex
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from envcheck.cli.app import app

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "ansible").rglob("*.md")),
]
BLOCK = re.compile(r"^ *```(?:sh|bash|shell)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PLACEHOLDERS = {"N": "1", "SECONDS": "1"}
INSTALLS = {"--install-completion", "--show-completion"}  # act while they are parsed


def calls(line: str) -> list[list[str]]:
    """The words of every envcheck in a line of a shell, without comments and redirections."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
    lexer.whitespace_split, lexer.commenters = True, "#"
    found: list[list[str]] = []
    inside = False
    for word in lexer:
        if word == "envcheck":
            found.append([])
            inside = True
        elif set(word) <= set("|&;()<>"):
            inside = False
        elif inside:
            found[-1].append(PLACEHOLDERS.get(word, word))
    return found


def written() -> list[tuple[str, list[str]]]:
    """Page and words of every call in the pages."""
    return [
        (page.name, words)
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in block.replace("\\\n", " ").splitlines()
        for words in calls(line)
    ]


def parse(words: list[str]) -> None:
    """Parse as the command line does, sub-commands too; raises what a user would be told."""
    command, name = get_command(app), "envcheck"
    if INSTALLS & set(words):
        assert {option for known in command.params for option in known.opts} >= INSTALLS
        return
    words = [word for word in words if word != "--help"]  # every command has it
    while True:
        context = command.make_context(name, words)
        groups = command.commands if isinstance(command, TyperGroup) else {}
        rest = [*context._protected_args, *context.args]
        if not groups or not rest:
            return
        assert rest[0] in groups, f"no command is called {rest[0]}"
        command, name, words = groups[rest[0]], f"{name} {rest[0]}", rest[1:]


@pytest.mark.parametrize("page", sorted({page for page, _ in written()}))
def test_every_command_of_a_page_can_be_typed(page: str) -> None:
    for name, words in written():
        if name == page:
            try:
                parse(words)
            except Exception as error:
                pytest.fail(f"{page}: envcheck {shlex.join(words)}: {error}")


def test_the_pages_show_every_command() -> None:
    shown = {words[0] for _, words in written() if words}
    everything = get_command(app)
    assert isinstance(everything, TyperGroup)
    assert set(everything.commands) <= shown


@pytest.mark.parametrize(
    "line",
    [
        "x | envcheck doctr",
        "A=$(envcheck gpu-watch pick --no-such-option) python train.py",
        "envcheck doctor --format yaml > x",
        "envcheck smoke torch --timeout soon   # a comment",
    ],
)
def test_a_wrong_command_is_told(line: str) -> None:
    (words,) = calls(line)
    with pytest.raises(Exception, match=r"no command|No such option|not one of|not a valid"):
        parse(words)
