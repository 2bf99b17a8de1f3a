"""What an installed distribution requires, by its own metadata. Must not judge it."""

import re

from envcheck.facts import Distribution, Missing, Pin, PythonEnv, absent
from envcheck.probes.host import Host
from envcheck.probes.interpreter import Interpreter
from envcheck.probes.python_env import normalise

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*([^;@]*)")


def requirements(host: Host, dist: Distribution) -> list[str]:
    """Its lines `Requires-Dist`, or those of an egg's requires.txt without its extras."""
    if dist.path.endswith(".egg-info"):
        text = host.read(f"{dist.path}/requires.txt")
        head = "" if isinstance(text, Missing) else re.split(r"(?m)^\[", text, maxsplit=1)[0]
        return [line.strip() for line in head.splitlines() if line.strip()]
    text = host.read(f"{dist.path}/METADATA")
    if isinstance(text, Missing):
        return []
    return re.findall(r"(?mi)^Requires-Dist:[ \t]*(.+?)\s*$", text.split("\n\n", 1)[0])


def split(line: str) -> tuple[str, str]:
    """Name and version specifier of a requirement: "iopath", ">=0.1.7,<0.1.10"."""
    match = _REQUIREMENT.match(line)
    return (normalise(match[1]), match[2].strip(" ()")) if match else ("", "")


def required(
    host: Host, dist: Distribution, python: PythonEnv, interpreter: Interpreter
) -> tuple[Pin, ...] | Missing:
    """Everything it asks for on this machine, and what is installed of it."""
    lines = requirements(host, dist)
    if not lines:
        return absent(f"{dist.path} states no requirements")
    pins = []
    for line in lines:
        name, specifier = split(line)
        if name and (";" not in line or wanted(line, interpreter)):
            found = python.find(name)
            pins.append(Pin(name, specifier, found[0].version if found else None))
    return tuple(pins)


def wanted(line: str, interpreter: Interpreter) -> bool:
    """Whether a requirement's marker is true for the patient."""
    from packaging.requirements import InvalidRequirement, Requirement

    system, _, machine = interpreter.platform.partition("-")
    environment = {
        "platform_system": "Linux" if system.startswith("linux") else system,
        "sys_platform": system,
        "platform_machine": machine,
        "python_version": ".".join(interpreter.version.split(".")[:2]),
        "python_full_version": interpreter.version,
        "implementation_name": interpreter.implementation,
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "extra": "",
    }
    try:
        marker = Requirement(line).marker
    except InvalidRequirement:
        return False
    return marker is None or marker.evaluate(environment)
