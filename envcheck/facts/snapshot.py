"""The Snapshot: everything known about one machine, equal to its JSON.

Must not know how a fact was found, nor whether it is good.
"""

from typing import Any, Literal

import msgspec

from envcheck.facts.base import NOT_ASKED, Fact, Missing, Why
from envcheck.facts.container import Container
from envcheck.facts.cuda import Cuda
from envcheck.facts.dataset import Dataset
from envcheck.facts.driver import Driver
from envcheck.facts.extension import Extensions
from envcheck.facts.ffmpeg import Ffmpeg
from envcheck.facts.gpu import Gpus
from envcheck.facts.host import Environment, Host
from envcheck.facts.loader import Loader
from envcheck.facts.plan import Plan
from envcheck.facts.policy import Policy
from envcheck.facts.python_env import PythonEnv
from envcheck.facts.symptom import Symptoms
from envcheck.facts.torch import TorchBuild
from envcheck.facts.training import Training
from envcheck.facts.trial import Trials

SCHEMA_VERSION = 1
Purpose = Literal["run", "build"]


class SnapshotError(Exception):
    """A file is not a snapshot this version can read."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One machine at one moment. A field nobody asked for is `Missing(NOT_ASKED)`."""

    schema_version: int = SCHEMA_VERSION
    tool: str = ""  # envcheck's version
    taken: str = ""  # RFC 3339, UTC
    origin: str = "live"  # "live", "sysroot", "report", "image", "flags" …
    purpose: Purpose = "run"  # "build": something will be compiled here
    host: Host | Missing = NOT_ASKED
    container: Container | Missing = NOT_ASKED
    environment: Environment | Missing = NOT_ASKED
    driver: Driver | Missing = NOT_ASKED
    gpus: Gpus | Missing = NOT_ASKED
    cuda: Cuda | Missing = NOT_ASKED
    loader: Loader | Missing = NOT_ASKED
    python: PythonEnv | Missing = NOT_ASKED
    torch: TorchBuild | Missing = NOT_ASKED
    trials: Trials | Missing = NOT_ASKED  # proofs that were run; only `smoke` runs them
    extensions: Extensions | Missing = NOT_ASKED
    ffmpeg: Ffmpeg | Missing = NOT_ASKED
    symptoms: Symptoms | Missing = NOT_ASKED  # only a pasted text has them
    policy: Policy | Missing = NOT_ASKED  # what is asked of the machine; only `preflight` reads one
    plan: Plan | Missing = NOT_ASKED  # what a file would install; only `doctor --plan` reads one
    dataset: Dataset | Missing = NOT_ASKED  # only `dataset` reads one
    training: Training | Missing = NOT_ASKED  # only `models check-config` reads one

    def fact(self, name: str) -> Any:
        """The fact of that name (`host`, `gpus` …) or its `Missing`."""
        return getattr(self, name)


FACT_NAMES = tuple(
    name
    for name in Snapshot.__struct_fields__
    if name not in ("schema_version", "tool", "taken", "origin", "purpose")
)


def encode(snapshot: Snapshot) -> bytes:
    """The snapshot as one JSON object."""
    return msgspec.json.encode(snapshot)


def decode(text: bytes | str) -> Snapshot:
    """A snapshot from its JSON.

    Raises:
        SnapshotError: not JSON, not a snapshot, or of a newer schema.
    """
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.schema_version > SCHEMA_VERSION:
            raise SnapshotError(
                f"snapshot has schema {head.schema_version}, this envcheck reads up to "
                f"{SCHEMA_VERSION}: update envcheck"
            )
        return msgspec.json.decode(text, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"not a snapshot: {error}") from error


class _Head(msgspec.Struct):
    schema_version: int


def merge(base: Snapshot, over: Snapshot) -> Snapshot:
    """`base` with every fact, and every field of a fact, that `over` was asked for.

    A field that `over` looked for and did not find stays as `over` says: only NOT_ASKED yields.
    """
    changes: dict[str, Any] = {}
    for name in FACT_NAMES:
        below, above = base.fact(name), over.fact(name)
        if isinstance(above, Missing):
            if above.why is not Why.NOT_ASKED:
                changes[name] = above
        elif isinstance(below, Missing):
            changes[name] = above
        else:
            changes[name] = _merge_fact(below, above)
    return msgspec.structs.replace(base, **changes)


def _merge_fact(below: Fact, above: Fact) -> Fact:
    changes: dict[str, Any] = {}
    sources = dict(below.sources)
    for field in type(above).__struct_fields__:
        value = getattr(above, field)
        if field == "sources" or (isinstance(value, Missing) and value.why is Why.NOT_ASKED):
            continue
        changes[field] = value
        if above.source(field):
            sources[field] = above.source(field)
    return msgspec.structs.replace(below, sources=sources, **changes)
