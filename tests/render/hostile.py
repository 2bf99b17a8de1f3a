"""Reports whose every text, fact and name is the same foreign text."""

import datetime

from hypothesis import strategies as st

from envcheck.facts import Toolkit, Why, blocked
from envcheck.finding import ERROR, NOTE, WARNING, Evidence, Finding, Remedy
from envcheck.report import Crashed, Ignored, Ran, Report, Skipped
from tests.rules.machine import change, gpu, healthy

NASTY = (
    "\x1b[2J\x1b]0;owned\x07", "\r\n", "\n::error::owned", "\n::stop-commands::x", "##[error]owned",
    "::", "%0A", "%", ",", ":", "|", "\\", "\\|", "`", "```", "``|", "~~~", "<", ">", "&", "&lt;",
    "&#60;", '"', "'", "</code></pre><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "]]>", "<![CDATA[", "<!--", "-->", "{0}", "{", "}}", "[a](https://evil.invalid)", "![x](y)",
    "https://evil.invalid/a_b", "www.evil.invalid", "@someone", "#1", "GH-1", "!1",
    "a@evil.invalid",
    "*x*", "_x_", "**", "~~x~~", "$x$", "# x", "- x", "1. x", "\t", "    x", "\u202e", "\u2028",
    "\u200b", "\ufeff", "\ufffe", "\uffff", "\ud800", "\udcff", "\x00", "\x85",
    "é", "漢", "\U0001f600",
    "\U000e0041", "javascript:alert(1)", "'; rm -rf /", "$(id)", "../../etc/passwd", "file:5",
    "/a/b.toml:7", "==", "|||", ":smile:", "\\`", "<details>", "</details>", "</summary>",
)  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.characters()), min_size=1, max_size=12).map(
    "".join
)


def holding(text: str) -> Report:
    """A report that says nothing but this text, wherever a report can say something."""
    findings = tuple(
        Finding(
            code=text,
            name=text,
            title=text,
            severity=severity,
            subject=text,
            message=text,
            evidence=(Evidence(text, text, text), Evidence(text, text, f"/{text}")),
            remedy=Remedy(text, (text, text), "root"),
            links=(text, f"https://{text}"),
        )
        for severity in (ERROR, WARNING, NOTE)
    )
    return Report(
        tool=f"envcheck {text}",
        verdict="unknown",
        exit_code=3,
        findings=findings,
        ignored=(Ignored(findings[0], text, datetime.date(2026, 12, 31), text),),
        passed=(Ran(text, text),),
        skipped=(Skipped(text, text, text, Why.FAILED),),
        not_applicable=(Ran(text, text),),
        crashed=(Crashed(text, text, text),),
        durations={"total": 0.5, text: 1.0},
        snapshot=change(
            healthy(),
            taken=text,
            tool=text,
            origin=text,
            host__os_name=text,
            host__kernel=text,
            container__runtime=text,
            driver__version=text,
            driver__module_flavor=text,
            gpus__devices=(gpu(0, name=text, sm=text, lost=text),),
            cuda__toolkits=(Toolkit(text, text, text, True),),
            python__version=text,
            python__executable=text,
            python__chosen_by=text,
            torch__version=text,
            torch__sass=(text,),
            trials=blocked(text),
        ),
    )
