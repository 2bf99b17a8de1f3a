"""A rule's documentation: the terminal page of `explain` and the Markdown page of docs/rules/.

Both come from the rule's docstring, so they cannot differ from the code.
"""

import re

from envcheck.kb import load
from envcheck.kb.known_issues import Issue
from envcheck.render.style import Style, plain
from envcheck.rules import RULES, find
from envcheck.rules.base import Rule

LABELS = ("Why", "Confirm", "Fix", "Sources")


def sections(rule: Rule) -> list[tuple[str, list[str]]]:
    """The parts of a rule's docstring: (label, paragraphs); the title is not among them."""
    parts: list[tuple[str, list[str]]] = []
    body = rule.doc.split("\n", 1)[1] if "\n" in rule.doc else ""
    for paragraph in re.split(r"\n\s*\n", body.strip()):
        match = re.match(rf"({'|'.join(LABELS)}):\s+", paragraph)
        if match:
            parts.append((match.group(1), [paragraph[match.end() :]]))
        elif parts:
            parts[-1][1].append(paragraph)
        else:
            parts.append(("", [paragraph]))
    return parts


def terminal_page(rule: Rule, style: Style) -> str:
    """The page for `envcheck explain`, wrapped to the style's width."""
    lines = [
        style.paint(f"{rule.code} {rule.name}", "bold"),
        f"{rule.severity.value}, about {rule.subject}",
        "",
        *style.wrap(rule.title, ""),
    ]
    for label, paragraphs in sections(rule):
        lines += ["", style.paint(label, "bold")] if label else [""]
        for position, paragraph in enumerate(paragraphs):
            lines += [""] if position else []
            if label == "Sources":
                lines += [f"  {word}" for word in paragraph.split()]
            elif paragraph.startswith("    "):  # a command: kept as it is
                lines += [f"  {line}" for line in paragraph.splitlines()]
            else:
                lines += style.wrap(paragraph, "  ")
    return "\n".join(lines) + "\n"


def page_of(code: str, style: Style) -> str:
    """The page of a check, or of a cause that only error messages show.

    Raises:
        UsageError: neither is called so; the nearest names are suggested.
    """
    causes = load().issues.of(code.lower())
    if causes and all(code.lower() != rule.name for rule in RULES):
        return issue_page(causes, style)
    return terminal_page(find(code), style)


def issue_page(issues: tuple[Issue, ...], style: Style) -> str:
    """The page of a cause: every message known to have it."""
    lines = [style.paint(issues[0].name, "bold"), "known by its error messages"]
    for issue in issues:
        lines += ["", *style.wrap(f"{issue.title}.", ""), f"  {plain(issue.find[0])}"]
        for label, text in (("Why", issue.cause), ("Fix", issue.fix)):
            lines += ["", style.paint(label, "bold"), *style.wrap(text, "  ")]
        lines += [f"    {plain(command)}" for command in issue.commands]
        lines += ["", style.paint("Sources", "bold"), f"  {issue.source}"]
    return "\n".join(lines) + "\n"


def markdown_page(rule: Rule) -> str:
    """The page of docs/rules/<name>.md."""
    lines = [
        f"# {rule.code} {rule.name}",
        "",
        f"*{rule.severity.value}*, about *{rule.subject}*",
        "",
        rule.title,
    ]
    for label, paragraphs in sections(rule):
        lines += ["", f"## {label}"] if label else []
        for paragraph in paragraphs:
            lines.append("")
            if label == "Sources":
                lines += [f"- <{word}>" for word in paragraph.split()]
            elif paragraph.startswith("    "):
                lines += ["```sh", *(line[4:] for line in paragraph.splitlines()), "```"]
            else:
                lines.append(" ".join(paragraph.split()))
    return "\n".join(lines) + "\n"


def markdown_index(rules: tuple[Rule, ...]) -> str:
    """docs/rules/README.md: every rule in one table."""
    lines = [
        "# Checks",
        "",
        "Generated from the rules themselves by `make docs`; `envcheck explain CODE` prints the"
        " same pages offline.",
        "",
        "| code | name | severity | says |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {rule.code} | [{rule.name}]({rule.name}.md) | {rule.severity.value} | {rule.title} |"
        for rule in rules
    ]
    return "\n".join(lines) + "\n"


def all_pages(rules: tuple[Rule, ...]) -> dict[str, str]:
    """File name under docs/rules/ → text."""
    pages = {f"{rule.name}.md": markdown_page(rule) for rule in rules}
    return {"README.md": markdown_index(rules), **pages}
