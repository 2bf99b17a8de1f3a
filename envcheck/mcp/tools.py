"""The tools: what each takes, answers and does. Must not know the protocol.

Arguments and answers are typed; the schemas of the answers are those of `--format json`. Nothing
here runs a program that the caller names or writes a file: the interpreter to examine is chosen
when the server starts.
"""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any, Literal

import msgspec

from envcheck.errors import UsageError
from envcheck.kb import load
from envcheck.kb.builds import Platform

MOST_TEXT = 5 << 20  # characters of a pasted text


class Doctor(msgspec.Struct, forbid_unknown_fields=True):
    """Judge a machine: this one, or the one that a pasted report or a snapshot describes."""

    report: str | None = None
    snapshot: dict[str, Any] | None = None
    select: list[str] = []
    ignore: list[str] = []
    purpose: Literal["run", "build"] = "run"


class Compat(msgspec.Struct, forbid_unknown_fields=True):
    """Which torch builds run on a GPU, driver and Python, with the install commands."""

    gpu: list[str] = []
    sm: list[str] = []
    driver: str | None = None
    python: str | None = None
    glibc: str | None = None
    platform: Platform | None = None
    torch: str | None = None
    cuda: str | None = None
    here: bool = False


class Explain(msgspec.Struct, forbid_unknown_fields=True):
    """What a finding's code or name means, or which known problems an error text shows."""

    code: str | None = None
    text: str | None = None


class Inspect(msgspec.Struct, forbid_unknown_fields=True):
    """What compiled files hold and need: GPU code, CUDA, torch, glibc. Nothing is loaded."""

    paths: list[str]


class Builds(msgspec.Struct, forbid_unknown_fields=True):
    """Rows of the matrix: which torch build holds code for which GPU, measured in the wheels."""

    torch: str | None = None
    cuda: str | None = None
    platform: Platform | None = None
    sm: list[str] = []
    gpu: list[str] = []


class Tool(msgspec.Struct, frozen=True):
    """One tool."""

    name: str
    takes: type[msgspec.Struct]
    answers: dict[str, Any]  # JSON Schema of the answer
    call: Callable[[Any, str | None], Any]  # (arguments, interpreter) → what is answered

    @property
    def about(self) -> str:
        return (self.takes.__doc__ or "").strip()

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments, an object at its root."""
        whole = msgspec.json.schema(self.takes)
        definitions = whole.get("$defs", {})
        return {**definitions.pop(self.takes.__name__), "$defs": definitions}

    def run(self, arguments: dict[str, Any], python: str | None) -> dict[str, Any]:
        """The answer as JSON values.

        Raises:
            UsageError: wrong arguments, or nothing that can be read.
        """
        try:
            asked = msgspec.convert(arguments, self.takes)
        except msgspec.ValidationError as error:
            raise UsageError(f"{self.name}: {error}") from error
        answer: dict[str, Any] = msgspec.to_builtins(self.call(asked, python))
        return answer


def _doctor(asked: Doctor, python: str | None) -> Any:
    from envcheck.doctor import examine
    from envcheck.facts import SnapshotError, decode
    from envcheck.judge import judge
    from envcheck.rules import choose

    if asked.report is not None and asked.snapshot is not None:
        raise UsageError("doctor: give a report or a snapshot, not both")
    if asked.report is None and asked.snapshot is None:
        return examine(
            python=python, select=asked.select, ignore=asked.ignore, purpose=asked.purpose
        )
    if asked.report is not None:
        from envcheck.readers.report import read_report

        taken = read_report(_text(asked.report), load())
        if taken is None:
            raise UsageError("doctor: no report was recognised in the text")
    else:
        try:
            taken = decode(json.dumps(asked.snapshot))
        except SnapshotError as error:
            raise UsageError(f"doctor: {error}") from error
    taken = msgspec.structs.replace(taken, purpose=asked.purpose)
    return judge(taken, load(), choose(asked.select, asked.ignore))


def _compat(asked: Compat, python: str | None) -> Any:
    from envcheck.resolve.judge import judge
    from envcheck.resolve.whatif import ask, find

    kb = load()
    local = None
    if asked.here:
        from envcheck.resolve.here import request_of_this_machine

        local = request_of_this_machine(kb)
    request = ask(
        kb,
        gpu=asked.gpu,
        sm=asked.sm,
        driver=asked.driver,
        python=asked.python,
        glibc=asked.glibc,
        platform=asked.platform,
        torch=asked.torch,
        cuda=asked.cuda,
        here=local,
    )
    return find(request, judge(request, kb), kb).answer


def _explain(asked: Explain, python: str | None) -> Any:
    if (asked.code is None) == (asked.text is None):
        raise UsageError("explain: give a code or a text")
    if asked.text is not None:
        from envcheck.diagnose import diagnose

        return diagnose(_text(asked.text), load())
    from envcheck.pages import page_of
    from envcheck.render.style import Style

    return {"page": page_of(asked.code or "", Style())}


def _inspect(asked: Inspect, python: str | None) -> Any:
    from envcheck.inspect.targets import inspect

    return inspect(asked.paths, python)


def _builds(asked: Builds, python: str | None) -> Any:
    from envcheck.builds import select

    rows = select(
        load(),
        torch=asked.torch,
        cuda=asked.cuda,
        platform=asked.platform,
        sms=asked.sm,
        gpus=asked.gpu,
    )
    return {"builds": rows}


def _text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise UsageError(f"a text of more than {MOST_TEXT >> 20} MiB: cut out what went wrong")
    return text


def _schema(name: str) -> dict[str, Any]:
    """A packaged schema with an object at its root, as the protocol wants it."""
    whole: dict[str, Any] = json.loads(
        (resources.files("envcheck") / "schema" / f"{name}.json").read_text("utf-8")
    )
    whole.pop("$schema", None)
    definitions = whole.pop("$defs", {})
    reference = whole.get("$ref", "").removeprefix("#/$defs/")
    if reference:
        return {**definitions[reference], "$defs": definitions}
    if whole.get("type") == "array":
        root = {"type": "object", "properties": {name: whole}, "required": [name]}
        return {**root, "$defs": definitions}
    return {**whole, "$defs": definitions}


def _either(one: dict[str, Any]) -> dict[str, Any]:
    """A page of a check, or a diagnosis."""
    properties = {**one.get("properties", {}), "page": {"type": "string"}}
    return {"type": "object", "properties": properties, "$defs": one.get("$defs", {})}


def tools() -> tuple[Tool, ...]:
    """Every tool there is."""
    return (
        Tool("doctor", Doctor, _schema("report"), _doctor),
        Tool("compat", Compat, _schema("compat"), _compat),
        Tool("explain", Explain, _either(_schema("diagnosis")), _explain),
        Tool("inspect", Inspect, _schema("inspection"), _inspect),
        Tool("builds", Builds, _schema("builds"), _builds),
    )
