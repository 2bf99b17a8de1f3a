"""Many host names in few words: `gpu[001-003,017]`, as clusters write them."""

import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"(.*?)(\d{1,9})(\D*)", re.DOTALL)


def fold(names: Iterable[str]) -> str:
    """The names, those that differ in their last number only together, in order."""
    plain: dict[str, None] = {}
    numbered: dict[tuple[str, str, int], set[int]] = {}
    for name in sorted(set(names)):
        match = _NUMBERED.fullmatch(name)
        if match is None:
            plain[name] = None
            continue
        head, digits, tail = match.groups()
        width = len(digits) if digits.startswith("0") else 0
        numbered.setdefault((head, tail, width), set()).add(int(digits))
    parts = list(plain)
    for (head, tail, width), numbers in numbered.items():
        if len(numbers) == 1:
            parts.append(f"{head}{numbers.pop():0{width}d}{tail}")
        else:
            parts.append(f"{head}[{_ranges(sorted(numbers), width)}]{tail}")
    return ", ".join(sorted(parts))


def _ranges(numbers: list[int], width: int) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(
        f"{run[0]:0{width}d}" + (f"-{run[-1]:0{width}d}" if len(run) > 1 else "") for run in runs
    )
