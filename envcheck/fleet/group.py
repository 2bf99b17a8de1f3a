"""Machines → groups of one kind, their outliers, findings with their hosts, drift. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from envcheck.fleet.model import Drift, Group, Machine, Odd, Outlier, Problem
from envcheck.fleet.traits import SETUP

FEWEST = 3  # machines of a kind below which none is the odd one
MOST_SHARE = 2 / 3  # of the machines have the common value; else there is none

_PLACE = {path: place for place, path in enumerate(SETUP)}


def groups(machines: Iterable[Machine]) -> tuple[Group, ...]:
    """The kinds of machine, the most numerous first."""
    by_kind: dict[str, list[Machine]] = defaultdict(list)
    for machine in machines:
        by_kind[machine.kind].append(machine)
    ordered = sorted(by_kind.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(
        Group(
            kind=kind,
            hosts=tuple(machine.host for machine in members),
            verdicts=dict(Counter(machine.verdict for machine in members)),
            outliers=_outliers(members),
        )
        for kind, members in ordered
    )


def problems(machines: Iterable[Machine]) -> tuple[Problem, ...]:
    """Every check that found something, with its machines: worst first, then the widest spread."""
    found: dict[tuple[str, str], Problem] = {}
    hosts: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for machine in machines:
        for said in machine.findings:
            key = (said.code, said.severity.value)
            hosts[key][machine.host] = None
            if key not in found:
                found[key] = Problem(
                    said.code, said.name, said.severity, said.message, said.remedy, ()
                )
    whole = [
        Problem(one.code, one.name, one.severity, one.message, one.remedy, tuple(hosts[key]))
        for key, one in found.items()
    ]
    return tuple(sorted(whole, key=lambda p: (-p.severity.rank, -len(p.hosts), p.code)))


def drift(machines: Iterable[Machine]) -> tuple[Drift, ...]:
    """The facts in which machines differ from the golden snapshot, the widest spread first."""
    golden: dict[str, str] = {}
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for machine in machines:
        for change in machine.drift:
            golden[change.path] = change.golden
            found[change.path][change.value].append(machine.host)
    rows = [Drift(path, golden[path], _odd(values)) for path, values in found.items()]
    return tuple(sorted(rows, key=lambda row: (-sum(len(o.hosts) for o in row.odd), row.path)))


def _outliers(members: list[Machine]) -> tuple[Outlier, ...]:
    """Facts that most machines of a kind share and some do not, the weightiest first."""
    if len(members) < FEWEST:
        return ()
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for machine in members:
        for path, value in machine.traits.items():
            values[path][value].append(machine.host)
    rows = []
    for path, by_value in values.items():
        if path.startswith("python.distributions."):
            without = _without(members, path, by_value)
            if without:
                by_value["absent"] += without
        if len(by_value) < 2:
            continue
        common = max(by_value, key=lambda value: len(by_value[value]))
        share, asked = len(by_value[common]), sum(map(len, by_value.values()))
        if asked < FEWEST or share < MOST_SHARE * asked:
            continue
        del by_value[common]
        rows.append(Outlier(path, common, share, _odd(by_value)))
    return tuple(sorted(rows, key=lambda row: (_PLACE.get(row.path, len(_PLACE)), row.path)))


def _without(members: list[Machine], path: str, by_value: dict[str, list[str]]) -> list[str]:
    """Machines whose packages are known and do not hold this one."""
    having = {host for hosts in by_value.values() for host in hosts}
    if len(having) == len(members):
        return []
    return [
        machine.host
        for machine in members
        if machine.host not in having and "python.version" in machine.traits
    ]


def _odd(by_value: dict[str, list[str]]) -> tuple[Odd, ...]:
    ordered = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Odd(value, tuple(hosts)) for value, hosts in ordered)
