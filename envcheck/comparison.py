"""What differs between two machines: `Comparison`. Must not know how it is found or printed."""

import msgspec

SCHEMA_VERSION = 1


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that differs, as people write both values."""

    path: str  # "driver.version", "python.distributions.numpy"
    a: str
    b: str
    changes: tuple[str, ...] = ()  # findings that come or go with it, or rest on it


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two machines beside each other; the differences that change a verdict come first."""

    schema_version: int = SCHEMA_VERSION
    verdict_a: str
    verdict_b: str
    only_a: tuple[str, ...]  # findings that only the first machine has, by name
    only_b: tuple[str, ...]
    both: tuple[str, ...]
    differences: tuple[Difference, ...]
