"""Every fact of the Snapshot can be asked for by its path."""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from envcheck.facts import FACT_NAMES, Missing, Policy, Snapshot
from envcheck.policy.expression import parse
from envcheck.policy.subjects import SHORT, VERSIONS, subject_of
from tests.rules.machine import change, healthy, report


def paths(kind: Any, way: str) -> Iterator[tuple[str, Any]]:
    """Paths to every value below a type, with the first element of each list."""
    union = get_origin(kind) is Union or isinstance(kind, types.UnionType)
    members = [one for one in (get_args(kind) if union else (kind,)) if one is not Missing]
    holder = next((one for one in members if one is not types.NoneType), Missing)
    if holder is Missing:  # only ever says why something is not there
        return
    if get_origin(holder) is tuple:
        yield from paths(get_args(holder)[0], f"{way}.0")
    elif get_origin(holder) is dict:
        yield from paths(get_args(holder)[1], f"{way}.X")
    elif isinstance(holder, type) and issubclass(holder, msgspec.Struct):
        for field in msgspec.structs.fields(holder):
            if field.name != "sources":
                yield from paths(field.type, f"{way}.{field.name}")
    else:
        yield way, holder


FACTS = {field.name: field.type for field in msgspec.structs.fields(Snapshot)}
EVERY = [
    (path, holder)
    for name in FACT_NAMES
    if name != "policy"
    for path, holder in paths(FACTS[name], name)
]


def test_every_fact_can_be_asked_for() -> None:
    assert len(EVERY) > 150
    asked = tuple(parse(f"{path} == none") for path, _ in EVERY)
    found = report(change(healthy(), policy=Policy(requirements=asked)), "requirement_unmet")
    assert not found.crashed and found.findings


def test_every_fact_has_a_kind_that_suits_its_type() -> None:
    kinds = {bool: {"flag"}, int: {"number", "bytes"}, float: {"number"}, str: {"version", "text"}}
    for path, holder in EVERY:
        expected = {"text"} if get_origin(holder) is Literal else kinds.get(holder, {"thing"})
        assert subject_of(path, None).compared in expected, path


def test_fields_that_hold_versions_are_fields() -> None:
    fields = {path.rpartition(".")[2] for path, _ in EVERY}
    assert set(VERSIONS) <= fields


def test_short_names_are_of_facts() -> None:
    for name, path in SHORT.items():
        key = {"encoders": "h264_nvenc", "decoders": "h264_cuvid", "hwaccels": "h264_nvdec"}
        wanted = "scale_cuda" if path.endswith("filters") else key.get(path.rpartition(".")[2])
        assert subject_of(name, wanted).path == path
