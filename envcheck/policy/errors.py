"""What is wrong with a policy. Must not know how it is printed."""

import difflib
from collections.abc import Iterable

from envcheck.errors import UsageError


class ExpressionError(ValueError):
    """A requirement that cannot be understood; whoever reads it knows the place."""


class PolicyError(UsageError):
    """A policy that cannot be used; the message begins with the place, "envcheck.toml:5: "."""


def near(word: str, known: Iterable[str]) -> str:
    """`: did you mean …?`, or nothing when no known word is like it."""
    lower, word = {name.lower(): name for name in known}, word.lower()[:100]
    found = difflib.get_close_matches(word, lower, 3)
    alike = [difflib.SequenceMatcher(None, other, word).ratio() for other in found]
    best = [lower[name] for name, ratio in zip(found, alike, strict=True) if ratio > alike[0] - 0.1]
    return f": did you mean {' or '.join(best)}?" if best else ""
