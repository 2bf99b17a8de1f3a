"""Judges one snapshot after another, and remembers what the rules said of facts seen before.

Most machines of a fleet have most facts in common. A rule is a pure function of the facts its
parameters name, so rules that read the same facts are run once for each set of values.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from envcheck.facts import NOT_ASKED, Gpu, Missing, Snapshot
from envcheck.finding import ERROR, Severity
from envcheck.judge import judge
from envcheck.kb import Knowledge
from envcheck.report import Report, Verdict, together
from envcheck.rules.base import EACH, Rule

REMEMBERED = 20_000  # results kept, of a few hundred bytes each
_encode = msgspec.json.Encoder().encode
# Of a GPU that is well, no rule looks at these; they are another in every machine. Free space is
# looked at by a policy's requirements only.
_OWN = {"pci_address": "", "memory_used_bytes": 0, "temperature_c": 0}


class Judge:
    """The rules and their memory."""

    def __init__(self, kb: Knowledge, rules: Iterable[Rule], fail_on: Severity = ERROR) -> None:
        self._kb, self._fail_on = kb, fail_on
        sets: dict[tuple[str, ...], list[Rule]] = {}
        for rule in rules:
            facts = {*rule.facts, *([EACH[rule.each][0]] if rule.each else [])}
            if "snapshot" in rule.given:
                facts = set(Snapshot.__struct_fields__)
            sets.setdefault(tuple(sorted(facts)), []).append(rule)
        self._sets = {facts: tuple(found) for facts, found in sets.items()}
        self._all = tuple(rule for found in self._sets.values() for rule in found)
        self._memory: dict[tuple[Any, ...], Report] = {}

    def judge(self, snapshot: Snapshot) -> tuple[Verdict, int, Report | tuple[Report, ...]]:
        """Verdict, exit code, and the reports of the parts that hold the findings."""
        if not isinstance(snapshot.symptoms, Missing):  # rules then speak in each other's name
            report = judge(snapshot, self._kb, self._all, fail_on=self._fail_on)
            return report.verdict, report.exit_code, report
        keys = _keys(snapshot)
        parts = tuple(self._part(snapshot, facts, keys) for facts in self._sets)
        verdict, exit_code = together(parts)
        return verdict, exit_code, parts

    def _part(self, snapshot: Snapshot, facts: tuple[str, ...], keys: dict[str, bytes]) -> Report:
        key = (facts, snapshot.purpose, *(keys.get(name, b"") for name in facts))
        report = self._memory.get(key)
        if report is None:
            if len(self._memory) >= REMEMBERED:
                self._memory.clear()
            report = judge(snapshot, self._kb, self._sets[facts], fail_on=self._fail_on)
            # What was judged is not needed any more, only what was said of it.
            report = msgspec.structs.replace(report, snapshot=_NOTHING)
            self._memory[key] = report
        return report


_NOTHING = Snapshot()


def _keys(snapshot: Snapshot) -> dict[str, bytes]:
    """A digest of each fact, without what sets machines apart and no rule reads."""
    keys = {}
    named = _names_gpus(snapshot)
    policy = not isinstance(getattr(snapshot, "policy", NOT_ASKED), Missing)
    for name in Snapshot.__struct_fields__:
        fact = getattr(snapshot, name)
        if name in ("taken", "tool"):
            continue
        if name == "gpus" and not isinstance(fact, Missing) and not named:
            fact = msgspec.structs.replace(fact, devices=tuple(map(_anonymous, fact.devices)))
        if name == "host" and not isinstance(fact, Missing) and not policy:
            fact = msgspec.structs.replace(fact, disks=())
        keys[name] = hashlib.blake2b(_encode(fact), digest_size=16).digest()
    return keys


def _names_gpus(snapshot: Snapshot) -> bool:
    """Whether a variable may choose GPUs by their UUID."""
    if isinstance(snapshot.environment, Missing):
        return False
    return any("GPU-" in v or "MIG-" in v for v in snapshot.environment.variables.values())


def _anonymous(gpu: Gpu | Missing) -> Gpu | Missing:
    if isinstance(gpu, Missing) or gpu.lost or gpu.hung or gpu.throttle_reasons:
        return gpu
    own = {k: v for k, v in _OWN.items() if not isinstance(getattr(gpu, k), Missing)}
    if isinstance(gpu.uuid, str):
        own["uuid"] = f"GPU-{gpu.index}"
    return msgspec.structs.replace(gpu, **own)
