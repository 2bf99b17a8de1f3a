"""A policy file as people write it, typed: `envcheck/schema/policy.json` is made of this.

Must not know where a file is, nor what its words mean.
"""

import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from envcheck.facts.policy import Level

Text = Annotated[str, Meta(pattern=r"\S")]
Expression = Annotated[
    str,
    Meta(
        pattern=r"\S",
        description='A requirement: "gpu.count >= 8", "torch == 2.4.*", "package:numpy < 2".',
        examples=["gpu.count >= 8", "driver >= 535", "disk:/data >= 500GiB"],
    ),
]
Severity = Annotated[Level, Meta(description="What a finding counts as.")]


class Need(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requirement with a severity of its own, or the reason for it."""

    expr: Expression
    severity: Severity | None = None
    reason: Annotated[str, Meta(description="Said beside the finding.")] = ""


class Leave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Findings that do not count for some time."""

    code: Annotated[Text, Meta(description="A code, a name or the beginning of codes.")]
    reason: Annotated[Text, Meta(description="Why they do not count.")]
    until: Annotated[datetime.date, Meta(description="The last day: 2027-01-31.")]
    subject: Annotated[str, Meta(description='Only findings about this: "GPU 3", "gpu.count".')] = (
        ""
    )


class PolicyFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a machine must be, for `envcheck preflight`."""

    extends: Annotated[
        Text | list[Text], Meta(description="Policies this one adds to, relative to this file.")
    ] = []
    require: Annotated[
        list[Expression | Need], Meta(description="What must be so; each is a finding if not.")
    ] = []
    severity: Annotated[
        dict[str, Severity],
        Meta(description='Other severities, by code, name or prefix: DRV002 = "warning".'),
    ] = {}
    ignore: Annotated[list[Leave], Meta(description="Findings that do not count.")] = []


SHAPES: dict[str, type[msgspec.Struct]] = {"require": Need, "ignore": Leave, "": PolicyFile}
EXPECTED = {
    "extends": "a file, or a list of files",
    "require": 'a list of requirements, as in require = ["gpu.count >= 8"]',
    "severity": 'error, warning or note, as in DRV002 = "note" below [severity]',
    "ignore": "tables with code, reason and until, each below [[ignore]]",
    "expr": 'a requirement, as in expr = "gpu.count >= 8"',
    "code": 'a code, a name or the beginning of codes, as in code = "GPU003"',
    "reason": "a text that says why",
    "until": "the last day it counts, as in until = 2027-01-31",
    "subject": 'what the finding is about, as in subject = "GPU 3"',
}
