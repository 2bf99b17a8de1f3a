"""Writes the manual page from the commands as they are, in the roff of man(7).

Run as `python -m tests.manual` (`make docs`).
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from envcheck.cli.app import app

PAGE = Path(__file__).parent.parent / "docs/man/envcheck.1"
HEAD = r""".\" Written by `make docs` from the commands themselves.
.TH ENVCHECK 1 "" "envcheck" "User Commands"
.nh
.ad l
.SH NAME
envcheck \- is this GPU machine fit for PyTorch, and if not, why and which command mends it
.SH SYNOPSIS
.B envcheck
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Checks NVIDIA driver, GPUs, CUDA, GPU code and Python packages from their files, without importing
torch, and says what was seen, what was needed and which command mends it.
"""
TAIL = r""".SH EXIT STATUS
Of the commands that judge; the others say theirs above.
.TP
.B 0
Nothing at or above
.BR \-\-fail\-on .
.TP
.B 1
Findings.
.TP
.B 2
Wrong usage or unusable input.
.TP
.B 3
The machine could not be checked.
.SH FILES
.TP
.I envcheck.toml
The policy of
.BR "envcheck preflight" ;
also
.B [tool.envcheck]
in
.IR pyproject.toml .
.TP
.I ~/.local/state/envcheck
Machines as they were before
.BR "envcheck fix \-\-yes" .
.SH SEE ALSO
.BR nvidia\-smi (1),
.BR pip (1)
"""
# What roff would take for its own, or turn into typographic signs.
SIGNS = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    "…": "...",
}


def manual() -> str:
    """The whole page: every command with its arguments and options."""
    return HEAD + ".SH COMMANDS\n" + "".join(_commands(get_command(app), "envcheck")) + TAIL


def _commands(command: object, name: str) -> Iterator[str]:
    assert isinstance(command, TyperGroup)
    for word, inner in command.commands.items():
        path = f"{name} {word}"
        yield f'.SS "{_plain(path)}"\n'
        yield from _paragraphs(inner.help or "")
        for parameter in inner.params:
            if isinstance(parameter, TyperArgument):
                yield f".TP\n.I {_plain(parameter.metavar or parameter.name or '')}\n"
                yield _text(parameter.help or "")
            elif isinstance(parameter, TyperOption) and not parameter.hidden:
                yield from _option(parameter)
        if isinstance(inner, TyperGroup):
            yield from _commands(inner, path)


def _option(option: TyperOption) -> Iterator[str]:
    names = ", ".join((*option.opts, *option.secondary_opts))
    choices = getattr(option.type, "choices", None)
    value = "|".join(map(str, choices)) if choices else option.metavar or ""
    flag = option.is_flag or not value
    yield ".TP\n" + (f".B {_plain(names)}\n" if flag else f'.BI "{_plain(names)} " "{value}"\n')
    yield _text(option.help or "")


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield ".PP\n" + _text(paragraph)


def _text(text: str) -> str:
    """Lines that are text whatever they begin with."""
    lines = textwrap.wrap(_plain(" ".join(text.split())), 96, break_on_hyphens=False)
    return "".join(f"\\&{line}\n" if line[0] in ".'" else f"{line}\n" for line in lines)


def _plain(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in text)


def main() -> None:
    """Write the page."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(manual(), encoding="utf-8")


if __name__ == "__main__":
    main()
