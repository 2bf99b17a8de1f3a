"""What a requirement finds in a Snapshot, and whether that is what it asks for. Pure.

Must not know rules, nor what could be done about it.
"""

from typing import Any, NamedTuple

from envcheck.facts import Fact, Gpu, Gpus, Missing, Requirement, Snapshot, Why, absent, failed
from envcheck.facts.paths import PathError, lookup
from envcheck.policy.values import meets

_NAMES = ("name", "path")  # what an element of a list is called


class Seen(NamedTuple):
    """One value a requirement is about."""

    value: Any  # or Missing
    what: str  # the fact, as evidence calls it
    source: str  # where it was read
    subject: str  # whose it is: "GPU 3"; "": the machine's


def look(requirement: Requirement, snapshot: Snapshot, visible: tuple[Gpu, ...]) -> list[Seen]:
    """The values a requirement is about: one, or one of every GPU that CUDA would show."""
    first, _, rest = requirement.path.partition(".")
    if first == "gpu":
        return _gpus(requirement, rest, snapshot, visible)
    if first == "disk":
        return [_disk(requirement.key, snapshot)]
    value = _value(snapshot, requirement.path)
    if requirement.key and not isinstance(value, Missing):
        value = _element(requirement, value)
    fact = getattr(snapshot, first, None)
    source = fact.source(rest.partition(".")[0]) if isinstance(fact, Fact) else ""
    return [Seen(value, requirement.path, source, "")]


def met(requirement: Requirement, value: Any) -> bool | Missing:
    """Whether a value is what is asked for; Missing when nobody can say.

    What is not there (absent, or none) meets only what asks for that; none also what must not be
    a certain value.
    """
    if isinstance(value, Missing) and value.why is not Why.ABSENT:
        return value
    clauses = requirement.clauses
    if value is None or isinstance(value, Missing):
        asked = [c.operator == "==" if c.value is None else c.operator == "!=" for c in clauses]
        wanted = any(clause.value is None for clause in clauses)
        return bool(clauses) and all(asked) and (wanted or value is None)
    if not clauses:
        return value is not False
    try:
        return all(meets(requirement.compared, clause, value) for clause in clauses)
    except ValueError:
        return failed(f"{value!r} is no {requirement.compared}")


def _value(snapshot: Snapshot, path: str) -> Any:
    try:
        return lookup(snapshot, path)
    except PathError:
        return absent(_nothing(path))


def _nothing(path: str) -> str:
    """Why a path that could be there leads nowhere on this machine."""
    parts = path.split(".")
    if path.startswith("python.distributions."):
        return f"{parts[2]} is not installed"
    if path.startswith("environment.variables."):
        return f"{parts[2]} is not set"
    if path.startswith("ffmpeg."):
        return "there is no ffmpeg program"
    return f"there is no {'.'.join(parts[:3])}"


def _element(requirement: Requirement, elements: Any) -> Any:
    names = [_called(element) for element in elements]
    if requirement.key in names:
        return True
    unread = next((element for element in elements if isinstance(element, Missing)), None)
    if unread is not None:
        return unread
    some = ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
    return absent(f"{requirement.path} has {some or 'nothing'}")


def _called(element: Any) -> str:
    if isinstance(element, Missing):
        return ""
    found = (getattr(element, field, None) for field in _NAMES)
    return str(next((name for name in found if name), element))


def _disk(folder: str, snapshot: Snapshot) -> Seen:
    host = snapshot.host
    disks = host if isinstance(host, Missing) else host.disks
    value: int | Missing = Missing(Why.NOT_ASKED, f"nobody looked how much space {folder} has")
    if isinstance(disks, Missing):
        value = value if disks.why is Why.NOT_ASKED else disks
    else:
        value = next((disk.free_bytes for disk in disks if disk.path == folder), value)
    return Seen(value, f"free space of {folder}", "statvfs", "")


def _gpus(
    requirement: Requirement, field: str, snapshot: Snapshot, visible: tuple[Gpu, ...]
) -> list[Seen]:
    gpus = snapshot.gpus
    if isinstance(gpus, Missing) and gpus.why is not Why.ABSENT:
        return [Seen(gpus, "gpus", "", "")]
    devices = () if isinstance(gpus, Missing) else gpus.devices
    source = "" if isinstance(gpus, Missing) else gpus.source("devices")
    unread = [
        Seen(device, "gpus.devices", source, "")
        for device in devices
        if isinstance(device, Missing)
    ]
    if field == "count":
        answering = [gpu for gpu in visible if not (_said(gpu.lost) or _said(gpu.hung))]
        count = Seen(len(answering), "gpu.count", source, "")
        return unread[:1] if unread and not met(requirement, count.value) else [count]
    found = []
    for gpu in visible:
        value = _value(Snapshot(gpus=Gpus(devices=(gpu,))), f"gpus.devices.0.{field}")
        if requirement.key and not isinstance(value, Missing):
            value = _element(requirement, value)
        what = f"gpu{gpu.index}.{field}"
        found.append(Seen(value, what, source, f"GPU {gpu.index}"))
    if not found and not unread:
        hidden = "CUDA_VISIBLE_DEVICES hides every GPU" if devices else "there is no GPU"
        return [Seen(absent(hidden), "gpus.devices", source, "")]
    return found + unread


def _said(value: object) -> bool:
    return isinstance(value, str)
