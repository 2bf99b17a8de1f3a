"""Facts about proofs that were run: what came out, how far off, how fast.

Must not know how a proof is run nor whether its result is good.
"""

from typing import Literal

import msgspec

from envcheck.facts.base import Fact, Missing

# ok: it ran to its end, and `measured` says what came out, right or wrong;
# failed: it raised, died or was ended; skipped: there was nothing here to prove it on.
Status = Literal["ok", "failed", "skipped"]


class Trial(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="trial"
):
    """One proof on one device. Times in seconds; `rates` carry their unit in their name."""

    name: str  # "matmul tf32", "golden fp32"
    check: str  # what it proves, the word rules look for: "import", "compute", "golden"
    status: Status
    device: str = ""  # "cpu", "cuda:0", "multi"
    reason: str = ""  # why it failed or was skipped, one word: "timeout", "out_of_memory", "error"
    detail: str = ""  # the same for people: the error's own words
    measured: float | None = None  # how far off the result was, or the number that was counted
    limit: float | None = None  # the largest `measured` that is right
    expected: float | None = None  # the exact number `measured` must equal
    seconds: float = 0.0
    rates: dict[str, float] = {}  # "bf16 TFLOP/s", "clips/s"
    details: dict[str, str] = {}  # versions, names, predictions …

    @property
    def label(self) -> str:
        """The trial as the subject of a finding: "cuda:0 golden fp32"."""
        return f"{self.device} {self.name}".strip()


class Trials(Fact, frozen=True, kw_only=True, tag="trials"):
    """The proofs of one run, in the order they were made."""

    target: str  # "torch", "slowfast_r50"
    trials: tuple[Trial | Missing, ...] = ()
