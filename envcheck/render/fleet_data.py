"""A fleet for programs: one JSON object, a JSON line a machine, Prometheus metrics."""

from typing import Any

import msgspec

from envcheck.fleet.model import Fleet, Machine
from envcheck.render.style import plain

_PACKAGE = "python.distributions."


def render_json(fleet: Fleet) -> str:
    """The whole as one object; packages of single machines are in the lines only."""
    machines = tuple(
        msgspec.structs.replace(
            machine,
            traits={p: v for p, v in machine.traits.items() if not p.startswith(_PACKAGE)},
        )
        for machine in fleet.machines
    )
    return msgspec.json.encode(msgspec.structs.replace(fleet, machines=machines)).decode() + "\n"


def render_lines(fleet: Fleet) -> str:
    """A line a machine, flat, for DuckDB and the like; then one for each not judged."""
    rows = [_row(machine) for machine in fleet.machines]
    rows += [
        {
            "host": one.host,
            "source": one.source,
            "kind": None,
            "verdict": "unreachable" if one.unreachable else "unreadable",
            "codes": [],
            "why": one.why,
            "facts": {},
            "packages": {},
        }
        for one in fleet.unread
    ]
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows).decode()


def render_prometheus(fleet: Fleet) -> str:
    """Text exposition format, for node_exporter's textfile collector.

    https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    lines = [
        "# HELP envcheck_machine_fit 1 fit, 0 unfit or unknown.",
        "# TYPE envcheck_machine_fit gauge",
    ]
    lines += [
        f"envcheck_machine_fit{_labels(host=m.host, kind=m.kind, verdict=m.verdict)} "
        f"{int(m.verdict == 'fit')}"
        for m in fleet.machines
    ]
    lines += [
        "# HELP envcheck_finding A check that found something on a machine.",
        "# TYPE envcheck_finding gauge",
    ]
    for machine in fleet.machines:
        seen = {(said.code, said.name, said.severity.value) for said in machine.findings}
        lines += [
            f"envcheck_finding{_labels(host=machine.host, code=c, name=n, severity=s)} 1"
            for c, n, s in sorted(seen)
        ]
    lines += [
        "# HELP envcheck_machine_unread 1 for a machine that could not be judged.",
        "# TYPE envcheck_machine_unread gauge",
    ]
    lines += [
        "envcheck_machine_unread"
        f"{_labels(host=one.host, why='unreachable' if one.unreachable else 'unreadable')} 1"
        for one in fleet.unread
    ]
    return "\n".join(lines) + "\n"


def _row(machine: Machine) -> dict[str, Any]:
    packages = {
        path.removeprefix(_PACKAGE): value
        for path, value in machine.traits.items()
        if path.startswith(_PACKAGE)
    }
    return {
        "host": machine.host,
        "source": machine.source,
        "kind": machine.kind,
        "verdict": machine.verdict,
        "codes": [said.code for said in machine.findings],
        "why": None,
        "facts": {p: v for p, v in machine.traits.items() if not p.startswith(_PACKAGE)},
        "packages": packages,
    }


def _labels(**labels: str) -> str:
    said = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{said}}}"


def _escaped(value: str) -> str:
    return plain(value).replace("\\", "\\\\").replace('"', '\\"')
