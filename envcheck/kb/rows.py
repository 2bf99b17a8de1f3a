"""What every row of the knowledge base has in common, and how a data file becomes typed rows.

Must not know any subject.
"""

import datetime
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from envcheck.errors import UsageError

Kind = Literal["measured", "documented", "inferred"]
VersionText = Annotated[str, msgspec.Meta(pattern=r"^\d+(\.\d+)*$")]
SmText = Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d$")]
SassName = Annotated[str, msgspec.Meta(pattern=r"^sm_\d{2,3}[af]?$")]
PtxName = Annotated[str, msgspec.Meta(pattern=r"^compute_\d{2,3}[af]?$")]
PciId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4}$")]
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]

_STEP = re.compile(r"^\$\.(\w+)\[(\d+)\]")
_File = TypeVar("_File")


class KnowledgeError(UsageError):
    """A data file of the knowledge base is missing, malformed or contradicts itself."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact about the world: where it was read, when, and how sure it is."""

    source: NonEmpty
    checked: datetime.date
    kind: Kind


def read_file(path: Path, shape: type[_File]) -> _File:
    """Reads one data file. A row names its source by a key of the file's `[sources]`.

    Raises:
        KnowledgeError: unreadable, not TOML, an unknown source, or a row that does not fit.
    """
    if sys.version_info >= (3, 11):
        import tomllib  # late: a start that reads no file does without
    else:
        import tomli as tomllib

    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise KnowledgeError(f"{path}: {error}") from error
    sources = raw.pop("sources", {})
    for name, value in raw.items():
        for index, row in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(row, dict) and isinstance(row.get("source"), str):
                if row["source"] not in sources:
                    raise KnowledgeError(
                        f"{path}: {_label(raw, name, index)}: source {row['source']!r} is not"
                        " in [sources]"
                    )
                row["source"] = sources[row["source"]]
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        where = _STEP.match(str(error).rpartition(" - at `")[2])
        row_name = f"{_label(raw, where[1], int(where[2]))}: " if where else ""
        raise KnowledgeError(f"{path}: {row_name}{error}") from error


def _label(raw: dict[str, Any], name: str, index: int) -> str:
    """ "product 3 (Tesla T4)": the row as a reader of the file finds it."""
    value = raw.get(name)
    row = value[index] if isinstance(value, list) and index < len(value) else value
    first = next(iter(row.values()), "") if isinstance(row, dict) else row
    return f"{name} {index + 1} ({first})"
