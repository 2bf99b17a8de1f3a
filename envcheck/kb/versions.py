"""Order of driver and CUDA versions, which are not PEP 440 (535.104.05 is newer than 535.54.03).

Must not know any version.
"""

import re
from functools import lru_cache

_FORM = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,5}", re.ASCII)


class VersionError(ValueError):
    """Not a dotted number."""


@lru_cache(maxsize=4096)
def order(version: str) -> tuple[int, ...]:
    """A key that sorts versions: "535.104.05" → (535, 104, 5); "12.0" and "12.0.0" are equal.

    Raises:
        VersionError: not digits and dots.
    """
    text = version.strip()
    if _FORM.fullmatch(text) is None:
        raise VersionError(f"{version!r} is not a version: digits and dots were expected")
    numbers = [int(part) for part in text.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def minor(version: str) -> str:
    """The first two numbers: "12.4.1" and "12.4" → "12.4", "13" → "13.0".

    Raises:
        VersionError: not digits and dots.
    """
    numbers = (*order(version), 0)
    return f"{numbers[0]}.{numbers[1]}"
