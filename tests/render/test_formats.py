"""What people and programs are given: widths, commands that stay whole, reasons, no surprises."""

import json

import pytest

from envcheck.facts import blocked
from envcheck.render import FORMATS, render
from envcheck.render.style import Style, plain
from tests.rules.machine import change, gpu, healthy, report

SICK = change(
    healthy(),
    gpus__devices=tuple(gpu(i, sm="7.0", name="Tesla V100-SXM2-16GB") for i in range(4)),
    torch__version="2.9.1+cu130",
    torch__cuda="13.0",
    torch__sass=("sm_75", "sm_80", "sm_90"),
    torch__companions=(),
    torch__pins=(),
    driver__version="580.95.05",
    driver__cuda="13.0",
    driver__module_flavor="proprietary",
)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_text_fits_the_terminal_but_keeps_commands_whole(width: int) -> None:
    text = render(report(SICK), "text", Style(width=width))
    command = "    /venv/bin/python -m pip install"
    for line in text.splitlines():
        # a word longer than the line (a path, a command) is never broken
        assert len(line) <= width or line.startswith(command) or " " not in line.strip()
    assert any(line.startswith(command) and "/whl/cu126" in line for line in text.splitlines())


def test_text_says_found_seen_needed_where_fix_and_verdict() -> None:
    text = render(report(SICK), "text", Style())
    assert "4 x Tesla V100-SXM2-16GB" in text
    assert "TCH003 arch_not_in_build [GPU 0-3]" in text
    assert "torch.sass = sm_75 sm_80 sm_90" in text
    assert "Fix: " in text
    assert [line for line in text.splitlines() if line.startswith("unfit: 1 error")]


def test_unknown_says_what_could_not_be_judged() -> None:
    text = render(report(change(healthy(), torch=blocked("no permission"))), "text", Style())
    assert "unknown: " in text
    # one reason, said once for all the checks it holds up
    assert "arch_not_in_build, cpu_only_build" in " ".join(text.split())
    assert text.count("no permission") <= 3


def test_a_clean_report_is_short() -> None:
    assert render(report(healthy()), "concise", Style()) == ""
    assert "fit: " in render(report(healthy()), "text", Style())


def test_ascii_style_prints_ascii_only() -> None:
    text = render(report(SICK), "text", Style(unicode=False))
    assert text.isascii()


def test_json_has_no_colour_whatever_the_style() -> None:
    text = render(report(SICK), "json", Style(colour=True))
    assert json.loads(text)["verdict"] == "unfit" and "\x1b" not in text


def test_every_format_renders_every_report() -> None:
    for name in FORMATS:
        for machine in (healthy(), SICK, change(healthy(), torch=blocked("x"))):
            assert render(report(machine), name, Style(verbose=True, colour=True)) is not None


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31mb", "a\\x1b[31mb"), ("a\r\nb\tc", "a b c"), ("\u202egnp", "\\x202egnp")],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown
