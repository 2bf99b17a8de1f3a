"""Requirements in a wheel's METADATA, as they apply on one platform. Must not know torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envcheck.kb.wheel_zip import WheelError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from envcheck.kb.builds import Platform


def requirements(metadata: str, platform: Platform, python: str) -> tuple[Requirement, ...]:
    """What the wheel asks for without extras, on a platform and a Python ("3.11", "3.13t").

    Raises:
        WheelError: a requirement that is none.
    """
    from packaging.metadata import parse_email
    from packaging.requirements import InvalidRequirement, Requirement

    raw, _ = parse_email(metadata)
    environment = _environment(platform, python.rstrip("t"))
    try:
        found = [Requirement(text) for text in raw.get("requires_dist", ())]
        return tuple(r for r in found if r.marker is None or r.marker.evaluate(environment))
    except (InvalidRequirement, ValueError) as error:  # ValueError: a marker that compares nonsense
        raise WheelError(f"METADATA: {' '.join(str(error).split())}") from error


def pinned(requirement: Requirement) -> str | None:
    """The version of `==2.4.0` or `~=2.4.0`; None for any other specifier."""
    specifiers = list(requirement.specifier)
    if len(specifiers) == 1 and specifiers[0].operator in ("==", "===", "~="):
        return specifiers[0].version
    return None


def _environment(platform: Platform, python: str) -> dict[str, str]:
    """Every variable a marker may ask for, so that nothing of this machine decides."""
    system, _, machine = platform.partition("-")
    windows = system == "windows"
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "nt" if windows else "posix",
        "platform_machine": "AMD64" if windows else machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Windows" if windows else "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "win32" if windows else "linux",
        "extra": "",
    }
