"""Known error messages in a text, by cause.

Which of them a report may be judged by, the knowledge base says.
"""

from envcheck.facts import Symptom, Symptoms
from envcheck.kb import Knowledge

LONGEST = 300  # characters of a quoted line


def read(text: str, kb: Knowledge) -> Symptoms:
    """The messages whose cause is certain enough to be judged; none is none."""
    return Symptoms(
        symptoms=tuple(
            Symptom(hit.issue.name, hit.issue.id, line_at(text, *hit.spans[0]))
            for hit in kb.issues.match(text)
            if hit.issue.certain
        ),
        sources={"*": "the text"},
    )


def line_at(text: str, start: int, end: int) -> str:
    """The line in which a message begins, shortened around the message."""
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last
    line = text[first:last].replace("\n", " ")
    if len(line) <= LONGEST:
        return line
    begin = max(0, min(start - first - 40, len(line) - LONGEST))
    return ("…" if begin else "") + line[begin : begin + LONGEST] + "…"
